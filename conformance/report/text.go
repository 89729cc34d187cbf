package report

import (
	"bufio"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"hibachi/conformance/suite"
)

// maxShownTrace bounds the trace of a failure in the text report; JSON and HTML have more.
const maxShownTrace = 40

// Text writes a table by group, then each failure whole, then what was tolerated and skipped in a line each.
func Text(w io.Writer, run *suite.Run) error {
	b := bufio.NewWriter(w)
	fmt.Fprintf(b, "AMQP 1.0 conformance of %s at %s (profile %s), %s\n\n", run.Product, run.Target, run.Profile, run.Began.Format(time.DateTime))
	table(b, run)
	each(run, suite.Fail, func(r *suite.Result) { failure(b, r) })
	brief(b, run, suite.Tolerated, "Tolerated")
	brief(b, run, suite.Skip, "Skipped")
	return b.Flush()
}

func table(b *bufio.Writer, run *suite.Run) {
	width := len("all")
	for _, g := range run.Groups {
		width = max(width, len(g.ID)+2+len([]rune(g.Title)))
	}
	row := func(name string, count func(v suite.Verdict) int) {
		fmt.Fprintf(b, "  %s%s", name, strings.Repeat(" ", width-len([]rune(name))))
		for _, v := range verdicts {
			fmt.Fprintf(b, "  %9d", count(v))
		}
		fmt.Fprintln(b)
	}
	fmt.Fprintf(b, "  %-*s", width, "group")
	for _, v := range verdicts {
		fmt.Fprintf(b, "  %9s", v)
	}
	fmt.Fprintln(b)
	for _, g := range run.Groups {
		row(g.ID+"  "+g.Title, g.Count)
	}
	row("all", run.Count)
	fmt.Fprintf(b, "\n%v\n", run.Took.Round(100*time.Millisecond))
}

// each visits the results with a verdict, in order.
func each(run *suite.Run, v suite.Verdict, visit func(r *suite.Result)) {
	for _, g := range run.Groups {
		for i := range g.Results {
			if g.Results[i].Verdict == v {
				visit(&g.Results[i])
			}
		}
	}
}

func failure(b *bufio.Writer, r *suite.Result) {
	fmt.Fprintf(b, "\nFAIL %s  %s\n     %s, [%s]\n", r.ID, r.Title, strings.ToUpper(string(r.Level)), r.Section)
	if r.Scope != "" {
		fmt.Fprintf(b, "     scope %s, condition %s\n", r.Scope, orNone(r.Condition))
	}
	for _, f := range r.Findings {
		fmt.Fprintf(b, "   %s %s\n", mark(f.Verdict), f)
	}
	lines := failing(r.Trace)
	for _, l := range lines {
		fmt.Fprintf(b, "     %s\n", traceLine(l))
	}
}

// failing is the end of what was said before the first failure, from the beginning of its case on.
func failing(all []suite.Line) []suite.Line {
	end := slices.IndexFunc(all, func(l suite.Line) bool { return l.Dir == "--" && strings.HasPrefix(l.Text, string(suite.Fail)+": ") })
	if end < 0 {
		end = len(all) - 1
	}
	all = all[:end+1]
	for i := len(all) - 1; i >= 0; i-- {
		if all[i].Dir == "--" && strings.HasPrefix(all[i].Text, "case ") {
			all = all[i:]
			break
		}
	}
	return all[max(0, len(all)-maxShownTrace):]
}

func orNone(v suite.Verdict) suite.Verdict {
	if v == "" {
		return "not given"
	}
	return v
}

func mark(v suite.Verdict) string {
	switch v {
	case suite.Fail:
		return "✗"
	case suite.Tolerated:
		return "~"
	case suite.Skip:
		return "·"
	}
	return "✓"
}

// traceLine is a line of a trace without its octets.
func traceLine(l suite.Line) string {
	conn := "  "
	if l.Conn > 0 {
		conn = fmt.Sprintf("%-2d", l.Conn)
	}
	return fmt.Sprintf("%8.1f ms %s %s %s", float64(l.At.Microseconds())/1000, conn, l.Dir, strings.ReplaceAll(l.Text, "\n", "\n       "))
}

func brief(b *bufio.Writer, run *suite.Run, v suite.Verdict, title string) {
	first := true
	each(run, v, func(r *suite.Result) {
		if first {
			fmt.Fprintf(b, "\n%s\n", title)
			first = false
		}
		fmt.Fprintf(b, "  %-6s %s\n", r.ID, r.Title)
		for _, f := range r.Findings {
			if f.Verdict == v {
				fmt.Fprintf(b, "         %s\n", f)
			}
		}
	})
}
