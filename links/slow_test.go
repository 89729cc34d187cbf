package links

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"hibachi/links/amqp"
)

func TestConsumerThatStopsReadingStopsNobodyElse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse()
		q := h.source("out")
		s := serve(t, h, func(o *Options) { o.Engine.IdleTimeout = -1 })
		stuck := connect(t, s)
		stuck.open()
		for handle := range uint32(20) {
			stuck.attachReceiver(handle, "out", 1_000_000)
		}
		stuck.stopReading()

		const events = 6000
		body := strings.Repeat("x", 1024)
		for range events {
			q.put(body)
		}
		synctest.Wait()
		_, held, _ := q.count()
		if limit := 2 * s.engine.OutputLimit / len(body); held == 0 || held > limit {
			t.Errorf("the stuck one holds %d events of 1 KiB, at most %d fit its buffers", held, limit)
		}

		began := time.Now()
		good := connect(t, s)
		good.open()
		good.attachReceiver(0, "out", events)
		for n := range events - held {
			x := want[*amqp.Transfer](good, "the others are for the one who reads")
			good.settle(x.DeliveryID.Value, x.DeliveryID.Value, amqp.Accepted)
			_ = n
		}
		good.wantIdle("the rest is with the stuck one")
		if waited := time.Since(began); waited > 0 {
			t.Errorf("a reader waited %v for one who does not read", waited)
		}

		synctest.Wait()
		for range held {
			x := want[*amqp.Transfer](good, "it is dropped for it, and what it held goes to the other")
			good.settle(x.DeliveryID.Value, x.DeliveryID.Value, amqp.Accepted)
		}
		if waited := time.Since(began); waited < 30*time.Second || waited > time.Minute {
			t.Errorf("it was dropped after %v", waited)
		}
		synctest.Wait()
		if _, _, accepted := q.count(); accepted != events {
			t.Errorf("%d accepted", accepted)
		}
		stuck.nc.Close()
		good.close()
		if n := s.Stats(); n.Connections != 0 || n.Senders != 0 {
			t.Errorf("%+v", n)
		}
	})
}

func TestSlowReaderIsNotDropped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse()
		s := serve(t, h, func(o *Options) { o.Engine.IdleTimeout = -1 })
		p := connect(t, s)
		p.open()
		p.attachReceiver(0, "out", 1000)
		p.stopReading()
		h.source("out").put(strings.Repeat("x", 60_000), strings.Repeat("y", 60_000))
		p.nc.SetReadDeadline(time.Time{})
		var got int
		for b := make([]byte, 5000); got < 120_000; { // twenty minutes a chunk
			time.Sleep(20 * time.Second)
			n, err := p.nc.Read(b)
			if err != nil {
				t.Fatalf("after %d octets: %v", got, err)
			}
			got += n
		}
		p.nc.Close()
	})
}

func TestSenderThatNeverReadsAnswersHoldsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse()
		h.budget = NewBudget(0, 0)
		s := serve(t, h, func(o *Options) { o.Budget = h.budget; o.Engine.IdleTimeout = -1 })
		deaf, other := connect(t, s), connect(t, s)
		deaf.open()
		deaf.attachSender(0, "in")
		deaf.stopReading()
		for id := range uint32(1000) {
			deaf.transfer(0, id, "message")
			deaf.flush()
		}
		synctest.Wait()
		if n := len(h.target("in").got()); n != 1000 {
			t.Errorf("%d messages arrived", n)
		}
		if used := h.budget.Used(); used != 0 {
			t.Errorf("%d bytes are charged although all is answered", used)
		}
		began := time.Now()
		other.open()
		other.attachSender(0, "in")
		other.transfer(0, 0, "hello")
		other.flush()
		want[*amqp.Disposition](other, "the other one is served")
		if waited := time.Since(began); waited > 0 {
			t.Errorf("it waited %v", waited)
		}
		deaf.readOn()
		deaf.wantOutcomes(1000, amqp.Accepted)
		deaf.nc.Close()
		other.nc.Close()
	})
}

func TestEndlessRequestsOfADeafPeerDoNotGrowMemory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serve(t, newHouse(), func(o *Options) { o.Engine.IdleTimeout = -1 })
		p := connect(t, s)
		p.open()
		p.attachReceiver(0, "out", 1)
		p.stopReading()
		for range 100 { // echoes and credit, a thousand at a time
			for range 1000 {
				p.put(&amqp.Flow{NextIncomingID: amqp.Some(amqp.SequenceNo(0)), IncomingWindow: 1, Handle: amqp.Some[uint32](0),
					DeliveryCount: amqp.Some(amqp.SequenceNo(0)), LinkCredit: amqp.Some[uint32](1), Echo: true}, nil)
			}
			p.flush()
		}
		synctest.Wait()
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		for range 100 {
			for range 1000 {
				p.put(&amqp.Flow{NextIncomingID: amqp.Some(amqp.SequenceNo(0)), IncomingWindow: 1, Handle: amqp.Some[uint32](0),
					DeliveryCount: amqp.Some(amqp.SequenceNo(0)), LinkCredit: amqp.Some[uint32](1), Echo: true}, nil)
			}
			p.flush()
		}
		synctest.Wait()
		runtime.GC()
		runtime.ReadMemStats(&after)
		if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > 1<<20 {
			t.Errorf("100,000 more echoes grew the heap by %d bytes", grown)
		}
		p.nc.Close()
	})
}

func TestAttachStormOfADeafPeerIsEnded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serve(t, newHouse())
		p := connect(t, s)
		p.open()
		p.stopReading()
		for n := uint32(0); ; n++ {
			if n == 100_000 {
				t.Fatal("it may go on for ever")
			}
			a := receiverAttach(n%1000, "out")
			a.LinkName = fmt.Sprint(n)
			p.put(a, nil)
			p.put(&amqp.Detach{Handle: n % 1000, Closed: true}, nil)
			if _, err := p.nc.Write(p.out); err != nil {
				break
			}
			p.out = p.out[:0]
			synctest.Wait()
			if s.Stats().Connections == 0 {
				break
			}
			if n%1000 == 999 {
				time.Sleep(time.Second)
			}
		}
		p.nc.Close()
	})
}
