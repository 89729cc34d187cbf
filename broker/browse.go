package broker

import (
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"hibachi/persistence"
)

// browser gives one consumer every stored event once, in the order of the log. It has no cursor: nothing is held back for it, and what is
// deleted before it came to it, it does not see. What it cannot read it passes over only if it is no longer stored.
type browser struct {
	// Set once.
	env   *environment
	log   persistence.Log
	waker Waker
	left  func(*browser)
	cold  persistence.Position // what the ring has up to here may be deleted

	waits atomic.Bool // its last Take gave less than it wanted

	mu sync.Mutex
	// Guarded by mu.
	after   persistence.Position // read up to here
	records []persistence.Record // read, not taken
	busy    bool                 // a reading is under way: it owns keys
	rewound bool                 // what is being read is not wanted: after was set back
	gone    bool
	sizer   sizer
	keys    []persistence.Key
}

const browseBytes = 1 << 20 // about as much is read ahead

// Browse gives a consumer that sees every stored event once, from the earliest on, and then what comes; it takes nothing and holds
// nothing back. Settle does nothing; Untake wants the last deliveries of the last Take.
func (t *Tenant) Browse(w Waker) *Consumer {
	b := &browser{env: t.env, log: t.log, waker: w, cold: t.log.Head(), sizer: newSizer()}
	b.left = func(b *browser) { t.unfollow(b) }
	t.follow(b)
	t.env.counters.consumers.Add(1)
	return &Consumer{of: b, waker: w}
}

func (b *browser) advanced(int) { b.wake() }

func (b *browser) wake() {
	if b.waits.CompareAndSwap(true, false) {
		b.waker.Wake()
	}
}

func (b *browser) take(_ *Consumer, dst []Delivery, max, maxBytes int) ([]Delivery, bool) {
	t := taking{dst: dst, room: max, bytes: maxBytes}
	b.waits.Store(max > 0) // Before the look at the head: what comes in between wakes us.
	b.handOut(&t)
	caughtUp := false
	for t.room > 0 && !caughtUp && b.read(&caughtUp) {
		if !b.handOut(&t) {
			break
		}
	}
	if t.room == 0 {
		b.waits.Store(false)
	}
	b.env.counters.delivered.Add(t.given)
	if b.more() {
		b.wake() // maxBytes stopped it, not want
	}
	return t.dst, caughtUp
}

func (b *browser) more() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.records) > 0
}

// handOut gives what was read. It reports false when that did not fit.
func (b *browser) handOut(t *taking) bool {
	coder := envelopeCoders.Get().(*envelopeCoder)
	defer envelopeCoders.Put(coder)
	b.mu.Lock()
	defer b.mu.Unlock()
	for len(b.records) > 0 && t.room > 0 {
		r := b.records[0]
		if t.given > 0 && len(r.Body) > t.bytes {
			return false
		}
		e, err := coder.decode(r.Envelope)
		if err != nil {
			b.env.counters.unreadable.Add(1)
		}
		t.dst = append(t.dst, Delivery{Position: r.Position, Arrived: e.arrived, Expires: e.expires, Device: e.device, Message: r.Body})
		b.records[0] = persistence.Record{}
		b.records = b.records[1:]
		t.room--
		t.bytes -= len(r.Body)
		t.given++
	}
	return len(b.records) == 0
}

// read gets the next records from the ring, and reports true, or asks the disk for them.
func (b *browser) read(caughtUp *bool) bool {
	head := b.log.Head()
	b.mu.Lock()
	if b.busy || b.gone {
		*caughtUp = b.gone
		b.mu.Unlock()
		return false
	}
	after, n := b.after, b.sizer.fits(browseBytes)
	if after >= head {
		*caughtUp = true
		b.mu.Unlock()
		return false
	}
	b.busy = true
	b.mu.Unlock()

	if after >= b.cold {
		if records, ok := b.log.Tail(after, n, nil); ok {
			if len(records) == 0 {
				b.answer(nil, head)
			} else {
				b.answer(records, records[len(records)-1].Position)
			}
			return true
		}
	}
	b.log.Scan(nil, after, n, b.scanned)
	return false
}

func (b *browser) scanned(keys []persistence.Key, through persistence.Position, err error) {
	switch {
	case err != nil:
		b.failed(err)
	case len(keys) == 0:
		b.answer(nil, through)
		b.wake()
	default:
		b.keys = append(b.keys[:0], keys...)
		b.log.Fetch(b.keys, b.fetched)
	}
}

func (b *browser) fetched(records []persistence.Record, err error) {
	if err != nil {
		b.failed(err)
		return
	}
	b.answer(records, b.keys[len(b.keys)-1].Position)
	b.wake()
}

// answer ends a reading that came to through.
func (b *browser) answer(records []persistence.Record, through persistence.Position) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.sizer.observe(records)
	if !b.rewound && !b.gone {
		b.records = slices.Clone(records)
		b.after = through
	}
	b.busy, b.rewound = false, false
}

// failed asks again later.
func (b *browser) failed(err error) {
	if errors.Is(err, persistence.ErrClosed) {
		return
	}
	b.env.counters.readErrors.Add(1)
	time.AfterFunc(readRetry, func() {
		b.mu.Lock()
		b.busy, b.rewound = false, false
		b.mu.Unlock()
		b.wake()
	})
}

// untake goes back to before the first of ps. What a connection's reader gives back may come behind what its writer took later and gives back:
// it never goes forward.
func (b *browser) untake(_ *Consumer, ps []persistence.Position) {
	if len(ps) == 0 {
		return
	}
	b.mu.Lock()
	b.after = min(b.after, slices.Min(ps)-1)
	b.records = nil
	b.rewound = b.busy
	b.mu.Unlock()
	b.wake()
}

func (b *browser) settle(*Consumer, []Settlement) {}

func (b *browser) detach(*Consumer) {
	b.mu.Lock()
	first := !b.gone
	b.gone = true
	b.records = nil
	b.mu.Unlock()
	if first {
		b.env.counters.consumers.Add(-1)
		b.left(b)
	}
}
