package broker

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// label is a Label that shows everything but the time.
func label(message []byte, d DeadLetter) []byte {
	return fmt.Appendf(nil, "%s::%s %s (%s) after %d, was %d: %s", d.Tenant, d.Application, d.Reason, d.Description, d.Attempts, d.Source, message)
}

// mourner attaches to an application's dead letters.
func (h *house) mourner(tenant, application string) *hand {
	h.t.Helper()
	c, err := h.tryMourner(tenant, application)
	if err != nil {
		h.t.Fatal(err)
	}
	return c
}

func (h *house) tryMourner(tenant, application string) (*hand, error) {
	c := &hand{t: h.t}
	var failed error
	h.tenant(tenant).AttachDeadLetters(application, c, func(got *Consumer, err error) { c.Consumer, failed = got, err })
	synctest.Wait()
	return c, failed
}

// patient takes one event, however long its device backs off.
func (c *hand) patient() Delivery {
	c.t.Helper()
	for range 1000 {
		if ds := c.fetch(1); len(ds) == 1 {
			return ds[0]
		}
		time.Sleep(100 * time.Millisecond)
		synctest.Wait()
	}
	c.t.Fatal("nothing comes")
	return Delivery{}
}

// An application whose database is down returns everything, again and again. It is to blame, and no event.
func TestApplicationThatIsDownForAMinuteSendsNothingToTheDeadLetters(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, Options{BackoffMax: time.Second}, 0)
		c := h.attach("acme", "app")
		h.publish("acme", 0, "ok")
		c.settle(Done, c.fetch(1)...)
		var devices []string
		for i := range 50 {
			devices = append(devices, fmt.Sprint("d", i%20))
		}
		h.publish("acme", 1, devices...)
		for down, end := 0, time.Now().Add(time.Minute); time.Now().Before(end); down++ {
			verb := Return
			if down%2 == 1 {
				verb = Failed
			}
			c.settle(verb, c.fetch(100)...)
			time.Sleep(50 * time.Millisecond)
		}
		order, done := inOrder{}, 0
		for done < 50 {
			d := c.patient()
			order.see(t, d)
			c.settle(Done, d)
			done++
		}
		if st := h.broker.Stats(); st.DeadLetters != 0 || st.Parked != 0 {
			t.Errorf("%+v", st)
		}
	})
}

// It comes ten times; all others flow, and what is behind it comes when its dead letter is on disk.
func TestPoisonAmongGoodEventsGoesAfterTenAttempts(t *testing.T) {
	for _, verb := range []Verb{Return, Failed} {
		synctest.Test(t, func(t *testing.T) {
			h := newHouse(t, Options{BackoffMax: time.Second, Label: label}, 0)
			c := h.attach("acme", "app")
			h.publish("acme", 1, "bad", "bad")
			for came := range uint32(10) {
				h.publish("acme", int(came), "good")
				var bad []Delivery
				for _, d := range c.fetch(10) {
					if d.Device == "good" {
						c.settle(Done, d)
					} else {
						bad = append(bad, d)
					}
				}
				want(t, bad, "bad/1")
				if verb == Failed && bad[0].Attempts != came {
					t.Errorf("after %d returns the header would say %d", came, bad[0].Attempts)
				}
				c.settle(verb, bad...)
				time.Sleep(time.Second)
			}
			synctest.Wait()
			want(t, c.fetch(10), "bad/2")
			want(t, h.mourner("acme", "app").get(10), "acme::app attempts (it came back 10 times, 10 of them while the application accepted others) after 10, was 1: bad/1")
			if st := h.broker.Stats(); st.DeadLetters != 1 {
				t.Errorf("%+v", st)
			}
			h.ledgerOf("acme", "app").check(t)
		})
	}
}

func TestAttempts(t *testing.T) {
	begin := time.Unix(0, 0)
	for _, tt := range []struct {
		name string
		// returns: minutes after begin, and what the application had accepted
		at       []time.Duration
		accepted []uint64
		want     uint32
	}{
		{"the first one counts", []time.Duration{0}, []uint64{0}, 1},
		{"nothing accepted", []time.Duration{0, 1, 2, 3}, []uint64{5, 5, 5, 5}, 1},
		{"always something accepted", []time.Duration{0, 1, 2, 3}, []uint64{5, 6, 8, 9}, 4},
		{"sometimes", []time.Duration{0, 1, 2, 3}, []uint64{5, 5, 6, 6}, 2},
		{"an hour", []time.Duration{0, 60, 119, 179}, []uint64{5, 5, 5, 5}, 3},
	} {
		var tr trouble
		for i, m := range tt.at {
			tr.attempt(begin.Add(m*time.Minute), tt.accepted[i])
		}
		if tr.attempts != tt.want || int(tr.returns) != len(tt.at) {
			t.Errorf("%s: %d attempts of %d, want %d", tt.name, tr.attempts, tr.returns, tt.want)
		}
	}
}

func TestLinkLossIsNoAttempt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, Options{Poison: func(string, string) Poison { return Poison{MaxAttempts: 2} }}, 0)
		other := h.attach("acme", "app")
		h.publish("acme", 1, "d")
		for i := range 20 {
			c := h.attach("acme", "app")
			want(t, c.get(1), "d/1")
			h.publish("acme", i, "good")
			other.settle(Done, other.fetch(1)...)
			c.Detach()
		}
		if n := h.broker.Stats().DeadLetters; n != 0 {
			t.Errorf("%d dead letters", n)
		}
	})
}

func TestRejectedIsDeadAtOnce(t *testing.T) {
	for _, ring := range []int64{0, -1} {
		synctest.Test(t, func(t *testing.T) {
			h := newHouse(t, Options{Label: label}, ring)
			c, other := h.attach("acme", "app"), h.attach("acme", "other")
			h.publish("acme", 1, "d", "d", "e")
			ds := c.get(10)
			want(t, ds, "d/1 e/3")
			c.Settle([]Settlement{{Position: ds[0].Position, Verb: Reject, Why: "hono:bad-request: " + strings.Repeat("ä", 2000)}})
			synctest.Wait()
			ds = c.get(10)
			want(t, ds, "d/2")
			mourner := h.mourner("acme", "app")
			want(t, mourner.get(10), "acme::app rejected (hono:bad-request: "+strings.Repeat("ä", 503)+") after 1, was 1: d/1")
			want(t, other.get(10), "d/1 e/3") // nobody else's affair
			if letters, err := h.tryMourner("acme", "nobody"); !errors.Is(err, ErrNoApplication) {
				t.Errorf("the dead letters of nobody: %v, %v", letters, err)
			}
			if st := h.broker.Stats(); st.Tenants != 1 || st.Rejected != 1 || st.DeadLetters != 1 {
				t.Errorf("%+v", st)
			}
		})
	}
}

// The event is not done before its copy is on disk; while that is on its way only its own device waits.
func TestLaneWaitsForItsDeadLetter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := make(chan struct{})
		h := newHouse(t, Options{Label: func(message []byte, _ DeadLetter) []byte {
			<-slow
			return message
		}}, 0)
		c := h.attach("acme", "app")
		h.publish("acme", 1, "d", "d", "e", "e")
		c.settle(Reject, c.get(10)[0])
		c.settle(Done, c.all[1])
		synctest.Wait()
		want(t, c.get(10), "e/4")
		time.Sleep(time.Second) // what is done is on disk
		if st := h.broker.Applications(1)[0]; st.Burying != 1 || h.store.Stats().Records != 3 {
			t.Errorf("%d lanes wait for their dead letter, %d records are stored; want 1 and 3", st.Burying, h.store.Stats().Records)
		}
		close(slow)
		synctest.Wait()
		want(t, c.get(10), "d/2")
		want(t, h.mourner("acme", "app").get(10), "d/1")
	})
}

// A crash between the copy and the done has the event come again. Rejected again, it gets no second copy.
func TestDeadLettersSurviveARestartAndAreNotDoubled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, Options{Label: label}, 0)
		c := h.attach("acme", "app")
		h.publish("acme", 1, "a", "b", "c")
		c.settle(Reject, c.get(10)...)
		s := h.ledgerOf("acme", "app")
		for stored := false; !stored; {
			s.mu.Lock() // The marks are not asked for while we look whether the copies are on disk.
			if l := h.broker.Stats().DeadLetters; l == 3 && s.ledger.burying == 0 {
				stored = true
				s.ledger.done = s.ledger.done[:0] // as if the power had gone before
			}
			s.mu.Unlock()
			if !stored {
				time.Sleep(time.Millisecond)
			}
		}
		h.crash()
		c = h.attach("acme", "app")
		again := c.get(10)
		c.settle(Reject, again...)
		synctest.Wait()
		time.Sleep(time.Second)
		letters := h.mourner("acme", "app").get(10)
		if len(letters) != 3 {
			t.Errorf("%d letters after %d came again: %s", len(letters), len(again), names(letters))
		}
		if st := h.store.Stats(); st.Records != 3 {
			t.Errorf("%d records are stored, want the 3 letters", st.Records)
		}
	})
}

func TestReturnedDeadLettersGoBehindAllOthersUncounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, Options{Poison: func(string, string) Poison { return Poison{MaxAttempts: 2} }}, 0)
		c := h.attach("acme", "app")
		h.publish("acme", 1, "a", "a", "a", "a")
		for range 4 {
			c.settle(Reject, c.fetch(1)...)
			synctest.Wait()
		}
		m := h.mourner("acme", "app")
		two := m.get(2)
		want(t, two, "a/1 a/2") // without order: nobody waits for the first
		m.settle(Failed, two[0])
		m.settle(Reject, two[1])
		all := m.get(10)
		want(t, all, "a/3 a/4 a/1 a/2")
		for _, d := range all {
			if d.Attempts != 0 {
				t.Errorf("%s is counted %d times", d.Message, d.Attempts)
			}
		}
		for range 5 {
			m.settle(Return, all...)
			time.Sleep(31 * time.Second)
			synctest.Wait()
			all = m.get(10)
			if len(all) != 4 {
				t.Fatalf("only %s", names(all))
			}
		}
		h.ledgerOf("acme", "app").check(t)
		m.settle(Done, all...)
		time.Sleep(time.Second)
		if n := h.store.Stats().Records; n != 0 {
			t.Errorf("%d records are left", n)
		}
	})
}

func TestParkedDeviceHoldsOnlyItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, Options{BackoffMax: time.Millisecond, Poison: func(tenant, application string) Poison {
			if tenant != "acme" || application != "app" {
				t.Errorf("asked for %s of %s", application, tenant)
			}
			return Poison{MaxAttempts: 3, Park: true}
		}}, 0)
		c := h.attach("acme", "app")
		park := func() {
			for range 3 {
				h.publish("acme", 9, "good")
				for _, d := range c.fetch(10) {
					if d.Device == "bad" {
						c.settle(Return, d)
					} else {
						c.settle(Done, d)
					}
				}
				time.Sleep(time.Second)
				synctest.Wait()
			}
		}
		h.publish("acme", 1, "bad", "bad")
		park()
		h.publish("acme", 3, "bad", "good")
		want(t, c.get(10), "good/4")
		if st := h.broker.Applications(1)[0]; st.Parked != 1 || st.Blocked != 2 || st.Backlog != 4 {
			t.Errorf("%+v", st)
		}
		c.settle(Done, c.all...)
		c.Detach()
		time.Sleep(10 * linger) // Who is parked is not forgotten with those who come and go.
		c = h.attach("acme", "app")
		want(t, c.get(10), "")
		acme := h.tenant("acme")
		if err := acme.Resume("app", "good"); !errors.Is(err, ErrNotParked) {
			t.Errorf("resume a device that is not parked: %v", err)
		}
		if err := acme.Skip("nobody", "bad"); !errors.Is(err, ErrNotLoaded) {
			t.Errorf("skip for nobody: %v", err)
		}
		if err := acme.Resume("app", "bad"); err != nil {
			t.Fatal(err)
		}
		want(t, []Delivery{c.patient()}, "bad/1") // and has all its attempts again
		c.settle(Return, Delivery{Position: 1})
		time.Sleep(time.Second)
		park()
		if err := acme.Skip("app", "bad"); err != nil {
			t.Fatal(err)
		}
		d := c.patient()
		want(t, []Delivery{d}, "bad/2")
		if st := h.broker.Stats(); d.Redelivered || st.Parked != 2 || st.DeadLetters != 0 {
			t.Errorf("%+v, %+v", d, st)
		}
		h.ledgerOf("acme", "app").check(t)
	})
}

// At the limit of the dead letters nothing is lost and nobody else stops: the device is parked.
func TestFullDeadLettersParkTheDevice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, Options{MaxDeadLetters: 2}, 0)
		c := h.attach("acme", "app")
		h.publish("acme", 1, "a", "b", "c", "c")
		c.settle(Reject, c.get(10)...)
		synctest.Wait()
		want(t, c.get(10), "")
		if st := h.broker.Stats(); st.DeadLetters != 2 || st.Parked != 1 {
			t.Errorf("%+v", st)
		}
		m := h.mourner("acme", "app")
		m.settle(Done, m.get(10)...)
		time.Sleep(time.Second)
		if err := h.tenant("acme").Resume("app", "c"); err != nil {
			t.Fatal(err)
		}
		c.settle(Reject, c.get(10)...)
		synctest.Wait()
		want(t, c.get(10), "c/4")
		want(t, m.get(10), "c/3")
	})
}

func TestWhatNobodyCanTakeIsPoison(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, Options{Label: label}, 0)
		c1, c2 := h.attach("acme", "app"), h.attach("acme", "app")
		h.publish("acme", 1, "d", "d", "e", "f")
		notHere := func(c *hand, d Delivery) { c.Settle([]Settlement{{Position: d.Position, Verb: Return, NotHere: true}}) }
		notHere(c1, c1.get(1)[0])
		want(t, c1.get(10), "e/3 f/4") // not d/1, and not stopped by it
		d := c2.get(1)
		want(t, d, "d/1")
		c2.Settle([]Settlement{{Position: d[0].Position, Verb: Unfit}})
		want(t, c2.get(10), "")
		time.Sleep(29 * time.Second)
		c3 := h.attach("acme", "app") // it is not excluded, so the patience begins anew when it has been
		notHere(c3, c3.get(1)[0])
		want(t, c3.get(1), "")
		time.Sleep(29 * time.Second)
		if n := h.broker.Stats().DeadLetters; n != 0 {
			t.Fatalf("%d dead letters after 29 s", n)
		}
		h.ledgerOf("acme", "app").check(t)
		time.Sleep(2 * time.Second)
		synctest.Wait()
		want(t, c3.get(10), "d/2")
		want(t, h.mourner("acme", "app").get(10), "acme::app undeliverable (no consumer can take it) after 1, was 1: d/1")
	})
}

// Who is not excluded gets it, whoever waited first; and a detach ends an exclusion.
func TestWhatIsAsideWakesWhoCanTakeIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, ring := range []int64{0, -1} {
			h := newHouse(t, Options{MaxLoadedBytes: 1}, ring)
			c1, c2 := h.attach("acme", "app"), h.attach("acme", "app")
			h.publish("acme", 1, "d", "e")
			for _, d := range c1.get(2) {
				c1.Settle([]Settlement{{Position: d.Position, Verb: Unfit}})
			}
			want(t, c2.get(0), "")
			want(t, c1.get(9), "")
			c2.woken.Store(false)
			want(t, c2.get(9), "e/2 d/1")
			c2.settle(Return, c2.all...)
			c2.Detach()
			want(t, c1.get(9), "")
			c1.Detach()
			want(t, h.attach("acme", "app").get(9), "e/2 d/1")
		}
	})
}

func TestExpiredIsNotDelivered(t *testing.T) {
	for _, ring := range []int64{0, -1} {
		synctest.Test(t, func(t *testing.T) {
			h := newHouse(t, Options{}, ring)
			var o outcomes
			for i, ttl := range []time.Duration{time.Minute, time.Hour, 0} {
				e := Event{Device: "d", Arrived: time.Now(), Message: body("d", i), Done: &o}
				if ttl > 0 {
					e.Expires = e.Arrived.Add(ttl)
				}
				h.tenant("acme").Publish(&e)
			}
			synctest.Wait()
			c := h.attach("acme", "app")
			time.Sleep(time.Minute)
			ds := c.get(10)
			want(t, ds, "d/1")
			time.Sleep(time.Hour) // what is out is the consumer's to settle
			c.settle(Return, ds...)
			want(t, c.get(10), "d/2")
			time.Sleep(time.Second)
			if n := h.broker.Stats().Expired; n != 2 {
				t.Errorf("%d expired, want 2", n)
			}
			if n := h.store.Stats().Records; n != 1 {
				t.Errorf("%d records are left, want 1", n)
			}
			h.ledgerOf("acme", "app").check(t)
		})
	}
}

func TestTheShorterTimeToLiveHolds(t *testing.T) {
	arrived := time.Unix(1000, 0)
	at := func(s int) time.Time { return arrived.Add(time.Duration(s) * time.Second) }
	for _, tt := range []struct {
		most          time.Duration
		expires, want time.Time
	}{
		{0, time.Time{}, time.Time{}},
		{0, at(5), at(5)},
		{time.Minute, time.Time{}, at(60)},
		{time.Minute, at(5), at(5)},
		{time.Minute, at(61), at(60)},
	} {
		o := Options{MaxTTL: tt.most}
		if got := o.expiry(&Event{Arrived: arrived, Expires: tt.expires}); !got.Equal(tt.want) {
			t.Errorf("at most %v, by itself %v: %v, want %v", tt.most, tt.expires, got, tt.want)
		}
	}
}

func TestTenantNames(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, Options{}, 0)
		for _, name := range []string{"", "a\x00b", strings.Repeat("x", 256)} {
			if _, err := h.broker.Tenant(name); !errors.Is(err, ErrTenantName) {
				t.Errorf("tenant %q: %v", name, err)
			}
		}
		long := strings.Repeat("x", 255)
		application := strings.Repeat("y", 128)
		c := h.attach(long, application)
		h.publish(long, 1, "d")
		c.settle(Reject, c.get(1)...)
		synctest.Wait()
		want(t, h.mourner(long, application).get(1), "d/1")
	})
}

// With more dead letters than the ledger holds, those that were returned still come again.
func TestReturnedDeadLettersComeAgainAtTheLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, Options{MaxHeld: 16}, 0)
		c := h.attach("acme", "app")
		for i := range 20 {
			h.publish("acme", 1, fmt.Sprint("d", i))
			c.settle(Reject, c.fetch(1)...)
			synctest.Wait()
		}
		m := h.mourner("acme", "app")
		seen := make(map[string]bool)
		for range 40 {
			d := m.patient()
			seen[d.Device] = true
			m.settle(Return, d)
		}
		for range 20 {
			d := m.patient()
			seen[d.Device] = true
			m.settle(Done, d)
		}
		if len(seen) != 20 {
			t.Errorf("%d dead letters came, want 20", len(seen))
		}
	})
}
