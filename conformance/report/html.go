package report

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"strings"
	"time"

	"hibachi/conformance/suite"
)

//go:embed page.html
var pageText string

var page = template.Must(template.New("page").Funcs(template.FuncMap{
	"upper": strings.ToUpper,
	"level": func(l suite.Level) string { return string(l) },
	"mark":  mark,
	"ms":    func(d time.Duration) string { return fmt.Sprintf("%.1f", float64(d.Microseconds())/1000) },
	"took":  func(d time.Duration) string { return d.Round(100 * time.Millisecond).String() },
	"date":  func(t time.Time) string { return t.Format("2006-01-02 15:04") },
	"share": func(n, of int) string { return fmt.Sprintf("%.3f", 100*float64(n)/float64(max(1, of))) },
	"conn":  connClass,
	"worst": worst,
}).Parse(pageText))

// HTML writes runs as one page that needs nothing else: a summary, a table by group, and each check with its frames.
func HTML(w io.Writer, runs []*suite.Run) error {
	type total struct {
		*suite.Run
		counts
	}
	data := struct {
		Totals   []total
		Chapters []chapter
		Several  bool
	}{Chapters: chapters(runs), Several: len(runs) > 1}
	for i, r := range runs {
		var all counts
		for _, c := range data.Chapters {
			n := c.Counts[i]
			all.Pass, all.Tolerated, all.Fail, all.Skip = all.Pass+n.Pass, all.Tolerated+n.Tolerated, all.Fail+n.Fail, all.Skip+n.Skip
		}
		data.Totals = append(data.Totals, total{r, all})
	}
	return page.Execute(w, data)
}

// connClass tells a trace's connections apart by colour.
func connClass(n int) string { return fmt.Sprintf("c%d", n%6) }

// worst is the verdict by which a row is filtered.
func worst(r row) suite.Verdict {
	v := suite.Skip
	for _, in := range r.In {
		switch {
		case in == nil:
		case in.Verdict == suite.Fail:
			return suite.Fail
		case in.Verdict == suite.Tolerated:
			v = suite.Tolerated
		case in.Verdict == suite.Pass && v != suite.Tolerated:
			v = suite.Pass
		}
	}
	return v
}
