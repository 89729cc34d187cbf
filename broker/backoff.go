package broker

import (
	"container/heap"
	"time"
)

// backoffFirst is the wait before the second retry; each further one waits twice as long.
const backoffFirst = 100 * time.Millisecond

// backoff is how long a lane waits whose event was returned for the nth time in a row:
//
//	1: not at all, 2: 100 ms, 3: 200 ms, 4: 400 ms, … most
//
// The first retry is at once since most returns are an accident of one consumer, which another one does not share. The series begins
// anew with each event: a success proves the device well. There is no jitter: the wait is one device's, not that of a crowd.
func backoff(n uint32, most time.Duration) time.Duration {
	if n <= 1 {
		return 0
	}
	d := min(backoffFirst, most)
	for ; n > 2 && d < most; n-- {
		d = min(2*d, most)
	}
	return d
}

// waitings are the lanes that back off, the earliest due first.
type waitings []*lane

func (w *waitings) push(l *lane) { heap.Push((*dueHeap)(w), l) }
func (w *waitings) pop() *lane   { return heap.Pop((*dueHeap)(w)).(*lane) }

// dueHeap is waitings as container/heap wants it.
type dueHeap []*lane

func (h dueHeap) Len() int           { return len(h) }
func (h dueHeap) Less(i, j int) bool { return h[i].trouble.due.Before(h[j].trouble.due) }
func (h dueHeap) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *dueHeap) Push(x any)        { *h = append(*h, x.(*lane)) }
func (h *dueHeap) Pop() any {
	last := len(*h) - 1
	l := (*h)[last]
	(*h)[last] = nil
	*h = (*h)[:last]
	return l
}

// armLocked sets the alarm to when the next lane is due, or has been aside for too long. One alarm a subscription: what is due later is
// armed when it rings.
func (s *subscription) armLocked(now time.Time) {
	next := s.ledger.ripe(now)
	if due := s.ledger.asideDue; !due.IsZero() && (next.IsZero() || due.Before(next)) {
		next = due
	}
	switch {
	case next.IsZero() || !s.alarmAt.IsZero() && !next.Before(s.alarmAt):
		return // Nothing waits, or it rings early enough.
	case s.alarm == nil:
		s.alarm = time.AfterFunc(next.Sub(now), s.ring)
	default:
		s.alarm.Reset(next.Sub(now))
	}
	s.alarmAt = next
}

// ring makes ready what is due, and ends the patience with what nobody can take.
func (s *subscription) ring() {
	now := s.env.now()
	s.mu.Lock()
	s.alarmAt = time.Time{}
	s.reviewAsideLocked(now)
	s.armLocked(now)
	s.stirredLocked()
	s.mu.Unlock()
	s.dig()
	s.rouse()
}
