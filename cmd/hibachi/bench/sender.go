package bench

import (
	"context"
	"fmt"
	"time"

	"hibachi/cmd/hibachi/bench/lean"
	"hibachi/links/amqp"
)

// flushAt is how much a sender collects before it writes.
const flushAt = 64 << 10

// sendCounts of one sender.
type sendCounts struct {
	Sent, Accepted, Rejected, Released, Modified, Unknown uint64
	InFlight                                              int    // without outcome, those to be sent again included
	Refusal                                               string // the first
}

type sendWorker struct {
	worker
	index  int
	shares []share

	// Guarded by mu.
	links  []*sendLink
	counts sendCounts
	next   int       // link to begin with
	pace   time.Time // with a rate: when the next event is due
}

// sendLink is one link and the account of the devices that are sent on it.
type sendLink struct {
	share
	sender *lean.Sender
	events *eventWriter
	n      uint32   // events begun
	seqs   []uint32 // last number of each device
	resend []uint64 // tokens of a lost connection
}

func newSendWorker(l *Load, i int, shares []share) (*sendWorker, error) {
	w := &sendWorker{index: i, shares: shares}
	w.load, w.name, w.hist = l, fmt.Sprintf("sender %d", i), newHistogram()
	for _, s := range shares {
		ev, err := newEventWriter(l.run, l.cfg.tenant(s.tenant), uint32(s.tenant), l.cfg.Size)
		if err != nil {
			return nil, err
		}
		w.links = append(w.links, &sendLink{share: s, events: ev, seqs: make([]uint32, l.cfg.Devices)})
	}
	return w, nil
}

func (w *sendWorker) connect(ctx context.Context) error {
	cfg := w.load.cfg.conn("sender", w.index)
	cfg.Handler = w
	c, err := lean.Dial(ctx, w.load.cfg.url(w.index), cfg)
	if err != nil {
		return fmt.Errorf("%s: %w", w.name, err)
	}
	for _, l := range w.links {
		s, err := c.AttachSender(w.load.cfg.target(l.tenant))
		if err == nil && s.MaxMessageSize() > 0 && uint64(len(l.events.message)) > s.MaxMessageSize() {
			err = fmt.Errorf("events of %d bytes, and %s takes %d at most", len(l.events.message), s.Address(), s.MaxMessageSize())
		}
		if err != nil {
			_ = c.Kill() // the attach has failed, which is the news
			return fmt.Errorf("%s: %w", w.name, err)
		}
		s.UserData = l
		l.sender = s
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.conn = c
	return nil
}

func (w *sendWorker) run(ctx context.Context) {
	w.runWith(ctx, w.fill, w.connect, w.keepUnsettled)
}

// keepUnsettled puts what had no outcome in line to be sent again, as a sender does that wants each event at least once.
func (w *sendWorker) keepUnsettled() {
	w.mu.Lock()
	defer w.mu.Unlock()
	again := map[*sendLink][]uint64{}
	w.conn.Unsettled(func(s *lean.Sender, d lean.Sent) {
		l := s.UserData.(*sendLink)
		again[l] = append(again[l], d.Token)
	})
	for l, tokens := range again {
		l.resend = append(tokens, l.resend...)
	}
}

// fill sends what the windows allow, a link after the other. Guarded by mu.
func (w *sendWorker) fill() (more bool) {
	sending := w.load.sending.Load()
	if !sending {
		w.pace = time.Time{}
		w.conn.WakeAt(time.Time{})
		if w.toResend() == 0 {
			w.counts.InFlight = w.conn.InFlight()
			return false
		}
	}
	now := time.Now()
	room := min(w.load.cfg.Window-w.conn.InFlight(), w.paced(now))
	at, milli := w.load.now(now), now.UnixMilli()
	for idle := 0; room > 0 && idle < len(w.links) && w.conn.Buffered() < flushAt; {
		l := w.links[w.next]
		w.next = (w.next + 1) % len(w.links)
		if l.sender.Room() == 0 || !l.more(sending) {
			idle++
			continue
		}
		idle = 0
		device, seq := l.begin()
		message := l.events.next(device, seq, at, milli)
		l.sender.Send(message, uint64(device)<<32|uint64(seq), at)
		w.counts.Sent++
		room--
		w.spent()
	}
	w.counts.InFlight = w.conn.InFlight() + w.toResend()
	return w.conn.Buffered() >= flushAt
}

func (w *sendWorker) toResend() (n int) {
	for _, l := range w.links {
		n += len(l.resend)
	}
	return n
}

// paced tells how many events are due at a rate, and arranges to be woken for the next.
func (w *sendWorker) paced(now time.Time) int {
	rate := w.load.cfg.Rate / float64(w.load.cfg.Senders)
	if rate == 0 || !w.load.sending.Load() {
		return w.load.cfg.Window
	}
	if w.pace.IsZero() {
		w.pace = now
	}
	late := now.Sub(w.pace)
	if late < 0 {
		w.conn.WakeAt(w.pace)
		return 0
	}
	n := 1 + int(late.Seconds()*rate)
	w.conn.WakeAt(w.pace.Add(time.Duration(float64(n) / rate * float64(time.Second))))
	return n
}

func (w *sendWorker) spent() {
	if !w.pace.IsZero() {
		w.pace = w.pace.Add(time.Duration(float64(w.load.cfg.Senders) / w.load.cfg.Rate * float64(time.Second)))
	}
}

// more: the link has something to send.
func (l *sendLink) more(sending bool) bool {
	return len(l.resend) > 0 || sending && (l.limit == 0 || int(l.n) < l.limit)
}

// begin chooses the next event.
func (l *sendLink) begin() (device, seq uint32) {
	if len(l.resend) > 0 {
		token := l.resend[0]
		l.resend = l.resend[1:]
		return uint32(token >> 32), uint32(token)
	}
	device = l.device(l.n)
	l.n++
	l.seqs[device]++
	return device, l.seqs[device]
}

// Message has no place on a sending connection.
func (w *sendWorker) Message(*lean.Receiver, []byte) bool { return false }

// Outcome notes what became of an event.
func (w *sendWorker) Outcome(s *lean.Sender, d lean.Sent, state *amqp.DeliveryState) {
	switch state.Kind {
	case amqp.Accepted:
		w.counts.Accepted++
		record(w.hist, w.load.now(w.conn.ReadAt())-d.At)
		return
	case amqp.Rejected:
		w.counts.Rejected++
	case amqp.Released:
		w.counts.Released++
	case amqp.Modified:
		w.counts.Modified++
	default:
		w.counts.Unknown++
	}
	if w.counts.Refusal == "" {
		w.counts.Refusal = s.Address() + ": " + state.String()
	}
	l := s.UserData.(*sendLink)
	w.load.check.Refused(uint32(l.tenant), uint32(d.Token>>32), uint32(d.Token))
}

func (w *sendWorker) snapshot() sendCounts {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.counts
}

// setLimit lets the worker send so many events on each of its links, in all.
func (w *sendWorker) setLimit(n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, l := range w.links {
		l.limit = n
	}
	w.conn.Interrupt()
}

func (w *sendWorker) closeAccounts(c *Check) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, l := range w.links {
		for device, last := range l.seqs {
			c.SentUpTo(uint32(l.tenant), uint32(device), last)
		}
	}
}

// limit is what the worker may send in all, 0 without one.
func (w *sendWorker) limit() (n uint64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, l := range w.links {
		n += uint64(l.share.limit)
	}
	return n
}
