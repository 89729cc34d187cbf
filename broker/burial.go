package broker

import (
	"errors"
	"slices"
	"time"

	"hibachi/persistence"
)

// Burials. An event that its application rejected, or that is poison, becomes a dead letter: a copy in a log of its own, with what there
// is to tell of its end. Until the copy is on disk the event is not done and its lane waits, in state burying; all other lanes go on.
//
//	queue -> the body is read -> the log of the dead letters is opened, the first time -> the copy is handed to the store -> on disk: done
//
// One batch of burials is under way at a time, of about a mebibyte, so that an application which rejects everything costs no more memory
// than that. It all happens on the store's goroutines; who settles only puts into the queue.
//
// A crash between the copy and the done has the event come again, and perhaps be buried again. So a copy carries the position of
// its event (as its lane, which costs nothing: dead letters keep no order), and when the log is opened the subscription notes those of
// which it had not heard that they are done. What is among them gets no second copy, unless somebody has taken the first one meanwhile.
//
// The dead letters of an application are bounded. When they are too many, the lane is parked instead: nothing is lost, and nobody else
// stops.
type undertaker struct {
	queue []*burial // Guarded by subscription.mu.
	busy  bool      // Guarded by subscription.mu: a batch is under way.
	left  int       // Guarded by subscription.mu: of the batch, not on disk yet.

	// Owned by the batch under way.
	batch   []*burial // ascending
	keys    []persistence.Key
	records []persistence.Record
	sizer   sizer
	letters *Tenant                   // the log of the dead letters, once it is open
	known   map[persistence.Lane]bool // copies of events that were not done when it was opened
	opening persistence.Position      // its head then
}

// burial is one event on its way to the dead letters.
type burial struct {
	of     *subscription
	key    persistence.Key
	letter DeadLetter
	append persistence.Append
}

// fate is how a burial ended.
type fate uint8

const (
	buried     fate = iota
	unburiable      // no room, or it does not fit: the lane is parked
	vanished        // the event is no longer stored: it is done
)

const burialBytes = 1 << 20

// buryLocked queues the first event of a lane, which is in no list.
func (s *subscription) buryLocked(l *lane, reason, description string) {
	s.ledger.bury(l)
	s.undertaker.queue = append(s.undertaker.queue, &burial{
		of: s, key: persistence.Key{Position: l.q.first, Lane: l.id},
		letter: DeadLetter{
			Tenant: s.tenant.name, Application: s.name,
			Reason: reason, Description: excerpt(description, maxDescription), Attempts: l.trouble.attempts,
			Time: s.env.now(), Source: l.q.first,
		},
	})
}

// dig begins a batch if there is something to bury and none is under way.
func (s *subscription) dig() {
	u := &s.undertaker
	s.mu.Lock()
	if u.busy || len(u.queue) == 0 {
		s.mu.Unlock()
		return
	}
	u.busy = true
	n := min(len(u.queue), u.sizer.fits(burialBytes))
	u.batch = append(u.batch[:0], u.queue[:n]...)
	u.queue = slices.Delete(u.queue, 0, n)
	u.left = n
	s.mu.Unlock()

	slices.SortFunc(u.batch, func(a, b *burial) int {
		if a.key.Position < b.key.Position {
			return -1
		}
		return 1
	})
	u.keys = u.keys[:0]
	for _, b := range u.batch {
		u.keys = append(u.keys, b.key)
	}
	s.exhume()
}

// exhume reads the bodies of the batch.
func (s *subscription) exhume() {
	u := &s.undertaker
	s.log.Fetch(u.keys, func(records []persistence.Record, err error) {
		if err != nil {
			s.digLater(err, s.exhume)
			return
		}
		u.sizer.observe(records)
		u.records = records
		s.openLetters()
	})
}

// digLater has something tried again that the store failed, unless the store is closed: then the next start sees to it.
func (s *subscription) digLater(err error, again func()) {
	if errors.Is(err, persistence.ErrClosed) || errors.Is(err, ErrClosing) {
		return
	}
	s.env.counters.readErrors.Add(1)
	time.AfterFunc(readRetry, again)
}

// openLetters opens the log of the dead letters, on a goroutine of the store that may wait for the disk.
func (s *subscription) openLetters() {
	u := &s.undertaker
	if u.letters != nil {
		s.inter()
		return
	}
	letters, err := s.tenant.letters(s.name)
	if err != nil {
		s.digLater(err, s.openLetters)
		return
	}
	// Its reader is made before its first record: what is there before the first reader would stay for a grace.
	letters.attach(lettersReader, attaching{waker: nobody{}, create: true, done: func(c *Consumer, err error) {
		if err != nil {
			s.digLater(err, s.openLetters)
			return
		}
		c.Detach()
		u.known = make(map[persistence.Lane]bool)
		u.opening = letters.log.Head()
		s.recognise(letters, 0)
	}})
}

// nobody is the waker of a consumer that never takes.
type nobody struct{}

func (nobody) Wake() bool { return false }

// recognise notes the copies of events that are not done.
func (s *subscription) recognise(letters *Tenant, after persistence.Position) {
	u := &s.undertaker
	s.mu.Lock()
	floor := s.ledger.opens.floor
	s.mu.Unlock()
	letters.log.Scan(nil, after, s.env.page, func(keys []persistence.Key, through persistence.Position, err error) {
		if err != nil {
			s.digLater(err, func() { s.recognise(letters, after) })
			return
		}
		for _, k := range keys {
			if persistence.Position(k.Lane) > floor {
				u.known[k.Lane] = true
			}
		}
		if through < u.opening {
			s.recognise(letters, through)
			return
		}
		u.letters = letters
		s.inter()
	})
}

// inter hands the copies of the batch to the store. What ends at once may be the last of the batch and begin the next one, so nothing of
// the batch is touched after that.
func (s *subscription) inter() {
	u := &s.undertaker
	batch, records := slices.Clone(u.batch), u.records
	u.records = nil
	room := u.letters.room()
	for _, b := range batch {
		for len(records) > 0 && records[0].Position < b.key.Position {
			records = records[1:]
		}
		copied := persistence.Lane(b.key.Position)
		switch {
		case len(records) == 0 || records[0].Position != b.key.Position:
			s.ended(b, vanished)
		case u.known[copied]:
			delete(u.known, copied)
			s.ended(b, buried)
		case room <= 0:
			s.ended(b, unburiable)
		default:
			room--
			b.inter(u.letters, records[0])
		}
	}
}

// inter hands one copy to the store.
func (b *burial) inter(letters *Tenant, r persistence.Record) {
	env := b.of.env
	body := r.Body
	if env.limits.Label != nil {
		body = env.limits.Label(body, b.letter)
	}
	b.append = persistence.Append{Lane: persistence.Lane(b.key.Position), Envelope: everlasting(env, r.Envelope), Body: body, Done: b}
	letters.log.Append(&b.append)
}

// everlasting is an event's envelope without its expiry.
func everlasting(env *environment, in []byte) []byte {
	coder := envelopeCoders.Get().(*envelopeCoder)
	defer envelopeCoders.Put(coder)
	e, err := coder.decode(in)
	if err != nil {
		env.counters.unreadable.Add(1)
		return in // It goes without what was known about it, as its event did.
	}
	e.expires = time.Time{}
	out, err := e.encode()
	if err != nil {
		return in
	}
	return out
}

// Appended is for the store: the copy is on disk, or will never be.
func (b *burial) Appended(_ persistence.Position, err error) {
	switch {
	case err == nil:
		b.of.env.counters.deadLetters.Add(1)
		b.of.ended(b, buried)
	case errors.Is(err, persistence.ErrClosed):
		// The event is not done: it comes again.
	default:
		b.of.ended(b, unburiable)
	}
}

// ended lets the lane go on.
func (s *subscription) ended(b *burial, f fate) {
	s.mu.Lock()
	g := &s.ledger
	l := g.lanes[b.key.Lane]
	g.unbury(l)
	switch f {
	case buried:
		g.finish(l)
	case vanished:
		g.next(l)
	case unburiable:
		s.parkLocked(l)
	}
	s.undertaker.left--
	last := s.undertaker.left == 0
	if last {
		s.undertaker.busy = false
	}
	s.stirredLocked()
	s.mu.Unlock()

	if f == buried {
		s.cursor.Dirty()
	}
	if last {
		s.dig()
	}
	s.rouse()
}
