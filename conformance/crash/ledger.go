package main

import "sync"

// device is one of a tenant's.
type device struct{ tenant, number int }

// reader is a device as one application sees it.
type reader struct {
	application string
	device
}

// outcome of an event as its sender knows it.
type outcome uint8

const (
	unknown  outcome = iota // sent, and the answer never came
	accepted                // on disk, says the broker
	refused                 // any other outcome
)

// delivery is one arrival of an event at an application.
type delivery struct {
	seq  int
	life int // of the broker, counted from 1
}

// ledger is the account of everything that was sent and received.
type ledger struct {
	mu sync.Mutex
	// Guarded by mu.
	sent     map[device][]outcome // of number 1, 2, …
	received map[reader][]delivery
	first    map[reader][]bool // number seq-1 has arrived
	counts   counts
	refusals map[string]int
}

type counts struct {
	sent, accepted, refused int
	fresh                   int // arrived at an application for the first time and accepted or not
	deliveries              int
}

func newLedger() *ledger {
	return &ledger{
		sent: map[device][]outcome{}, received: map[reader][]delivery{}, first: map[reader][]bool{}, refusals: map[string]int{},
	}
}

// send gives the next number of a device.
func (l *ledger) send(d device) (seq int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sent[d] = append(l.sent[d], unknown)
	l.counts.sent++
	return len(l.sent[d])
}

// answer notes an outcome; why says what a refusal said.
func (l *ledger) answer(d device, seq int, o outcome, why string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sent[d][seq-1] = o
	if o == accepted {
		l.counts.accepted++
		return
	}
	l.counts.refused++
	l.refusals[why]++
}

// receive notes an arrival, before it is acknowledged.
func (l *ledger) receive(r reader, seq, life int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.received[r] = append(l.received[r], delivery{seq, life})
	l.counts.deliveries++
	f := l.first[r]
	for len(f) < seq {
		f = append(f, false)
	}
	if seq > 0 && !f[seq-1] {
		f[seq-1] = true
		l.counts.fresh++
	}
	l.first[r] = f
}

func (l *ledger) snapshot() counts {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.counts
}

// owed is the number of arrivals of accepted events that are still to come.
func (l *ledger) owed() (n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for d, outcomes := range l.sent {
		for _, app := range applications {
			f := l.first[reader{app, d}]
			for i, o := range outcomes {
				if o == accepted && (i >= len(f) || !f[i]) {
					n++
				}
			}
		}
	}
	return n
}
