package server

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
)

// The operations page has the table of metrics between two marks; this is what has to be there.
func TestTheOperationsPageHasTheTableOfMetrics(t *testing.T) {
	page, err := os.ReadFile("../../../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	if want := metricsPage(); !strings.Contains(string(page), want) {
		t.Errorf("docs/operations.md has another table of metrics than this:\n%s", want)
	}
}

func metricsPage() string {
	var b strings.Builder
	b.WriteString("| metric | kind | what it is |\n|---|---|---|\n")
	b.WriteString("| `hibachi_build_info{version}` | gauge | Always 1; the label says which build this is. |\n")
	b.WriteString("| `hibachi_ready` | gauge | 1 while events are served, else 0; as /readyz. |\n")
	for _, m := range metricTable {
		kind := "gauge"
		if m.kind == prometheus.CounterValue {
			kind = "counter"
		}
		labels := ""
		if len(m.labels) > 0 {
			labels = "{" + strings.Join(m.labels, ",") + "}"
		}
		fmt.Fprintf(&b, "| `%s%s` | %s | %s |\n", m.name, labels, kind, m.help)
	}
	return b.String()
}
