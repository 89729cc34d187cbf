package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"
)

// scene is one thing that every client is put through. play says in a few words what was seen.
type scene struct {
	name string
	play func(ctx context.Context, c *client, b *broker) (string, error)
}

var scenes = []scene{
	{"exchange", func(ctx context.Context, c *client, b *broker) (string, error) {
		return exchange(ctx, c, b.addr, load{tenant: "exchange", count: 1000, devices: 10, size: 200, consumers: 3, credit: 20})
	}},
	{"large-512", func(ctx context.Context, c *client, b *broker) (string, error) {
		return exchange(ctx, c, b.addr, load{tenant: "large512", count: 6, devices: 2, size: 1 << 20, consumers: 1, credit: 5, frame: 512})
	}},
	{"large-64k", func(ctx context.Context, c *client, b *broker) (string, error) {
		return exchange(ctx, c, b.addr, load{tenant: "large64k", count: 6, devices: 2, size: 1 << 20, consumers: 1, credit: 5, frame: 65536})
	}},
	{"drain", drain},
	{"reconnect", reconnect},
	{"idle", idle},
}

// load is what is sent and who receives it.
type load struct {
	tenant               string
	count, devices, size int
	consumers            int // of each of the two applications
	credit, frame        int
	reconnect            bool
	cut                  func() // cuts the network; called when a quarter, a half and three quarters are accepted. nil: never
}

func (l load) args(address string) []string {
	args := []string{"address=" + address, fmt.Sprint("count=", l.count), fmt.Sprint("devices=", l.devices), fmt.Sprint("size=", l.size),
		fmt.Sprint("credit=", l.credit), fmt.Sprint("frame=", l.frame)}
	if l.reconnect {
		args = append(args, "reconnect=1")
	}
	return args
}

// exchange sends l while two independent applications receive it, each by competing consumers.
func exchange(ctx context.Context, c *client, addr string, l load) (string, error) {
	tenant := l.tenant + "-" + c.name
	applications := []*application{
		{address: "event/" + tenant + "::one"},
		{address: "event/" + tenant + "/two"}, // the other way to write it
	}
	defer func() {
		for _, a := range applications {
			a.kill()
		}
	}()
	for _, a := range applications {
		if err := a.start(ctx, c, addr, l); err != nil {
			return "", err
		}
	}
	if err := send(ctx, c, addr, tenant, l); err != nil {
		return "", err
	}
	repeats := 0
	for _, a := range applications {
		events, err := a.receive(ctx, l)
		if err != nil {
			return "", fmt.Errorf("%s: %w", a.address, err)
		}
		if err := check(events, l.count, l.devices, l.size, l.reconnect); err != nil {
			return "", fmt.Errorf("%s: %w", a.address, err)
		}
		repeats += len(events) - l.count
	}
	what := fmt.Sprintf("%d events of %d bytes to 2 applications with %d consumers each, in order per device", l.count, l.size, l.consumers)
	if l.reconnect {
		what += fmt.Sprintf(", %d repeats", repeats)
	}
	return what, nil
}

// send waits until every event has the outcome accepted.
func send(ctx context.Context, c *client, addr, tenant string, l load) error {
	p, err := c.start(ctx, addr, "send", l.args("event/"+tenant)...)
	if err != nil {
		return err
	}
	accepted := map[string]bool{}
	for len(accepted) < l.count {
		line, err := p.line(ctx)
		if err != nil {
			return fmt.Errorf("%w (%d of %d accepted)", err, len(accepted), l.count)
		}
		words := strings.Fields(line)
		if len(words) != 4 || words[0] != "outcome" || words[3] != "accepted" {
			return fmt.Errorf("%s: %s", p.name, line)
		}
		accepted[words[2]] = true
		if l.cut != nil && len(accepted) < l.count && len(accepted)%(l.count/4) == 0 {
			l.cut()
		}
	}
	return p.end()
}

// application is several competing consumers, each a process of its own.
type application struct {
	address   string
	consumers []*process
}

func (a *application) start(ctx context.Context, c *client, addr string, l load) error {
	for range l.consumers {
		p, err := c.start(ctx, addr, "receive", l.args(a.address)...)
		if err != nil {
			return err
		}
		a.consumers = append(a.consumers, p)
	}
	for _, p := range a.consumers {
		line, err := p.line(ctx)
		if err != nil {
			return err
		}
		if line != "ready" {
			return fmt.Errorf("%s: %s", p.name, line)
		}
	}
	return nil
}

// receive gathers what the consumers show until all of l is there, and ends them. What comes behind that, for a moment, is gathered too:
// a repeat would be a fault.
func (a *application) receive(ctx context.Context, l load) ([]event, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var mu sync.Mutex
	var events []event
	distinct := map[string]bool{}
	failures := make(chan error, len(a.consumers))
	all := make(chan struct{})
	for _, p := range a.consumers {
		go func() {
			for {
				e, err := nextEvent(ctx, p)
				if err != nil {
					failures <- err
					return
				}
				mu.Lock()
				events = append(events, e)
				before := len(distinct)
				distinct[fmt.Sprint(e.device, " ", e.seq)] = true
				if before < l.count && len(distinct) == l.count {
					close(all)
				}
				mu.Unlock()
			}
		}()
	}
	select {
	case <-all:
	case err := <-failures:
		mu.Lock()
		defer mu.Unlock()
		return nil, fmt.Errorf("%w (%d of %d received)", err, len(distinct), l.count)
	}
	time.Sleep(200 * time.Millisecond) // the accepts of the last events, and repeats if there are any
	var errs error
	for _, p := range a.consumers {
		errs = errors.Join(errs, p.stdin.Close())
	}
	for range a.consumers {
		<-failures // each ends its output
	}
	a.consumers = nil
	mu.Lock()
	defer mu.Unlock()
	return events, errs
}

func nextEvent(ctx context.Context, p *process) (event, error) {
	for {
		line, err := p.line(ctx)
		if err != nil {
			return event{}, err
		}
		if line == "ready" {
			continue // attached again
		}
		var e event
		if _, err := fmt.Sscanf(line, "event %d %s %d %d", &e.micros, &e.device, &e.seq, &e.size); err != nil {
			return event{}, fmt.Errorf("%s: %q: %w", p.name, line, err)
		}
		return e, nil
	}
}

func (a *application) kill() {
	for _, p := range a.consumers {
		_ = p.cmd.Process.Kill()
	}
}

// drain: what is held is delivered before the broker answers a drain, and an empty application is answered at once.
func drain(ctx context.Context, c *client, b *broker) (string, error) {
	tenant := "drain-" + c.name
	l := load{count: 20, devices: 20, size: 50, credit: 50}
	if err := send(ctx, c, b.addr, tenant, l); err != nil {
		return "", err
	}
	for _, want := range []int{20, 0} {
		got, err := drainOnce(ctx, c, b.addr, "event/"+tenant+"::a", l)
		if err != nil {
			return "", err
		}
		if got != want {
			return "", fmt.Errorf("a drain of %d brought %d events, want %d", l.credit, got, want)
		}
	}
	return "20 held events before the answer, then none", nil
}

func drainOnce(ctx context.Context, c *client, addr, address string, l load) (events int, err error) {
	p, err := c.start(ctx, addr, "drain", l.args(address)...)
	if err != nil {
		return 0, err
	}
	for {
		line, err := p.line(ctx)
		if err != nil {
			return 0, fmt.Errorf("%w (after %d events)", err, events)
		}
		if line == "drained" {
			return events, p.end()
		}
		events++
	}
}

// reconnect: the network is cut three times while events flow; clients come back and nothing is missing or out of order.
func reconnect(ctx context.Context, c *client, b *broker) (string, error) {
	p, err := newProxy(b.addr)
	if err != nil {
		return "", err
	}
	defer p.close()
	return exchange(ctx, c, p.addr(), load{tenant: "reconnect", count: 3000, devices: 10, size: 200, consumers: 2, credit: 20, reconnect: true, cut: p.cut})
}

// idle: a connection on which nobody says anything lives through three of the client's idle time-outs.
func idle(ctx context.Context, c *client, b *broker) (string, error) {
	p, err := c.start(ctx, b.addr, "idle", "address=event/idle-"+c.name, "frame=0", "idle=1000")
	if err != nil {
		return "", err
	}
	line, err := p.line(ctx)
	if err != nil {
		return "", err
	}
	if line != "outcome d0 0 accepted" {
		return "", fmt.Errorf("%s: %s", p.name, line)
	}
	return "an event accepted after 3.5 silent idle time-outs", p.end()
}
