package pebble

import (
	"sync"
	"sync/atomic"
	"time"

	"hibachi/persistence"
)

// item is one operation: an append, or something else to be done in its turn.
type item struct {
	log    *log
	append *persistence.Append
	op     func(*committer, *group) // if append is nil
	bytes  int64                    // of the append's value
}

// groupBytes is how much the committer takes at once: enough that the sync, not the batch, is the cost, and little enough that the first of a
// group does not wait for a long encoding.
const groupBytes = 1 << 20

// queue holds what waits for the committer: operations in the order in which they came, and cursors that have something to report. Handing over
// never blocks and allocates nothing beyond the queue's own growth; who must be held back is held back by credit, above, by the number of bytes.
type queue struct {
	delay time.Duration // how long reports wait for company; set once
	wake  chan struct{} // holds one wake-up; set once

	bytes atomic.Int64 // handed over and not yet durable; the finisher subtracts

	mu     sync.Mutex // a leaf; guards:
	items  fifo[item]
	dirty  []*openCursor // each at most once, oldest first
	oldest time.Time     // when the first of dirty came
	asleep bool          // the committer waits for wake
	closed bool
	alarm  *time.Timer // calls ring
	armed  bool        // it will
}

func (q *queue) init(delay time.Duration) {
	q.delay = delay
	q.wake = make(chan struct{}, 1)
}

// push reports whether the item was taken: not after close.
func (q *queue) push(it item) bool {
	q.mu.Lock()
	if q.closed {
		q.mu.Unlock()
		return false
	}
	q.items.push(it)
	wake := q.wakeLocked()
	q.mu.Unlock()
	q.bytes.Add(it.bytes)
	if wake {
		q.wake <- struct{}{}
	}
	return true
}

// report has the committer ask h's ledger, with the next batch or after delay. It wakes nobody: mostly the next operation comes first, and
// the alarm, which was set by a report before this one, goes off a hundred times a second at most.
func (q *queue) report(h *openCursor) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed || h.queued {
		return
	}
	h.queued = true
	q.dirty = append(q.dirty, h)
	if len(q.dirty) == 1 {
		q.oldest = time.Now()
		q.armLocked(q.delay)
	}
}

func (q *queue) armLocked(in time.Duration) {
	switch {
	case q.armed:
	case q.alarm == nil:
		q.alarm = time.AfterFunc(in, q.ring)
	default:
		q.alarm.Reset(in)
	}
	q.armed = true
}

// ring wakes the committer if reports have waited long enough, or else sets the alarm again. Called by the alarm.
func (q *queue) ring() {
	q.mu.Lock()
	q.armed = false
	wake := false
	if len(q.dirty) > 0 && !q.closed {
		if wait := q.delay - time.Since(q.oldest); wait > 0 {
			q.armLocked(wait)
		} else {
			wake = q.wakeLocked()
		}
	}
	q.mu.Unlock()
	if wake {
		q.wake <- struct{}{}
	}
}

// wakeLocked reports whether the caller has to send a wake-up once it let go of mu. There is never a second one, so that sending does not block.
func (q *queue) wakeLocked() bool {
	wake := q.asleep
	q.asleep = false
	return wake
}

func (q *queue) isClosed() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.closed
}

// close lets the committer run out of work.
func (q *queue) close() {
	q.mu.Lock()
	q.closed = true
	if q.alarm != nil {
		q.alarm.Stop()
	}
	wake := q.wakeLocked()
	q.mu.Unlock()
	if wake {
		q.wake <- struct{}{}
	}
}

// take moves what is next into g: operations of up to groupBytes, at least one, and all reports. It waits for an operation, or until the oldest report
// is as old as delay, or not at all if the committer has work of its own: such as must be done, or such as may be left to the next start.
// It returns false when the queue is closed and nothing must be done. Only the committer calls it.
func (q *queue) take(g *group, must, may bool) bool {
	for {
		switch q.tryTake(g, must, may) {
		case taken:
			return true
		case drained:
			return false
		}
		<-q.wake
	}
}

type takeState int

const (
	nothing takeState = iota
	taken
	drained
)

func (q *queue) tryTake(g *group, must, may bool) takeState {
	q.mu.Lock()
	defer q.mu.Unlock()
	due := len(q.dirty) > 0 && (q.closed || time.Since(q.oldest) >= q.delay)
	switch {
	case q.items.len() > 0 || due || must || may && !q.closed:
		q.moveLocked(g)
		return taken
	case q.closed:
		return drained
	}
	q.asleep = true
	return nothing
}

func (q *queue) moveLocked(g *group) {
	for q.items.len() > 0 && (len(g.items) == 0 || g.bytes+q.items.at(0).bytes <= groupBytes) {
		it := q.items.pop()
		g.items = append(g.items, it)
		g.bytes += it.bytes
	}
	for i, h := range q.dirty {
		h.queued = false
		g.dirty = append(g.dirty, h)
		q.dirty[i] = nil
	}
	q.dirty = q.dirty[:0]
}
