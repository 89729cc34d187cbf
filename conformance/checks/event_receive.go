package checks

import (
	"fmt"
	"time"

	"hibachi/conformance/suite"
	"hibachi/conformance/wire"
)

// eventReceive: what applications get.
var eventReceive = []suite.Check{
	{
		ID: "receive.address", Section: pageReceive, Level: suite.Must, Needs: on(),
		Title: "an application receives a tenant's events from event/<tenant>, and the answer to its attach says that address",
		Run: func(t *suite.T) {
			n, other := t.Tenant(), t.Tenant()
			l := eventReceiver(t, n.Default(), 10)
			if got := l.Attach.Composite("source").Text("address"); got != n.Default() {
				t.FailWant("the source address "+n.Default()+" echoed: Hono takes the link for refused without", got)
			}
			eventSender(t, other).Put(eventMessageOf(t, other, "4711", 7))
			eventSender(t, n).Put(eventMessageOf(t, n, "4711", 0))
			d := l.Receive()
			wantEvent(t, d, "4711", 0)
			accept(l, d)
			nothingFor(t, l, "the other event is another tenant's")
		},
	},
	{
		ID: "receive.link-modes", Section: pageReceive, Level: suite.Must, Needs: on(),
		Title: "a receiver link is unsettled and first, or mixed and first; deliveries are not settled by the broker",
		Run: func(t *suite.T) {
			n := t.Tenant()
			t.Twin("unsettled, first", func(t *suite.T) {
				l := eventReceiver(t, n.Default(), 1)
				eventSender(t, n).Put(eventMessageOf(t, n, "4711", 0))
				d := l.Receive()
				if d.Settled {
					t.Fail("the event came settled: it is lost if the consumer dies now")
				}
				accept(l, d)
			})
			t.Case("mixed, first", func(t *suite.T) {
				l := t.Open(nil).Begin(nil).Receiver(n.Default(), wire.F{"snd-settle-mode": 2})
				l.Grant(1)
				eventSender(t, n).Put(eventMessageOf(t, n, "4711", 1))
				d := l.Receive()
				if d.Settled {
					t.Fail("the event came settled: it is lost if the consumer dies now")
				}
				wantEvent(t, d, "4711", 1)
				accept(l, d)
			})
			t.Case("settled", func(t *suite.T) {
				t.Need(suite.EventRules)
				refusedLink(t, func(s *suite.Session) wire.F { return s.ReceiverFields(n.Default()).Plus(wire.F{"snd-settle-mode": 1}) },
					"receive.link-modes", wire.NotAllowed, wire.PreconditionFailed)
			})
			t.Case("second", func(t *suite.T) {
				t.Need(suite.EventRules)
				refusedLink(t, func(s *suite.Session) wire.F { return s.ReceiverFields(n.Default()).Plus(wire.F{"rcv-settle-mode": 1}) },
					"receive.link-modes", wire.NotAllowed, wire.PreconditionFailed)
			})
		},
	},
	{
		ID: "receive.applications", Section: pageReceive, Level: suite.Must, Needs: on(suite.Applications),
		Title: "several applications of a tenant get all its events each, in order, and none takes anything from another",
		Run: func(t *suite.T) {
			n := t.Tenant()
			links := map[string]*suite.Link{
				"default": eventReceiver(t, n.Default(), 50),
				"one":     eventReceiver(t, n.Application("one"), 50),
				"two":     eventReceiver(t, n.Application("two"), 50),
			}
			putEvents(t, eventSender(t, n), n, 4, "a", "b")
			cases(t, links, func(t *suite.T, l *suite.Link) {
				watch := newOrderWatch(t)
				for range 8 {
					d := l.Receive()
					watch.take(l, d)
					watch.settle(l, d)
				}
				nothingFor(t, l, "all were delivered")
			})
		},
	},
	{
		ID: "receive.competing", Section: pageReceive, Level: suite.Must, Needs: on(suite.CompetingOnNode),
		Title: "several consumers of one application share its events: each goes to one of them, and none is left out",
		Run: func(t *suite.T) {
			n := t.Tenant()
			const consumers, each = 3, 5
			var links []*suite.Link
			for range consumers {
				links = append(links, eventReceiver(t, n.Default(), each))
			}
			sender := eventSender(t, n)
			for i := range consumers * each {
				sender.Put(eventMessageOf(t, n, fmt.Sprintf("device-%d", i), i))
			}
			seen := map[string]bool{}
			for k, l := range links {
				for i := range each {
					d := l.TryReceive(t.Patience())
					if d == nil {
						t.FailWant(fmt.Sprintf("%d events for consumer %d, as its credit says", each, k), fmt.Sprint(i))
					}
					device, _ := eventBody(t, d)
					if seen[device] {
						t.Fail("the event of %s came to two consumers", device)
					}
					seen[device] = true
					defer accept(l, d)
				}
			}
		},
	},
	{
		ID: "receive.at-least-once", Section: pageReceive, Level: suite.Must, Needs: on(),
		Title: "an event that a consumer had and did not settle is delivered again, however the consumer went",
		Run: func(t *suite.T) {
			cases(t, map[string]func(l *suite.Link){
				"link detached":     func(l *suite.Link) { l.Detach(true) },
				"link left":         func(l *suite.Link) { l.Detach(false) },
				"session ended":     func(l *suite.Link) { l.Session().End() },
				"connection closed": func(l *suite.Link) { l.Session().Conn().Send(0, wire.Close.With()) },
				"socket cut":        func(l *suite.Link) { l.Session().Conn().Drop() },
			}, func(t *suite.T, leave func(l *suite.Link)) {
				n := t.Tenant()
				l := eventReceiver(t, n.Default(), 1)
				eventSender(t, n).Put(eventMessageOf(t, n, "4711", 0))
				wantEvent(t, l.Receive(), "4711", 0)
				leave(l)
				again := eventReceiver(t, n.Default(), 1)
				d := again.Receive()
				wantEvent(t, d, "4711", 0)
				accept(again, d)
			})
		},
	},
	{
		ID: "event.held", Section: pageReceive, Level: suite.Must, Needs: on(),
		Title: "events are kept while nobody receives, and the first consumer gets them",
		Run: func(t *suite.T) {
			n := t.Tenant()
			putEvents(t, eventSender(t, n), n, 3, "a", "b")
			newOrderWatch(t).drain(6, eventReceiver(t, n.Default(), 50))
		},
	},
	{
		ID: "event.consumer-returns", Section: pageReceive, Level: suite.Must, Needs: on(suite.HeldWithoutAny, suite.Applications),
		Title: "an application whose consumers are gone finds what was sent meanwhile when one comes back",
		Run: func(t *suite.T) {
			for _, app := range []string{"default", "named"} {
				t.Case(app, func(t *suite.T) {
					n := t.Tenant()
					address := n.Default()
					if app == "named" {
						address = n.Application("app")
					}
					l := eventReceiver(t, address, 10)
					sender := eventSender(t, n)
					sender.Put(eventMessageOf(t, n, "4711", 0))
					d := l.Receive()
					wantEvent(t, d, "4711", 0)
					accept(l, d)
					l.Session().Conn().Alive()
					l.Detach(true)
					sender.Put(eventMessageOf(t, n, "4711", 1))
					again := eventReceiver(t, address, 10)
					d = again.Receive()
					wantEvent(t, d, "4711", 1)
					accept(again, d)
				})
			}
		},
	},
	{
		ID: "event.later-application", Section: pageReceive, Level: suite.Extra, Needs: on(suite.HeldWithoutAny, suite.Applications),
		Title: "an application that comes for the first time is owed what is still stored",
		Run: func(t *suite.T) {
			n := t.Tenant()
			putEvents(t, eventSender(t, n), n, 3, "a")
			newOrderWatch(t).drain(3, eventReceiver(t, n.Application("late"), 50))
			newOrderWatch(t).drain(3, eventReceiver(t, n.Default(), 50))
		},
	},
	{
		ID: "event.no-credit", Section: pageClients, Level: suite.Must, Needs: on(),
		Title: "a consumer without credit gets nothing, and one with credit gets as many as that",
		Run: func(t *suite.T) {
			n := t.Tenant()
			l := eventReceiver(t, n.Default(), 0)
			putEvents(t, eventSender(t, n), n, 1, "a", "b", "c", "d")
			nothingFor(t, l, "there is no credit")
			l.Grant(1)
			d := l.Receive()
			nothingFor(t, l, "the credit is used up")
			accept(l, d)
			nothingFor(t, l, "an outcome is no credit")
			l.Grant(2)
			l.Receive()
			l.Receive()
			nothingFor(t, l, "both credits are used up")
		},
	},
	{
		ID: "event.credit-early", Section: pageClients, Level: suite.Must, Needs: on(),
		Title: "credit that a consumer sends behind its attach, without waiting for the answer, counts",
		Run: func(t *suite.T) {
			n := t.Tenant()
			idle := eventReceiver(t, n.Default(), 0) // so that the event is kept where nothing is without a consumer
			eventSender(t, n).Put(eventMessageOf(t, n, "4711", 0))
			idle.Session().Conn().Alive()
			s := t.Open(nil).Begin(nil)
			f := s.ReceiverFields(n.Default())
			s.Send(wire.Attach.With(f), wire.Flow.With(s.FlowFields(), wire.F{"handle": 0, "delivery-count": 0, "link-credit": 200}))
			l := s.Attached(f)
			d := l.Receive()
			wantEvent(t, d, "4711", 0)
			accept(l, d)
		},
	},
	{
		ID: "event.tags", Section: pageClients, Level: suite.Must, Needs: on(),
		Title: "delivery-tags are at most 32 octets long, and no two that are not settled are the same",
		Run: func(t *suite.T) {
			n := t.Tenant()
			l := eventReceiver(t, n.Default(), 5)
			putEvents(t, eventSender(t, n), n, 1, "a", "b", "c", "d", "e")
			seen := map[string]bool{}
			for range 5 {
				d := l.Receive()
				if len(d.Tag) > 32 || len(d.Tag) == 0 || seen[string(d.Tag)] {
					t.Fail("delivery-tag %x: %d octets, seen before: %t", d.Tag, len(d.Tag), seen[string(d.Tag)])
				}
				seen[string(d.Tag)] = true
			}
		},
	},
	{
		ID: "receive.expiry", Section: "Tenant API, Resource Limits", Level: suite.Must, Needs: on(suite.Expiry, suite.HeldWithoutAny), Takes: 15 * time.Second,
		Title: "an event whose ttl is over is not delivered",
		Run: func(t *suite.T) {
			n := t.Tenant()
			sender := eventSender(t, n)
			p := eventParts(n, "4711", 0)
			p.Header = wire.F{"durable": true, "ttl": 500}
			sender.Put(t.MessageOf(p))
			t.Sleep(1500 * time.Millisecond)
			sender.Put(eventMessageOf(t, n, "4711", 1))
			l := eventReceiver(t, n.Default(), 10)
			wantEvent(t, l.Receive(), "4711", 1)
		},
	},
}

// eventOutcomes: what a consumer says of an event, and what comes of it.
var eventOutcomes = []suite.Check{
	{
		ID: "event.accepted", Section: pageReceive, Level: suite.Must, Needs: on(),
		Title: "an event that was accepted does not come again, and the next one of its device does",
		Run: func(t *suite.T) {
			n := t.Tenant()
			l := eventReceiver(t, n.Default(), 10)
			putEvents(t, eventSender(t, n), n, 2, "4711")
			for i := range 2 {
				d := l.Receive()
				wantEvent(t, d, "4711", i)
				accept(l, d)
			}
			l.Session().Conn().Alive()
			l.Detach(true)
			nothingFor(t, eventReceiver(t, n.Default(), 10), "both were accepted")
		},
	},
	{
		ID: "event.accepted-range", Section: pageReceive, Level: suite.Must, Needs: on(),
		Title: "one disposition settles all deliveries of its range, and none beside it",
		Run: func(t *suite.T) {
			n := t.Tenant()
			l := eventReceiver(t, n.Default(), 5)
			putEvents(t, eventSender(t, n), n, 1, "a", "b", "c", "d", "e")
			var ds []*suite.Delivery
			for range 5 {
				ds = append(ds, l.Receive())
			}
			l.Session().Send(wire.Disposition.With(wire.F{
				"role": true, "first": ds[1].ID, "last": ds[3].ID, "settled": true, "state": wire.Accepted.With(),
			}))
			l.Session().Conn().Alive()
			l.Detach(true)
			again := eventReceiver(t, n.Default(), 10)
			want := map[string]bool{}
			for _, d := range []*suite.Delivery{ds[0], ds[4]} {
				device, _ := eventBody(t, d)
				want[device] = true
			}
			for range 2 {
				device, _ := eventBody(t, again.Receive())
				if !want[device] {
					t.Fail("the event of %s came again: it was accepted, or came already", device)
				}
				delete(want, device)
			}
			nothingFor(t, again, "the others were accepted")
		},
	},
	{
		ID: "event.released", Section: pageReceive, Level: suite.Must, Needs: on(),
		Title: "an event that was released comes again, and its delivery-count says that no delivery failed",
		Run: func(t *suite.T) {
			eventReturned(t, wire.Released.With(), 0)
		},
	},
	{
		ID: "event.modified", Section: pageReceive, Level: suite.Must, Needs: on(),
		Title: "an event that was modified comes again, and its delivery-count grows if the delivery failed",
		Run: func(t *suite.T) {
			t.Case("failed", func(t *suite.T) {
				eventReturned(t, wire.Modified.With(wire.F{"delivery-failed": true, "undeliverable-here": false}), 1)
			})
			t.Case("not failed", func(t *suite.T) {
				eventReturned(t, wire.Modified.With(wire.F{"delivery-failed": false, "undeliverable-here": false}), 0)
			})
		},
	},
	{
		ID: "event.rejected", Section: pageReceive, Level: suite.Should, Needs: on(),
		Title: "an event that was rejected is not lost without a trace: it goes to the dead letters, or comes again",
		Run: func(t *suite.T) {
			n := t.Tenant()
			l := eventReceiver(t, n.Default(), 10)
			putEvents(t, eventSender(t, n), n, 2, "4711")
			d := l.Receive()
			wantEvent(t, d, "4711", 0)
			l.Settle(d, wire.Rejected.With(wire.F{"error": wire.Error.With(wire.F{"condition": "hono:bad-request"})}))
			d = l.Receive()
			_, number := eventBody(t, d)
			accept(l, d)
			switch {
			case number == 0: // it came again
				if c := headerOf(t, d).Uint("delivery-count"); c != 1 && t.Profile().Has(suite.DeliveryCounts) {
					t.FailWant("delivery-count 1", fmt.Sprint(c))
				}
			case t.Profile().Has(suite.DeadLetters):
				letter := eventReceiver(t, n.DeadLetters("$default"), 5)
				d = letter.Receive()
				wantEvent(t, d, "4711", 0)
				accept(letter, d)
				nothingFor(t, letter, "one event was rejected")
			default:
				t.Tolerate("the event kept somewhere", "the next event of the device",
					"an application that rejects an event has refused it for good; the profile names no dead letters")
			}
		},
	},
}

// eventReturned gives an event back and wants it again, with that delivery-count, before the next one of its device.
func eventReturned(t *suite.T, state *wire.Composite, count uint64) {
	n := t.Tenant()
	l := eventReceiver(t, n.Default(), 0)
	putEvents(t, eventSender(t, n), n, 2, "4711")
	l.Grant(1)
	d := l.Receive()
	wantEvent(t, d, "4711", 0)
	if c := headerOf(t, d).Uint("delivery-count"); c != 0 {
		t.FailWant("delivery-count 0 at first", fmt.Sprint(c))
	}
	l.Settle(d, state)
	l.Grant(1)
	d = l.Receive()
	wantEvent(t, d, "4711", 0)
	if c := headerOf(t, d).Uint("delivery-count"); c != count && t.Profile().Has(suite.DeliveryCounts) {
		t.FailWant(fmt.Sprintf("delivery-count %d after %s", count, state), fmt.Sprint(c))
	}
	accept(l, d)
	l.Grant(1)
	d = l.Receive()
	wantEvent(t, d, "4711", 1)
	accept(l, d)
}
