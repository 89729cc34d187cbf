package server

import (
	"math"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"hibachi/broker"
	"hibachi/broker/nodes"
	"hibachi/links"
	"hibachi/persistence"
)

// maxApplicationSeries is how many applications have series of their own, the ones with the largest backlog. The rest is summed up.
const maxApplicationSeries = 100

// restName is the application label of that sum; its tenant label is empty. No application can have a name that begins with $ other than
// $default.
const restName = "$other"

// sources are where the numbers come from; each gives a snapshot and may be called from any goroutine.
type sources struct {
	links        func() links.Stats
	broker       func() broker.Stats
	nodes        func() nodes.Stats
	applications func(max int) []broker.ApplicationStats
	store        func() persistence.Stats
	now          func() time.Time
}

// snapshot is one look at everything.
type snapshot struct {
	links        links.Stats
	broker       broker.Stats
	nodes        nodes.Stats
	store        persistence.Stats
	applications []broker.ApplicationStats // the largest ones
	rest         broker.ApplicationStats   // the sum of all others
	others       int                       // how many those are
	held         int                       // over all applications
	now          time.Time
}

func (s sources) look() *snapshot {
	shot := &snapshot{links: s.links(), broker: s.broker(), nodes: s.nodes(), store: s.store(), now: s.now()}
	all := s.applications(math.MaxInt)
	shot.applications = all[:min(len(all), maxApplicationSeries)]
	shot.others = len(all) - len(shot.applications)
	shot.rest = sum(all[len(shot.applications):])
	for _, a := range all {
		shot.held += a.Held
	}
	return shot
}

func sum(applications []broker.ApplicationStats) broker.ApplicationStats {
	rest := broker.ApplicationStats{Application: restName}
	for _, a := range applications {
		rest.Consumers += a.Consumers
		rest.Unsettled += a.Unsettled
		rest.Backlog += a.Backlog
		rest.Blocked += a.Blocked
		rest.BackingOff += a.BackingOff
		rest.Parked += a.Parked
		if !a.Oldest.IsZero() && (rest.Oldest.IsZero() || a.Oldest.Before(rest.Oldest)) {
			rest.Oldest = a.Oldest
		}
	}
	return rest
}

// collector turns a snapshot into metrics, once a scrape. metricTable says which.
type collector struct {
	sources sources
	descs   []*prometheus.Desc // of metricTable, in its order
}

func newCollector(s sources) *collector {
	c := &collector{sources: s}
	for _, m := range metricTable {
		c.descs = append(c.descs, prometheus.NewDesc(m.name, m.help, m.labels, nil))
	}
	return c
}

// Describe is part of prometheus.Collector.
func (c *collector) Describe(out chan<- *prometheus.Desc) {
	for _, d := range c.descs {
		out <- d
	}
}

// Collect is part of prometheus.Collector.
func (c *collector) Collect(out chan<- prometheus.Metric) {
	shot := c.sources.look()
	for i, m := range metricTable {
		m.read(shot, func(value float64, labels ...string) {
			out <- prometheus.MustNewConstMetric(c.descs[i], m.kind, value, labels...)
		})
	}
}

// newRegistry has what is known of any process. The collector joins once there is something to count.
func newRegistry(p *phases, version string) *prometheus.Registry {
	r := prometheus.NewRegistry()
	build := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "hibachi_build_info", Help: "Always 1; the label says which build this is.", ConstLabels: prometheus.Labels{"version": version},
	})
	build.Set(1)
	ready := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "hibachi_ready", Help: "1 while events are served, else 0; as /readyz.",
	}, func() float64 {
		if p.now() == phaseReady {
			return 1
		}
		return 0
	})
	r.MustRegister(build, ready, collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return r
}
