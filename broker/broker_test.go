package broker

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"hibachi/persistence"
)

func TestEventSurvivesRestart(t *testing.T) {
	for name, stop := range map[string]func(*house){"crash": (*house).crash, "in order": (*house).restart} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := newHouse(t, Options{}, 0)
				h.publish("acme", 1, "d1", "d2", "d1")
				c := h.attach("acme", "billing")
				want(t, c.get(10), "d1/1 d2/2")
				c.settle(Done, c.all[0])
				want(t, c.get(10), "d1/3")
				time.Sleep(time.Second) // the mark is on disk

				stop(h)
				c = h.attach("acme", "billing")
				want(t, c.get(10), "d2/2 d1/3")
			})
		})
	}
}

func TestWhatIsDeliveredIsWhatWasPublished(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, ring := range []int64{0, -1} { // from memory and from the disk
			h := newHouse(t, Options{}, ring)
			in := Event{
				Device: "d", Message: []byte("hello"),
				Arrived: time.UnixMilli(1_700_000_000_123), Expires: time.UnixMilli(1_700_000_060_123),
			}
			var o outcomes
			in.Done = &o
			h.tenant("acme").Publish(&in)
			synctest.Wait()
			d := h.attach("acme", "a").get(1)[0]
			if d.Position != o.stored[0] || d.Device != in.Device || !d.Arrived.Equal(in.Arrived) || !d.Expires.Equal(in.Expires) || string(d.Message) != "hello" || d.Redelivered || d.Attempts != 0 {
				t.Errorf("got %+v", d)
			}
		}
	})
}

func TestApplicationsAreIndependent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, Options{MaxUnsettled: 2}, 0)
		slow, fast := h.attach("acme", "slow"), h.attach("acme", "fast")
		h.publish("acme", 1, "a", "b", "c", "a", "b", "c")
		want(t, slow.get(10), "a/1 b/2") // and does nothing with it
		got := 0
		for got < 6 {
			ds := fast.get(10)
			if len(ds) == 0 {
				t.Fatalf("the fast one waits for the slow one, after %d", got)
			}
			got += len(ds)
			fast.settle(Done, ds...)
		}
		if other := h.attach("other", "fast").get(1); other != nil {
			t.Errorf("another tenant's application got %s", names(other))
		}
	})
}

func TestNewApplicationStartsAtTheEarliestStored(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, Options{}, 0)
		first := h.attach("acme", "first")
		h.publish("acme", 1, "a", "b", "c")
		first.settle(Done, first.get(2)...)
		time.Sleep(time.Second)
		// a/1 and b/2 are gone with their last application, though the ring still has them.
		want(t, h.attach("acme", "second").get(10), "c/3")
	})
}

func TestReturnedEventIsNotOvertaken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, Options{}, 0)
		h.publish("acme", 1, "a", "a", "b")
		c1, c2 := h.attach("acme", "app"), h.attach("acme", "app")
		want(t, c1.get(10), "a/1 b/3")
		want(t, c2.get(10), "")
		c1.settle(Return, c1.all[0])
		got := c2.get(10)
		want(t, got, "a/1")
		if !got[0].Redelivered || got[0].Attempts != 0 {
			t.Errorf("a returned event comes as %+v", got[0])
		}
		c2.settle(Failed, got...)
		time.Sleep(backoffFirst)
		synctest.Wait()
		got = c1.get(10)
		want(t, got, "a/1")
		if !got[0].Redelivered || got[0].Attempts != 1 {
			t.Errorf("a failed event comes as %+v", got[0])
		}
		c1.settle(Done, got...)
		got = c2.get(10)
		want(t, got, "a/2")
		if got[0].Redelivered || got[0].Attempts != 0 {
			t.Errorf("the next event comes as %+v", got[0])
		}
	})
}

func TestDetachReturnsEverythingAtOnceAndUncounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, Options{}, 0)
		h.publish("acme", 1, "a", "b", "a")
		c1, c2 := h.attach("acme", "app"), h.attach("acme", "app")
		held := c1.get(10)
		want(t, c2.get(10), "")
		c2.woken.Store(false)
		c1.Detach()
		c1.Detach()
		if !c2.woken.Load() {
			t.Error("who waits is not woken")
		}
		c1.settle(Done, held...) // too late
		if ds, idle := c1.Take(nil, 10, muchBytes); ds != nil || !idle {
			t.Errorf("after Detach: took %v, idle %v", ds, idle)
		}
		got := c2.get(10)
		want(t, got, "a/1 b/2")
		for _, d := range got {
			if !d.Redelivered || d.Attempts != 0 {
				t.Errorf("after a link loss an event comes as %+v", d)
			}
		}
	})
}

func TestUntakeLeavesNoTrace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, Options{}, 0)
		h.publish("acme", 1, "a", "b", "a")
		c := h.attach("acme", "app")
		got := c.get(10)
		c.Untake([]persistence.Position{got[0].Position, 12345})
		again := c.get(10)
		want(t, again, "a/1")
		if again[0].Redelivered {
			t.Error("what was never sent comes as redelivered")
		}
	})
}

func TestVerdictsOnWhatIsNotHeldAreIgnored(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, Options{}, 0)
		h.publish("acme", 1, "a", "a")
		c1, c2 := h.attach("acme", "app"), h.attach("acme", "app")
		got := c1.get(1)
		c2.settle(Done, got...)
		want(t, c2.get(1), "")
		c1.settle(Done, got[0], got[0])
		want(t, c2.get(2), "a/2")
		if n := h.broker.Stats().Done; n != 1 {
			t.Errorf("%d are counted as done", n)
		}
	})
}

func TestTakeKeepsToItsBounds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, Options{MaxUnsettled: 5}, 0)
		c := h.attach("acme", "app")
		h.publish("acme", 1, "a", "b", "c", "d", "e", "f")
		size := len(body("a", 1))
		for _, step := range []struct {
			max, bytes int
			want       string
			idle       bool
		}{
			{0, muchBytes, "", false},
			{1, 0, "a/1", false},            // the first may always be larger
			{9, 2 * size, "b/2 c/3", false}, // more would not fit
			{1, muchBytes, "d/4", false},
			{9, muchBytes, "e/5", true}, // MaxUnsettled
			{9, muchBytes, "", true},
		} {
			ds, idle := c.Take(nil, step.max, step.bytes)
			if names(ds) != step.want || step.max > 0 && idle != step.idle {
				t.Errorf("Take(%d, %d) = %q, idle %v; want %q, idle %v", step.max, step.bytes, names(ds), idle, step.want, step.idle)
			}
			c.all = append(c.all, ds...)
		}
		c.woken.Store(false)
		c.settle(Done, c.all[3])
		if !c.woken.Load() {
			t.Error("below MaxUnsettled again, but who waits is not woken")
		}
		want(t, c.get(9), "f/6")
	})
}

func TestColdBacklogIsReadBeforeAnybodyIsIdle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, Options{}, 0)
		var devices, expected []string
		for i := range 300 {
			devices = append(devices, fmt.Sprint("d", i))
			expected = append(expected, fmt.Sprintf("d%d/%d", i, i))
		}
		h.publish("acme", 0, devices...)
		h.restart()
		c := h.attach("acme", "app")
		if ds, idle := c.Take(nil, 1000, muchBytes); ds != nil || idle {
			t.Fatalf("at once: took %d, idle %v", len(ds), idle)
		}
		want(t, c.get(1000), strings.Join(expected, " "))
	})
}

func TestDrainOfEmptyColdLogIsAnswered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, Options{}, 0)
		c := h.attach("acme", "app")
		want(t, c.get(5), "")
		h.publish("acme", 1, "a", "b")
		c.settle(Done, c.get(5)...)
		time.Sleep(time.Second)
		h.restart()
		want(t, h.attach("acme", "app").get(5), "") // all done: get fails unless it is told idle after at most a wake-up
	})
}

func TestAttach(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, Options{MaxApplications: 2}, 0)
		attach := func(name string, create bool, want error) {
			t.Helper()
			c, err := h.tryAttach("acme", name, create)
			if !errors.Is(err, want) || (c.Consumer == nil) != (want != nil) {
				t.Errorf("attach %.20q, create %v: consumer %v, %v; want %v", name, create, c.Consumer, err, want)
			}
		}
		attach("", true, ErrApplicationName)
		attach(strings.Repeat("x", 129), true, ErrApplicationName)
		attach("a", false, ErrNoApplication)
		attach("a", true, nil)
		attach("a", false, nil)
		attach(strings.Repeat("x", 128), true, nil)
		attach("c", true, ErrTooManyApplications)
		attach("c", false, ErrNoApplication)
		attach("a", true, nil)
		h.restart()
		attach("c", true, ErrTooManyApplications)
		attach("a", false, nil)
		h.broker.Close()
		attach("a", false, ErrClosing)
	})
}

// Some only want what is there, some create: whoever comes first, all are answered right.
func TestAttachesAtTheSameTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, Options{MaxApplications: 1}, 0)
		tenant := h.tenant("acme")
		answers := make(chan error, 10)
		attach := func(name string, create bool) {
			tenant.Attach(name, new(hand), AttachOptions{Create: create}, func(_ *Consumer, err error) { answers <- err })
		}
		attach("app", false)
		attach("app", true)
		attach("app", false)
		attach("app", true)
		attach("other", true)
		synctest.Wait()
		close(answers)
		count := make(map[error]int)
		for err := range answers {
			count[err]++
		}
		// The second "app" without create may be answered either way.
		if count[nil] < 2 || count[nil]+count[ErrNoApplication] != 4 || count[ErrTooManyApplications] != 1 {
			t.Errorf("answers: %v", count)
		}
	})
}

func TestMaxTenants(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, Options{MaxTenants: 2}, 0)
		h.publish("one", 1, "d")
		h.publish("two", 1, "d")
		if _, err := h.broker.Tenant("three"); !errors.Is(err, ErrTooManyTenants) {
			t.Errorf("a third tenant: %v", err)
		}
		h.restart()
		if _, err := h.broker.Tenant("three"); !errors.Is(err, ErrTooManyTenants) {
			t.Errorf("a third tenant after a restart: %v", err)
		}
		want(t, h.attach("two", "app").get(2), "d/1")
		h.broker.Close()
		if _, err := h.broker.Tenant("one"); !errors.Is(err, ErrClosing) {
			t.Errorf("a tenant not used yet while stopping: %v", err)
		}
	})
}

func TestPublishRefusesWhatItCannotKeep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, Options{}, 0)
		var o outcomes
		tenant := h.tenant("acme")
		tenant.Publish(&Event{Device: strings.Repeat("d", maxDevice), Done: &o})
		synctest.Wait()
		tenant.Publish(&Event{Device: strings.Repeat("d", maxDevice+1), Done: &o})
		h.broker.Close()
		tenant.Publish(&Event{Device: "d", Done: &o})
		synctest.Wait()
		if len(o.stored) != 1 || len(o.errs) != 2 || !errors.Is(o.errs[0], ErrDeviceTooLong) || !errors.Is(o.errs[1], ErrClosing) {
			t.Errorf("stored %v, refused %v", o.stored, o.errs)
		}
		if s := h.broker.Stats(); s.Published != 1 || s.Refused != 2 {
			t.Errorf("counted %d published and %d refused", s.Published, s.Refused)
		}
	})
}

func TestLedgerOfAbsentConsumersIsGivenBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, Options{}, 0)
		c := h.attach("acme", "app")
		h.publish("acme", 1, "a", "b", "a", "b")
		c.settle(Done, c.get(1)...)
		c.Detach()

		time.Sleep(linger - time.Second)
		c = h.attach("acme", "app") // in time: the same ledger
		time.Sleep(2 * time.Second)
		if n := h.broker.Stats().Applications; n != 1 {
			t.Fatalf("%d applications are in memory, with a consumer attached", n)
		}
		c.settle(Done, c.get(1)...)
		c.Detach()

		time.Sleep(linger + time.Second)
		if n := h.broker.Stats().Applications; n != 0 {
			t.Fatalf("%d applications are in memory, with nobody attached", n)
		}
		// The ring still has what was done; it must not come again.
		want(t, h.attach("acme", "app").get(10), "a/3 b/4")
	})
}

func TestStats(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, Options{}, 0)
		start := time.Now().Truncate(time.Millisecond)
		small, large := h.attach("acme", "small"), h.attach("acme", "large")
		h.publish("acme", 1, "a", "b")
		small.settle(Done, small.get(1)...)
		ds := large.get(2)
		large.settle(Return, ds[0])
		large.settle(Return, large.get(1)...)
		got := h.broker.Applications(10)
		if len(got) != 2 || got[0].Application != "large" || got[1].Application != "small" {
			t.Fatalf("applications: %+v", got)
		}
		expected := ApplicationStats{
			Tenant: "acme", Application: "large", Consumers: 1, Unsettled: 1, Held: 2, Backlog: 2, Oldest: start,
			Blocked: 2, BackingOff: 1, Scan: got[0].Scan,
		}
		if l := got[0]; !l.Oldest.Equal(start) || l.Scan == 0 {
			t.Errorf("large: %+v", l)
		} else if l.Oldest = start; l != expected {
			t.Errorf("large: %+v, want %+v", l, expected)
		}
		if got[1].Backlog != 1 {
			t.Errorf("small: %+v", got[1])
		}
		if top := h.broker.Applications(1); len(top) != 1 || top[0].Application != "large" {
			t.Errorf("the one with the largest backlog: %+v", top)
		}
		stats := Stats{Tenants: 1, Applications: 2, Consumers: 2, Published: 2, Delivered: 4, Redelivered: 1, Done: 1, Returned: 2}
		if s := h.broker.Stats(); s != stats {
			t.Errorf("stats: %+v, want %+v", s, stats)
		}
	})
}

func TestOptions(t *testing.T) {
	for _, c := range []struct {
		o     Options
		names string // in the error; "": none
	}{
		{Options{}, ""},
		{Options{MaxHeld: 16, DeviceWindow: 1}, ""},
		{Options{MaxHeld: 15}, "MaxHeld"},
		{Options{DeviceWindow: 2}, "DeviceWindow"},
		{Options{MaxTenants: -1}, "MaxTenants"},
		{Options{LedgerMemory: -1}, "LedgerMemory"},
		{Options{BackoffMax: -1}, "BackoffMax"},
	} {
		err := c.o.Validate()
		if (err == nil) != (c.names == "") || err != nil && !strings.Contains(err.Error(), c.names) {
			t.Errorf("%+v: %v", c.o, err)
		}
	}
}

// want compares what was delivered.
func want(t *testing.T, got []Delivery, expected string) {
	t.Helper()
	if names(got) != expected {
		t.Fatalf("got %q, want %q", names(got), expected)
	}
}
