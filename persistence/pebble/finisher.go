package pebble

import (
	"fmt"
	"time"

	"hibachi/persistence"
)

// finisher waits for the disk and then lets everybody know, in the order of the batches: the ring gets the records, heads move, whoever
// handed something over is called back, watchers hear of it once a log and group. Nobody waits for whom it calls.
type finisher struct {
	// Set once.
	store   *Store
	flights chan *group
	free    chan *group // groups for the committer to use again
	done    chan struct{}

	ring ring // owned by run
}

func newFinisher(s *Store) *finisher {
	return &finisher{
		store:   s,
		flights: make(chan *group, flightDepth),
		free:    make(chan *group, flightDepth+2),
		done:    make(chan struct{}),
		ring:    ring{limit: s.o.RingBytes},
	}
}

func (f *finisher) run() {
	for g := range f.flights {
		if err := f.await(g); err != nil {
			f.store.fatal.fail(fmt.Errorf("sync the log: %w", err))
			return
		}
		f.publish(g)
		f.recycle(g)
	}
	close(f.done)
}

// await returns once g is durable.
func (f *finisher) await(g *group) error {
	began := time.Now()
	empty, size := g.batch.Empty(), g.batch.Len()
	if err := f.store.env.sync(g.batch); err != nil {
		return err
	}
	if !empty {
		f.store.counters.committed(size, time.Since(g.began), time.Since(began))
	}
	return f.store.env.release(g.batch)
}

func (f *finisher) publish(g *group) {
	for _, l := range g.created {
		l.onDisk.Store(true)
	}
	for i := range g.items {
		if it := &g.items[i]; it.append != nil {
			it.log.tail.push(it.log, persistence.Record{
				Key:      persistence.Key{Position: it.append.Position, Lane: it.append.Lane},
				Envelope: it.append.Envelope,
				Body:     it.append.Body,
			})
		}
	}
	for _, r := range g.runs {
		f.ring.keep(r)
	}
	f.store.counters.ringBytes.Store(f.ring.bytes)
	f.store.queue.bytes.Add(-g.bytes)
	for i := range g.items {
		if a := g.items[i].append; a != nil {
			a.Done.Appended(a.Position, nil) // a is its owner's again
		}
	}
	for _, then := range g.then {
		then()
	}
	for _, r := range g.runs {
		r.log.tellWatchers(r.n)
	}
}

// keptItems bounds what an empty group holds on to.
const keptItems = 16 << 10

func (f *finisher) recycle(g *group) {
	if cap(g.items) > keptItems {
		return
	}
	clear(g.items)
	clear(g.dirty)
	clear(g.runs)
	clear(g.created)
	clear(g.then)
	*g = group{items: g.items[:0], dirty: g.dirty[:0], runs: g.runs[:0], created: g.created[:0], then: g.then[:0]}
	select {
	case f.free <- g:
	default:
	}
}
