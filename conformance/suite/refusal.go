package suite

import (
	"slices"
	"strings"
)

// Scope is how much a refusal ends, or how it is put.
type Scope string

// The scopes. The last three are reactions that no refusal asks for, but that a check may tolerate.
const (
	CloseScope   Scope = "close"    // the connection, by close
	EndScope     Scope = "end"      // the session, by end
	DetachScope  Scope = "detach"   // the link, by detach
	RejectScope  Scope = "rejected" // the delivery, by that outcome
	OutcomeScope Scope = "outcome"  // the login, by sasl-outcome; its condition is the code
	HeaderScope  Scope = "header"   // the protocol, by a header and the end of the stream
	Drops        Scope = "drop"     // the connection, without a word: end of stream
	Resets       Scope = "reset"    // the connection, without a word: TCP reset
	Ignores      Scope = "ignore"   // nothing is said and the connection lives
	Hangs        Scope = "silence"  // nothing is said, and nothing is served any more
)

// Refusal is what a check expects after an input that must be refused. Build it with Closes, Ends, Detaches, Rejects.
type Refusal struct {
	scopes     []Scope
	conditions []string // none: any
	orScope    map[Scope]string
	orCond     map[string]string
}

// Closes expects a close with one of the conditions; none is any.
func Closes(conditions ...string) Refusal { return refusal(CloseScope, conditions) }

// Ends expects an end with one of the conditions.
func Ends(conditions ...string) Refusal { return refusal(EndScope, conditions) }

// Detaches expects a detach with one of the conditions.
func Detaches(conditions ...string) Refusal { return refusal(DetachScope, conditions) }

// Rejects expects the outcome rejected with one of the conditions.
func Rejects(conditions ...string) Refusal { return refusal(RejectScope, conditions) }

// Ignored expects that nothing comes of it and the connection lives, as Alive does, but lets other reactions be tolerated.
func Ignored() Refusal { return Refusal{scopes: []Scope{Ignores}} }

// RefusesLogin expects a sasl-outcome with any code but 0.
func RefusesLogin() Refusal { return Refusal{scopes: []Scope{OutcomeScope}} }

// DropsIt expects the connection to go without a word: what SASL asks for.
func DropsIt() Refusal { return Refusal{scopes: []Scope{Drops}} }

func refusal(s Scope, conditions []string) Refusal {
	return Refusal{scopes: []Scope{s}, conditions: conditions}
}

// Also names scopes that are as right as the first.
func (r Refusal) Also(scopes ...Scope) Refusal {
	r.scopes = slices.Concat(r.scopes, scopes)
	return r
}

// Or tolerates a scope, with the reading that permits it.
func (r Refusal) Or(s Scope, reading string) Refusal {
	m := map[Scope]string{s: reading}
	for k, v := range r.orScope {
		m[k] = v
	}
	r.orScope = m
	return r
}

// OrCondition tolerates a condition, with the reading that permits it.
func (r Refusal) OrCondition(condition, reading string) Refusal {
	m := map[string]string{condition: reading}
	for k, v := range r.orCond {
		m[k] = v
	}
	r.orCond = m
	return r
}

func (r Refusal) wantScope() string {
	names := make([]string, len(r.scopes))
	for i, s := range r.scopes {
		names[i] = string(s)
	}
	return strings.Join(names, " or ")
}

func (r Refusal) wantCondition() string {
	if len(r.conditions) == 0 {
		return "any condition"
	}
	return strings.Join(r.conditions, " or ")
}

// Reaction is what a target did.
type Reaction struct {
	Scope     Scope
	Condition string
	Text      string // the description that came with it
}

func (r Reaction) String() string {
	s := string(r.Scope)
	if r.Condition != "" {
		s += " with " + r.Condition
	}
	return s
}

// judge gives a finding for each aspect that is not as it should be, and both verdicts. A reaction without a place for a condition
// (a drop) has no verdict for it.
func (r Refusal) judge(got Reaction) (scope, condition Verdict, found []Finding) {
	scope = Pass
	if !slices.Contains(r.scopes, got.Scope) {
		reading, ok := r.orScope[got.Scope]
		scope = Fail
		if ok {
			scope = Tolerated
		}
		found = append(found, Finding{Aspect: AspectScope, Verdict: scope, Want: r.wantScope(), Got: got.String(), Text: reading})
	}
	switch got.Scope {
	case Drops, Resets, Ignores, Hangs, HeaderScope:
		return scope, "", found
	}
	condition = Pass
	if len(r.conditions) > 0 && !slices.Contains(r.conditions, got.Condition) {
		reading, ok := r.orCond[got.Condition]
		condition = Fail
		if ok {
			condition = Tolerated
		}
		has := got.Condition
		if has == "" {
			has = "no condition"
		}
		found = append(found, Finding{Aspect: AspectCondition, Verdict: condition, Want: r.wantCondition(), Got: has, Text: reading})
	}
	return scope, condition, found
}
