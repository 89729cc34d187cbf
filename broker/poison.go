package broker

import (
	"errors"
	"fmt"
	"time"
	"unicode/utf8"

	"hibachi/persistence"
)

// Poison says what is done with an event that fails while others succeed.
type Poison struct {
	MaxAttempts int  // returns that speak against the event (see trouble.attempt) until it is poison; default 10
	Park        bool // hold the device until an operator lets it go, instead of writing a dead letter and going on
}

const defaultMaxAttempts = 10

// Reasons of dead letters.
const (
	rejected      = "rejected"      // the application said so
	maxAttempts   = "attempts"      // it came back too often
	undeliverable = "undeliverable" // no consumer could take it
)

// maxDescription bounds, in bytes, what a dead letter keeps of a consumer's words.
const maxDescription = 1024

// DeadLetter is what the copy of an event tells of its end.
type DeadLetter struct {
	Tenant, Application string
	Reason              string // rejected, attempts or undeliverable
	Description         string // at most 1 KiB
	Attempts            uint32 // returns that spoke against the event, the rejection included
	Time                time.Time
	Source              persistence.Position // in the tenant's log
}

// Errors of Resume and Skip.
var (
	// ErrNotLoaded: no consumer was attached to the application of late, so nothing is known of its devices.
	ErrNotLoaded = errors.New("the application is not in memory: nobody is attached to it")
	// ErrNotParked: the device is not held.
	ErrNotParked = errors.New("the device is not parked")
)

// returnLocked applies Return, Failed and Unfit.
func (s *subscription) returnLocked(l *lane, v Settlement, now time.Time) {
	t := s.ledger.troubleOf(l)
	if v.NotHere || v.Verb == Unfit {
		t.exclude(l.consumer)
	}
	if v.Verb == Unfit {
		s.ledger.giveBack(l)
		return
	}
	l.seen = true
	t.remark(v.Remark)
	if v.Verb == Failed && !s.ledger.unordered {
		t.failures++
	}
	t.attempt(now, s.accepted)
	if !s.ledger.unordered && t.attempts >= uint32(s.poison.MaxAttempts) {
		s.ledger.takeBack(l)
		s.poisonedLocked(l, maxAttempts, fmt.Sprintf("it came back %d times, %d of them while the application accepted others", t.returns, t.attempts))
		return
	}
	wait := backoff(t.returns, s.env.limits.BackoffMax)
	if wait == 0 || v.NotHere { // Each consumer can say it once.
		s.ledger.giveBack(l)
		return
	}
	s.ledger.giveBackLater(l, now.Add(wait))
}

// rejectLocked ends what is out as a dead letter. A dead letter does not become another one: it is returned.
func (s *subscription) rejectLocked(l *lane, v Settlement, now time.Time) {
	if s.ledger.unordered {
		s.returnLocked(l, v, now)
		return
	}
	l.seen = true
	t := s.ledger.troubleOf(l)
	t.attempt(now, s.accepted)
	s.ledger.takeBack(l)
	s.buryLocked(l, rejected, v.Why)
}

// poisonedLocked treats the first event of a lane, which is in no list, as its application wants poison to be treated.
func (s *subscription) poisonedLocked(l *lane, reason, description string) {
	if s.poison.Park {
		s.parkLocked(l)
		return
	}
	s.buryLocked(l, reason, description)
}

func (s *subscription) parkLocked(l *lane) {
	s.ledger.park(l)
	s.env.counters.parked.Add(1)
}

// Resume lets a parked device of an application go: its event is handed out again, and has all its attempts again.
func (t *Tenant) Resume(application, device string) error {
	return t.release(application, device, func(g *ledger, l *lane) {
		g.calm(l)
		g.becomeReady(l)
	})
}

// Skip lets a parked device of an application go on behind its event, which counts as done.
func (t *Tenant) Skip(application, device string) error {
	return t.release(application, device, (*ledger).finish)
}

func (t *Tenant) release(application, device string, how func(*ledger, *lane)) error {
	t.mu.Lock()
	a := t.applications[application]
	if a == nil || a.state != open {
		t.mu.Unlock()
		return fmt.Errorf("device %q of application %q: %w", device, application, ErrNotLoaded)
	}
	s := a.sub
	t.mu.Unlock()
	if !s.release(laneOf(device), how) {
		return fmt.Errorf("device %q of application %q: %w", device, application, ErrNotParked)
	}
	return nil
}

func (s *subscription) release(id persistence.Lane, how func(*ledger, *lane)) bool {
	s.mu.Lock()
	l := s.ledger.lanes[id]
	found := l != nil && l.state == parked
	if found {
		s.ledger.unpark(l)
		how(&s.ledger, l)
		s.stirredLocked()
		s.quiet = false
	}
	s.mu.Unlock()
	if found {
		s.cursor.Dirty()
		s.rouse()
	}
	return found
}

// excerpt is at most the first max bytes of s, whole characters.
func excerpt(s string, max int) string {
	if len(s) <= max {
		return s
	}
	for max > 0 && !utf8.RuneStart(s[max]) {
		max--
	}
	return s[:max]
}
