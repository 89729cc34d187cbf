package report

import (
	"bufio"
	"fmt"
	"io"
	"strings"

	"hibachi/conformance/suite"
)

// row is one check in several runs.
type row struct {
	suite.Result                 // of the first run that has it
	In           []*suite.Result // by run; nil where the run did not have it
}

// chapter is one group in several runs.
type chapter struct {
	ID, Title string
	Rows      []row
	Counts    []counts // by run
}

// counts are a group's verdicts in one run.
type counts struct{ Pass, Tolerated, Fail, Skip int }

// All is how many there are.
func (c counts) All() int { return c.Pass + c.Tolerated + c.Fail + c.Skip }

func (c *counts) add(v suite.Verdict) {
	switch v {
	case suite.Pass:
		c.Pass++
	case suite.Tolerated:
		c.Tolerated++
	case suite.Fail:
		c.Fail++
	case suite.Skip:
		c.Skip++
	}
}

// chapters joins runs by group and check, in the order in which they first appear.
func chapters(runs []*suite.Run) []chapter {
	var all []chapter
	groups, rows := map[string]int{}, map[string]int{}
	for n, run := range runs {
		for _, g := range run.Groups {
			at, ok := groups[g.ID]
			if !ok {
				at = len(all)
				groups[g.ID] = at
				all = append(all, chapter{ID: g.ID, Title: g.Title, Counts: make([]counts, len(runs))})
			}
			c := &all[at]
			for i := range g.Results {
				r := &g.Results[i]
				k, ok := rows[r.ID]
				if !ok {
					k = len(c.Rows)
					rows[r.ID] = k
					c.Rows = append(c.Rows, row{Result: *r, In: make([]*suite.Result, len(runs))})
				}
				c.Rows[k].In[n] = r
				c.Counts[n].add(r.Verdict)
			}
		}
	}
	return all
}

// Compare writes runs side by side, as html or markdown.
func Compare(w io.Writer, format string, runs []*suite.Run) error {
	switch format {
	case "html":
		return HTML(w, runs)
	case "markdown":
		return markdown(w, runs)
	}
	return fmt.Errorf("there is no format %q: html or markdown", format)
}

// markdown writes a table of counts and, by group, a table of all checks whose verdicts differ or fail.
func markdown(w io.Writer, runs []*suite.Run) error {
	b := bufio.NewWriter(w)
	all := chapters(runs)
	heads := make([]string, len(runs))
	for i, r := range runs {
		heads[i] = r.Profile
		fmt.Fprintf(b, "* **%s**: %s, %s\n", r.Profile, r.Product, r.Began.Format("2006-01-02"))
	}
	fmt.Fprintf(b, "\n| group | %s |\n|---|%s\n", strings.Join(heads, " | "), strings.Repeat("---|", len(runs)))
	for _, c := range all {
		fmt.Fprintf(b, "| %s %s |", c.ID, cell(c.Title))
		for _, n := range c.Counts {
			fmt.Fprintf(b, " %s |", countText(n))
		}
		fmt.Fprintln(b)
	}
	for _, c := range all {
		markdownChapter(b, c, heads)
	}
	return b.Flush()
}

// cell is text within a table.
func cell(s string) string { return strings.ReplaceAll(s, "|", "\\|") }

func countText(n counts) string {
	if n.All() == 0 {
		return "-"
	}
	parts := []string{fmt.Sprintf("%d pass", n.Pass)}
	for _, p := range []struct {
		n    int
		what string
	}{{n.Tolerated, "tolerated"}, {n.Fail, "fail"}, {n.Skip, "skip"}} {
		if p.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", p.n, p.what))
		}
	}
	return strings.Join(parts, ", ")
}

func markdownChapter(b *bufio.Writer, c chapter, heads []string) {
	fmt.Fprintf(b, "\n### %s %s\n\n| | requirement | %s |\n|---|---|%s\n", c.ID, c.Title, strings.Join(heads, " | "), strings.Repeat("---|", len(heads)))
	for _, r := range c.Rows {
		fmt.Fprintf(b, "| %s | %s |", r.ID, cell(r.Title))
		for _, in := range r.In {
			v := suite.Verdict("-")
			if in != nil {
				v = in.Verdict
			}
			if v == suite.Fail {
				v = "**fail**"
			}
			fmt.Fprintf(b, " %s |", v)
		}
		fmt.Fprintln(b)
	}
}
