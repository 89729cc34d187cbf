package broker

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"hibachi/persistence"
)

// The model test: random publishing, attaching, taking, settling, link loss, time and power cuts, against the model below. The limits are tiny, so that
// lanes spill and are read again all the time. At the end everybody is patient and settles what he gets, but comes only when woken:
// then everything must come.

// model is what an application should see of one device: its events in order, one at a time.
type model struct {
	next int   // the first that is not done
	out  *hand // who has next
	// Of next, as far as it is known: since the last crash, or since the ledger was dropped.
	seen     bool
	failures uint32
	returns  int
	attempts int
	accepted int  // by the application, at the last return
	fresh    bool // nothing is known: the first delivery may be of an earlier one, done before the crash
}

type modelApplication struct {
	name    string
	devices map[string]*model
	hands   []*hand
	floor   persistence.Position

	policy   Poison
	accepted int             // since it is in memory
	done     map[string]bool // bodies
	dead     map[string]bool // that were rejected, or poison, some time
	doubted  map[string]bool // that some consumer did not want: if no other came for long, they are poison
}

func (dev *model) forget() { dev.seen, dev.failures, dev.returns, dev.attempts = false, 0, 0, 0 }

type modelTest struct {
	*house
	rnd    *rand.Rand
	sent   map[string][]bool // by device: certain
	over   map[string][]time.Time
	apps   []*modelApplication
	held   map[*hand][]Delivery
	credit map[*hand]int
	publ   []*publication
}

// publication remembers what became of one event.
type publication struct {
	Event
	n      int
	stored atomic.Bool
}

func (p *publication) Published(_ persistence.Position, err error) { p.stored.Store(err == nil) }

var modelSeeds = flag.Uint64("seeds", 8, "how many histories TestModel tries")

func TestModel(t *testing.T) {
	for seed := range *modelSeeds {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) { runModel(t, seed) })
		})
	}
}

func runModel(t *testing.T, seed uint64) {
	rnd := rand.New(rand.NewPCG(seed, 7))
	o := Options{
		MaxUnsettled:   4 + rnd.IntN(12),
		MaxBlocked:     4 + rnd.IntN(12),
		MaxHeld:        32 << rnd.IntN(3),
		MaxLoadedBytes: 20 << rnd.IntN(5),
		LedgerMemory:   1,
		BackoffMax:     500 * time.Millisecond,
	}
	policies := make(map[string]Poison)
	o.Poison = func(_, application string) Poison { return policies[application] }
	m := &modelTest{
		house:  newHouse(t, o, []int64{-1, 600, 4000, 0}[rnd.IntN(4)]),
		rnd:    rnd,
		sent:   make(map[string][]bool),
		over:   make(map[string][]time.Time),
		held:   make(map[*hand][]Delivery),
		credit: make(map[*hand]int),
	}
	m.page = 16 << rnd.IntN(4)
	m.broker.env.page = m.page
	for i := range 1 + rnd.IntN(3) {
		a := &modelApplication{
			name: fmt.Sprint("app", i), devices: make(map[string]*model), policy: Poison{MaxAttempts: 1 + rnd.IntN(4), Park: rnd.IntN(3) == 0},
			done: make(map[string]bool), dead: make(map[string]bool), doubted: make(map[string]bool),
		}
		policies[a.name] = a.policy
		m.apps = append(m.apps, a)
	}
	for _, a := range m.apps {
		m.join(a) // From the beginning: what all others are done with is deleted, and a later one would not see it.
	}
	for range 400 {
		m.step()
	}
	m.finish()
	m.close()
}

func (m *modelTest) step() {
	switch n := m.rnd.IntN(100); {
	case n < 14:
		m.send(1 + m.rnd.IntN(40))
	case n < 20:
		m.join(m.apps[m.rnd.IntN(len(m.apps))])
	case n < 45:
		m.each(func(a *modelApplication, c *hand) { m.credit[c] += m.rnd.IntN(6) })
	case n < 75:
		m.each(m.settleSome)
	case n < 79:
		if a, c := m.any(); c != nil {
			m.lose(a, c)
		}
	case n < 82:
		if _, c := m.any(); c != nil {
			c.writing.Store(!c.writing.Load())
			c.woken.Store(true) // after a Write it comes in any case
		}
	case n < 90:
		synctest.Wait()
	case n < 94:
		m.resume(m.apps[m.rnd.IntN(len(m.apps))])
	case n < 98:
		m.pause(time.Duration(m.rnd.IntN(500)) * time.Millisecond)
	case n < 99:
		m.pause(linger + time.Second)
	default:
		m.cut()
	}
	// Whoever has credit and was woken, or just likes to, comes.
	m.each(func(a *modelApplication, c *hand) {
		if c.woken.Load() && !c.writing.Load() || m.rnd.IntN(4) == 0 {
			m.take(a, c)
		}
	})
	m.verify()
}

func (m *modelTest) each(f func(*modelApplication, *hand)) {
	for _, a := range m.apps {
		for _, c := range slices.Clone(a.hands) {
			f(a, c)
		}
	}
}

func (m *modelTest) any() (*modelApplication, *hand) {
	a := m.apps[m.rnd.IntN(len(m.apps))]
	if len(a.hands) == 0 {
		return a, nil
	}
	return a, a.hands[m.rnd.IntN(len(a.hands))]
}

// send publishes n events of devices of which the first are the busiest.
func (m *modelTest) send(n int) {
	t := m.tenant("acme")
	for range n {
		d := fmt.Sprint("d", int(m.rnd.ExpFloat64()*4)%20)
		p := &publication{n: len(m.sent[d])}
		m.sent[d] = append(m.sent[d], false)
		p.Event = Event{Device: d, Arrived: time.Now(), Message: body(d, p.n), Done: p}
		if m.rnd.IntN(8) == 0 {
			p.Expires = p.Arrived.Add(time.Duration(m.rnd.IntN(3000)) * time.Millisecond)
		}
		m.over[d] = append(m.over[d], p.Expires)
		m.publ = append(m.publ, p)
		t.Publish(&p.Event)
	}
}

// note takes note of what was accepted.
func (m *modelTest) note() {
	for _, p := range m.publ {
		m.sent[p.Device][p.n] = p.stored.Load()
	}
}

func (m *modelTest) join(a *modelApplication) {
	if len(a.hands) == 4 {
		return
	}
	c := m.attach("acme", a.name)
	a.hands = append(a.hands, c)
}

func (m *modelTest) lose(a *modelApplication, c *hand) {
	c.Detach()
	for _, d := range m.held[c] {
		dev := a.devices[d.Device]
		dev.out, dev.seen = nil, true
	}
	delete(m.held, c)
	a.hands = slices.DeleteFunc(a.hands, func(x *hand) bool { return x == c })
}

func (m *modelTest) pause(d time.Duration) {
	time.Sleep(d)
	if d < linger {
		return
	}
	for _, a := range m.apps {
		if len(a.hands) == 0 && !m.inMemory(a) { // Its ledger was dropped. (One with a parked device is kept.)
			a.floor, a.accepted = 0, 0
			for _, dev := range a.devices {
				dev.forget()
			}
		}
	}
}

func (m *modelTest) inMemory(a *modelApplication) bool {
	synctest.Wait()
	t := m.tenant("acme")
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.applications[a.name] != nil
}

func (m *modelTest) cut() {
	if m.rnd.IntN(2) == 0 {
		synctest.Wait()
	}
	m.note() // What is answered from now on may be lost.
	m.house.crash()
	m.publ = nil
	for _, a := range m.apps {
		a.floor, a.hands, a.accepted = 0, nil, 0
		for _, dev := range a.devices {
			*dev = model{next: dev.next, fresh: true}
		}
	}
	clear(m.held)
}

func (m *modelTest) take(a *modelApplication, c *hand) {
	c.woken.Store(false)
	max, bytes := m.credit[c], []int{0, 30, muchBytes}[m.rnd.IntN(3)]
	got, _ := c.Take(nil, max, bytes)
	if len(got) > max {
		m.t.Fatalf("took %d, wanted %d", len(got), max)
	}
	keep := len(got)
	if keep > 0 && m.rnd.IntN(10) == 0 {
		keep = m.rnd.IntN(keep)
	}
	var back []persistence.Position
	for i, d := range got {
		m.delivered(a, c, d)
		if i >= keep {
			back = append(back, d.Position)
			a.devices[d.Device].out = nil
		}
	}
	if back != nil {
		c.Untake(back)
		c.woken.Store(true) // It knows best when it can send them: it comes by itself.
	}
	m.held[c] = append(m.held[c], got[:keep]...)
	m.credit[c] -= keep
}

// delivered is the judgement.
func (m *modelTest) delivered(a *modelApplication, c *hand, d Delivery) {
	m.t.Helper()
	dev := a.devices[d.Device]
	if dev == nil {
		dev = &model{}
		a.devices[d.Device] = dev
	}
	n := number(d.Message)
	switch {
	case dev.out != nil:
		m.t.Fatalf("%s: %s is out, and %d of it delivered", a.name, d.Device, n)
	case n < dev.next && !dev.fresh:
		m.t.Fatalf("%s: %d of %s is done, and delivered again", a.name, n, d.Device)
	}
	for skipped := dev.next; skipped < n; skipped++ {
		if m.sent[d.Device][skipped] && !m.isOver(d.Device, skipped) && !a.doubted[string(body(d.Device, skipped))] {
			m.t.Fatalf("%s: %d of %s comes before %d", a.name, n, d.Device, skipped)
		}
	}
	if m.isOver(d.Device, n) {
		m.t.Fatalf("%s: %d of %s comes though its time is over", a.name, n, d.Device)
	}
	if n > dev.next {
		dev.forget() // What was before it was never stored, or its time was over, or nobody wanted it.
	}
	if d.Redelivered != dev.seen || d.Attempts != dev.failures {
		m.t.Fatalf("%s: %d of %s: redelivered %v with %d attempts, want %v with %d", a.name, n, d.Device, d.Redelivered, d.Attempts, dev.seen, dev.failures)
	}
	dev.next, dev.out, dev.fresh = n, c, false
}

func (m *modelTest) settleSome(a *modelApplication, c *hand) {
	var ss []Settlement
	m.held[c] = slices.DeleteFunc(m.held[c], func(d Delivery) bool {
		v := Settlement{Position: d.Position, Verb: []Verb{Done, Done, Done, Done, Done, Done, Return, Return, Failed, Reject, Unfit}[m.rnd.IntN(11)]}
		if m.rnd.IntN(3) == 0 {
			return false
		}
		v.NotHere = (v.Verb == Return || v.Verb == Failed) && m.rnd.IntN(8) == 0
		ss = append(ss, v)
		m.settled(a, d, v)
		return true
	})
	if len(ss) > 0 && m.rnd.IntN(5) == 0 { // what is settled already, and what it never had
		ss = append(ss, ss[0], Settlement{Position: ss[0].Position + 1_000_000, Verb: Done})
	}
	c.Settle(ss)
}

func (m *modelTest) settled(a *modelApplication, d Delivery, v Settlement) {
	dev, name := a.devices[d.Device], string(d.Message)
	dev.out = nil
	if v.NotHere || v.Verb == Unfit {
		a.doubted[name] = true
	}
	switch v.Verb {
	case Done:
		a.done[name] = true
		a.accepted++
		dev.goOn()
	case Reject:
		a.dead[name] = true
		dev.goOn()
	case Failed, Return:
		dev.seen = true
		if v.Verb == Failed {
			dev.failures++
		}
		if dev.returns == 0 || a.accepted > dev.accepted {
			dev.attempts++
		}
		dev.returns, dev.accepted = dev.returns+1, a.accepted
		if dev.attempts >= a.policy.MaxAttempts && !a.policy.Park {
			a.dead[name] = true
			dev.goOn()
		}
	}
}

func (dev *model) goOn() {
	dev.next++
	dev.forget()
}

func (m *modelTest) isOver(device string, n int) bool {
	over := m.over[device][n]
	return !over.IsZero() && !over.After(time.Now())
}

// resume lets all parked devices of an application go.
func (m *modelTest) resume(a *modelApplication) {
	for d, dev := range a.devices {
		if m.tenant("acme").Resume(a.name, d) == nil {
			dev.failures, dev.returns, dev.attempts = 0, 0, 0
		}
	}
}

// verify looks into what is in memory.
func (m *modelTest) verify() {
	m.t.Helper()
	for _, st := range m.broker.Applications(100) {
		a := m.apps[slices.IndexFunc(m.apps, func(a *modelApplication) bool { return a.name == st.Application })]
		if st.Floor < a.floor {
			m.t.Fatalf("%s: the floor fell from %d to %d", a.name, a.floor, st.Floor)
		}
		a.floor = st.Floor
		m.ledgerOf("acme", a.name).check(m.t)
	}
}

// finish has everything delivered, to consumers that come only when woken.
func (m *modelTest) finish() {
	synctest.Wait()
	m.note()
	for _, a := range m.apps {
		if len(a.hands) == 4 {
			m.lose(a, a.hands[0])
		}
		m.join(a) // somebody who did not say of anything that it is not for him
		m.resume(a)
	}
	m.each(func(a *modelApplication, c *hand) {
		c.writing.Store(false)
		c.woken.Store(true)
		m.credit[c] = 3
	})
	for quiet := 0; quiet < 12; {
		synctest.Wait()
		quiet++
		m.each(func(a *modelApplication, c *hand) {
			if !c.woken.Load() {
				return
			}
			m.take(a, c)
			for _, d := range m.held[c] {
				m.settled(a, d, Settlement{Verb: Done})
				quiet = 0
			}
			c.settle(Done, m.held[c]...)
			if m.credit[c] = 3; len(m.held[c]) > 0 {
				c.woken.Store(true) // it has credit again
			}
			m.held[c] = nil
		})
		m.verify()
		if quiet > 0 {
			time.Sleep(m.options.BackoffMax) // devices that back off
		}
	}
	for _, a := range m.apps {
		m.complete(a)
	}
}

func (m *modelTest) complete(a *modelApplication) {
	m.t.Helper()
	letters := make(map[string]bool)
	eye := &hand{t: m.t}
	var err error
	if eye.Consumer, err = m.tenant("acme").BrowseDeadLetters(a.name, eye); err != nil {
		m.t.Fatal(err)
	}
	for _, d := range eye.fetch(1 << 20) {
		name := string(d.Message)
		if letters[name] {
			m.t.Fatalf("%s: there are two dead letters of %s", a.name, name)
		}
		if !a.dead[name] && !a.doubted[name] {
			m.t.Fatalf("%s: %s is a dead letter, and nobody said so", a.name, name)
		}
		letters[name] = true
	}
	for d, certain := range m.sent {
		for n := range certain {
			name := string(body(d, n))
			if certain[n] && !a.done[name] && !letters[name] && !m.isOver(d, n) {
				m.t.Fatalf("%s: %s of %d is neither done nor a dead letter nor over; the ledger: %s", a.name, name, len(certain), m.ledgerOf("acme", a.name).describe())
			}
		}
	}
	s := m.ledgerOf("acme", a.name)
	s.mu.Lock()
	defer s.mu.Unlock()
	if g := &s.ledger; g.held != 0 || len(g.lanes) != 0 || g.account.used != 0 || g.opens.total != 0 {
		m.t.Fatalf("%s: everything is done, but %d positions, %d lanes, %d bytes, %d open events are left", a.name, g.held, len(g.lanes), g.account.used, g.opens.total)
	}
}
