package suite

import (
	"fmt"
	"time"
)

// Verdict is what is said of a check.
type Verdict string

// The verdicts. Tolerated is another reaction than the standard's that a reasonable reader could defend.
const (
	Pass      Verdict = "pass"
	Tolerated Verdict = "tolerated"
	Fail      Verdict = "fail"
	Skip      Verdict = "skip"
)

// rank orders verdicts; the highest of several counts.
func (v Verdict) rank() int {
	switch v {
	case Skip:
		return 1
	case Pass:
		return 2
	case Tolerated:
		return 3
	case Fail:
		return 4
	}
	return 0
}

// worse is the one that counts.
func worse(a, b Verdict) Verdict {
	if b.rank() > a.rank() {
		return b
	}
	return a
}

// Aspects of a finding: a refusal's two are judged apart.
const (
	AspectScope     = "scope"
	AspectCondition = "condition"
)

// Finding is one thing seen that is not simply a pass.
type Finding struct {
	Case    string  `json:"case,omitempty"`
	Aspect  string  `json:"aspect,omitempty"`
	Verdict Verdict `json:"verdict"`
	Want    string  `json:"want,omitempty"`
	Got     string  `json:"got,omitempty"`
	Text    string  `json:"text,omitempty"` // the reading that permits it, or what else there is to say
}

// String is the finding on one line.
func (f Finding) String() string {
	s := ""
	if f.Case != "" {
		s = f.Case + ": "
	}
	switch {
	case f.Want != "":
		s += fmt.Sprintf("expected %s, got %s", f.Want, f.Got)
		if f.Text != "" {
			s += " (" + f.Text + ")"
		}
	default:
		s += f.Text
	}
	return s
}

// Line is one line of a trace.
type Line struct {
	At   time.Duration `json:"at"` // since the check began
	Conn int           `json:"conn"`
	Dir  string        `json:"dir"` // "->" sent, "<-" received, "--" neither
	Text string        `json:"text"`
	Hex  string        `json:"hex,omitempty"` // the beginning of the octets
}

// Result is a check that was run.
type Result struct {
	ID        string        `json:"id"`
	Group     string        `json:"group"`
	Title     string        `json:"title"`
	Section   string        `json:"section"`
	Level     Level         `json:"level"`
	Verdict   Verdict       `json:"verdict"`
	Scope     Verdict       `json:"scope,omitempty"`     // of refusals: the right part was refused
	Condition Verdict       `json:"condition,omitempty"` // of refusals: for the right reason
	Cases     int           `json:"cases"`
	Findings  []Finding     `json:"findings,omitempty"`
	Trace     []Line        `json:"trace,omitempty"` // unless it passed
	Took      time.Duration `json:"took"`
}

// Run is a whole run.
type Run struct {
	Suite   string        `json:"suite"` // version of what ran it
	Target  string        `json:"target"`
	Profile string        `json:"profile"`
	Product string        `json:"product"` // what the target calls itself
	Began   time.Time     `json:"began"`
	Took    time.Duration `json:"took"`
	Groups  []GroupResult `json:"groups"`
}

// GroupResult is a group that was run.
type GroupResult struct {
	ID      string   `json:"id"`
	Title   string   `json:"title"`
	Results []Result `json:"results"`
}

// Count counts a verdict.
func (r *Run) Count(v Verdict) int {
	n := 0
	for _, g := range r.Groups {
		n += g.Count(v)
	}
	return n
}

// Count counts a verdict.
func (g *GroupResult) Count(v Verdict) int {
	n := 0
	for _, x := range g.Results {
		if x.Verdict == v {
			n++
		}
	}
	return n
}
