package pebble

import (
	"time"

	"hibachi/persistence"
)

// A log may hold much before anybody reads it. Its first cursor would eat that up before the second, which was to be made a minute later, could owe
// it. So what was stored before the first cursor stays for a grace, whoever is done with it; then a sweep deletes what all cursors are done with.

// grace is owned by the committer; position and time are in the log's record until the sweep is through.
type grace struct {
	upTo  persistence.Position // 0: none
	until time.Time
	over  bool // time is up, the sweep is under way
}

func (g *grace) active() bool                      { return g.upTo > 0 && !g.over }
func (g *grace) holds(p persistence.Position) bool { return g.active() && p <= g.upTo }

// beginGrace holds what is stored, for the log's first cursor is being made.
func (c *committer) beginGrace(l *log) {
	b := &l.book
	if c.store.o.Grace == 0 || b.sizes.count == 0 {
		return
	}
	now := c.store.o.Now()
	b.grace = grace{upTo: b.record.next - 1, until: now.Add(c.store.o.Grace)}
	b.due = true
	l.awaitGrace(c.store.o.Grace)
}

// awaitGrace has the committer look at the grace after d.
func (l *log) awaitGrace(d time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.graceTimer != nil {
		l.graceTimer.Stop()
	}
	l.graceTimer = time.AfterFunc(d, l.graceDue)
}

// graceDue runs on a timer's goroutine.
func (l *log) graceDue() {
	if _, err := l.store.loaded(l.name); err != nil {
		if !l.store.queue.isClosed() {
			l.store.logger.Error("records held by a grace stay until the next start", "log", l.name, "err", err)
		}
		return
	}
	l.store.queue.push(item{log: l, op: func(c *committer, _ *group) { c.endGrace(l) }})
}

// endGrace lets go of what the grace held, if its time is up.
func (c *committer) endGrace(l *log) {
	g := &l.book.grace
	if !g.active() {
		return
	}
	if left := g.until.Sub(c.store.o.Now()); left > 0 {
		l.awaitGrace(left) // the clock was set back
		return
	}
	g.over = true
	c.sweep(l, l.book.record.low, g.upTo)
}

// graceSwept ends a grace whose sweep is through.
func (c *committer) graceSwept(l *log) {
	if l.book.grace.over {
		l.book.grace = grace{}
		l.book.due = true
	}
}

// resumeGraces sets the timers for what start found.
func (s *Store) resumeGraces() {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.o.Now()
	for _, l := range s.logs {
		if until := l.graceFound; !until.IsZero() {
			l.awaitGrace(until.Sub(now))
		}
	}
}

func (s *Store) stopGraces() {
	s.mu.Lock()
	logs := make([]*log, 0, len(s.logs))
	for _, l := range s.logs {
		logs = append(logs, l)
	}
	s.mu.Unlock()
	for _, l := range logs {
		l.mu.Lock()
		if l.graceTimer != nil {
			l.graceTimer.Stop()
		}
		l.mu.Unlock()
	}
}
