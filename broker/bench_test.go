package broker

import (
	"fmt"
	"testing"

	"hibachi/persistence"
)

// BenchmarkLedger is one event through the ledger alone: looked at, taken, done. The lanes beside it are blocked: choosing must not feel them.
func BenchmarkLedger(b *testing.B) {
	for _, blocked := range []int{0, 1000, 100_000} {
		b.Run(fmt.Sprint(blocked, " blocked"), func(b *testing.B) {
			o := Options{MaxUnsettled: 1 << 20, MaxBlocked: 1 << 20, MaxHeld: 1 << 20}.withDefaults()
			g := newLedger(o, &memory{limit: 1 << 30})
			c := &Consumer{leases: laneList{at: inQueue}}
			at := persistence.Position(0)
			look := func(lane int) {
				at++
				r := persistence.Record{Key: persistence.Key{Position: at, Lane: persistence.Lane(lane)}}
				if !g.lookRecord(r) {
					b.Fatal("there is no room")
				}
			}
			for i := range blocked {
				look(1_000_000 + i)
				g.handOut(g.loaded.front, c)
			}
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				look(i % 10_000)
				l := g.loaded.front
				g.handOut(l, c)
				g.settle(l)
				if len(g.done) == 1024 {
					g.done = g.done[:0]
				}
			}
		})
	}
}

// BenchmarkBackscan is one key of a pass.
func BenchmarkBackscan(b *testing.B) {
	o := Options{MaxHeld: 1 << 20}.withDefaults()
	g := newLedger(o, &memory{limit: 1 << 30})
	const lanes = 1000
	keys := make([]persistence.Key, scanPage)
	for i := range keys {
		keys[i] = persistence.Key{Position: persistence.Position(i + 1), Lane: persistence.Lane(i % lanes)}
		if i < lanes {
			g.look(keys[i])
		}
	}
	g.looked(scanPage)
	for b.Loop() {
		b.StopTimer()
		for _, l := range g.lanes {
			if l.q.n > 1 {
				g.held -= l.q.n - 1
				l.q.cut(1)
			}
			if !l.spilled {
				g.spill(l, persistence.Position(lanes+1))
			}
			l.after = lanes
			g.starve(l)
		}
		g.startPass()
		b.StartTimer()
		g.backscanned(keys[lanes:], scanPage)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(scanPage-lanes), "ns/key")
}

// latch is a Publication and a Waker that tell a channel.
type latch struct {
	stored chan struct{}
	woken  chan struct{}
}

func (l *latch) Published(_ persistence.Position, err error) {
	if err != nil {
		panic(err)
	}
	l.stored <- struct{}{}
}

func (l *latch) Wake() bool {
	select {
	case l.woken <- struct{}{}:
	default:
	}
	return true
}

// BenchmarkEvent is one event all the way: published, stored on a memory disk, taken, done; a thousand in flight.
func BenchmarkEvent(b *testing.B) {
	h := newHouse(b, Options{}, 0)
	tenant := h.tenant("acme")
	l := &latch{stored: make(chan struct{}, 2000), woken: make(chan struct{}, 1)}
	attached := make(chan *Consumer, 1)
	tenant.Attach("app", l, AttachOptions{Create: true}, func(c *Consumer, err error) {
		if err != nil {
			panic(err)
		}
		attached <- c
	})
	c := <-attached
	devices := make([]string, 10_000)
	for i := range devices {
		devices[i] = fmt.Sprint("device-", i)
	}
	message := make([]byte, 1024)
	finished := make(chan struct{})
	total := 0
	go func() {
		defer close(finished)
		var ds []Delivery
		var ss []Settlement
		for got := 0; ; {
			ds, _ = c.Take(ds[:0], 256, 256<<10)
			if len(ds) == 0 {
				if _, open := <-l.woken; !open && got == total {
					return
				}
				continue
			}
			ss = ss[:0]
			for _, d := range ds {
				ss = append(ss, Settlement{Position: d.Position})
			}
			c.Settle(ss)
			got += len(ds)
		}
	}()
	b.ReportAllocs()
	b.ResetTimer()
	for total = 0; total < b.N; total++ {
		if total >= 1000 {
			<-l.stored
		}
		tenant.Publish(&Event{Device: devices[total%len(devices)], Message: message, Done: l})
	}
	for range min(b.N, 1000) {
		<-l.stored
	}
	for h.broker.Stats().Done < uint64(b.N) {
		l.Wake()
	}
	b.StopTimer()
	close(l.woken)
	<-finished
}
