package report

import (
	"encoding/xml"
	"fmt"
	"io"
	"strings"

	"hibachi/conformance/suite"
)

type (
	junitSuites struct {
		XMLName  xml.Name     `xml:"testsuites"`
		Name     string       `xml:"name,attr"`
		Tests    int          `xml:"tests,attr"`
		Failures int          `xml:"failures,attr"`
		Skipped  int          `xml:"skipped,attr"`
		Time     string       `xml:"time,attr"`
		Suites   []junitSuite `xml:"testsuite"`
	}
	junitSuite struct {
		Name     string      `xml:"name,attr"`
		Tests    int         `xml:"tests,attr"`
		Failures int         `xml:"failures,attr"`
		Skipped  int         `xml:"skipped,attr"`
		Time     string      `xml:"time,attr"`
		Cases    []junitCase `xml:"testcase"`
	}
	junitCase struct {
		Class   string     `xml:"classname,attr"`
		Name    string     `xml:"name,attr"`
		Time    string     `xml:"time,attr"`
		Failure *junitText `xml:"failure,omitempty"`
		Skipped *junitText `xml:"skipped,omitempty"`
		Out     string     `xml:"system-out,omitempty"`
	}
	junitText struct {
		Message string `xml:"message,attr"`
		Text    string `xml:",chardata"`
	}
)

// JUnit writes what CI systems read. A tolerated check is a success that says why in its output.
func JUnit(w io.Writer, run *suite.Run) error {
	all := junitSuites{Name: "AMQP 1.0 conformance of " + run.Product, Failures: run.Count(suite.Fail), Skipped: run.Count(suite.Skip),
		Time: fmt.Sprintf("%.3f", run.Took.Seconds())}
	for _, g := range run.Groups {
		s := junitSuite{Name: g.ID + " " + g.Title, Tests: len(g.Results), Failures: g.Count(suite.Fail), Skipped: g.Count(suite.Skip)}
		seconds := 0.0
		for i := range g.Results {
			seconds += g.Results[i].Took.Seconds()
			s.Cases = append(s.Cases, junitCaseOf(&g.Results[i]))
		}
		s.Time = fmt.Sprintf("%.3f", seconds)
		all.Tests += s.Tests
		all.Suites = append(all.Suites, s)
	}
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	e := xml.NewEncoder(w)
	e.Indent("", " ")
	if err := e.Encode(all); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\n")
	return err
}

func junitCaseOf(r *suite.Result) junitCase {
	c := junitCase{Class: r.Group, Name: r.ID + " " + r.Title, Time: fmt.Sprintf("%.3f", r.Took.Seconds())}
	said := findings(r)
	switch r.Verdict {
	case suite.Fail:
		c.Failure = &junitText{Message: first(r), Text: said + "\n" + traceText(r)}
	case suite.Skip:
		c.Skipped = &junitText{Message: first(r)}
	case suite.Tolerated:
		c.Out = "tolerated:\n" + said
	}
	return c
}

func findings(r *suite.Result) string {
	var b strings.Builder
	for _, f := range r.Findings {
		fmt.Fprintf(&b, "%s: %s\n", f.Verdict, f)
	}
	return b.String()
}

// first is the first finding with the result's verdict.
func first(r *suite.Result) string {
	for _, f := range r.Findings {
		if f.Verdict == r.Verdict {
			return f.String()
		}
	}
	return ""
}

func traceText(r *suite.Result) string {
	var b strings.Builder
	for _, l := range r.Trace {
		fmt.Fprintln(&b, traceLine(l))
	}
	return b.String()
}
