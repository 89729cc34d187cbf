package broker

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"hibachi/persistence"
)

// backlog publishes n events; device gives the device of each.
func (h *house) backlog(tenant string, n int, device func(i int) string) {
	h.t.Helper()
	const batch = 2000
	for at := 0; at < n; at += batch {
		var ds []string
		for i := at; i < min(n, at+batch); i++ {
			ds = append(ds, device(i))
		}
		h.publish(tenant, at, ds...)
	}
}

// work has consumers take and settle everything, checking the order, until all are idle. It gives how many events each device had.
func (h *house) work(order inOrder, hands ...*hand) map[string]int {
	h.t.Helper()
	count := make(map[string]int)
	for {
		taken := 0
		for _, c := range hands {
			ds := c.fetch(100)
			order.see(h.t, ds...)
			for _, d := range ds {
				count[d.Device]++
			}
			taken += len(ds)
			c.settle(Done, ds...)
		}
		if taken == 0 {
			return count
		}
	}
}

// Eight consumers, one of which hangs with a hundred devices that make half of the backlog: the other seven get everything else, what
// the ledger holds stays small, and when the hung one dies its devices go on in order.
func TestStuckConsumer(t *testing.T) {
	for name, ring := range map[string]int64{"from the ring": 0, "from the disk": -1} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				const events, stuck, free = 20_000, 100, 1000
				h := newHouse(t, Options{MaxHeld: 4096}, ring)
				hung := h.attach("acme", "app")
				var devices []string
				for i := range stuck {
					devices = append(devices, fmt.Sprint("stuck", i))
				}
				h.publish("acme", -stuck, devices...)
				held := hung.get(stuck)
				if len(held) != stuck {
					t.Fatalf("the hung consumer has %d devices", len(held))
				}
				h.backlog("acme", events, func(i int) string {
					if i%2 == 0 {
						return fmt.Sprint("stuck", i/2%stuck)
					}
					return fmt.Sprint("free", i/2%free)
				})
				var hands []*hand
				for range 7 {
					hands = append(hands, h.attach("acme", "app"))
				}
				order := make(inOrder)
				order.see(t, held...)
				count := h.work(order, hands...)
				got := 0
				for d, n := range count {
					if d[:4] != "free" {
						t.Fatalf("%s is out, and came", d)
					}
					got += n
				}
				if got != events/2 {
					t.Errorf("the others got %d of %d events", got, events/2)
				}
				s := h.ledgerOf("acme", "app")
				s.check(t)
				if st := h.broker.Applications(1)[0]; st.Held > stuck*shareFlowing || st.Pages > 3*events/scanPage+20 || st.Unsettled != stuck || st.Backlog != events/2+stuck {
					t.Errorf("at the end: %+v", st)
				}

				hung.Detach()
				count = h.work(order, hands...)
				for _, d := range devices {
					if count[d] != 1+events/2/stuck {
						t.Errorf("%s: %d events came after the hung consumer died", d, count[d])
					}
				}
				s.check(t)
				if s.ledger.account.used != 0 {
					t.Errorf("%d bytes are left", s.ledger.account.used)
				}
			})
		})
	}
}

// A thousand spilled lanes of very different speed: everything comes, in order, and the log is not read over and over again.
func TestSpilledLanesOfMixedSpeed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const lanes, events = 1000, 40_000
		h := newHouse(t, Options{MaxHeld: 8192}, -1)
		h.backlog("acme", events, func(i int) string { return fmt.Sprint("d", i%lanes) })
		h.restart()
		c := h.attach("acme", "app")
		order := make(inOrder)
		var slow []Delivery
		for got, round := 0, 0; got < events; round++ {
			ds := c.fetch(lookahead)
			order.see(t, ds...)
			got += len(ds)
			if len(ds) == 0 && len(slow) == 0 {
				t.Fatalf("%d of %d events came: %s", got, events, h.ledgerOf("acme", "app").describe())
			}
			var fast []Delivery
			for _, d := range ds {
				if number(d.Message)%lanes < lanes/2 {
					fast = append(fast, d)
				} else {
					slow = append(slow, d)
				}
			}
			c.settle(Done, fast...)
			if round%5 == 4 || len(ds) == 0 {
				c.settle(Done, slow...)
				slow = nil
			}
		}
		st := h.broker.Applications(1)[0]
		h.ledgerOf("acme", "app").check(t)
		// A pass over all of them is ten pages, and brings up to 8192: with spilled / MaxHeld + 2 passes it would be 70.
		if st.Pages > 70 {
			t.Errorf("%d pages were read again", st.Pages)
		}
		t.Logf("%d pages in %d passes", st.Pages, h.ledgerOf("acme", "app").ledger.pass.number-1)
	})
}

// Lanes that flowed, and were well filled for it, hang now: what they hold makes room for those that go on.
func TestLanesThatHangGiveBackTheirRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const lanes, each = 32, 100
		h := newHouse(t, Options{MaxHeld: 256}, -1)
		h.backlog("acme", lanes*each, func(i int) string { return fmt.Sprint("d", i%lanes) })
		c := h.attach("acme", "app")
		order := make(inOrder)
		first := c.get(lanes)
		order.see(t, first...)
		c.settle(Done, first[:lanes/2]...)
		again := c.get(lanes) // the first half again, filled up by a back-scan
		order.see(t, again...)
		if len(again) != lanes/2 {
			t.Fatalf("%d devices came again", len(again))
		}
		s := h.ledgerOf("acme", "app")
		for s.ledger.fat < 3*256/4 {
			c.settle(Done, again...)
			if again = c.get(lanes); len(again) != lanes/2 {
				t.Fatalf("%d devices came again; %s", len(again), s.describe())
			}
			order.see(t, again...)
		}
		c.settle(Done, first[lanes/2:]...)
		count := h.work(order, h.attach("acme", "app"))
		for _, d := range first[lanes/2:] {
			if count[d.Device] != each-1 {
				t.Errorf("%s: %d events came", d.Device, count[d.Device])
			}
		}
		s.check(t)
	})
}

// A few devices send almost everything. The busiest can only go one by one; that must not have the log read once for each.
func TestSkewedDevices(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const events = 8000
		h := newHouse(t, Options{MaxHeld: 2048}, -1)
		h.page = 1000
		zipf := rand.NewZipf(rand.New(rand.NewPCG(1, 2)), 1.3, 1, 2000)
		sent := make(map[string]int)
		h.backlog("acme", events, func(int) string {
			d := fmt.Sprint("d", zipf.Uint64())
			sent[d]++
			return d
		})
		h.restart()
		count := h.work(make(inOrder), h.attach("acme", "app"), h.attach("acme", "app"))
		for d, n := range sent {
			if count[d] != n {
				t.Errorf("%s: %d of %d events came", d, count[d], n)
			}
		}
		st := h.broker.Applications(1)[0]
		if st.Pages > 100 {
			t.Errorf("%d pages were read again", st.Pages)
		}
		t.Logf("%d pages in %d passes; the busiest device has %d events", st.Pages, h.ledgerOf("acme", "app").ledger.pass.number-1, sent["d0"])
	})
}

// An application that returns everything backs off every device it sees. Looking stops at MaxBlocked of them, and goes on when they
// are well again.
func TestMaxBlockedStopsTheLook(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, Options{MaxBlocked: 50, BackoffMax: time.Hour}, 0)
		c := h.attach("acme", "app")
		h.backlog("acme", 500, func(i int) string { return fmt.Sprint("d", i) })
		for {
			ds := c.fetch(10)
			if len(ds) == 0 {
				break
			}
			c.settle(Return, ds...)
		}
		st := h.broker.Applications(1)[0]
		if st.Blocked < 50 || st.Blocked > 150 || st.BackingOff != st.Blocked || st.Backlog != 500 {
			t.Fatalf("a failing application: %+v", st)
		}
		c.woken.Store(false)
		time.Sleep(backoffFirst)
		synctest.Wait()
		if !c.woken.Load() {
			t.Fatal("devices are due, but nobody is woken")
		}
		if count := h.work(make(inOrder), c); len(count) != 500 {
			t.Errorf("when it is well again, %d of 500 came", len(count))
		}
	})
}

func TestLedgerWithoutMemoryGetsOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const events = 10_000
		h := newHouse(t, Options{LedgerMemory: 1}, -1)
		h.backlog("acme", events, func(i int) string { return fmt.Sprint("d", i%3000) })
		c := h.attach("acme", "app")
		s := h.ledgerOf("acme", "app")
		order := make(inOrder)
		for got := 0; got < events; {
			ds := c.fetch(64)
			if len(ds) == 0 {
				t.Fatalf("%d of %d came: %s", got, events, s.describe())
			}
			order.see(t, ds...)
			got += len(ds)
			synctest.Wait()
			s.mu.Lock()
			used := s.ledger.account.used - s.ledger.loadedBytes
			s.mu.Unlock()
			if used > memoryMinimum+2*memoryBlock { // what is forced on it, bodies and a position for each lane that has nothing, leaves a spare block or two
				t.Fatalf("%d bytes are used", used)
			}
			c.settle(Done, ds...)
		}
		s.check(t)
		if n := h.broker.Stats().LedgerBytes; n != 0 {
			t.Errorf("%d bytes of the common memory are taken at the end", n)
		}
	})
}

// At a limit the log is not read again for each event that is settled.
func TestLookAtALimitReadsOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const events = 2000
		h := newHouse(t, Options{MaxHeld: 256}, -1)
		h.backlog("acme", events, func(i int) string { return fmt.Sprint("d", i) })
		c := h.attach("acme", "app")
		for held := c.fetch(1000); len(held) > 0; held = append(held[1:], c.fetch(1000)...) {
			c.settle(Done, held[0])
		}
		if done := h.broker.Stats().Done; done != events {
			t.Fatalf("%d of %d are done", done, events)
		}
		if n := h.store.Stats().Scans; n > 5 {
			t.Errorf("the log was read %d times", n)
		}
	})
}

func TestBackoff(t *testing.T) {
	const most = 30 * time.Second
	for n, want := range map[uint32]time.Duration{
		1: 0, 2: 100 * time.Millisecond, 3: 200 * time.Millisecond, 4: 400 * time.Millisecond,
		10: 25600 * time.Millisecond, 11: most, 12: most, 1 << 31: most,
	} {
		if got := backoff(n, most); got != want {
			t.Errorf("before retry %d: %v, want %v", n, got, want)
		}
	}
	if got := backoff(2, time.Millisecond); got != time.Millisecond {
		t.Errorf("with a small limit: %v", got)
	}
}

// The device backs off, not the application; and a success begins the series anew.
func TestReturnedDeviceBacksOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, Options{BackoffMax: time.Second}, 0)
		c := h.attach("acme", "app")
		h.publish("acme", 1, "bad", "bad")
		begin := time.Now()
		var at []time.Duration
		retry := func() {
			t.Helper()
			for range 100 {
				if ds := c.fetch(1); len(ds) == 1 {
					want(t, ds, "bad/1")
					at = append(at, time.Since(begin))
					c.settle(Return, ds...)
					return
				}
				c.woken.Store(false)
				for i := 0; !c.woken.Load(); i++ {
					if i == 100 {
						t.Fatal("nobody is woken")
					}
					time.Sleep(50 * time.Millisecond)
					synctest.Wait()
				}
			}
		}
		for range 8 {
			retry()
		}
		expected := "[0s 0s 100ms 300ms 700ms 1.5s 2.5s 3.5s]"
		if got := fmt.Sprint(at); got != expected {
			t.Errorf("the event came at %s, want %s", got, expected)
		}
		h.publish("acme", 3, "good")
		good := c.fetch(9)
		want(t, good, "good/3")
		c.settle(Done, good...)

		time.Sleep(time.Second)
		synctest.Wait()
		c.settle(Done, c.fetch(1)...)
		ds := c.fetch(1)
		want(t, ds, "bad/2")
		c.settle(Return, ds...)
		want(t, c.fetch(1), "bad/2") // at once: its series is its own
	})
}

// Link loss is nobody's fault: no wait.
func TestLinkLossDoesNotBackOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, Options{}, 0)
		h.publish("acme", 1, "d")
		for range 5 {
			c := h.attach("acme", "app")
			want(t, c.get(1), "d/1")
			c.Detach()
		}
	})
}

func TestBrowserSeesEverythingAndTakesNothing(t *testing.T) {
	for name, ring := range map[string]int64{"from the ring": 0, "from the disk": -1} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := newHouse(t, Options{}, ring)
				h.publish("acme", 1, "a", "a", "b")
				b := &hand{t: t}
				b.Consumer = h.tenant("acme").Browse(b)
				want(t, b.get(2), "a/1 a/2") // no lanes
				want(t, b.get(9), "b/3")
				b.Untake([]persistence.Position{b.all[2].Position})
				want(t, b.get(9), "b/3")
				b.Untake([]persistence.Position{b.all[0].Position}) // taken earlier, given back by another goroutine
				b.Untake([]persistence.Position{b.all[1].Position})
				want(t, b.get(9), "a/1 a/2 b/3")
				b.settle(Done, b.all...)
				b.woken.Store(false)
				h.publish("acme", 4, "a")
				if !b.woken.Load() {
					t.Error("a waiting browser is not woken")
				}
				want(t, b.get(9), "a/4")

				c := h.attach("acme", "app")
				want(t, c.get(9), "a/1 b/3")
				c.settle(Done, c.all...)
				time.Sleep(time.Second)
				b.Detach()
				if ds, idle := b.Take(nil, 1, muchBytes); ds != nil || !idle {
					t.Errorf("after Detach: took %v, idle %v", ds, idle)
				}
				b.Consumer = h.tenant("acme").Browse(b)
				want(t, b.get(9), "a/2 a/4") // what is deleted is gone
				if n := len(h.tenant("acme").followersLocked()); n != 2 {
					t.Errorf("%d follow the log", n)
				}
			})
		})
	}
}

func TestBrowserOfAnEmptyLogIsIdle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, Options{}, 0)
		b := &hand{t: t}
		b.Consumer = h.tenant("acme").Browse(b)
		if ds, idle := b.Take(nil, 1, muchBytes); ds != nil || !idle {
			t.Errorf("took %v, idle %v", ds, idle)
		}
	})
}
