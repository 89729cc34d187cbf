package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"

	"hibachi/cmd/hibachi/bench/lean"
	"hibachi/links/amqp"
)

// StuckOptions of the scene with the stuck consumer.
type StuckOptions struct {
	Events    int // in all; half of them on the held devices; default 1,000,000
	Held      int // devices that the stuck consumer holds; default 100
	Devices   int // others; default 10,000
	Consumers int // the stuck one among them; default 8
}

func (o StuckOptions) withDefaults() StuckOptions {
	num := func(n *int, d int) {
		if *n == 0 {
			*n = d
		}
	}
	num(&o.Events, 1_000_000)
	num(&o.Held, 100)
	num(&o.Devices, 10_000)
	num(&o.Consumers, 8)
	return o
}

// StuckResult tells how it went. Bytes of the broker's memory are 0 without a PID; seconds.
type StuckResult struct {
	Events       int     `json:"events"`
	Publish      float64 `json:"publishSeconds"`
	Others       int     `json:"othersEvents"`  // events of devices that nobody holds
	OthersTime   float64 `json:"othersSeconds"` // until the other consumers had all of them
	HeldEvents   int     `json:"heldEvents"`
	HeldTime     float64 `json:"heldSeconds"` // from the death of the stuck consumer until the others had all of its devices' events
	RSSEmpty     int64   `json:"rssEmpty"`
	RSSBacklog   int64   `json:"rssBacklog"`   // backlog written, other consumers not yet there
	RSSPeak      int64   `json:"rssPeak"`      // while the others received, the one stuck
	RSSPeakAfter int64   `json:"rssPeakAfter"` // while the held devices went on
	Verdict      Verdict `json:"order"`
}

// stuckSenders publish; each has its own devices.
const stuckSenders = 4

// Stuck plays the scene: one of several competing consumers takes one event of each of some devices and hangs; these devices make up half
// of a backlog. The other consumers have to receive every event of all other devices, none of the held ones, and those, in order, when
// the stuck consumer's connection is cut.
func Stuck(ctx context.Context, cfg Config, o StuckOptions, progress io.Writer) (StuckResult, error) {
	o = o.withDefaults()
	cfg.Tenants, cfg.Devices, cfg.Senders, cfg.Receivers = 1, o.Held+o.Devices, stuckSenders, o.Consumers-1
	cfg.Reconnect, cfg.Rate = false, 0
	cfg = cfg.WithDefaults()
	if err := cfg.Validate(); err != nil {
		return StuckResult{}, err
	}
	if o.Held < stuckSenders || o.Held%stuckSenders != 0 || o.Devices < stuckSenders || o.Consumers < 2 || o.Events < 4*o.Held {
		return StuckResult{}, fmt.Errorf("stuck: held devices a multiple of %d, at least 2 consumers, at least 4 events for each held device", stuckSenders)
	}
	s := &stuckScene{o: o, cfg: cfg, load: newLoad(cfg, progress), progress: progress}
	err := s.play(ctx)
	return s.result, errors.Join(err, s.close())
}

type stuckScene struct {
	o        StuckOptions
	cfg      Config
	load     *Load
	progress io.Writer
	hung     *hungConsumer
	result   StuckResult
}

func (s *stuckScene) play(ctx context.Context) error {
	m := startMeter(s.cfg.PID)
	if m != nil {
		s.result.RSSEmpty = m.start.RSS
	}
	var err error
	if s.hung, err = startHung(ctx, s.load, s.o.Held); err != nil {
		return err
	}
	if err := s.publish(ctx, m); err != nil {
		return err
	}
	for i := range s.cfg.Receivers {
		if err := s.load.addReceiver(ctx, i, []int{0}); err != nil {
			return err
		}
	}
	if err := s.others(ctx); err != nil {
		return err
	}
	if err := s.heldGoOn(ctx); err != nil {
		return err
	}
	s.result.Verdict = s.load.Verdict()
	return nil
}

// devices of one sender: first one event of each device to be held, then, in turn, one of these and one of the others.
func (s *stuckScene) share(i int) share {
	held, others := uint32(s.o.Held/stuckSenders), uint32((s.o.Devices-i+stuckSenders-1)/stuckSenders)
	return share{limit: int(held), device: func(n uint32) uint32 {
		if n < held {
			return n*stuckSenders + uint32(i)
		}
		n -= held
		if n%2 == 0 {
			return (n/2%held)*stuckSenders + uint32(i)
		}
		return uint32(s.o.Held) + (n/2%others)*stuckSenders + uint32(i)
	}}
}

// publish writes the backlog: the first events go to the stuck consumer, which has credit for just these.
func (s *stuckScene) publish(ctx context.Context, m *meter) error {
	for i := range stuckSenders {
		if err := s.load.addSender(ctx, i, []share{s.share(i)}); err != nil {
			return err
		}
	}
	began := time.Now()
	s.load.setSending(true)
	if err := s.until(ctx, "hand out", func() bool { return s.hung.holds() >= s.o.Held }); err != nil {
		return err
	}
	each := s.o.Events / stuckSenders
	for _, w := range s.load.senders {
		w.setLimit(each)
	}
	want := uint64(each * stuckSenders)
	err := s.until(ctx, "publish", func() bool { return s.load.totals().Accepted >= want })
	s.result.Publish = time.Since(began).Seconds()
	s.result.Events = int(want)
	if m != nil {
		s.result.RSSBacklog = m.sample().RSS
	}
	for device := range uint32(s.o.Held) {
		s.result.HeldEvents += int(s.load.sent(device))
	}
	s.result.Others = s.result.Events - s.result.HeldEvents
	return err
}

// sent is how many events of a device of the first tenant were sent.
func (l *Load) sent(device uint32) (n uint32) {
	for _, w := range l.senders {
		w.mu.Lock()
		for _, k := range w.links {
			n += k.seqs[device]
		}
		w.mu.Unlock()
	}
	return n
}

func (s *stuckScene) others(ctx context.Context) error {
	m := startMeter(s.cfg.PID)
	began := time.Now()
	err := s.until(ctx, "others", func() bool {
		m.sample()
		return s.load.totals().Fresh >= uint64(s.result.Others)
	})
	s.result.OthersTime = time.Since(began).Seconds()
	if m != nil {
		s.result.RSSPeak = m.peak
	}
	if err != nil {
		return err
	}
	for device := range uint32(s.o.Held) {
		if n := s.load.check.High(0, device); n > 0 {
			return fmt.Errorf("event %d of device %d was given to another consumer while the stuck one held the device", n, device)
		}
	}
	return s.hung.failure()
}

func (s *stuckScene) heldGoOn(ctx context.Context) error {
	m := startMeter(s.cfg.PID)
	began := time.Now()
	if err := s.hung.die(); err != nil {
		return err
	}
	err := s.until(ctx, "held", func() bool {
		m.sample()
		return s.load.totals().Fresh >= uint64(s.result.Events)
	})
	s.result.HeldTime = time.Since(began).Seconds()
	if m != nil {
		s.result.RSSPeakAfter = m.peak
	}
	return err
}

// until waits for done, as long as something moves.
func (s *stuckScene) until(ctx context.Context, what string, done func() bool) error {
	const patience = 20 * time.Second
	p := newPrinter(s.load, "stuck: "+what, s.load.totals(), startMeter(s.cfg.PID))
	last, moved := s.load.totals(), time.Now()
	tick := time.NewTicker(look)
	defer tick.Stop()
	for !done() {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case err := <-s.load.failed:
			return err
		case now := <-tick.C:
			t := s.load.totals()
			p.at(now, t)
			if t.Accepted != last.Accepted || t.Received != last.Received {
				last, moved = t, now
			}
			if t.refused() > 0 {
				return fmt.Errorf("%s: an event was not accepted: %s", what, t.Refusal)
			}
			if now.Sub(moved) > patience {
				return fmt.Errorf("%s: nothing moves for %v: %d events accepted, %d received, %d held by the stuck consumer",
					what, patience, t.Accepted, t.Fresh, s.hung.holds())
			}
		}
	}
	return nil
}

func (s *stuckScene) close() error {
	var err error
	if s.hung != nil {
		err = s.hung.die()
	}
	return errors.Join(err, s.load.Close())
}

// hungConsumer takes what it has credit for and settles nothing.
type hungConsumer struct {
	load *Load
	conn *lean.Conn
	held atomic.Int64
	done chan error        // its end
	dead bool              // owned by the scene
	seen map[uint32]uint32 // device to sequence; owned by run until done
}

func startHung(ctx context.Context, l *Load, credit int) (*hungConsumer, error) {
	h := &hungConsumer{load: l, done: make(chan error, 1), seen: map[uint32]uint32{}}
	cfg := l.cfg.conn("stuck", 0)
	cfg.Handler = h
	c, err := lean.Dial(ctx, l.cfg.url(0), cfg)
	if err != nil {
		return nil, err
	}
	if _, err := c.AttachReceiver(l.cfg.source(0), uint32(credit), false); err != nil {
		return nil, errors.Join(err, c.Kill())
	}
	h.conn = c
	go h.run()
	return h, nil
}

func (h *hungConsumer) run() {
	for {
		err := h.conn.Wait()
		if err == nil {
			err = h.conn.Handle()
		}
		if err != nil {
			h.done <- err
			return
		}
	}
}

// Message holds it.
func (h *hungConsumer) Message(_ *lean.Receiver, message []byte) bool {
	s, ok := readEvent(message, h.load.cfg.Size)
	if !ok || s.Run != h.load.run {
		return true // a leftover of another run: out of the way
	}
	h.seen[s.Device] = s.Seq
	h.held.Add(1)
	return false
}

// Outcome has no place here.
func (h *hungConsumer) Outcome(*lean.Sender, lean.Sent, *amqp.DeliveryState) {}

func (h *hungConsumer) holds() int { return int(h.held.Load()) }

// failure tells that the connection ended by itself.
func (h *hungConsumer) failure() error {
	select {
	case err := <-h.done:
		h.dead = true
		return fmt.Errorf("the stuck consumer's connection: %w", err)
	default:
		return nil
	}
}

// die cuts the connection. It must hold one event of each device then, the first.
func (h *hungConsumer) die() error {
	if h.dead {
		return nil
	}
	h.dead = true
	err := h.conn.Kill()
	<-h.done
	if int64(len(h.seen)) != h.held.Load() {
		return errors.Join(err, fmt.Errorf("the stuck consumer was given %d events of %d devices", h.held.Load(), len(h.seen)))
	}
	for device, seq := range h.seen {
		if seq != 1 {
			return errors.Join(err, fmt.Errorf("the stuck consumer was given event %d of device %d first", seq, device))
		}
	}
	return err
}

// write prints the result for people.
func (r StuckResult) write(w io.Writer) error {
	rate := func(n int, s float64) string { return number(float64(n) / s) }
	return table(w, [][]string{
		{"stuck consumer, over the wire", "events", "seconds", "events/s", "broker memory"},
		{"backlog published", number(float64(r.Events)), fmt.Sprintf("%.1f", r.Publish), rate(r.Events, r.Publish), size(r.RSSBacklog)},
		{"others' events, one stuck", number(float64(r.Others)), fmt.Sprintf("%.1f", r.OthersTime), rate(r.Others, r.OthersTime), size(r.RSSPeak)},
		{"held devices after its death", number(float64(r.HeldEvents)), fmt.Sprintf("%.1f", r.HeldTime), rate(r.HeldEvents, r.HeldTime), size(r.RSSPeakAfter)},
	})
}

func stuckCommand() *cobra.Command {
	var (
		cfg    Config
		o      StuckOptions
		asJSON bool
		flag   = cfgFlags{cfg: &cfg}
	)
	c := &cobra.Command{
		Use:   "stuck",
		Short: "Play the scene with the stuck consumer against a running broker",
		Long: `One of several competing consumers takes one event of each of some devices and hangs; these devices make up half of a backlog. The
other consumers have to receive every event of all other devices; then the stuck one dies, and its devices have to go on in order.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			cfg.Prefix = fmt.Sprintf("stuck-%d-", time.Now().Unix()) // a tenant without a past
			r, err := Stuck(c.Context(), cfg, o, c.ErrOrStderr())
			if err != nil {
				return err
			}
			if asJSON {
				err = writeJSON(c.OutOrStdout(), r)
			} else {
				err = errors.Join(r.write(c.OutOrStdout()), say(c.OutOrStdout(), orderLine(r.Verdict, 0)))
			}
			if err == nil && r.Verdict.Problem(0) != "" {
				return errWrong
			}
			return err
		},
	}
	d := o.withDefaults()
	f := c.Flags()
	f.StringSliceVar(&cfg.URLs, "url", Config{}.WithDefaults().URLs, "broker, as amqp://[user:password@]host[:port]; several are used in turn")
	f.StringVar(&flag.cfg.Application, "app", "app", "application to receive as")
	f.IntVar(&cfg.PID, "pid", 0, "process of the broker, to measure its memory (Linux)")
	f.IntVar(&cfg.Size, "size", 1024, "bytes of body")
	f.IntVar(&o.Events, "events", d.Events, "events in all")
	f.IntVar(&o.Held, "held", d.Held, "devices that the stuck consumer holds, a multiple of 4")
	f.IntVar(&o.Devices, "devices", d.Devices, "other devices")
	f.IntVar(&o.Consumers, "consumers", d.Consumers, "consumers, the stuck one among them")
	f.BoolVar(&asJSON, "json", false, "print the result as JSON")
	return c
}
