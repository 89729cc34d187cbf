package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"hibachi/cmd/hibachi/bench/lean"
)

// IdleResult says what connections cost that do nothing.
type IdleResult struct {
	Connections   int   `json:"connections"`
	RSSBefore     int64 `json:"rssBefore"`
	RSSAfter      int64 `json:"rssAfter"`
	PerConnection int64 `json:"bytesPerConnection"`
}

// idleSettle is how long a broker has to come to rest before its memory is read.
const idleSettle = 3 * time.Second

// dialers connect at the same time.
const dialers = 32

// Idle opens n connections with a sender and a receiver each, keeps them, heartbeats and all, for hold, and then looks at the broker's
// memory (cfg.PID; 0: only opens them).
func Idle(ctx context.Context, cfg Config, n int, hold time.Duration, progress io.Writer) (IdleResult, error) {
	cfg = cfg.WithDefaults()
	if err := cfg.Validate(); err != nil {
		return IdleResult{}, err
	}
	r := IdleResult{Connections: n}
	m := startMeter(cfg.PID)
	ctx, cancel := context.WithCancel(ctx)
	crowd := &crowd{ctx: ctx, cancel: cancel, cfg: cfg}
	defer crowd.wg.Wait()
	defer cancel()
	if err := crowd.gather(n, progress); err != nil {
		return r, err
	}
	pause(ctx, hold)
	if err := crowd.failure(); err != nil {
		return r, err
	}
	end := m.sample()
	if m != nil {
		if m.failed != nil {
			return r, m.failed
		}
		r.RSSBefore, r.RSSAfter = m.start.RSS, end.RSS
		r.PerConnection = (end.RSS - m.start.RSS) / int64(n)
	}
	return r, nil
}

// crowd is the idle connections.
type crowd struct {
	// Set once.
	ctx    context.Context
	cancel context.CancelFunc
	cfg    Config

	wg  sync.WaitGroup
	mu  sync.Mutex
	err error // the first; guarded by mu
}

func (c *crowd) gather(n int, progress io.Writer) error {
	next := make(chan int)
	var dialing sync.WaitGroup
	for range min(dialers, n) {
		dialing.Go(func() {
			for i := range next {
				c.open(i)
			}
		})
	}
	told := time.Now()
	for i := range n {
		next <- i
		if c.failure() != nil {
			break
		}
		if time.Since(told) > time.Second {
			told = time.Now()
			fmt.Fprintf(progress, "idle: %d of %d connections\n", i, n)
		}
	}
	close(next)
	dialing.Wait()
	return c.failure()
}

func (c *crowd) open(i int) {
	conn, err := lean.Dial(c.ctx, c.cfg.url(i), c.cfg.conn("idle", i))
	if err != nil {
		c.fail(fmt.Errorf("connection %d: %w", i, err))
		return
	}
	t := i % c.cfg.Tenants
	_, err = conn.AttachSender(c.cfg.target(t))
	if err == nil {
		_, err = conn.AttachReceiver(c.cfg.source(t), uint32(c.cfg.Credit), true)
	}
	if err != nil {
		c.fail(errors.Join(fmt.Errorf("connection %d: %w", i, err), conn.Kill()))
		return
	}
	c.wg.Go(func() { c.keep(conn, i) })
}

// keep lives with a connection until the end, which interrupts it.
func (c *crowd) keep(conn *lean.Conn, i int) {
	stop := context.AfterFunc(c.ctx, conn.Interrupt)
	defer stop()
	for c.ctx.Err() == nil {
		err := conn.Wait()
		if err == nil {
			err = conn.Handle()
		}
		if err != nil {
			c.fail(errors.Join(fmt.Errorf("connection %d: %w", i, err), conn.Kill()))
			return
		}
	}
	if err := conn.Close(); err != nil {
		c.fail(fmt.Errorf("close connection %d: %w", i, err))
	}
}

func (c *crowd) fail(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err == nil {
		c.err = err
	}
}

func (c *crowd) failure() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}
