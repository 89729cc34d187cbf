package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"sync"
	"time"
)

// driver plays the rounds.
type driver struct {
	o       options
	out     io.Writer
	rng     *rand.Rand
	broker  *broker
	ledger  *ledger
	started time.Time
}

func newDriver(o options, dir string, l *ledger, out io.Writer) (*driver, error) {
	if o.rounds < 1 || o.tenants < 1 || o.senders < 1 || o.devices < 1 || o.consumers < 1 || o.inFlight < 1 {
		return nil, errors.New("rounds, tenants, senders, devices, consumers and in-flight: at least 1 of each")
	}
	if o.soonest < 0 || o.latest <= o.soonest {
		return nil, errors.New("latest has to be after soonest")
	}
	b, err := newBroker(o.binary, dir)
	if err != nil {
		return nil, err
	}
	return &driver{o: o, out: out, rng: rand.New(rand.NewPCG(o.seed, 1)), broker: b, ledger: l, started: time.Now()}, nil
}

func (d *driver) drive(ctx context.Context) (err error) {
	if err := d.begin(ctx); err != nil {
		return err
	}
	everybody, dismiss := context.WithCancel(ctx)
	senders, stopSending := context.WithCancel(everybody)
	var sending, receiving sync.WaitGroup
	defer func() {
		stopSending()
		dismiss()
		sending.Wait()
		receiving.Wait()
		err = errors.Join(err, d.end())
	}()
	if err := d.receivers(everybody, &receiving); err != nil {
		return err
	}
	d.senders(senders, &sending)
	for n := range d.o.rounds {
		if err := d.round(ctx, n+1); err != nil {
			return err
		}
	}
	pause(ctx, time.Second) // a last life without end, under load
	stopSending()
	sending.Wait()
	return d.drain(ctx)
}

func (d *driver) begin(ctx context.Context) error {
	if err := d.broker.start(); err != nil {
		return err
	}
	return d.broker.waitReady(ctx)
}

// end stops the last life in order; a broker that is down already needs no stop.
func (d *driver) end() error {
	if d.broker.life() == 0 {
		return nil
	}
	return d.broker.stop()
}

// receivers attaches every consumer once before anything is sent: an application lives from its first attach, and what was settled by
// all applications before that is not for it.
func (d *driver) receivers(ctx context.Context, wg *sync.WaitGroup) error {
	for tenant := range d.o.tenants {
		for _, app := range applications {
			for range d.o.consumers {
				c := &consumer{broker: d.broker, ledger: d.ledger, tenant: tenant, application: app}
				if err := c.connect(ctx); err != nil {
					return err
				}
				wg.Go(func() { c.run(ctx) })
			}
		}
	}
	return nil
}

func (d *driver) senders(ctx context.Context, wg *sync.WaitGroup) {
	for tenant := range d.o.tenants {
		for i := range d.o.senders {
			p := &producer{
				broker: d.broker, ledger: d.ledger, tenant: tenant, first: i * d.o.devices, devices: d.o.devices, inFlight: d.o.inFlight,
				rng: rand.New(rand.NewPCG(d.o.seed, uint64(2+tenant*d.o.senders+i))),
			}
			wg.Go(func() { p.run(ctx) })
		}
	}
}

// round kills and starts again; in one of five the new life is killed while it is still starting, too.
func (d *driver) round(ctx context.Context, n int) error {
	lived := d.o.soonest + time.Duration(d.rng.Int64N(int64(d.o.latest-d.o.soonest)))
	pause(ctx, lived)
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := d.broker.kill(); err != nil {
		return err
	}
	before := d.ledger.snapshot()
	began := time.Now()
	if err := d.broker.start(); err != nil {
		return err
	}
	note := ""
	if d.rng.IntN(5) == 0 {
		at := time.Duration(d.rng.Int64N(int64(100 * time.Millisecond)))
		pause(ctx, at)
		if err := d.broker.kill(); err != nil {
			return err
		}
		if err := d.broker.start(); err != nil {
			return err
		}
		note = fmt.Sprintf(", again %v after the start", at.Round(time.Millisecond))
	}
	if err := d.broker.waitReady(ctx); err != nil {
		return err
	}
	fmt.Fprintf(d.out, "%5.1fs  killed %2d/%d after %4d ms%s, ready %3d ms later: %d accepted, %d delivered\n",
		time.Since(d.started).Seconds(), n, d.o.rounds, lived.Milliseconds(), note, time.Since(began).Milliseconds(),
		before.accepted, before.deliveries)
	return nil
}

// drain waits until every application has every accepted event, and then until nothing more comes: a repeat that is under way belongs
// to the account.
func (d *driver) drain(ctx context.Context) error {
	const quiet = 2 * time.Second
	last, moved := d.ledger.snapshot(), time.Now()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return fmt.Errorf("while draining: %w", ctx.Err())
		case <-tick.C:
		}
		if now := d.ledger.snapshot(); now.deliveries != last.deliveries {
			last, moved = now, time.Now()
		}
		still := time.Since(moved)
		if still < quiet {
			continue
		}
		owed := d.ledger.owed()
		if owed == 0 {
			fmt.Fprintf(d.out, "%5.1fs  drained\n", time.Since(d.started).Seconds())
			return nil
		}
		if still > d.o.drain {
			return fmt.Errorf("%d deliveries are missing, and none came for %v", owed, d.o.drain)
		}
	}
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}
