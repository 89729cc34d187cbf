package broker

import (
	"sync"
	"time"

	"hibachi/persistence"
)

// subscription is one application's reading of its tenant's log: the ledger, the consumers that draw on it, and at most one reading
// under way, from the ring or from the disk (fetch.go).
//
// # Who wakes whom
//
// Nobody waits inside a subscription. A consumer that got less than it wanted is among the waiters, and is woken when
//
//   - the log's head moved (Tenant.Advanced: one for each new event),
//   - a reading brought something (one for each event that is loaded),
//   - something came back or a blocked lane went on (one; what it leaves it passes on),
//   - a Take left something (one).
//
// So: if something can be had, nobody waits, or a wake-up is on its way to a writer that is not inside a Write. A consumer that was told
// that it is not idle is promised to be woken also when the reading is over and brought nothing: it may have a drain to answer.
type subscription struct {
	// Set once.
	env    *environment
	log    persistence.Log
	left   func()               // hears that a consumer is gone
	cursor persistence.Cursor   // once the application is open
	cold   persistence.Position // the log's head when it was opened: what the ring has up to here may be done, or deleted
	// The callbacks, made once: a method value is an allocation.
	onFetched     func([]persistence.Record, error)
	onLooked      func([]persistence.Key, persistence.Position, error)
	onBackscanned func([]persistence.Key, persistence.Position, error)

	waiters waiters

	mu sync.Mutex
	// Guarded by mu.
	ledger    ledger
	consumers int
	appetite  int         // of all consumers together
	promised  []*Consumer // to be woken when the reading is over
	busy      bool        // a reading is under way
	closed    bool        // the store is
	quiet     bool        // there was nothing to read, and nothing changed since
	capped    bool        // there was, but a limit stood before it
	passNext  bool        // the back-scan's turn, not the look's
	alarm     *time.Timer
	alarmAt   time.Time // zero: not set

	// Owned by the reading under way.
	reading reading
}

func newSubscription(env *environment, log persistence.Log, left func()) *subscription {
	s := &subscription{env: env, log: log, left: left, ledger: newLedger(env.limits, env.memory), reading: newReading()}
	s.onFetched, s.onLooked, s.onBackscanned = s.fetched, s.looked, s.backscanned
	return s
}

// open tells where the application stands on disk. Before any consumer.
func (s *subscription) open(c persistence.Cursor) {
	s.cursor = c
	s.cold = s.log.Head()
}

// advanced tells of n new events on disk.
func (s *subscription) advanced(n int) { s.waiters.wake(n) }

// TakeDone is for the store's committer.
func (s *subscription) TakeDone(dst []persistence.Key) ([]persistence.Key, persistence.Position) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ledger.takeDone(dst)
}

// add makes a consumer.
func (s *subscription) add(w Waker) *Consumer {
	c := &Consumer{of: s, waker: w, leases: laneList{at: inQueue}}
	s.mu.Lock()
	s.consumers++
	s.mu.Unlock()
	s.env.counters.consumers.Add(1)
	return c
}

func (s *subscription) take(c *Consumer, dst []Delivery, max, maxBytes int) ([]Delivery, bool) {
	t := taking{dst: dst, room: max, bytes: maxBytes}
	s.mu.Lock()
	if c.gone {
		s.mu.Unlock()
		return dst, true
	}
	s.wantLocked(c, max)
	s.handOutLocked(c, &t)
	s.mu.Unlock()

	// Join first and look then: what comes in between finds us waiting.
	if t.room > 0 {
		s.waiters.join(c)
	}
	s.advance(ringPages)

	s.mu.Lock()
	s.handOutLocked(c, &t)
	idle := c.gone || s.idleLocked(&t)
	if !idle && t.room > 0 && !c.promised && !c.gone {
		c.promised = true
		s.promised = append(s.promised, c)
	}
	s.mu.Unlock()

	if t.room == 0 {
		s.waiters.leave(c)
	}
	s.env.counters.delivered.Add(t.given)
	s.env.counters.redelivered.Add(t.again)
	s.wakeUp(1)
	return t.dst, idle
}

// taking is one Take.
type taking struct {
	dst          []Delivery
	room, bytes  int
	given, again uint64
}

// handOutLocked gives c what is loaded.
func (s *subscription) handOutLocked(c *Consumer, t *taking) {
	if c.gone || t.room == 0 || s.ledger.deliverables() == 0 {
		return
	}
	coder := envelopeCoders.Get().(*envelopeCoder)
	defer envelopeCoders.Put(coder)
	for t.room > 0 && s.ledger.deliverables() > 0 {
		size := len(s.ledger.loaded.front.record.Body)
		if t.given > 0 && size > t.bytes {
			return
		}
		l, r := s.ledger.take(c)
		e, err := coder.decode(r.Envelope)
		if err != nil {
			s.env.counters.unreadable.Add(1) // The message is whole: it goes without what was known about it.
		}
		s.ledger.opens.arrived(r.Position, e.arrived)
		t.dst = append(t.dst, Delivery{
			Position: r.Position, Attempts: l.failures, Redelivered: l.seen,
			Arrived: e.arrived, Expires: e.expires, Device: e.device, Message: r.Body,
		})
		t.room--
		t.bytes -= size
		t.given++
		if l.seen {
			t.again++
		}
	}
}

// wantLocked notes what c asked for. The sum over all consumers is how far it is worth to read ahead.
func (s *subscription) wantLocked(c *Consumer, max int) {
	want := min(max, lookahead)
	if want > c.appetite {
		s.quiet = false
	}
	s.appetite += want - c.appetite
	c.appetite = want
}

// idleLocked tells whether there is nothing for whoever has just taken.
func (s *subscription) idleLocked(t *taking) bool {
	return t.room > 0 && s.ledger.deliverables() == 0 && !s.busy && s.quiet
}

// stirredLocked notes that something came back or went on: there may be something to read again.
func (s *subscription) stirredLocked() {
	g := &s.ledger
	if s.capped || g.ready.n > 0 || g.hungry > 0 {
		s.quiet = false
	}
}

// rouse wakes who is to be woken after something changed: one for each event that is loaded, or one if there is something to read.
func (s *subscription) rouse() {
	s.mu.Lock()
	n := max(1, s.ledger.deliverables())
	s.mu.Unlock()
	s.wakeUp(n)
}

// wakeUp wakes up to n consumers if there is something to be had, and keeps the promises if there is not.
func (s *subscription) wakeUp(n int) {
	var kept []*Consumer
	s.mu.Lock()
	switch {
	case s.ledger.deliverables() > 0:
	case s.busy:
		n = 0
	case !s.quiet:
		n = 1
	default:
		n = 0
		kept, s.promised = s.promised, nil
		for _, c := range kept {
			c.promised = false
		}
	}
	s.mu.Unlock()
	s.waiters.wake(n)
	for _, c := range kept {
		s.waiters.leave(c)
		c.waker.Wake()
	}
}

func (s *subscription) untake(c *Consumer, ps []persistence.Position) {
	s.mu.Lock()
	for _, p := range ps {
		if l := s.ledger.heldBy(c, p); l != nil {
			s.ledger.giveBack(l, time.Time{})
		}
	}
	s.stirredLocked()
	s.mu.Unlock()
	s.rouse()
}

func (s *subscription) settle(c *Consumer, ss []Settlement) {
	now := s.env.now()
	var done, returned uint64
	s.mu.Lock()
	for _, v := range ss {
		l := s.ledger.heldBy(c, v.Position)
		if l == nil {
			continue
		}
		if v.Verb == Done {
			s.ledger.settle(l)
			done++
			continue
		}
		s.returnLocked(l, v.Verb, now)
		returned++
	}
	if returned > 0 {
		s.armLocked(now)
	}
	s.stirredLocked()
	s.mu.Unlock()

	s.env.counters.done.Add(done)
	s.env.counters.returned.Add(returned)
	if done > 0 {
		s.cursor.Dirty()
	}
	s.rouse()
}

// returnLocked applies Return and Failed.
func (s *subscription) returnLocked(l *lane, v Verb, now time.Time) {
	l.seen = true
	l.returns++
	if v == Failed {
		l.failures++
	}
	var due time.Time
	if wait := backoff(l.returns, s.env.limits.BackoffMax); wait > 0 {
		due = now.Add(wait)
	}
	s.ledger.giveBack(l, due)
}

func (s *subscription) detach(c *Consumer) {
	s.waiters.leaveForGood(c)
	s.mu.Lock()
	if c.gone {
		s.mu.Unlock()
		return
	}
	for c.leases.n > 0 {
		l := c.leases.front
		l.seen = true
		s.ledger.giveBack(l, time.Time{})
	}
	s.wantLocked(c, 0)
	c.gone = true
	s.consumers--
	if s.consumers == 0 && !s.busy {
		s.shrinkLocked()
	}
	s.quiet = false // c may have been woken for what it does not take now
	s.mu.Unlock()

	s.env.counters.consumers.Add(-1)
	s.rouse()
	s.left()
}

// finish ends a subscription without consumers, unless the store has still to hear of something or a reading is under way. Then it
// reports false, and nothing has changed.
func (s *subscription) finish() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.busy || len(s.ledger.done) > 0 {
		return false
	}
	s.closed = true
	s.ledger.close()
	if s.alarm != nil {
		s.alarm.Stop()
	}
	return true
}
