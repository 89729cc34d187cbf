package links

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"hibachi/links/amqp"
)

// TestNoWakeUpIsLost lets random things happen at once to connections that share a queue, and looks at what must hold whenever everybody
// has done what they could: something is there only if nobody who reads has credit for it.
func TestNoWakeUpIsLost(t *testing.T) {
	for seed := range uint64(12) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { wakeHistory(t, rand.New(rand.NewPCG(seed, 0))) })
		})
	}
}

// TestWakeUpThatFindsNoRoomIsPassedOn: a link is woken while its writer fills its output for another link, of a peer that then does not
// read. The message is for somebody else.
func TestWakeUpThatFindsNoRoomIsPassedOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse()
		s := serve(t, h, func(o *Options) { o.Engine.IdleTimeout = -1; o.Engine.OutputLimit = 4 << 10 })
		full, other := connect(t, s), connect(t, s)
		full.open()
		full.attachReceiver(0, "large", 10)
		full.attachReceiver(1, "shared", 10)
		synctest.Wait() // first in line
		other.open()
		other.attachReceiver(0, "shared", 10)
		full.stopReading()
		first := true
		h.source("large").onTake = func() {
			if first {
				first = false
				h.source("shared").put("for one of both")
			}
		}
		began := time.Now()
		h.source("large").put(string(make([]byte, 5<<10)))
		if _, payload := wantPayload[*amqp.Transfer](other, "the one who reads gets it"); string(payload) != "for one of both" {
			t.Errorf("%q", payload)
		}
		if waited := time.Since(began); waited > 0 {
			t.Errorf("it took %v", waited)
		}
		full.nc.Close()
		other.nc.Close()
	})
}

// TestWakeUpOfALinkThatThereWasNoRoomToAskIsPassedOn: two links of a connection are woken at once, and the first fills the output.
func TestWakeUpOfALinkThatThereWasNoRoomToAskIsPassedOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse()
		s := serve(t, h, func(o *Options) { o.Engine.IdleTimeout = -1; o.Engine.OutputLimit = 4 << 10 })
		full, other := connect(t, s), connect(t, s)
		full.open()
		full.attachReceiver(0, "trigger", 10)
		full.attachReceiver(1, "large", 10)
		full.attachReceiver(2, "shared", 10)
		synctest.Wait() // first in line
		other.open()
		other.attachReceiver(0, "shared", 10)
		full.stopReading()
		first := true
		h.source("trigger").onTake = func() {
			if first {
				first = false
				h.source("large").put(string(make([]byte, 5<<10)))
				h.source("shared").put("for one of both")
			}
		}
		began := time.Now()
		h.source("trigger").put("go")
		if _, payload := wantPayload[*amqp.Transfer](other, "the one who reads gets it"); string(payload) != "for one of both" {
			t.Errorf("%q", payload)
		}
		if waited := time.Since(began); waited > 0 {
			t.Errorf("it took %v", waited)
		}
		full.nc.Close()
		other.nc.Close()
	})
}

// TestWriterInsideWriteIsNotWaitedFor: the first in line is busy with a peer that does not read.
func TestWriterInsideWriteIsNotWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse()
		s := serve(t, h)
		busy, other := connect(t, s), connect(t, s)
		busy.open()
		busy.attachReceiver(0, "own", 10)
		busy.attachReceiver(1, "shared", 10)
		synctest.Wait() // first in line
		other.open()
		other.attachReceiver(0, "shared", 10)
		busy.stopReading()
		h.source("own").put("never read")
		synctest.Wait()
		began := time.Now()
		h.source("shared").put("for one of both")
		if _, payload := wantPayload[*amqp.Transfer](other, "the one who reads gets it"); string(payload) != "for one of both" {
			t.Errorf("%q", payload)
		}
		if waited := time.Since(began); waited > 0 {
			t.Errorf("it took %v", waited)
		}
		busy.readOn()
		if _, payload := wantPayload[*amqp.Transfer](busy, "the other goes on"); string(payload) != "never read" {
			t.Errorf("%q", payload)
		}
		synctest.Wait() // it was asked again, being flagged, and is in line behind the other
		h.source("shared").put("two")
		want[*amqp.Transfer](other, "the first in line")
		h.source("shared").put("three")
		want[*amqp.Transfer](busy, "the second in line")
		busy.nc.Close()
		other.nc.Close()
	})
}

// TestWakeUpWithoutCreditIsPassedOn: a link is woken that just lost its credit.
func TestWakeUpWithoutCreditIsPassedOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse()
		s := serve(t, h)
		poor, other := connect(t, s), connect(t, s)
		poor.open()
		poor.attachReceiver(0, "shared", 10)
		synctest.Wait() // first in line
		other.open()
		other.attachReceiver(0, "shared", 10)
		poor.credit(0, 0, 0)
		synctest.Wait()
		h.source("shared").put("for one of both")
		if _, payload := wantPayload[*amqp.Transfer](other, "the one with credit gets it"); string(payload) != "for one of both" {
			t.Errorf("%q", payload)
		}
		poor.nc.Close()
		other.nc.Close()
	})
}

// drinker is a peer with a few links on the queue.
type drinker struct {
	*peer
	links   []drinkerLink
	reading bool
	session amqp.SequenceNo // deliveries so far
	held    []amqp.SequenceNo
}

type drinkerLink struct{ count, limit uint32 } // deliveries so far, and up to how many it gave credit

func wakeHistory(t *testing.T, r *rand.Rand) {
	h := newHouse()
	q := h.source("out")
	s := serve(t, h, func(o *Options) {
		o.Engine.IdleTimeout = -1
		o.Engine.OutputLimit = 4 << 10
		o.WriteTimeout = time.Hour
	})
	var all []*drinker
	join := func() {
		d := &drinker{peer: connect(t, s), links: make([]drinkerLink, 1+r.IntN(3)), reading: true}
		d.open()
		for i := range d.links {
			d.attachReceiver(uint32(i), "out", 0)
		}
		all = append(all, d)
	}
	for range 4 {
		join()
	}
	published := 0
	thirst := 1 + r.IntN(6) // how much more is wanted than there is
	for range 150 {
		d := all[r.IntN(len(all))]
		switch r.IntN(13) {
		case 0, 1, 2, 3:
			bodies := make([]string, 1+r.IntN(10))
			for i := range bodies {
				bodies[i] = string(make([]byte, r.IntN(600)))
			}
			published += len(bodies)
			go q.put(bodies...)
		case 4, 5, 6:
			l := r.IntN(len(d.links))
			d.links[l].limit += uint32(r.IntN(10 * thirst))
			d.credit(uint32(l), d.links[l].count, d.links[l].limit-d.links[l].count)
		case 7, 8:
			d.answer([]amqp.StateKind{amqp.Accepted, amqp.Accepted, amqp.Released}[r.IntN(3)])
		case 9:
			if d.reading {
				d.stopReading()
				d.reading = false
			}
		case 10:
			if !d.reading {
				d.readOn()
				d.reading = true
			}
		case 11: // credit is taken back
			if d.drink(t); d.reading {
				l := r.IntN(len(d.links))
				d.links[l].limit = d.links[l].count
				d.credit(uint32(l), d.links[l].count, 0)
			}
		case 12:
			if r.IntN(4) == 0 {
				d.nc.Close()
				for i := range all {
					if all[i] == d {
						all = append(all[:i], all[i+1:]...)
						break
					}
				}
				join()
			}
		}
		if r.IntN(3) == 0 {
			checkNobodyMisses(t, q, all)
		}
	}
	for _, d := range all { // at the end everybody reads, settles, and wants more until all is gone
		if !d.reading {
			d.readOn()
			d.reading = true
		}
	}
	for range 2000 {
		for _, d := range all {
			d.drink(t)
			d.answer(amqp.Accepted)
			for l := range d.links {
				d.links[l].limit += 10
				d.credit(uint32(l), d.links[l].count, d.links[l].limit-d.links[l].count)
			}
		}
		synctest.Wait()
		if loaded, out, _ := q.count(); loaded+out == 0 {
			break
		}
	}
	if loaded, out, accepted := q.count(); loaded+out != 0 || accepted != published {
		t.Errorf("%d published, %d there, %d out, %d accepted", published, loaded, out, accepted)
	}
	for _, d := range all {
		d.nc.Close()
	}
}

// drink takes in what has arrived.
func (d *drinker) drink(t *testing.T) {
	synctest.Wait()
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, f := range d.inbox {
		x, ok := f.body.(*amqp.Transfer)
		if !ok {
			continue // a flow
		}
		if x.DeliveryID.Value != d.session {
			t.Fatalf("delivery %d where %d was due", x.DeliveryID.Value, d.session)
		}
		d.session++
		d.held = append(d.held, x.DeliveryID.Value)
		l := &d.links[x.Handle]
		if l.count++; l.count > l.limit {
			t.Fatalf("delivery %d of link %d, whose credit goes to %d", l.count, x.Handle, l.limit)
		}
	}
	d.inbox = nil
}

// answer settles all that came.
func (d *drinker) answer(kind amqp.StateKind) {
	d.drink(d.t)
	if n := len(d.held); n > 0 {
		d.settle(d.held[0], d.held[n-1], kind)
		d.held = nil
	}
}

func checkNobodyMisses(t *testing.T, q *queue, all []*drinker) {
	synctest.Wait()
	for _, d := range all {
		d.drink(t)
	}
	loaded, _, _ := q.count()
	if loaded == 0 {
		return
	}
	for i, d := range all {
		for l, link := range d.links {
			if d.reading && link.count < link.limit {
				t.Fatalf("%d messages are there, and link %d of reader %d wants %d", loaded, l, i, link.limit-link.count)
			}
		}
	}
}
