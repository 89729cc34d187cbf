package broker

import (
	"math"
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
	tenant *Tenant
	name   string // the application's
	poison Poison
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
	accepted  uint64      // events that the application accepted
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

	undertaker undertaker
}

func newSubscription(t *Tenant, name string, left func()) *subscription {
	s := &subscription{env: t.env, tenant: t, name: name, log: t.log, left: left, ledger: newLedger(t.env.limits, t.env.memory), reading: newReading()}
	s.ledger.unordered = t.unordered
	s.poison = t.env.poison(t.name, name)
	s.undertaker.sizer = newSizer()
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
	if s.ledger.aside.n > 0 {
		s.reviewAsideLocked(s.env.now())
	}
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
	if t.shunned {
		s.armLocked(s.env.now())
	}
	if t.shunned || t.given > 0 {
		s.stirredLocked() // There is room for other bodies now.
	}
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
	if t.expired > 0 {
		s.env.counters.expired.Add(t.expired)
		s.cursor.Dirty()
	}
	if t.shunned {
		s.waiters.wake(math.MaxInt) // One of them may be not excluded.
	}
	s.wakeUp(1)
	return t.dst, idle
}

// taking is one Take.
type taking struct {
	dst          []Delivery
	room, bytes  int
	given, again uint64
	expired      uint64
	shunned      bool // something was set aside
	now          time.Time
}

// isOver tells whether an event that expires then is not to be delivered any more.
func (t *taking) isOver(env *environment, expires time.Time) bool {
	if expires.IsZero() {
		return false
	}
	if t.now.IsZero() {
		t.now = env.now()
	}
	return !expires.After(t.now)
}

// handOutLocked gives c what was set aside and is for c, and then what is loaded.
func (s *subscription) handOutLocked(c *Consumer, t *taking) {
	g := &s.ledger
	if c.gone || t.room == 0 || g.deliverables() == 0 && g.aside.n == 0 {
		return
	}
	coder := envelopeCoders.Get().(*envelopeCoder)
	defer envelopeCoders.Put(coder)
	for l := g.comesForward(g.aside.front, c); l != nil && len(g.out) < g.maxOut; {
		next := l.queue.next
		if !s.giveLocked(c, t, coder, l) {
			return
		}
		l = g.comesForward(next, c)
	}
	for g.deliverables() > 0 {
		l := g.loaded.front
		if l.trouble.excludes(c) {
			s.shunLocked(l, t)
		} else if !s.giveLocked(c, t, coder, l) {
			return
		}
	}
}

// giveLocked gives c the event of a lane. It reports false when that did not fit.
func (s *subscription) giveLocked(c *Consumer, t *taking, coder *envelopeCoder, l *lane) bool {
	size := len(l.record.Body)
	if t.room == 0 || t.given > 0 && size > t.bytes {
		return false
	}
	e, err := coder.decode(l.record.Envelope)
	if err != nil {
		s.env.counters.unreadable.Add(1) // The message is whole: it goes without what was known about it.
	}
	if t.isOver(s.env, e.expires) {
		s.ledger.expire(l)
		t.expired++
		return true
	}
	r := s.ledger.handOut(l, c)
	s.ledger.opens.arrived(r.Position, e.arrived)
	t.dst = append(t.dst, Delivery{
		Position: r.Position, Attempts: l.trouble.failed(), Redelivered: l.seen,
		Arrived: e.arrived, Expires: e.expires, Device: e.device, Message: r.Body,
		Remarks: l.trouble.said(),
	})
	t.room--
	t.bytes -= size
	t.given++
	if l.seen {
		t.again++
	}
	return true
}

// shunLocked sets a loaded lane aside.
func (s *subscription) shunLocked(l *lane, t *taking) {
	s.ledger.setAside(l)
	s.reviewLocked(l, s.env.now())
	t.shunned = true
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
	if s.capped || g.ready.n > 0 || g.hungry > 0 || g.behind.n > 0 {
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
			s.ledger.giveBack(l)
		}
	}
	s.stirredLocked()
	s.mu.Unlock()
	s.rouse()
}

func (s *subscription) settle(c *Consumer, ss []Settlement) {
	now := s.env.now()
	var done, returned, refused uint64
	s.mu.Lock()
	for _, v := range ss {
		l := s.ledger.heldBy(c, v.Position)
		if l == nil {
			continue
		}
		switch v.Verb {
		case Done:
			s.ledger.settle(l)
			s.accepted++
			done++
		case Reject:
			s.rejectLocked(l, v, now)
			refused++
		default:
			s.returnLocked(l, v, now)
			returned++
		}
	}
	if returned+refused > 0 {
		s.armLocked(now)
	}
	digs := len(s.undertaker.queue) > 0
	s.stirredLocked()
	s.mu.Unlock()

	s.env.counters.done.Add(done)
	s.env.counters.returned.Add(returned)
	s.env.counters.rejected.Add(refused)
	if done > 0 {
		s.cursor.Dirty()
	}
	if digs {
		s.dig()
	}
	s.rouse()
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
		s.ledger.giveBack(l)
	}
	s.wantLocked(c, 0)
	c.gone = true
	s.consumers--
	if s.ledger.aside.n > 0 {
		now := s.env.now()
		s.reviewAsideLocked(now)
		s.armLocked(now)
	}
	if s.consumers == 0 && !s.busy {
		s.shrinkLocked()
	}
	s.quiet = false // c may have been woken for what it does not take now
	s.mu.Unlock()
	s.dig()

	s.env.counters.consumers.Add(-1)
	s.rouse()
	s.left()
}

// finish ends a subscription without consumers, unless the store has still to hear of something, a reading or a burial is under way, or a
// device is parked, which only the ledger knows. Then it reports false, and nothing has changed.
func (s *subscription) finish() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.busy || s.undertaker.busy || s.ledger.parked > 0 || len(s.ledger.done) > 0 {
		return false
	}
	s.closed = true
	s.ledger.close()
	if s.alarm != nil {
		s.alarm.Stop()
	}
	return true
}
