package broker

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"hibachi/persistence"
)

// Each thing that makes something deliverable wakes somebody who waits.
func TestWhoWaitsIsWoken(t *testing.T) {
	for _, c := range []struct {
		name string
		do   func(h *house, holder *hand)
	}{
		{"an event", func(h *house, _ *hand) { h.publish("acme", 9, "new") }},
		{"a device goes on", func(_ *house, holder *hand) { holder.settle(Done, holder.all...) }},
		{"a return", func(_ *house, holder *hand) { holder.settle(Return, holder.all...) }},
		{"an end of waiting", func(_ *house, holder *hand) {
			holder.settle(Return, holder.all...)
			holder.settle(Return, holder.get(1)...)
			time.Sleep(backoffFirst)
		}},
		{"an untake", func(_ *house, holder *hand) {
			holder.Untake([]persistence.Position{holder.all[0].Position})
		}},
		{"a detach", func(_ *house, holder *hand) { holder.Detach() }},
		{"a take that left something", func(h *house, holder *hand) {
			for range 3 { // so that holder is the one that is woken, and takes only one of two
				holder.get(9)
			}
			h.publish("acme", 9, "new", "new2")
		}},
	} {
		for _, ring := range []int64{0, -1} {
			synctest.Test(t, func(t *testing.T) {
				h := newHouse(t, Options{}, ring)
				h.publish("acme", 1, "d", "d")
				holder, waiter := h.attach("acme", "app"), h.attach("acme", "app")
				holder.get(1)
				want(t, waiter.get(5), "")
				waiter.woken.Store(false)
				c.do(h, holder)
				synctest.Wait()
				if !waiter.woken.Load() {
					t.Errorf("%s, ring %d: who waits is not woken", c.name, ring)
				}
				if len(waiter.get(5)) == 0 {
					t.Errorf("%s, ring %d: but there is nothing", c.name, ring)
				}
			})
		}
	}
}

// Who is inside a Write is told, but somebody else is woken too.
func TestWriterInsideAWriteDoesNotHoldUpOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, Options{}, 0)
		busy, free, third := h.attach("acme", "app"), h.attach("acme", "app"), h.attach("acme", "app")
		for _, c := range []*hand{busy, free, third} {
			want(t, c.get(5), "")
			c.woken.Store(false)
		}
		busy.writing.Store(true)
		h.publish("acme", 1, "d")
		if !busy.woken.Load() || !free.woken.Load() {
			t.Errorf("busy woken %v, free woken %v", busy.woken.Load(), free.woken.Load())
		}
		if third.woken.Load() {
			t.Error("one event woke two that are free")
		}
	})
}

// Who was woken and has no room any more lets somebody else have it.
func TestTakeOfNothingPassesTheWakeUpOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, Options{}, 0)
		first, second := h.attach("acme", "app"), h.attach("acme", "app")
		want(t, first.get(5), "")
		want(t, second.get(5), "")
		second.woken.Store(false)
		h.publish("acme", 1, "d")
		if second.woken.Load() {
			t.Fatal("one event woke two")
		}
		first.Take(nil, 0, 0)
		if !second.woken.Load() {
			t.Error("the wake-up is lost")
		}
	})
}

// The same when it dies between the wake-up and its Take.
func TestDetachPassesTheWakeUpOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, Options{}, 0)
		first, second := h.attach("acme", "app"), h.attach("acme", "app")
		want(t, first.get(5), "")
		want(t, second.get(5), "")
		second.woken.Store(false)
		h.publish("acme", 1, "d")
		first.Detach()
		if !second.woken.Load() {
			t.Error("the wake-up is lost")
		}
	})
}

func TestNoGoroutines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, Options{}, 0)
		h.publish("acme", 1, "d")
		h.attach("acme", "app").get(1)
		before := runtime.NumGoroutine()
		for i := range 300 {
			c := h.attach(fmt.Sprint("t", i%30), fmt.Sprint("a", i))
			c.get(1)
			c.settle(Return, c.all...)
		}
		if n := runtime.NumGoroutine() - before; n > 10 {
			t.Errorf("300 subscriptions have %d goroutines", n)
		}
	})
}

// connection is a consumer with a writer and a reader of its own, as links has them.
type connection struct {
	*hand
	bell  chan struct{}
	toSay chan []Delivery
	saw   func([]Delivery)
	rnd   *rand.Rand
}

func (c *connection) Wake() bool {
	select {
	case c.bell <- struct{}{}:
	default:
	}
	return !c.writing.Load()
}

// write takes when it is woken or has credit again.
func (c *connection) write(quit <-chan struct{}) {
	defer close(c.toSay)
	for {
		max := c.rnd.IntN(8)
		ds, idle := c.Take(nil, max, 1+c.rnd.IntN(200))
		c.saw(ds)
		if len(ds) > 0 {
			c.toSay <- ds
		}
		if len(ds) == max && max > 0 && !idle {
			continue
		}
		if max == 0 { // it has credit soon
			runtime.Gosched()
			continue
		}
		c.writing.Store(true)
		runtime.Gosched()
		c.writing.Store(false)
		select {
		case <-c.bell:
		case <-quit:
			return
		}
	}
}

// read settles what was written.
func (c *connection) read(rnd *rand.Rand) {
	for ds := range c.toSay {
		for _, d := range ds {
			c.settle([]Verb{Done, Done, Done, Done, Return}[rnd.IntN(5)], d)
		}
	}
}

// Many connections with real goroutines: nobody stays asleep while there is something, and the order holds.
func TestConnectionsAtTheSameTime(t *testing.T) {
	for name, ring := range map[string]int64{"ring": 0, "disk": -1, "both": 3000} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				const events, perApp = 1000, 4
				h := newHouse(t, Options{MaxHeld: 128, MaxLoadedBytes: 300, MaxUnsettled: 20, BackoffMax: time.Second}, ring)
				h.broker.env.page = 100
				quit := make(chan struct{})
				var running sync.WaitGroup
				for app := range 2 {
					var mu sync.Mutex
					order := make(inOrder)
					saw := func(ds []Delivery) {
						mu.Lock()
						defer mu.Unlock()
						order.see(t, ds...)
					}
					for i := range perApp {
						c := &connection{
							bell: make(chan struct{}, 1), toSay: make(chan []Delivery, 100), saw: saw, rnd: rand.New(rand.NewPCG(uint64(i), uint64(app))),
						}
						c.hand = &hand{t: t}
						h.tenant("acme").Attach(fmt.Sprint("app", app), c, AttachOptions{Create: true}, func(got *Consumer, err error) {
							if err != nil {
								t.Error(err)
							}
							c.Consumer = got
						})
						synctest.Wait()
						running.Go(func() { c.write(quit) })
						running.Go(func() { c.read(rand.New(rand.NewPCG(uint64(i), uint64(app+10)))) })
					}
				}
				var o outcomes
				tenant := h.tenant("acme")
				for i := range events {
					d := fmt.Sprint("d", i*i%37)
					tenant.Publish(&Event{Device: d, Message: body(d, i), Done: &o})
				}
				deadline := time.Now().Add(time.Hour)
				for h.broker.Stats().Done < 2*events && time.Now().Before(deadline) {
					time.Sleep(100 * time.Millisecond)
				}
				if done := h.broker.Stats().Done; done != 2*events {
					t.Errorf("%d of %d are done, and all are asleep: %s", done, 2*events, h.ledgerOf("acme", "app0").describe())
				}
				close(quit)
				running.Wait()
				h.ledgerOf("acme", "app0").check(t)
			})
		})
	}
}

// What did not fit into memory beside what he has comes to a consumer who holds that and has room for more.
func TestConsumerThatHoldsIsGivenWhatDidNotFitBefore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, Options{MaxLoadedBytes: 1}, 0)
		c := h.attach("acme", "app")
		h.publish("acme", 1, "a", "b", "c")
		want(t, c.get(10), "a/1 b/2 c/3")
	})
}
