package broker

import "sync"

// waiters are the consumers of one subscription whose last Take gave less than they wanted, the longest waiting first.
//
// A consumer joins before it looks for the last time whether there is something, so what comes afterwards finds it here: no wake-up
// is lost. Whoever is woken is out of the list and must come to Take, where it joins again or passes the wake-up on.
type waiters struct {
	mu          sync.Mutex
	front, back *Consumer // Guarded by mu, as each Consumer.wait is.
}

// place is a consumer's place among the waiters.
type place struct {
	prev, next *Consumer
	in         bool
	gone       bool // detached: it joins no more
}

func (w *waiters) join(c *Consumer) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if c.wait.in || c.wait.gone {
		return
	}
	c.wait.in = true
	c.wait.prev = w.back
	if w.back == nil {
		w.front = c
	} else {
		w.back.wait.next = c
	}
	w.back = c
}

func (w *waiters) leave(c *Consumer) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.removeLocked(c)
}

// leaveForGood keeps c from joining again.
func (w *waiters) leaveForGood(c *Consumer) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.removeLocked(c)
	c.wait.gone = true
}

func (w *waiters) pop() *Consumer {
	w.mu.Lock()
	defer w.mu.Unlock()
	c := w.front
	if c != nil {
		w.removeLocked(c)
	}
	return c
}

// wake wakes n of the waiting, or all if there are fewer. One whose connection is inside a Write is told, but does not count: it comes
// afterwards, and somebody else may be faster.
func (w *waiters) wake(n int) {
	for n > 0 {
		c := w.pop()
		if c == nil {
			return
		}
		if c.waker.Wake() {
			n--
		}
	}
}

func (w *waiters) removeLocked(c *Consumer) {
	if !c.wait.in {
		return
	}
	if p := &c.wait; p.prev == nil {
		w.front = p.next
	} else {
		p.prev.wait.next = p.next
	}
	if p := &c.wait; p.next == nil {
		w.back = p.prev
	} else {
		p.next.wait.prev = p.prev
	}
	c.wait = place{gone: c.wait.gone}
}
