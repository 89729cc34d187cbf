package server

import (
	"github.com/prometheus/client_golang/prometheus"

	"hibachi/broker"
	"hibachi/broker/nodes"
	"hibachi/spec/hono"
)

// metric is one family of our own metrics.
type metric struct {
	name   string
	help   string
	kind   prometheus.ValueType
	labels []string
	read   func(s *snapshot, emit func(value float64, labels ...string))
}

const (
	counter = prometheus.CounterValue
	gauge   = prometheus.GaugeValue
)

// metricTable is all that there is about events; docs/operations.md lists the same. Rates and means are left to the reader of the
// metrics: the mean batch is appends over commits, the mean latency of a commit its seconds over commits.
var metricTable = []metric{
	// Events, as the broker counts them.
	one("hibachi_events_published_total", counter, "Events that producers handed in and that are on disk.",
		func(s *snapshot) float64 { return float64(s.broker.Published) }),
	one("hibachi_events_refused_total", counter, "Events that the broker could not take.",
		func(s *snapshot) float64 { return float64(s.broker.Refused) }),
	one("hibachi_events_delivered_total", counter, "Events handed to consumers, repetitions included.",
		func(s *snapshot) float64 { return float64(s.broker.Delivered) }),
	one("hibachi_events_redelivered_total", counter, "Events handed to consumers that somebody had before.",
		func(s *snapshot) float64 { return float64(s.broker.Redelivered) }),
	one("hibachi_events_done_total", counter, "Events that an application is done with, once for each application.",
		func(s *snapshot) float64 { return float64(s.broker.Done) }),
	one("hibachi_events_returned_total", counter, "Events that consumers gave back or lost.",
		func(s *snapshot) float64 { return float64(s.broker.Returned) }),
	one("hibachi_events_rejected_total", counter, "Events that consumers rejected: each becomes a dead letter.",
		func(s *snapshot) float64 { return float64(s.broker.Rejected) }),
	one("hibachi_dead_letters_total", counter, "Dead letters written: events that an application rejected, that failed while others succeeded, or that no consumer could take.",
		func(s *snapshot) float64 { return float64(s.broker.DeadLetters) }),
	one("hibachi_devices_parked_total", counter, "Times that a device was held for an operator instead.",
		func(s *snapshot) float64 { return float64(s.broker.Parked) }),
	one("hibachi_events_expired_total", counter, "Events not delivered since their time to live was over, once for each application.",
		func(s *snapshot) float64 { return float64(s.broker.Expired) }),
	{"hibachi_outcomes_total", "Answers to producers, by outcome.", counter, []string{"outcome"}, readOutcomes},
	one("hibachi_late_accepts_total", counter, "Events stored after their producer had given up waiting for the answer.",
		func(s *snapshot) float64 { return float64(s.links.LateAccepts) }),

	{"hibachi_rule_violations_total", "Events refused, by the rule of the Event API that they broke; a rule that none broke is absent.", counter, ruleLabel,
		byRule(func(n *nodes.Stats) map[hono.Requirement]uint64 { return n.Violations })},
	{"hibachi_rule_warnings_total", "Events taken although they break a rule; absent as above.", counter, ruleLabel,
		byRule(func(n *nodes.Stats) map[hono.Requirement]uint64 { return n.Warnings })},
	one("hibachi_events_too_large_total", counter, "Events given back at once since the consumer takes no message of that size.",
		func(s *snapshot) float64 { return float64(s.nodes.TooLarge) }),

	// The wire.
	one("hibachi_connections", gauge, "AMQP connections that are open.",
		func(s *snapshot) float64 { return float64(s.links.Connections) }),
	one("hibachi_connections_accepted_total", counter, "AMQP connections that were opened.",
		func(s *snapshot) float64 { return float64(s.links.ConnectionsAccepted) }),
	one("hibachi_connections_refused_total", counter, "TCP connections that were sent away: too many, or no valid handshake.",
		func(s *snapshot) float64 { return float64(s.links.ConnectionsRefused) }),
	{"hibachi_links", "Links that are attached, by the peer's role.", gauge, []string{"role"},
		func(s *snapshot, emit func(float64, ...string)) {
			emit(float64(s.links.Receivers), "producer")
			emit(float64(s.links.Senders), "consumer")
		}},
	{"hibachi_deliveries_total", "AMQP deliveries, by direction.", counter, []string{"direction"},
		func(s *snapshot, emit func(float64, ...string)) {
			emit(float64(s.links.DeliveriesIn), "in")
			emit(float64(s.links.DeliveriesOut), "out")
		}},
	{"hibachi_socket_bytes_total", "Bytes read from and written to AMQP sockets.", counter, []string{"direction"},
		func(s *snapshot, emit func(float64, ...string)) {
			emit(float64(s.links.BytesIn), "in")
			emit(float64(s.links.BytesOut), "out")
		}},
	one("hibachi_budget_used_bytes", gauge, "Bytes of events received and not yet answered.",
		func(s *snapshot) float64 { return float64(s.links.BudgetUsed) }),
	one("hibachi_budget_limit_bytes", gauge, "Where producers get no more credit: see hibachi_budget_used_bytes.",
		func(s *snapshot) float64 { return float64(s.links.BudgetLimit) }),

	// The store.
	one("hibachi_store_appends_total", counter, "Events on disk since the start; over commits it is the mean batch.",
		func(s *snapshot) float64 { return float64(s.store.Appends) }),
	one("hibachi_store_deletes_total", counter, "Events deleted since every application is done with them.",
		func(s *snapshot) float64 { return float64(s.store.Deletes) }),
	one("hibachi_store_commits_total", counter, "Batches synced to disk.",
		func(s *snapshot) float64 { return float64(s.store.Commits) }),
	one("hibachi_store_commit_bytes_total", counter, "Bytes in those batches.",
		func(s *snapshot) float64 { return float64(s.store.CommitBytes) }),
	one("hibachi_store_commit_seconds_total", counter, "Time from building a batch to its being on disk, summed.",
		func(s *snapshot) float64 { return s.store.CommitSeconds }),
	one("hibachi_store_sync_seconds_total", counter, "The part of that spent waiting for the disk.",
		func(s *snapshot) float64 { return s.store.SyncSeconds }),
	one("hibachi_store_queue_bytes", gauge, "Bytes of events that wait for a commit or are in one.",
		func(s *snapshot) float64 { return float64(s.store.QueueBytes) }),
	one("hibachi_store_events", gauge, "Events stored, about right after a start.",
		func(s *snapshot) float64 { return float64(s.store.Records) }),
	one("hibachi_store_event_bytes", gauge, "Bytes of those events.",
		func(s *snapshot) float64 { return float64(s.store.Bytes) }),
	one("hibachi_store_disk_bytes", gauge, "Bytes that the data directory takes.",
		func(s *snapshot) float64 { return float64(s.store.DiskBytes) }),
	one("hibachi_store_ring_bytes", gauge, "Bytes of the newest events that are kept in memory.",
		func(s *snapshot) float64 { return float64(s.store.RingBytes) }),
	one("hibachi_store_ring_hits_total", counter, "Reads that this memory served.",
		func(s *snapshot) float64 { return float64(s.store.RingHits) }),
	one("hibachi_store_scans_total", counter, "Reads of keys from disk, for applications that fell behind.",
		func(s *snapshot) float64 { return float64(s.store.Scans) }),
	one("hibachi_store_fetches_total", counter, "Reads of events from disk, for applications that fell behind.",
		func(s *snapshot) float64 { return float64(s.store.Fetches) }),
	one("hibachi_store_write_stalls_total", counter, "Times that the disk could not keep up and writing had to wait.",
		func(s *snapshot) float64 { return float64(s.store.WriteStalls) }),

	one("hibachi_store_read_errors_total", counter, "Reads that failed and were tried again.",
		func(s *snapshot) float64 { return float64(s.broker.ReadErrors) }),
	one("hibachi_store_unreadable_total", counter, "Events delivered without device and time since what was stored beside them could not be read.",
		func(s *snapshot) float64 { return float64(s.broker.Unreadable) }),

	// Who holds what.
	one("hibachi_tenants", gauge, "Tenants in memory.",
		func(s *snapshot) float64 { return float64(s.broker.Tenants) }),
	one("hibachi_applications", gauge, "Applications in memory.",
		func(s *snapshot) float64 { return float64(s.broker.Applications) }),
	one("hibachi_consumers", gauge, "Consumers attached to applications, and browsers.",
		func(s *snapshot) float64 { return float64(s.broker.Consumers) }),
	one("hibachi_ledger_used_bytes", gauge, "Memory in which applications remember where they are; at most 128 MiB.",
		func(s *snapshot) float64 { return float64(s.broker.LedgerBytes) }),
	one("hibachi_ledger_positions", gauge, "Positions of events that all applications together remember.",
		func(s *snapshot) float64 { return float64(s.held) }),
	each("hibachi_application_backlog", "Events that the application is not done with, about.",
		func(a *broker.ApplicationStats) float64 { return float64(a.Backlog) }),
	{"hibachi_application_oldest_age_seconds", "Age of the oldest event that the application is not done with; 0 if none or unknown.", gauge, applicationLabels, readAges},
	each("hibachi_application_consumers", "Consumers of the application.",
		func(a *broker.ApplicationStats) float64 { return float64(a.Consumers) }),
	each("hibachi_application_unsettled", "Events that are out at its consumers.",
		func(a *broker.ApplicationStats) float64 { return float64(a.Unsettled) }),
	each("hibachi_application_blocked_devices", "Devices of which an event is out or waits for its repetition.",
		func(a *broker.ApplicationStats) float64 { return float64(a.Blocked) }),
	each("hibachi_application_backing_off_devices", "Devices whose returned event waits for its repetition.",
		func(a *broker.ApplicationStats) float64 { return float64(a.BackingOff) }),
	each("hibachi_application_parked_devices", "Devices that are held until an operator lets them go.",
		func(a *broker.ApplicationStats) float64 { return float64(a.Parked) }),
}

var (
	applicationLabels = []string{"tenant", "application"}
	ruleLabel         = []string{"rule"}
)

// one is a metric of a single number.
func one(name string, kind prometheus.ValueType, help string, read func(*snapshot) float64) metric {
	return metric{name, help, kind, nil, func(s *snapshot, emit func(float64, ...string)) { emit(read(s)) }}
}

// each is a gauge for each of the largest applications, and the sum of the others if there are any.
func each(name, help string, read func(*broker.ApplicationStats) float64) metric {
	return metric{name, help, gauge, applicationLabels, func(s *snapshot, emit func(float64, ...string)) {
		readEach(s, emit, read)
	}}
}

func readEach(s *snapshot, emit func(float64, ...string), read func(*broker.ApplicationStats) float64) {
	for i := range s.applications {
		a := &s.applications[i]
		emit(read(a), a.Tenant, a.Application)
	}
	if s.others > 0 {
		emit(read(&s.rest), "", restName)
	}
}

// readAges is the age of the oldest event; of the sum it is the greatest.
func readAges(s *snapshot, emit func(float64, ...string)) {
	readEach(s, emit, func(a *broker.ApplicationStats) float64 {
		if a.Oldest.IsZero() {
			return 0
		}
		return max(0, s.now.Sub(a.Oldest).Seconds())
	})
}

// byRule is a counter for each rule that was ever broken.
func byRule(read func(*nodes.Stats) map[hono.Requirement]uint64) func(*snapshot, func(float64, ...string)) {
	return func(s *snapshot, emit func(float64, ...string)) {
		for rule, n := range read(&s.nodes) {
			emit(float64(n), rule.String())
		}
	}
}

func readOutcomes(s *snapshot, emit func(float64, ...string)) {
	emit(float64(s.links.Accepted), "accepted")
	emit(float64(s.links.Rejected), "rejected")
	emit(float64(s.links.Released), "released")
	emit(float64(s.links.Modified), "modified")
}
