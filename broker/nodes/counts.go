package nodes

import (
	"sync/atomic"

	"hibachi/spec/hono"
)

// counts are the nodes' counters.
type counts struct {
	violations  [hono.NumRequirements]atomic.Uint64
	warnings    [hono.NumRequirements]atomic.Uint64
	unpublished atomic.Uint64
	tooLarge    atomic.Uint64
}

func (c *counts) violated(r hono.Requirement) { c.violations[r].Add(1) }

func (c *counts) warned(w hono.Warnings) {
	if w == 0 {
		return
	}
	for r := range w.All() {
		c.warnings[r].Add(1)
	}
}

// Stats counts since the start.
type Stats struct {
	Violations  map[hono.Requirement]uint64 // messages refused, by the rule they broke; what never happened is absent
	Warnings    map[hono.Requirement]uint64 // messages taken although they broke a rule; a message can be in several
	Unpublished uint64                      // messages that the store did not take: released, or rejected for a limit
	TooLarge    uint64                      // deliveries returned because the consumer's max-message-size is smaller
}

// Stats is a snapshot for metrics.
func (n *Nodes) Stats() Stats {
	return Stats{
		Violations:  happened(&n.counts.violations),
		Warnings:    happened(&n.counts.warnings),
		Unpublished: n.counts.unpublished.Load(),
		TooLarge:    n.counts.tooLarge.Load(),
	}
}

func happened(of *[hono.NumRequirements]atomic.Uint64) map[hono.Requirement]uint64 {
	m := map[hono.Requirement]uint64{}
	for r := range of {
		if c := of[r].Load(); c > 0 {
			m[hono.Requirement(r)] = c
		}
	}
	return m
}
