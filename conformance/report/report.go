// Package report shows runs of the conformance suite: as text for a terminal, as JSON to keep and to compare, as JUnit for a CI, as one
// HTML page to read. It knows runs and nothing of how they came about.
package report

import (
	"encoding/json"
	"fmt"
	"io"
	"os"

	"hibachi/conformance/suite"
)

// Formats are the names that Write knows.
var Formats = []string{"text", "json", "junit", "html"}

// Write writes a run in a format.
func Write(w io.Writer, format string, run *suite.Run) error {
	switch format {
	case "text":
		return Text(w, run)
	case "json":
		e := json.NewEncoder(w)
		e.SetIndent("", " ")
		return e.Encode(run)
	case "junit":
		return JUnit(w, run)
	case "html":
		return HTML(w, []*suite.Run{run})
	}
	return fmt.Errorf("there is no format %q: %v", format, Formats)
}

// Load reads a run that was written as JSON.
func Load(name string) (*suite.Run, error) {
	b, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	var run suite.Run
	if err := json.Unmarshal(b, &run); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if len(run.Groups) == 0 {
		return nil, fmt.Errorf("%s: no run of the suite is in it", name)
	}
	return &run, nil
}

// verdicts in the order of the reports.
var verdicts = []suite.Verdict{suite.Pass, suite.Tolerated, suite.Fail, suite.Skip}
