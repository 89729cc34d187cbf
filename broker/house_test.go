package broker

import (
	"fmt"
	"io"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"hibachi/persistence"
	"hibachi/persistence/pebble"
)

// house is a broker on a real store on a memory disk that can lose its power.
type house struct {
	t       testing.TB
	options Options
	ring    int64
	page    int // 0: the usual
	fs      *vfs.MemFS
	store   *pebble.Store
	broker  *Broker
}

// newHouse opens one; ring is the store's RingBytes: -1 has all reading go to the disk.
func newHouse(t testing.TB, o Options, ring int64) *house {
	h := &house{t: t, options: o, ring: ring, fs: vfs.NewCrashableMem()}
	h.open()
	t.Cleanup(func() {
		if h.store != nil {
			h.close()
		}
	})
	return h
}

func (h *house) open() {
	h.t.Helper()
	var err error
	h.store, err = pebble.Open(pebble.Options{
		Dir: "data", FS: h.fs, MemTableSize: 4 << 20, CacheSize: 8 << 20, RingBytes: h.ring, FetchWorkers: 2,
		Grace: -1,
		Log:   slog.New(slog.NewTextHandler(io.Discard, nil)),
		Fatal: func(err error) { panic(err) },
	})
	if err != nil {
		h.t.Fatal(err)
	}
	h.broker, err = New(h.store, h.options)
	if err != nil {
		h.t.Fatal(err)
	}
	if h.page > 0 {
		h.broker.env.page = h.page
	}
}

func (h *house) close() {
	h.t.Helper()
	h.broker.Close()
	if err := h.store.Close(); err != nil {
		h.t.Fatal(err)
	}
	h.store = nil
}

// crash cuts the power: what is not synced is lost.
func (h *house) crash() {
	h.t.Helper()
	after := h.fs.CrashClone(vfs.CrashCloneCfg{})
	h.close()
	h.fs = after
	h.open()
}

// restart stops and starts in order.
func (h *house) restart() {
	h.t.Helper()
	h.close()
	h.open()
}

func (h *house) tenant(name string) *Tenant {
	h.t.Helper()
	tenant, err := h.broker.Tenant(name)
	if err != nil {
		h.t.Fatal(err)
	}
	return tenant
}

// outcomes is a Publication for many events.
type outcomes struct {
	mu     sync.Mutex
	stored []persistence.Position
	errs   []error
}

func (o *outcomes) Published(p persistence.Position, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if err != nil {
		o.errs = append(o.errs, err)
		return
	}
	o.stored = append(o.stored, p)
}

// publish hands over one event for each device named, in order, numbered n, n+1, … and waits until they are on disk. In a bubble.
func (h *house) publish(tenant string, n int, devices ...string) {
	h.t.Helper()
	t := h.tenant(tenant)
	var o outcomes
	for i, d := range devices {
		t.Publish(&Event{Device: d, Arrived: time.Now(), Message: body(d, n+i), Done: &o})
	}
	synctest.Wait()
	if len(o.errs) > 0 || len(o.stored) != len(devices) {
		h.t.Fatalf("published %d, stored %d, errors %v", len(devices), len(o.stored), o.errs)
	}
}

func body(device string, n int) []byte { return fmt.Appendf(nil, "%s/%d", device, n) }

// number is the n of body.
func number(message []byte) int {
	s := string(message)
	n, err := strconv.Atoi(s[strings.LastIndexByte(s, '/')+1:])
	if err != nil {
		panic(err)
	}
	return n
}

// hand is a consumer of a test, and its waker.
type hand struct {
	*Consumer
	t       testing.TB
	wakes   atomic.Int64
	woken   atomic.Bool
	writing atomic.Bool // as if inside a Write
	all     []Delivery  // what get got
}

func (c *hand) Wake() bool {
	c.wakes.Add(1)
	c.woken.Store(true)
	return !c.writing.Load()
}

// attach gives a consumer of an application, created if need be. In a bubble.
func (h *house) attach(tenant, application string) *hand {
	h.t.Helper()
	c, err := h.tryAttach(tenant, application, true)
	if err != nil {
		h.t.Fatal(err)
	}
	return c
}

func (h *house) tryAttach(tenant, application string, create bool) (*hand, error) {
	h.t.Helper()
	c := &hand{t: h.t}
	var answers int
	var failed error
	h.tenant(tenant).Attach(application, c, AttachOptions{Create: create}, func(got *Consumer, err error) {
		c.Consumer, failed = got, err
		answers++
	})
	synctest.Wait()
	if answers != 1 {
		h.t.Fatalf("attach was answered %d times", answers)
	}
	return c, failed
}

const muchBytes = 1 << 30

// get keeps in all, and returns, what fetch gives.
func (c *hand) get(n int) []Delivery {
	c.t.Helper()
	got := c.fetch(n)
	c.all = append(c.all, got...)
	return got
}

// fetch takes until the consumer is idle, waiting for its wake-ups, or has n. In a bubble.
func (c *hand) fetch(n int) []Delivery {
	c.t.Helper()
	var got []Delivery
	for range 10_000 {
		var idle bool
		c.woken.Store(false)
		got, idle = c.Take(got, n-len(got), muchBytes)
		if idle || len(got) == n {
			return got
		}
		synctest.Wait()
		if !c.woken.Load() {
			c.t.Fatalf("a consumer that is not idle was not woken; it has %d of %d", len(got), n)
		}
	}
	c.t.Fatalf("a consumer is never idle; it has %d of %d", len(got), n)
	return nil
}

// settle gives one verdict on all.
func (c *hand) settle(v Verb, ds ...Delivery) {
	ss := make([]Settlement, len(ds))
	for i, d := range ds {
		ss[i] = Settlement{Position: d.Position, Verb: v}
	}
	c.Settle(ss)
}

// names lists what was delivered.
func names(ds []Delivery) string {
	all := make([]string, len(ds))
	for i, d := range ds {
		all[i] = string(d.Message)
	}
	return strings.Join(all, " ")
}

// inOrder checks that the numbers of each device ascend; it is fed with the deliveries of one application, in the order in which they
// were taken. Redeliveries may repeat the last number.
type inOrder map[string]int

func (o inOrder) see(t testing.TB, ds ...Delivery) {
	t.Helper()
	for _, d := range ds {
		n := number(d.Message)
		if last, ok := o[d.Device]; ok && (n < last || n == last && !d.Redelivered) {
			t.Fatalf("device %s: %d comes after %d", d.Device, n, last)
		}
		o[d.Device] = n
	}
}

// ledgerOf gives the subscription of an application in memory.
func (h *house) ledgerOf(tenant, application string) *subscription {
	h.t.Helper()
	t := h.tenant(tenant)
	t.mu.Lock()
	defer t.mu.Unlock()
	a := t.applications[application]
	if a == nil {
		h.t.Fatalf("application %s of %s is not in memory", application, tenant)
	}
	return a.sub
}

// check verifies a ledger's account of itself.
func (s *subscription) check(t testing.TB) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return
	}
	g := &s.ledger
	var held, fat, hungry, spilled, blocked, charge int
	count := make(map[laneState]int)
	for id, l := range g.lanes {
		if l.id != id {
			t.Fatalf("lane %x is kept as %x", l.id, id)
		}
		count[l.state]++
		held += l.q.n
		charge += laneSize + l.q.n*positionSize + bodySize(l.record)
		if l.trouble != nil {
			charge += troubleSize
		}
		if l.blocked() {
			blocked++
			fat += l.q.n - 1
		}
		if l.spilled {
			spilled++
		}
		if l.hungry {
			hungry++
		}
		if (l.q.n == 0) != (l.state == idle) || l.q.n == 0 && !l.spilled || l.hungry && !l.spilled {
			t.Fatalf("lane %x: state %d with %d positions, spilled %v, hungry %v", id, l.state, l.q.n, l.spilled, l.hungry)
		}
		if l.spilled && l.q.n > 0 && l.after < l.q.first {
			t.Fatalf("lane %x is spilled above %d, but holds %d", id, l.after, l.q.first)
		}
	}
	for _, c := range []struct {
		what      string
		got, want int
	}{
		{"held", g.held, held},
		{"fat", g.fat, fat},
		{"idle", g.idle, count[idle]},
		{"hungry", g.hungry, hungry},
		{"spilled", g.spilled.n, spilled},
		{"blocked", g.blocked(), blocked},
		{"ready", g.ready.n, count[ready]},
		{"loaded", g.loaded.n, count[loaded]},
		{"out", len(g.out), count[out]},
		{"waiting", len(g.waiting), count[waiting]},
		{"aside", g.aside.n, count[aside]},
		{"behind", g.behind.n, count[behind]},
		{"burying", g.burying, count[burying]},
		{"parked", g.parked, count[parked]},
		{"memory", g.account.used, charge},
	} {
		if c.got != c.want {
			t.Fatalf("the ledger counts %d %s, there are %d", c.got, c.what, c.want)
		}
	}
	if g.held > g.maxHeld {
		t.Fatalf("%d positions are held, more than %d", g.held, g.maxHeld)
	}
	if g.opens.total < g.held {
		t.Fatalf("%d positions are held, but only %d are open", g.held, g.opens.total)
	}
	if count[loading] > 0 && !s.busy {
		t.Fatal("lanes are loading, but nothing is read")
	}
}

// describe is for messages of failed tests.
func (s *subscription) describe() string {
	head := s.log.Head()
	s.mu.Lock()
	defer s.mu.Unlock()
	g := &s.ledger
	return fmt.Sprintf("scan %d of %d, %d lanes, %d held of %d (%d fat), %d ready, %d loaded, %d out, %d waiting, %d spilled, %d hungry, starved %v, pass %+v, consumers %d with appetite %d, busy %v, quiet %v, capped %v, promised %d, waiters %v",
		g.scan, head, len(g.lanes), g.held, g.maxHeld, g.fat, g.ready.n, g.loaded.n, len(g.out), len(g.waiting), g.spilled.n, g.hungry, g.starved, g.pass,
		s.consumers, s.appetite, s.busy, s.quiet, s.capped, len(s.promised), s.waiters.front != nil)
}
