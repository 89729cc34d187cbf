package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"hibachi/cmd/hibachi/bench/lean"
)

// Config of a load. Zero values mean the defaults.
type Config struct {
	URLs        []string `json:"-"` // brokers, used in turn; default amqp://127.0.0.1:5672
	User        string   `json:"-"` // SASL PLAIN; default ANONYMOUS
	Password    string   `json:"-"`
	Target      string   // address pattern of producers; default event/{tenant}
	Source      string   // address pattern of consumers; default event/{tenant}::{app}
	Application string   // default app
	Prefix      string   // of the tenants' names, a number follows; default bench-
	Tenants     int      // default 8
	Devices     int      // of each tenant; default 10,000
	Senders     int      // connections; default 8
	Receivers   int      // connections; default 8
	Window      int      // events in flight on each connection; default 1000
	Credit      int      // of each receiving connection; default Window
	Size        int      // bytes of body; default 1024
	Rate        float64
	Reconnect   bool // go on after a lost connection, sending again what had no outcome
	PID         int  // of the broker, to measure it; 0: do not
}

// WithDefaults fills what is not set.
func (c Config) WithDefaults() Config {
	if len(c.URLs) == 0 {
		c.URLs = []string{"amqp://127.0.0.1:5672"}
	}
	str := func(s *string, d string) {
		if *s == "" {
			*s = d
		}
	}
	num := func(n *int, d int) {
		if *n == 0 {
			*n = d
		}
	}
	str(&c.Target, "event/{tenant}")
	str(&c.Source, "event/{tenant}::{app}")
	str(&c.Application, "app")
	str(&c.Prefix, "bench-")
	num(&c.Tenants, 8)
	num(&c.Devices, 10_000)
	num(&c.Senders, 8)
	num(&c.Receivers, 8)
	num(&c.Window, 1000)
	num(&c.Credit, c.Window)
	num(&c.Size, 1024)
	return c
}

// Validate says which field is wrong and why.
func (c Config) Validate() error {
	for _, n := range []struct {
		name      string
		value, to int
	}{
		{"tenants", c.Tenants, 10_000}, {"devices", c.Devices, MaxDevices}, {"senders", c.Senders, 10_000},
		{"receivers", c.Receivers, 10_000}, {"window", c.Window, 100_000}, {"credit", c.Credit, 100_000}, {"size", c.Size, 16 << 20},
	} {
		if n.value < 1 || n.value > n.to {
			return fmt.Errorf("%s %d: from 1 to %d", n.name, n.value, n.to)
		}
	}
	if c.Size < bodyHead {
		return fmt.Errorf("size %d: at least %d, to say which event it is", c.Size, bodyHead)
	}
	if c.Rate < 0 {
		return fmt.Errorf("rate %g: not below zero", c.Rate)
	}
	return nil
}

func (c Config) tenant(i int) string { return fmt.Sprintf("%s%d", c.Prefix, i) }
func (c Config) target(i int) string { return expand(c.Target, c.tenant(i), c.Application) }
func (c Config) source(i int) string { return expand(c.Source, c.tenant(i), c.Application) }
func (c Config) url(i int) string    { return c.URLs[i%len(c.URLs)] }

func (c Config) conn(kind string, i int) lean.Config {
	return lean.Config{
		ContainerID: fmt.Sprintf("hibachi-bench-%s-%d", kind, i),
		User:        c.User,
		Password:    c.Password,
		InFlight:    c.Window,
	}
}

// share is what one sending connection sends to one tenant.
type share struct {
	tenant int
	limit  int                            // events; 0: no limit
	device func(n uint32) (device uint32) // of the nth event, from 0
}

// roundRobin sends one event of each device from first on in steps of step, and again.
func roundRobin(tenant, first, step, devices int) share {
	n := uint32((devices - first + step - 1) / step)
	return share{tenant: tenant, device: func(i uint32) uint32 { return uint32(first) + (i%n)*uint32(step) }}
}

// shares deals the tenants and devices to the senders, so that no two of them have a device in common: its order is then theirs.
func (c Config) shares() [][]share {
	out := make([][]share, c.Senders)
	if c.Senders <= c.Tenants {
		for t := range c.Tenants {
			i := t % c.Senders
			out[i] = append(out[i], roundRobin(t, 0, 1, c.Devices))
		}
		return out
	}
	for i := range out {
		t := i % c.Tenants
		together := (c.Senders - t + c.Tenants - 1) / c.Tenants // senders of this tenant
		if first := i / c.Tenants; first < c.Devices {
			out[i] = []share{roundRobin(t, first, together, c.Devices)}
		}
	}
	return out
}

// sources deals the tenants to the receivers.
func (c Config) sources() [][]int {
	out := make([][]int, c.Receivers)
	for i := range max(c.Tenants, c.Receivers) {
		r := i % c.Receivers
		out[r] = append(out[r], i%c.Tenants)
	}
	return out
}

// Load is a set of connections under way. Its methods belong to one goroutine.
type Load struct {
	// Set once.
	cfg       Config
	run       uint64
	clock     time.Time // zero of the run's clock
	check     *Check
	senders   []*sendWorker
	receivers []*receiveWorker
	progress  io.Writer

	wg       sync.WaitGroup
	sending  atomic.Bool
	stopping atomic.Bool
	losses   atomic.Int64 // of connections
	failed   chan error   // the first failure that ends the load
}

// Open connects everybody. Nothing is sent before a Phase. Progress lines go to progress.
func Open(ctx context.Context, cfg Config, progress io.Writer) (*Load, error) {
	cfg = cfg.WithDefaults()
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	l := newLoad(cfg, progress)
	for i, tenants := range cfg.sources() {
		if err := l.addReceiver(ctx, i, tenants); err != nil {
			return nil, errors.Join(err, l.Close())
		}
	}
	for i, shares := range cfg.shares() {
		if err := l.addSender(ctx, i, shares); err != nil {
			return nil, errors.Join(err, l.Close())
		}
	}
	return l, nil
}

func newLoad(cfg Config, progress io.Writer) *Load {
	return &Load{
		cfg:      cfg,
		run:      rand.Uint64(),
		clock:    time.Now(),
		check:    NewCheck(cfg.Tenants, cfg.Devices),
		progress: progress,
		failed:   make(chan error, 1),
	}
}

func (l *Load) addSender(ctx context.Context, i int, shares []share) error {
	w, err := newSendWorker(l, i, shares)
	if err != nil {
		return err
	}
	if err := w.connect(ctx); err != nil {
		return err
	}
	l.senders = append(l.senders, w)
	l.wg.Go(func() { w.run(ctx) })
	return nil
}

func (l *Load) addReceiver(ctx context.Context, i int, tenants []int) error {
	w := newReceiveWorker(l, i, tenants)
	if err := w.connect(ctx); err != nil {
		return err
	}
	l.receivers = append(l.receivers, w)
	l.wg.Go(func() { w.run(ctx) })
	return nil
}

// now is the run's clock.
func (l *Load) now(t time.Time) int64 { return int64(t.Sub(l.clock)) }

// fail ends the load with its first failure.
func (l *Load) fail(err error) {
	select {
	case l.failed <- err:
	default:
	}
}

// lost notes the loss of a connection and tells whether to try again.
func (l *Load) lost(who string, err error) (again bool) {
	if l.stopping.Load() {
		return false
	}
	l.losses.Add(1)
	err = fmt.Errorf("%s: %w", who, err)
	if !l.cfg.Reconnect {
		l.fail(err)
		return false
	}
	fmt.Fprintln(l.progress, "lost:", err)
	return true
}

// setSending starts or pauses all senders.
func (l *Load) setSending(on bool) {
	l.sending.Store(on)
	for _, w := range l.senders {
		w.interrupt()
	}
}

// Losses is the number of connections lost.
func (l *Load) Losses() int { return int(l.losses.Load()) }

// Close closes all connections and waits for their goroutines.
func (l *Load) Close() error {
	l.stopping.Store(true)
	for _, w := range l.senders {
		w.interrupt()
	}
	for _, w := range l.receivers {
		w.interrupt()
	}
	l.wg.Wait()
	var errs []error
	for _, w := range l.senders {
		errs = append(errs, w.closeErr)
	}
	for _, w := range l.receivers {
		errs = append(errs, w.closeErr)
	}
	return errors.Join(errs...)
}

// Verdict of the order over everything so far. Call it when nothing is under way any more.
func (l *Load) Verdict() Verdict {
	for _, w := range l.senders {
		w.closeAccounts(l.check)
	}
	return l.check.Verdict()
}
