package checks

import (
	"hibachi/conformance/suite"
	"hibachi/conformance/wire"
)

// eventForward: what adapters do, and what they are answered.
var eventForward = []suite.Check{
	{
		ID: "forward.address", Section: pageForward, Level: suite.Must, Needs: on(),
		Title: "an adapter sends a tenant's events to event/<tenant>, whether or not anybody heard of the tenant before",
		Run: func(t *suite.T) {
			n := t.Tenant()
			t.Twin("the tenant", func(t *suite.T) { eventSender(t, n).Put(eventMessageOf(t, n, "4711", 0)) })
			t.Case("a target that names an application", func(t *suite.T) {
				t.Need(suite.EventRules)
				refusedTarget(t, n.Application("app"), "forward.address", wire.NotAllowed)
			})
		},
	},
	{
		ID: "forward.link-modes", Section: pageForward, Level: suite.Must, Needs: on(),
		Title: "a sender link is unsettled and first; what a router leaves of that, mixed and first, is served too",
		Run: func(t *suite.T) {
			n := t.Tenant()
			t.Twin("unsettled, first", func(t *suite.T) { senderWithModes(t, n, wire.F{}).Put(eventMessageOf(t, n, "4711", 0)) })
			t.Case("mixed, first", func(t *suite.T) {
				senderWithModes(t, n, wire.F{"snd-settle-mode": 2}).Put(eventMessageOf(t, n, "4711", 1))
			})
			t.Case("absent, which is the same", func(t *suite.T) {
				senderWithModes(t, n, wire.F{"snd-settle-mode": nil, "rcv-settle-mode": nil}).Put(eventMessageOf(t, n, "4711", 2))
			})
			t.Case("settled", func(t *suite.T) {
				t.Need(suite.EventRules)
				refusedLink(t, func(s *suite.Session) wire.F { return s.SenderFields(n.Event()).Plus(wire.F{"snd-settle-mode": 1}) },
					"forward.link-modes", wire.NotAllowed, wire.PreconditionFailed)
			})
			t.Case("second", func(t *suite.T) {
				t.Need(suite.EventRules)
				refusedLink(t, func(s *suite.Session) wire.F { return s.SenderFields(n.Event()).Plus(wire.F{"rcv-settle-mode": 1}) },
					"forward.link-modes", wire.NotAllowed, wire.PreconditionFailed)
			})
		},
	},
	{
		ID: "forward.unsettled", Section: pageForward, Level: suite.Must, Needs: on(suite.EventRules),
		Title: "a transfer that is settled already ends its link: nobody could be told that the event is lost",
		Run: func(t *suite.T) {
			n := t.Tenant()
			t.Twin("unsettled on a mixed link", func(t *suite.T) {
				senderWithModes(t, n, wire.F{"snd-settle-mode": 2}).Put(eventMessageOf(t, n, "4711", 0))
			})
			for _, mode := range []string{"mixed", "unsettled"} {
				t.Case("settled on a link that is "+mode, func(t *suite.T) {
					l := senderWithModes(t, n, wire.F{"snd-settle-mode": map[string]int{"mixed": 2, "unsettled": 0}[mode]})
					l.Send(eventMessageOf(t, n, "4711", 1), wire.F{"settled": true})
					r := l.Session().Conn().Refused(suite.Detaches(wire.NotAllowed, wire.InvalidField))
					saysWhy(t, r, "forward.unsettled")
				})
			}
			t.Case("it was not stored", func(t *suite.T) {
				l := eventReceiver(t, n.Default(), 10)
				wantEvent(t, l.Receive(), "4711", 0)
				nothingFor(t, l, "the other event of the device was refused")
			})
		},
	},
	{
		ID: "forward.durable", Section: pageForward, Level: suite.Must, Needs: on(suite.EventRules),
		Title: "an event whose header does not say durable=true is rejected, and the link goes on",
		Run: func(t *suite.T) {
			n := t.Tenant()
			l := eventSender(t, n)
			t.Twin("durable", func(t *suite.T) { eventSender(t, n).Put(eventMessageOf(t, n, "4711", 0)) })
			parts := eventParts(n, "4711", 1)
			for _, bad := range []struct {
				name   string
				header wire.F
			}{{"false", wire.F{"durable": false}}, {"absent", wire.F{"durable": nil, "ttl": 30000}}} {
				t.Case(bad.name, func(t *suite.T) {
					p := parts
					p.Header = bad.header
					rejected(t, l, bareMessage(p), "forward.durable", wire.PreconditionFailed, wire.InvalidField, wire.NotAllowed)
				})
			}
			t.Case("no header", func(t *suite.T) {
				p := parts
				p.Header = nil
				rejected(t, l, bareMessage(p), "forward.durable", wire.PreconditionFailed, wire.InvalidField, wire.NotAllowed)
			})
			t.Case("no octets at all", func(t *suite.T) {
				rejected(t, l, nil, "forward.durable", wire.PreconditionFailed, wire.InvalidField, wire.NotAllowed)
			})
			t.Case("the link goes on", func(t *suite.T) { l.Put(eventMessageOf(t, n, "4711", 2)) })
		},
	},
	{
		ID: "forward.persisted", Section: pageForward, Level: suite.Must, Needs: on(suite.Restart, suite.HeldWithoutAny), Alone: true, Takes: 60e9,
		Title: "an event that was accepted is there after a restart of the broker, and so is how far its consumers are",
		Run: func(t *suite.T) {
			n := t.Tenant()
			sender := eventSender(t, n)
			putEvents(t, sender, n, 5, "a", "b")
			before := eventReceiver(t, n.Default(), 2)
			first, second := before.Receive(), before.Receive()
			wantEvent(t, first, "a", 0)
			wantEvent(t, second, "b", 0)
			accept(before, first)
			before.Session().Conn().Alive()
			before.Session().Conn().Drop()
			sender.Put(eventMessageOf(t, n, "c", 0)) // accepted a moment before
			sender.Session().Conn().Drop()
			t.Restart()
			after := eventReceiver(t, n.Default(), 20)
			watch := newOrderWatch(t)
			watch.next["a"] = 1
			got := 0
			for got < 10 {
				d := after.Receive()
				if device, number := eventBody(t, d); device == "a" && number == 0 {
					t.Tolerate("an event that was settled not again", "it came again after the restart", "the page promises at least once")
					accept(after, d)
					continue
				}
				watch.take(after, d)
				watch.settle(after, d)
				got++
			}
			if watch.next["a"] != 5 || watch.next["b"] != 5 || watch.next["c"] != 1 {
				t.Fail("5 events of a, 5 of b and 1 of c were accepted; what is there after the restart ends before %v", watch.next)
			}
		},
	},
	{
		ID: "event.outcome-settled", Section: pageClients, Level: suite.Must, Needs: on(),
		Title: "an event is answered once, with an outcome that is settled: anything else is an error to Hono",
		Run: func(t *suite.T) {
			n := t.Tenant()
			l := eventSender(t, n)
			l.AwaitCredit(1)
			count := min(50, int(l.Credit)) // so that Send reads nothing
			answered := map[uint32]int{}
			first := l.Send(eventMessageOf(t, n, "4711", 0))
			for i := 1; i < count; i++ {
				l.Send(eventMessageOf(t, n, "4711", i))
			}
			c := l.Session().Conn()
			for len(answered) < count {
				f := c.Expect(wire.Disposition)
				if !f.Body.Bool("settled") || !f.Body.Bool("role") {
					t.FailWant("a disposition of role receiver that settles", f.String())
				}
				for id := range dispositionRange(f.Body) {
					if answered[id]++; answered[id] > 1 || id-first >= uint32(count) {
						t.Fail("delivery %d was answered %d times; deliveries %d to %d were sent", id, answered[id], first, first+uint32(count)-1)
					}
				}
			}
			c.Alive()
		},
	},
	{
		ID: "event.sender-gives-up", Section: pageClients, Level: suite.Must, Needs: on(),
		Title: "a sender that waited long enough settles its delivery itself as released: it is let go of, and the link goes on",
		Run: func(t *suite.T) {
			n := t.Tenant()
			l := eventSender(t, n)
			s := l.Session()
			id := l.Send(eventMessageOf(t, n, "4711", 0))
			s.Send(wire.Disposition.With(wire.F{"role": false, "first": id, "settled": true, "state": wire.Released.With()}))
			s.Conn().Alive()
			l.Put(eventMessageOf(t, n, "4711", 1))
			s.Send(wire.Disposition.With(wire.F{"role": false, "first": id + 1, "settled": true, "state": wire.Released.With()}))
			s.Conn().Alive()
			l.Put(eventMessageOf(t, n, "4711", 2))
		},
	},
	{
		ID: "event.burst", Section: pageClients, Level: suite.Should, Needs: on(),
		Title: "the first credit covers what an adapter queued up while its link was being attached, 100 events at least, and is topped up",
		Run: func(t *suite.T) {
			n := t.Tenant()
			l := eventSender(t, n)
			l.AwaitCredit(1)
			if l.Credit < 100 {
				t.Tolerate("credit of 100 or more", "less", "Hono fails what has no credit, but only in a burst")
			}
			// More than the first credit, to see it topped up.
			putEvents(t, l, n, int(min(l.Credit, 2000))/5+60, "a", "b", "c", "d", "e")
		},
	},
}

// senderWithModes attaches a sender whose modes are as said.
func senderWithModes(t *suite.T, n suite.Tenant, modes wire.F) *suite.Link {
	return t.Open(nil).Begin(nil).Sender(n.Event(), modes)
}

// refusedTarget wants a sender to that address to be refused.
func refusedTarget(t *suite.T, address, requirement string, conditions ...string) {
	refusedLink(t, func(s *suite.Session) wire.F { return s.SenderFields(address) }, requirement, conditions...)
}

// refusedSource wants a receiver from that address to be refused.
func refusedSource(t *suite.T, address, requirement string, conditions ...string) {
	refusedLink(t, func(s *suite.Session) wire.F { return s.ReceiverFields(address) }, requirement, conditions...)
}

// refusedLink wants an attach to be answered without the terminus that was asked for and then detached, with a reason.
func refusedLink(t *suite.T, fields func(s *suite.Session) wire.F, requirement string, conditions ...string) {
	s := t.Open(nil).Begin(nil)
	f := fields(s)
	l := s.Attach(f)
	terminus := "target"
	if f["role"] == true {
		terminus = "source"
	}
	if l.Attach.Has(terminus) {
		t.Errorf("the refusal is to begin with an attach without a %s, or the peer takes the link for attached: %s", terminus, l.Attach)
	}
	r := s.Conn().Refused(suite.Detaches(conditions...))
	if !l.Detached.Bool("closed") {
		t.Errorf("a refused link is detached with closed=true: %s", l.Detached)
	}
	saysWhy(t, r, requirement)
	s.Conn().Alive()
}

// rejected wants an event to be rejected, with a reason.
func rejected(t *suite.T, l *suite.Link, message []byte, requirement string, conditions ...string) {
	l.Send(message)
	saysWhy(t, l.Session().Conn().Refused(suite.Rejects(conditions...)), requirement)
}

// bareMessage is a message of these parts and nothing else.
func bareMessage(p suite.Parts) []byte {
	var all []wire.Raw
	if p.Header != nil {
		all = append(all, wire.Header.With(p.Header).Raw())
	}
	pairs := p.Annotations
	if p.Device != "" {
		pairs = append([]wire.Raw{wire.Sym("device_id"), wire.Str(p.Device)}, pairs...)
	}
	if len(pairs) > 0 {
		all = append(all, wire.Section(wire.CodeMessageAnnotations, wire.Map(pairs...)))
	}
	if p.Properties != nil {
		all = append(all, wire.Properties.With(p.Properties).Raw())
	}
	if len(p.Application) > 0 {
		all = append(all, wire.Section(wire.CodeApplicationProperties, wire.Map(p.Application...)))
	}
	return wire.Message(append(all, p.Body...)...)
}

// dispositionRange yields the deliveries of a disposition.
func dispositionRange(d *wire.Composite) func(yield func(uint32) bool) {
	first := uint32(d.Uint("first"))
	last := first
	if d.Has("last") {
		last = uint32(d.Uint("last"))
	}
	return func(yield func(uint32) bool) {
		for n := uint32(0); n <= min(last-first, 1<<16); n++ {
			if !yield(first + n) {
				return
			}
		}
	}
}
