package broker

import (
	"errors"
	"slices"
	"time"

	"hibachi/persistence"
)

// Reading. A subscription reads three things: bodies of ready lanes (load), the log ahead (look), the log again (pass). Each comes from
// the ring if the ring has it, at once and in the caller's goroutine; else the disk is asked, and the answer goes on where this
// stopped. busy is the baton: who sets it owns subscription.reading until it is false again.

const (
	lookahead   = 1024 // lanes ready or loaded at which reading stops, if there is appetite for as many
	scanPage    = 4096 // keys of one Scan
	tailPageMin = 64   // records of one Tail
	ringPages   = 4    // pages from the ring that one call of advance reads; more come by the fetch goroutines, so that Take never takes long
	readRetry   = time.Second
)

// reading is the work of the reading under way.
type reading struct {
	keys []persistence.Key // being loaded

	// What a look has read and a limit kept it from taking: the next one goes on there, or at the limit a page would be read for each event
	// that is settled.
	ahead   []persistence.Key
	through persistence.Position

	records []persistence.Record
	one     []persistence.Record
	sizer   sizer
}

func newReading() reading { return reading{sizer: newSizer()} }

type task uint8

const (
	nothing task = iota
	load
	look
	backscan
)

// advance reads until there is enough for now, or nothing more, or the disk was asked. pages bounds what it reads from the ring.
func (s *subscription) advance(pages int) {
	for {
		head := s.log.Head()
		s.mu.Lock()
		t, want := s.chooseLocked(head)
		after := s.ledger.scan
		if t == backscan {
			after = s.ledger.pass.at
		}
		s.mu.Unlock()

		more := false
		switch t {
		case load:
			more = s.load()
		case look:
			more = s.look(after, head, want, &pages)
		case backscan:
			more = s.backscan(after, &pages)
		}
		if !more {
			return
		}
	}
}

// chooseLocked picks what is to be read now, and takes the baton for it. want is how many events would be welcome.
func (s *subscription) chooseLocked(head persistence.Position) (t task, want int) {
	if s.closed {
		s.quiet = true
	}
	if s.busy || s.closed || s.appetite == 0 {
		return nothing, 0
	}
	g := &s.ledger
	if g.behind.n > 0 && g.ready.n+g.loaded.n == 0 && (g.scan >= head || !g.lookable()) {
		g.bringBehind()
	}
	want = min(s.appetite, lookahead) - g.loaded.n
	switch {
	case want > 0 && g.ready.n > 0 && g.roomForBodies():
		t = load
		s.reading.keys = g.load(s.reading.keys[:0], min(want, s.reading.sizer.fits(g.maxLoaded-g.loadedBytes)))
	case want > g.ready.n:
		t = s.searchLocked(head)
	}
	s.busy = t != nothing
	s.quiet = t == nothing
	return t, want
}

// searchLocked picks between looking ahead and reading again, in turns: neither may starve the other.
func (s *subscription) searchLocked(head persistence.Position) task {
	g := &s.ledger
	ahead := g.scan < head
	s.capped = ahead && !g.lookable()
	again := g.passable()
	ahead = ahead && !s.capped
	if again && (s.passNext || !ahead) {
		s.passNext = false
		if !g.pass.active {
			g.startPass()
		}
		return backscan
	}
	if ahead {
		s.passNext = true
		return look
	}
	return nothing
}

// load gets the bodies of reading.keys.
func (s *subscription) load() (more bool) {
	r := &s.reading
	slices.SortFunc(r.keys, func(a, b persistence.Key) int {
		if a.Position < b.Position {
			return -1
		}
		return 1
	})
	split := s.recall()
	s.mu.Lock()
	s.ledger.supply(r.keys[split:], r.records)
	r.sizer.observe(r.records)
	r.forget()
	r.keys = r.keys[:split]
	if split == 0 {
		s.readLocked()
	}
	s.mu.Unlock()
	if split > 0 {
		s.log.Fetch(r.keys, s.onFetched)
	}
	return split == 0
}

// recall finds in the ring the records of reading.keys[split:].
func (s *subscription) recall() (split int) {
	r := &s.reading
	for split = len(r.keys); split > 0; split-- {
		p := r.keys[split-1].Position
		if p <= s.cold {
			break
		}
		var ok bool
		r.one, ok = s.log.Tail(p-1, 1, r.one[:0])
		if !ok || len(r.one) == 0 || r.one[0].Position != p {
			break
		}
		r.records = append(r.records, r.one[0])
	}
	slices.Reverse(r.records)
	return split
}

// fetched is the answer to load.
func (s *subscription) fetched(records []persistence.Record, err error) {
	s.mu.Lock()
	if err != nil {
		s.ledger.unload(s.reading.keys)
		s.failedLocked(err)
	} else {
		s.reading.sizer.observe(records)
		s.ledger.supply(s.reading.keys, records)
		s.readLocked()
	}
	s.mu.Unlock()
	s.goOn()
}

// look reads on in the log.
func (s *subscription) look(after, head persistence.Position, want int, pages *int) (more bool) {
	r := &s.reading
	if len(r.ahead) > 0 {
		s.mu.Lock()
		s.lookAtLocked(r.ahead, r.through)
		s.readLocked()
		s.mu.Unlock()
		return true
	}
	if after < s.cold || *pages <= 0 {
		s.log.Scan(s.cursor, after, s.env.page, s.onLooked)
		return false
	}
	*pages--
	limit := max(want, tailPageMin)
	var ok bool
	r.records, ok = s.log.Tail(after, limit, r.records[:0])
	if !ok {
		s.log.Scan(s.cursor, after, s.env.page, s.onLooked)
		return false
	}
	s.mu.Lock()
	all := true
	for _, rec := range r.records {
		if all = s.ledger.lookRecord(rec); !all {
			break
		}
	}
	if all && len(r.records) < limit {
		s.ledger.looked(head)
	}
	r.forget()
	s.readLocked()
	s.mu.Unlock()
	return true
}

// looked is the answer of the disk to look.
func (s *subscription) looked(keys []persistence.Key, through persistence.Position, err error) {
	s.mu.Lock()
	if err != nil {
		s.failedLocked(err)
	} else {
		s.lookAtLocked(keys, through)
		s.readLocked()
	}
	s.mu.Unlock()
	s.goOn()
}

// lookAtLocked takes keys, which are all there are up to through, or keeps what a limit stands before.
func (s *subscription) lookAtLocked(keys []persistence.Key, through persistence.Position) {
	r := &s.reading
	for i, k := range keys {
		if _, ok := s.ledger.look(k); !ok {
			r.ahead, r.through = append(r.ahead[:0], keys[i:]...), through
			return
		}
	}
	r.ahead = r.ahead[:0]
	s.ledger.looked(through)
}

// backscan reads the next page of the pass. What the ring has it has whole: a lane of the pass is done with nothing above its after.
func (s *subscription) backscan(after persistence.Position, pages *int) (more bool) {
	if after < s.cold || *pages <= 0 {
		s.log.Scan(s.cursor, after, s.env.page, s.onBackscanned)
		return false
	}
	*pages--
	r := &s.reading
	var ok bool
	r.records, ok = s.log.Tail(after, s.env.page, r.records[:0])
	if !ok || len(r.records) == 0 {
		s.log.Scan(s.cursor, after, s.env.page, s.onBackscanned)
		return false
	}
	r.keys = r.keys[:0]
	for _, rec := range r.records {
		r.keys = append(r.keys, rec.Key)
	}
	r.forget()
	s.mu.Lock()
	s.ledger.backscanned(r.keys, r.keys[len(r.keys)-1].Position)
	s.readLocked()
	s.mu.Unlock()
	return true
}

// backscanned is the answer of the disk to backscan.
func (s *subscription) backscanned(keys []persistence.Key, through persistence.Position, err error) {
	s.mu.Lock()
	if err != nil {
		s.failedLocked(err)
	} else {
		s.ledger.backscanned(keys, through)
		s.readLocked()
	}
	s.mu.Unlock()
	s.goOn()
}

// readLocked ends a reading.
func (s *subscription) readLocked() {
	s.busy = false
	s.quiet = false
	if s.consumers == 0 {
		s.shrinkLocked()
	}
}

// shrinkLocked gives back what nobody is there for. No reading is under way.
func (s *subscription) shrinkLocked() {
	s.ledger.dropBodies()
	s.reading = newReading()
}

// failedLocked ends a reading that failed. A store that cannot read now is asked again after a while; the baton is kept until then.
func (s *subscription) failedLocked(err error) {
	if errors.Is(err, persistence.ErrClosed) {
		s.readLocked()
		s.closed, s.quiet = true, true
		return
	}
	s.env.counters.readErrors.Add(1)
	time.AfterFunc(readRetry, func() {
		s.mu.Lock()
		s.readLocked()
		s.mu.Unlock()
		s.goOn()
	})
}

// goOn continues after an answer of the disk.
func (s *subscription) goOn() {
	s.advance(ringPages)
	s.rouse()
}

// forget lets go of the bodies that were read.
func (r *reading) forget() {
	clear(r.records)
	clear(r.one)
	r.records, r.one = r.records[:0], r.one[:0]
}

// sizer guesses how many bodies fit into so many bytes, by the largest of late: Fetch is asked by number.
type sizer struct{ largest int }

const (
	fetchMax    = 128
	firstGuess  = 64 << 10
	sizerMemory = 64 // a large body is remembered for about as many later answers
)

func newSizer() sizer { return sizer{largest: firstGuess} }

func (z *sizer) observe(records []persistence.Record) {
	z.largest -= z.largest / sizerMemory
	for _, r := range records {
		z.largest = max(z.largest, bodySize(r))
	}
}

func (z *sizer) fits(bytes int) int {
	return min(max(bytes/max(1, z.largest), 1), fetchMax)
}
