package report

import (
	"bytes"
	"encoding/xml"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"hibachi/conformance/suite"
)

var update = flag.Bool("update", false, "write the golden files anew")

// runs are two small ones, with every verdict and with text that has to be escaped.
func runs() []*suite.Run {
	began := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	trace := []suite.Line{
		{Text: "case one", Dir: "--"},
		{At: time.Millisecond, Conn: 1, Dir: "->", Text: "[0] begin(next-outgoing-id=0)", Hex: "0000001a"},
		{At: 2 * time.Millisecond, Conn: 1, Dir: "<-", Text: `[0] close(error=error(condition=:amqp:not-found description="<b>gone</b>"))`},
		{At: 2 * time.Millisecond, Dir: "--", Text: "fail: it is gone"},
		{At: 3 * time.Millisecond, Conn: 2, Dir: "--", Text: "connected"},
	}
	result := func(id string, v suite.Verdict, f ...suite.Finding) suite.Result {
		return suite.Result{ID: id, Group: id[:2], Title: id + " is <as> it should be", Section: "transport 2.4", Level: suite.Must, Verdict: v,
			Cases: 1, Findings: f, Took: 1500 * time.Microsecond}
	}
	bad := result("OP2", suite.Fail, suite.Finding{Case: "one", Aspect: suite.AspectScope, Verdict: suite.Fail, Want: "close", Got: "silence"})
	bad.Scope, bad.Trace = suite.Fail, trace
	first := &suite.Run{Suite: "1", Target: "127.0.0.1:5672", Profile: "one", Product: "Broker & Co", Began: began, Took: 2 * time.Second,
		Groups: []suite.GroupResult{
			{ID: "PH", Title: "Header", Results: []suite.Result{result("PH1", suite.Pass)}},
			{ID: "OP", Title: "Open | close", Results: []suite.Result{
				result("OP1", suite.Tolerated, suite.Finding{Verdict: suite.Tolerated, Want: "end", Got: "close", Text: "it is more than enough"}), bad,
				result("OP3", suite.Skip, suite.Finding{Verdict: suite.Skip, Text: "the target has no such thing"})}},
		}}
	second := &suite.Run{Suite: "1", Target: "127.0.0.1:5673", Profile: "two", Product: "Another", Began: began, Took: time.Second,
		Groups: []suite.GroupResult{{ID: "OP", Title: "Open | close", Results: []suite.Result{result("OP2", suite.Pass), result("OP4", suite.Pass)}}}}
	return []*suite.Run{first, second}
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s has changed (-update writes it anew):\n%s", file, got)
	}
}

func TestReports(t *testing.T) {
	for name, write := range map[string]func(b *bytes.Buffer) error{
		"report.txt":    func(b *bytes.Buffer) error { return Write(b, "text", runs()[0]) },
		"report.xml":    func(b *bytes.Buffer) error { return Write(b, "junit", runs()[0]) },
		"comparison.md": func(b *bytes.Buffer) error { return Compare(b, "markdown", runs()) },
	} {
		var b bytes.Buffer
		if err := write(&b); err != nil {
			t.Fatal(err)
		}
		golden(t, name, b.Bytes())
	}
}

func TestJSONIsReadBack(t *testing.T) {
	file := filepath.Join(t.TempDir(), "run.json")
	var b bytes.Buffer
	if err := Write(&b, "json", runs()[0]); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	run, err := Load(file)
	if err != nil {
		t.Fatal(err)
	}
	var again bytes.Buffer
	if err := Write(&again, "json", run); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(b.Bytes(), again.Bytes()) {
		t.Errorf("written %s\nread %s", &b, &again)
	}
	if err := os.WriteFile(file, []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(file); err == nil {
		t.Error("what is no run was read as one")
	}
}

// The page needs nothing from anywhere, is well-formed where it counts, and shows what a target said as text.
func TestPage(t *testing.T) {
	for name, rs := range map[string][]*suite.Run{"one": runs()[:1], "two": runs()} {
		var b bytes.Buffer
		if err := HTML(&b, rs); err != nil {
			t.Fatal(err)
		}
		page := b.String()
		if m := regexp.MustCompile(`(?i)(src=|@import|url\(|<link|<script)`).FindString(page); m != "" {
			t.Errorf("%s: the page is not self-contained: %q", name, m)
		}
		if strings.Contains(page, "<b>gone</b>") || !strings.Contains(page, "&lt;b&gt;gone&lt;/b&gt;") {
			t.Errorf("%s: what the target said is not shown as text", name)
		}
		for _, r := range rs {
			for _, want := range []string{">" + r.Profile + "<", "OP2", "expected close, got silence"} {
				if !strings.Contains(page, want) {
					t.Errorf("%s: the page has no %q", name, want)
				}
			}
		}
		if open, closed := strings.Count(page, "<details"), strings.Count(page, "</details>"); open == 0 || open != closed {
			t.Errorf("%s: %d details, %d ends", name, open, closed)
		}
	}
}

func TestJUnitCounts(t *testing.T) {
	var b bytes.Buffer
	if err := JUnit(&b, runs()[0]); err != nil {
		t.Fatal(err)
	}
	var all junitSuites
	if err := xml.Unmarshal(b.Bytes(), &all); err != nil {
		t.Fatal(err)
	}
	if all.Tests != 4 || all.Failures != 1 || all.Skipped != 1 {
		t.Errorf("%+v", all)
	}
}

func TestUnknownFormats(t *testing.T) {
	if Write(&bytes.Buffer{}, "pdf", runs()[0]) == nil || Compare(&bytes.Buffer{}, "pdf", runs()) == nil {
		t.Error("a format that does not exist was written")
	}
}
