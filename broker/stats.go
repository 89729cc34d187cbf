package broker

import (
	"container/heap"
	"slices"
	"sync/atomic"
	"time"

	"hibachi/persistence"
)

// counters of one broker. From any goroutine.
type counters struct {
	applications, consumers                                    atomic.Int64
	published, refused, delivered, redelivered, done, returned atomic.Uint64
	rejected, deadLetters, parked, expired                     atomic.Uint64
	readErrors, unreadable                                     atomic.Uint64
}

// Stats for metrics.
type Stats struct {
	Tenants, Applications, Consumers                           int // now; tenants on disk or used, applications in memory
	Published, Refused, Delivered, Redelivered, Done, Returned uint64
	Rejected                                                   uint64 // verdicts of consumers
	DeadLetters                                                uint64 // copies written
	Parked                                                     uint64 // devices that were held for an operator
	Expired                                                    uint64 // events of which an application was told nothing, since their time was over
	ReadErrors                                                 uint64 // readings that the store failed, and that were tried again
	Unreadable                                                 uint64 // deliveries whose envelope could not be read: they went without device and time
	LedgerBytes                                                int64  // of Options.LedgerMemory in use
}

// Stats counts since New.
func (b *Broker) Stats() Stats {
	b.mu.Lock()
	tenants := len(b.tenants)
	b.mu.Unlock()
	c := &b.env.counters
	return Stats{
		Tenants:      tenants,
		Applications: int(c.applications.Load()),
		Consumers:    int(c.consumers.Load()),
		Published:    c.published.Load(),
		Refused:      c.refused.Load(),
		Delivered:    c.delivered.Load(),
		Redelivered:  c.redelivered.Load(),
		Done:         c.done.Load(),
		Returned:     c.returned.Load(),
		Rejected:     c.rejected.Load(),
		DeadLetters:  c.deadLetters.Load(),
		Parked:       c.parked.Load(),
		Expired:      c.expired.Load(),
		ReadErrors:   c.readErrors.Load(),
		Unreadable:   c.unreadable.Load(),
		LedgerBytes:  b.env.memory.used.Load(),
	}
}

// ApplicationStats describes one application that is in memory.
type ApplicationStats struct {
	Tenant, Application string
	Consumers           int
	Unsettled           int       // out at consumers
	Held                int       // positions in the ledger
	Backlog             int64     // about: events not done
	Oldest              time.Time // about the arrival of the oldest event not done, zero if none or unknown
	Blocked, BackingOff int       // lanes whose next event is out or waits; those of them that wait
	Parked, Burying     int       // lanes held for an operator; lanes whose dead letter is on its way to the disk
	Pages               uint64    // keys read again, in pages of 4096
	Scan, Floor         persistence.Position
}

// Applications describes at most max applications, the ones with the largest backlog first. It looks at all that are in memory, each for
// less than a microsecond, and keeps no more than max.
func (b *Broker) Applications(max int) []ApplicationStats {
	var top backlogHeap
	for _, t := range b.used() {
		subs := t.open()
		if len(subs) == 0 {
			continue
		}
		log := t.log.Stats()
		for _, a := range subs {
			heap.Push(&top, t.describe(a, log))
			if len(top) > max {
				heap.Pop(&top)
			}
		}
	}
	slices.SortFunc(top, func(a, b ApplicationStats) int {
		if a.before(b) {
			return 1
		}
		return -1
	})
	return top
}

type openApplication struct {
	name string
	sub  *subscription
}

// open lists the applications in memory.
func (t *Tenant) open() []openApplication {
	t.mu.Lock()
	defer t.mu.Unlock()
	var all []openApplication
	for _, a := range t.applications {
		if a.state == open {
			all = append(all, openApplication{a.name, a.sub})
		}
	}
	return all
}

func (t *Tenant) describe(a openApplication, log persistence.LogStats) ApplicationStats {
	s := a.sub
	s.mu.Lock()
	defer s.mu.Unlock()
	g := &s.ledger
	st := ApplicationStats{
		Tenant: t.name, Application: a.name,
		Consumers:  s.consumers,
		Unsettled:  len(g.out),
		Held:       g.held,
		Backlog:    int64(g.opens.total),
		Oldest:     g.opens.oldest(),
		Blocked:    g.blocked(),
		BackingOff: len(g.waiting),
		Parked:     g.parked,
		Burying:    g.burying,
		Pages:      g.pass.pages,
		Scan:       g.scan,
		Floor:      g.opens.advance(g.scan),
	}
	if log.Head > g.scan {
		st.Backlog += min(int64(log.Head-g.scan), log.Count) // Positions have gaps, so this is the most there can be.
	}
	if st.Oldest.IsZero() && st.Backlog > 0 && log.Cursors == 1 {
		st.Oldest = log.Oldest
	}
	return st
}

// before tells whether a has the smaller backlog; equal ones go by name, so that the choice is stable.
func (a ApplicationStats) before(b ApplicationStats) bool {
	switch {
	case a.Backlog != b.Backlog:
		return a.Backlog < b.Backlog
	case a.Tenant != b.Tenant:
		return a.Tenant > b.Tenant
	}
	return a.Application > b.Application
}

// backlogHeap has the smallest backlog first.
type backlogHeap []ApplicationStats

func (h backlogHeap) Len() int           { return len(h) }
func (h backlogHeap) Less(i, j int) bool { return h[i].before(h[j]) }
func (h backlogHeap) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *backlogHeap) Push(x any)        { *h = append(*h, x.(ApplicationStats)) }
func (h *backlogHeap) Pop() any {
	last := len(*h) - 1
	a := (*h)[last]
	*h = (*h)[:last]
	return a
}
