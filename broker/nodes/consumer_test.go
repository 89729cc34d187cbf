package nodes

import (
	"io"
	"log/slog"
	"slices"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"hibachi/broker"
	"hibachi/links"
	"hibachi/links/amqp"
	"hibachi/links/engine"
	"hibachi/persistence"
	"hibachi/persistence/pebble"
)

// The tests of this file go as far as the nodes reach down: the broker, and the store on a disk in memory. The link is a fake.

// floor is everything below the wire.
type floor struct {
	store  *pebble.Store
	broker *broker.Broker
	nodes  *Nodes
}

func quiet() *slog.Logger { return slog.New(slog.NewTextHandler(io.Discard, nil)) }

func openFloor(t *testing.T, fs *vfs.MemFS, o Options) *floor {
	t.Helper()
	store, err := pebble.Open(pebble.Options{Dir: "data", FS: fs, MemTableSize: 1 << 20, CacheSize: 8 << 20, Log: quiet(),
		Fatal: func(err error) { t.Errorf("the store gave up: %v", err) }})
	if err != nil {
		t.Fatal(err)
	}
	b, err := broker.New(store, broker.Options{Label: Label})
	if err != nil {
		t.Fatal(err)
	}
	f := &floor{store: store, broker: b, nodes: New(b, o)}
	t.Cleanup(func() { f.close(t) })
	return f
}

func newFloor(t *testing.T) *floor { return openFloor(t, vfs.NewMem(), Options{}) }

// close ends everything, once.
func (f *floor) close(t *testing.T) {
	if f.store == nil {
		return
	}
	f.broker.Close()
	if err := f.store.Close(); err != nil {
		t.Errorf("closing the store: %v", err)
	}
	f.store = nil
}

// link is a consumer's link with a fake at the wire's end: it takes when a test wants to.
type link struct {
	links.Source
	terms engine.Terms
	rings chan struct{}
}

// Wake keeps one ring.
func (l *link) Wake() bool {
	select {
	case l.rings <- struct{}{}:
	default:
	}
	return true
}

// attach waits until the attach is answered.
func (f *floor) attach(t *testing.T, a *links.Attach) *link {
	t.Helper()
	l := &link{rings: make(chan struct{}, 1)}
	answered := make(chan error, 1)
	f.nodes.attachConsumer(a, l, func(s links.Source, terms engine.Terms, err error) {
		l.Source, l.terms = s, terms
		answered <- err
	})
	if err := <-answered; err != nil {
		t.Fatal(err)
	}
	return l
}

// delivered is what a test looks at.
type delivered struct {
	body  string
	first bool // first-acquirer
	count uint32
}

// take gives at most max deliveries: what there is, or what comes next, or nothing if nothing is going to come.
func (l *link) take(t *testing.T, max int) (got []delivered, refs []uint64) {
	t.Helper()
	for {
		ms, idle := l.Take(nil, max, 1<<20)
		if len(ms) == 0 && !idle {
			<-l.rings
			continue
		}
		for _, m := range ms {
			p, err := amqp.ParseMessage(append(m.Head[:m.HeadLen:m.HeadLen], m.Body...))
			if err != nil {
				t.Fatal(err)
			}
			h, err := p.ParseHeader()
			if err != nil {
				t.Fatal(err)
			}
			b, _ := p.Data()
			got, refs = append(got, delivered{string(b), h.FirstAcquirer, h.DeliveryCount}), append(refs, m.Ref)
		}
		return got, refs
	}
}

func (l *link) want(t *testing.T, max int, want ...delivered) (refs []uint64) {
	t.Helper()
	got, refs := l.take(t, max)
	if !slices.Equal(got, want) {
		t.Fatalf("took %+v, want %+v", got, want)
	}
	return refs
}

// published waits for an event that a test publishes itself.
type published chan error

func (p published) Published(_ persistence.Position, err error) { p <- err }

func (f *floor) publish(t *testing.T, device string, bodies ...string) {
	t.Helper()
	tenant, err := f.broker.Tenant("acme")
	if err != nil {
		t.Fatal(err)
	}
	for _, body := range bodies {
		done := make(published, 1)
		b := (&amqp.MessageHeader{Durable: true}).Append(nil)
		tenant.Publish(&broker.Event{Device: device, Message: amqp.AppendData(b, []byte(body)), Done: done})
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	}
}

func browsing(a *amqp.Attach) {
	a.Source.DistributionMode, a.SndSettleMode = "copy", amqp.SenderSettled
}

func TestABrowserTakesNothing(t *testing.T) {
	f := newFloor(t)
	f.publish(t, "4711", "1", "2")
	browser := f.attach(t, receiver("event/acme", browsing))
	if !browser.terms.Settled || browser.terms.Source.DistributionMode != "copy" {
		t.Errorf("terms %+v", browser.terms)
	}
	// Both, although they are of one device.
	browser.want(t, 10, delivered{"1", true, 0}, delivered{"2", true, 0})
	browser.want(t, 10)
	application := f.attach(t, receiver("event/acme"))
	for _, body := range []string{"1", "2"} {
		refs := application.want(t, 10, delivered{body, true, 0})
		application.Settle([]links.Settlement{{Ref: refs[0], State: amqp.DeliveryState{Kind: amqp.Accepted}}})
	}
}

func TestABrowserCreatesNoApplication(t *testing.T) {
	f := newFloor(t)
	f.attach(t, receiver("event/acme", browsing)).Detached(nil)
	known := attachKnown(t, f)
	if e := known.refused(t); e.Condition != amqp.ErrNotFound {
		t.Errorf("after browsing, the default application is refused with %v, want %s", e, amqp.ErrNotFound)
	}
}

// attachKnown attaches to the default application if it is there.
func attachKnown(t *testing.T, f *floor) *answer {
	t.Helper()
	got, answered := &answer{}, make(chan struct{}, 1)
	a := receiver("event/acme", func(a *amqp.Attach) { a.Properties = amqp.MakeMap(amqp.Symbol(propertyCreate), false) })
	f.nodes.attachConsumer(a, &link{rings: make(chan struct{}, 1)}, func(s links.Source, terms engine.Terms, err error) {
		got.source, got.terms, got.err = s, terms, err
		got.times++
		answered <- struct{}{}
	})
	<-answered
	return got
}

func TestAnUnknownApplicationIsNotCreatedAgainstTheWish(t *testing.T) {
	f := newFloor(t)
	if e := attachKnown(t, f).refused(t); e.Condition != amqp.ErrNotFound {
		t.Errorf("refused with %v, want %s", e, amqp.ErrNotFound)
	}
	f.attach(t, receiver("event/acme")).Detached(nil)
	if got := attachKnown(t, f); got.err != nil {
		t.Errorf("an application that is there was refused: %v", got.err)
	}
}

func TestSettlements(t *testing.T) {
	accepted, released := amqp.DeliveryState{Kind: amqp.Accepted}, amqp.DeliveryState{Kind: amqp.Released}
	failed := amqp.DeliveryState{Kind: amqp.Modified, DeliveryFailed: true}
	again := func(count uint32) delivered { return delivered{"1", false, count} }
	next := delivered{"2", true, 0}
	for _, tt := range []struct {
		name      string
		byDefault amqp.DeliveryState
		state     amqp.DeliveryState
		then      delivered
	}{
		{"accepted", released, accepted, next},
		{"released", accepted, released, again(0)},
		{"modified", accepted, amqp.DeliveryState{Kind: amqp.Modified}, again(0)},
		{"modified, failed", accepted, failed, again(1)},
		{"rejected", accepted, amqp.DeliveryState{Kind: amqp.Rejected, Err: amqp.Errorf("hono:bad-request", "cannot read it")}, next},
		{"without a state, accepted by default", accepted, amqp.DeliveryState{}, next},
		{"without a state, released by default", released, amqp.DeliveryState{}, again(0)},
		{"without a state, failed by default", failed, amqp.DeliveryState{}, again(1)},
		{"without a state, no default", amqp.DeliveryState{}, amqp.DeliveryState{}, again(0)},
		{"settled while received, accepted by default", accepted, amqp.DeliveryState{Kind: amqp.Received}, next},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := newFloor(t)
			l := f.attach(t, receiver("event/acme", func(a *amqp.Attach) { a.Source.DefaultOutcome = tt.byDefault }))
			f.publish(t, "4711", "1", "2")
			refs := l.want(t, 10, delivered{"1", true, 0}) // one of a device at a time
			l.Settle([]links.Settlement{{Ref: refs[0], State: tt.state}})
			got, _ := l.take(t, 10)
			for len(got) == 0 { // what is rejected holds its device until the dead letter is on disk
				<-l.rings
				got, _ = l.take(t, 10)
			}
			if !slices.Equal(got, []delivered{tt.then}) {
				t.Errorf("then came %v, want %v", got, tt.then)
			}
		})
	}
}

func TestUntakenEventsAreUncounted(t *testing.T) {
	f := newFloor(t)
	l := f.attach(t, receiver("event/acme"))
	f.publish(t, "4711", "1")
	l.Untake(l.want(t, 1, delivered{"1", true, 0}))
	l.Detached(nil)
	f.attach(t, receiver("event/acme")).want(t, 1, delivered{"1", true, 0})
	if ms, _ := l.Take(nil, 1, 1<<20); len(ms) > 0 {
		t.Errorf("a detached source gave %d events", len(ms))
	}
}

// What is larger than a link takes goes to another one; the others' events do not wait for it.
func TestEventsTooLargeForALinkGoToAnother(t *testing.T) {
	f := newFloor(t)
	small := f.attach(t, receiver("event/acme", func(a *amqp.Attach) { a.MaxMessageSize = 1024 }))
	large := string(make([]byte, 2000))
	f.publish(t, "4711", large)
	f.publish(t, "4712", "y")
	small.want(t, 10, delivered{"y", true, 0})
	if got, _ := small.take(t, 10); len(got) != 0 {
		t.Errorf("the small one took %d more", len(got))
	}
	if n := f.nodes.Stats().TooLarge; n != 1 {
		t.Errorf("the large event was given %d times to a link that cannot take it, want once", n)
	}
	// Nobody had it before.
	f.attach(t, receiver("event/acme")).want(t, 10, delivered{large, true, 0})
}

// undeliverable-here: never again to this link, at once to another, and to the next link of the same peer.
func TestWhatIsUndeliverableHereGoesElsewhere(t *testing.T) {
	f := newFloor(t)
	here, there := f.attach(t, receiver("event/acme")), f.attach(t, receiver("event/acme"))
	f.publish(t, "4711", "1")
	refs := here.want(t, 10, delivered{"1", true, 0})
	here.Settle([]links.Settlement{{Ref: refs[0], State: amqp.DeliveryState{Kind: amqp.Modified, DeliveryFailed: true, UndeliverableHere: true}}})
	if got, _ := here.take(t, 10); len(got) != 0 {
		t.Errorf("it came again: %v", got)
	}
	refs = there.want(t, 10, delivered{"1", false, 1})
	there.Settle([]links.Settlement{{Ref: refs[0], State: amqp.DeliveryState{Kind: amqp.Modified, UndeliverableHere: true}}})
	for _, l := range []*link{here, there} {
		if got, _ := l.take(t, 10); len(got) != 0 {
			t.Errorf("it came again: %v", got)
		}
	}
	f.attach(t, receiver("event/acme")).want(t, 10, delivered{"1", false, 1})
}
