package server

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	model "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"

	"hibachi/broker"
	"hibachi/broker/nodes"
	"hibachi/links"
	"hibachi/persistence"
	"hibachi/spec/hono"
)

// someSources give the applications, and numbers that tell one metric from the other.
func someSources(applications ...broker.ApplicationStats) sources {
	return sources{
		links: func() links.Stats {
			return links.Stats{Connections: 3, Receivers: 4, Senders: 5, Accepted: 6, BudgetLimit: 7}
		},
		broker: func() broker.Stats { return broker.Stats{Tenants: 8, Published: 9, LedgerBytes: 12} },
		nodes: func() nodes.Stats {
			return nodes.Stats{Violations: map[hono.Requirement]uint64{hono.ForwardDurable: 2}}
		},
		applications: func(int) []broker.ApplicationStats { return applications },
		store:        func() persistence.Stats { return persistence.Stats{Commits: 10, CommitSeconds: 0.5} },
		now:          func() time.Time { return time.Unix(1000, 0) },
	}
}

func TestMetricsFollowTheHouseRulesOfPrometheus(t *testing.T) {
	families := gather(t, newCollector(someSources(broker.ApplicationStats{Tenant: "t", Application: "a"})))
	problems, err := promlint.NewWithMetricFamilies(families).Lint()
	if err != nil {
		t.Fatal(err)
	}
	if len(families) < len(metricTable)-1 {
		t.Errorf("%d families of %d: some were never looked at", len(families), len(metricTable))
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
}

func TestMetricsSayWhatWasCounted(t *testing.T) {
	c := newCollector(someSources(
		broker.ApplicationStats{Tenant: "t", Application: "a", Backlog: 11, Held: 3, Oldest: time.Unix(940, 0)},
		broker.ApplicationStats{Tenant: "t", Application: "b", Held: 4, Oldest: time.Unix(2000, 0)},
		broker.ApplicationStats{Tenant: "t", Application: "c"},
	))
	for _, want := range []string{
		"hibachi_connections 3",
		`hibachi_links{role="consumer"} 5`,
		`hibachi_links{role="producer"} 4`,
		`hibachi_outcomes_total{outcome="accepted"} 6`,
		"hibachi_tenants 8",
		"hibachi_events_published_total 9",
		fmt.Sprintf("hibachi_rule_violations_total{rule=%q} 2", hono.ForwardDurable),
		"hibachi_store_commits_total 10",
		"hibachi_store_commit_seconds_total 0.5",
		"hibachi_ledger_positions 7",
		"hibachi_ledger_used_bytes 12",
		`hibachi_application_backlog{application="a",tenant="t"} 11`,
		`hibachi_application_oldest_age_seconds{application="a",tenant="t"} 60`,
		`hibachi_application_oldest_age_seconds{application="b",tenant="t"} 0`,
		`hibachi_application_oldest_age_seconds{application="c",tenant="t"} 0`,
	} {
		if text := exposition(t, c); !strings.Contains(text, "\n"+want+"\n") {
			t.Errorf("no line %q in\n%s", want, text)
		}
	}
	if text := exposition(t, c); strings.Contains(text, restName) {
		t.Error("a sum of the others, and there are none")
	}
}

func TestMetricsAreBoundedHoweverManyApplicationsThereAre(t *testing.T) {
	var many []broker.ApplicationStats
	for i := range 100 + 900 {
		many = append(many, broker.ApplicationStats{
			Tenant: "t", Application: fmt.Sprint("a", i), Backlog: 2, Unsettled: 1, Oldest: time.Unix(999-int64(i), 0),
		})
	}
	text := exposition(t, newCollector(someSources(many...)))
	if n := strings.Count(text, "\nhibachi_application_backlog{"); n != 101 {
		t.Errorf("%d series of the backlog, not 101", n)
	}
	for _, want := range []string{
		`hibachi_application_backlog{application="$other",tenant=""} 1800`,
		`hibachi_application_unsettled{application="$other",tenant=""} 900`,
		`hibachi_application_oldest_age_seconds{application="$other",tenant=""} 1000`,
	} {
		if !strings.Contains(text, "\n"+want+"\n") {
			t.Errorf("no line %q", want)
		}
	}
}

func gather(t *testing.T, c prometheus.Collector) []*model.MetricFamily {
	t.Helper()
	r := prometheus.NewRegistry()
	if err := r.Register(c); err != nil {
		t.Fatal(err)
	}
	families, err := r.Gather()
	if err != nil {
		t.Fatal(err)
	}
	return families
}

// exposition is what a scrape of c reads.
func exposition(t *testing.T, c prometheus.Collector) string {
	t.Helper()
	var text strings.Builder
	text.WriteByte('\n')
	for _, f := range gather(t, c) {
		if _, err := expfmt.MetricFamilyToText(&text, f); err != nil {
			t.Fatal(err)
		}
	}
	return text.String()
}
