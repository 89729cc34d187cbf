package broker

import "time"

// Aside. A consumer can say that an event is not for it: modified with undeliverable-here, or a message larger than its link takes. The
// event is not handed to it again. When such an event is loaded and the excluded one comes for it, its lane is set aside, so that it does
// not stand before the others, and everybody who waits is woken: whoever is not excluded looks here first. While nobody can take
// it, nothing else waits for it. When every consumer has been excluded for half a minute, it is treated as poison.
//
// A lane that is aside keeps its body as long as they are not too many, so that who was woken for it finds it at hand.

// shunnedFor is how long an event waits for a consumer that is not excluded.
const shunnedFor = 30 * time.Second

// setAside puts a loaded lane aside.
func (g *ledger) setAside(l *lane) {
	size := bodySize(l.record)
	g.loaded.remove(l)
	g.loadedBytes -= size
	l.state = aside
	g.fat += l.q.n - 1
	for old := g.aside.front; old != nil && g.asideBytes+size > g.maxLoaded/2; old = old.queue.next {
		g.dropAside(old)
	}
	g.asideBytes += size
	g.aside.push(l)
}

// dropAside forgets the body of a lane that is aside.
func (g *ledger) dropAside(l *lane) {
	size := bodySize(l.record)
	g.asideBytes -= size
	g.letGo(l, size)
}

// leaveAside takes a lane off the list.
func (g *ledger) leaveAside(l *lane) {
	g.dropAside(l)
	g.aside.remove(l)
	g.fat -= l.q.n - 1
	l.trouble.shunned = time.Time{}
}

// comeForward makes a lane that was aside ready, before all others.
func (g *ledger) comeForward(l *lane) {
	g.leaveAside(l)
	l.state = ready
	g.ready.pushFront(l)
}

// comesForward gives the first lane that is aside and that c may have, with its body, from l on. Those without are made ready.
func (g *ledger) comesForward(l *lane, c *Consumer) *lane {
	for l != nil {
		next := l.queue.next
		switch {
		case l.trouble.excludes(c):
		case bodySize(l.record) > 0:
			return l
		default:
			g.comeForward(l)
		}
		l = next
	}
	return nil
}

// reviewAsideLocked looks at the lanes that are aside, after consumers came or went or time has passed.
func (s *subscription) reviewAsideLocked(now time.Time) {
	g := &s.ledger
	g.asideDue = time.Time{}
	for l := g.aside.front; l != nil; {
		next := l.queue.next
		if s.reviewLocked(l, now) {
			g.leaveAside(l)
			s.poisonedLocked(l, undeliverable, "no consumer can take it")
		}
		l = next
	}
}

// reviewLocked tells whether the patience with a lane is over, and sees to it that it ends in time.
func (s *subscription) reviewLocked(l *lane, now time.Time) bool {
	t := l.trouble
	switch {
	case s.ledger.unordered || !s.allExcludedLocked(t):
		t.shunned = time.Time{}
		return false
	case t.shunned.IsZero():
		t.shunned = now
	case now.Sub(t.shunned) >= shunnedFor:
		return true
	}
	due := t.shunned.Add(shunnedFor)
	if at := s.ledger.asideDue; at.IsZero() || due.Before(at) {
		s.ledger.asideDue = due
	}
	return false
}

func (s *subscription) allExcludedLocked(t *trouble) bool {
	n := 0
	for _, c := range t.excluded {
		if !c.gone {
			n++
		}
	}
	return n > 0 && n == s.consumers
}
