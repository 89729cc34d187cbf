package bench

import (
	"context"
	"fmt"
	"time"
)

// PhaseOptions say when a phase ends: at the first limit that is reached. Zero is no limit.
type PhaseOptions struct {
	Name     string
	Duration time.Duration
	Bytes    uint64        // of bodies accepted
	Patience time.Duration // to wait at the end for what is outstanding as long as nothing comes; default 10 s
}

// Result of a phase. Durations are nanoseconds in JSON.
type Result struct {
	Name     string  `json:"name"`
	Seconds  float64 `json:"seconds"`  // of sending
	Drain    float64 `json:"drain"`    // seconds from then until the last event was received
	Accepted uint64  `json:"accepted"` // over all
	Received uint64  `json:"received"` // for the first time
	Repeats  uint64  `json:"repeats"`
	Foreign  uint64  `json:"foreign"` // of other runs
	Refused  uint64  `json:"refused"` // any outcome but accepted
	Refusal  string  `json:"refusal,omitempty"`
	InRate   float64 `json:"inPerSecond"`  // accepted while sending
	OutRate  float64 `json:"outPerSecond"` // received while sending
	Accept   Latency `json:"sentToAccepted"`
	Deliver  Latency `json:"sentToReceived"`
	Broker   *Usage  `json:"broker,omitempty"`
	Client   *Usage  `json:"client,omitempty"`
}

// totals are the counters of all workers.
type totals struct {
	sendCounts
	receiveCounts
}

func (t totals) refused() uint64 { return t.Rejected + t.Released + t.Modified + t.Unknown }

func (l *Load) totals() totals {
	var t totals
	for _, w := range l.senders {
		c := w.snapshot()
		t.Sent += c.Sent
		t.Accepted += c.Accepted
		t.Rejected += c.Rejected
		t.Released += c.Released
		t.Modified += c.Modified
		t.Unknown += c.Unknown
		t.InFlight += c.InFlight
		if t.Refusal == "" {
			t.Refusal = c.Refusal
		}
	}
	for _, w := range l.receivers {
		c := w.snapshot()
		t.Received += c.Received
		t.Fresh += c.Fresh
		t.Foreign += c.Foreign
	}
	return t
}

// Phase sends until its limit, then waits until everything was answered and received, and measures both. When ctx ends the phase
// does, too, with what it has.
func (l *Load) Phase(ctx context.Context, o PhaseOptions) (Result, error) {
	if o.Patience == 0 {
		o.Patience = 10 * time.Second
	}
	l.takeLatencies()
	before := l.totals()
	broker, client := startMeter(l.cfg.PID), startMeter(ownPID())
	p := newPrinter(l, o.Name, before, broker)

	began := time.Now()
	l.setSending(true)
	err := l.whileSending(ctx, o, began, before, p)
	l.setSending(false)
	sent := l.totals()
	seconds := time.Since(began).Seconds()
	if err != nil {
		return Result{}, err
	}
	drained, err := l.drain(ctx, o.Patience, p)
	if err != nil {
		return Result{}, err
	}
	end := l.totals()
	r := Result{
		Name:     o.Name,
		Seconds:  seconds,
		Drain:    drained.Seconds(),
		Accepted: end.Accepted - before.Accepted,
		Received: end.Fresh - before.Fresh,
		Repeats:  end.Received - end.Fresh - (before.Received - before.Fresh),
		Foreign:  end.Foreign - before.Foreign,
		Refused:  end.refused() - before.refused(),
		Refusal:  end.Refusal,
		InRate:   float64(sent.Accepted-before.Accepted) / seconds,
		OutRate:  float64(sent.Fresh-before.Fresh) / seconds,
		Broker:   broker.stop(end.Accepted - before.Accepted),
		Client:   client.stop(end.Accepted - before.Accepted),
	}
	r.Accept, r.Deliver = l.takeLatencies()
	return r, nil
}

const look = 100 * time.Millisecond

func (l *Load) whileSending(ctx context.Context, o PhaseOptions, began time.Time, before totals, p *printer) error {
	tick := time.NewTicker(look)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case err := <-l.failed:
			return err
		case now := <-tick.C:
			t := l.totals()
			p.at(now, t)
			if o.Duration > 0 && now.Sub(began) >= o.Duration {
				return nil
			}
			if o.Bytes > 0 && (t.Accepted-before.Accepted)*uint64(l.cfg.Size) >= o.Bytes {
				return nil
			}
			if l.allSent(t) {
				return nil
			}
		}
	}
}

// allSent: senders with limits have reached them.
func (l *Load) allSent(t totals) bool {
	var limit uint64
	for _, w := range l.senders {
		for _, s := range w.shares {
			if s.limit == 0 {
				return false
			}
		}
		limit += w.limit()
	}
	return limit > 0 && t.Accepted+t.refused() >= limit
}

// drain waits until every event has its outcome and every accepted one was received; longer than patience without progress is the
// end, too: what is missing then is the verdict's matter.
func (l *Load) drain(ctx context.Context, patience time.Duration, p *printer) (time.Duration, error) {
	began := time.Now()
	last, moved := l.totals(), began
	tick := time.NewTicker(look / 10)
	defer tick.Stop()
	for {
		t := l.totals()
		if t.InFlight == 0 && (len(l.receivers) == 0 || t.Fresh >= t.Accepted) {
			return time.Since(began), nil
		}
		select {
		case <-ctx.Done():
			return time.Since(began), nil
		case err := <-l.failed:
			return 0, err
		case now := <-tick.C:
			if t.Fresh != last.Fresh || t.Accepted != last.Accepted {
				last, moved = t, now
			}
			if now.Sub(moved) > patience {
				fmt.Fprintf(l.progress, "%d events without outcome and %d accepted ones not received after %v without progress\n",
					t.InFlight, t.Accepted-min(t.Fresh, t.Accepted), patience)
				return time.Since(began), nil
			}
			p.at(now, t)
		}
	}
}

// takeLatencies gives what was recorded since the last call.
func (l *Load) takeLatencies() (accept, deliver Latency) {
	a, d := newHistogram(), newHistogram()
	for _, w := range l.senders {
		a.Merge(w.swapHistogram(newHistogram()))
	}
	for _, w := range l.receivers {
		d.Merge(w.swapHistogram(newHistogram()))
	}
	return summary(a), summary(d)
}

// printer writes a line a second about how it goes.
type printer struct {
	load   *Load
	name   string
	broker *meter
	began  time.Time
	last   time.Time
	seen   totals
	used   usage
}

func newPrinter(l *Load, name string, t totals, broker *meter) *printer {
	now := time.Now()
	p := &printer{load: l, name: name, broker: broker, began: now, last: now, seen: t}
	if broker != nil {
		p.used = broker.start
	}
	return p
}

func (p *printer) at(now time.Time, t totals) {
	used := p.broker.sample()
	passed := now.Sub(p.last).Seconds()
	if passed < 1 {
		return
	}
	in, out := t.Accepted-p.seen.Accepted, t.Fresh-p.seen.Fresh
	line := fmt.Sprintf("%s %4.0fs  in %s/s  out %s/s  in flight %s  behind %s", p.name, now.Sub(p.began).Seconds(),
		number(float64(in)/passed), number(float64(out)/passed), number(float64(t.InFlight)), number(float64(t.Accepted)-float64(t.Fresh)))
	if n := t.refused() - p.seen.refused(); n > 0 {
		line += fmt.Sprintf("  REFUSED %d", n)
	}
	if p.broker != nil && used.RSS > 0 {
		line += fmt.Sprintf("  broker %.0f%% CPU, %s", 100*(used.CPU-p.used.CPU).Seconds()/passed, size(used.RSS))
	}
	fmt.Fprintln(p.load.progress, line)
	p.last, p.seen, p.used = now, t, used
}
