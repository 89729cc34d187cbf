package checks

import (
	"strings"

	"hibachi/conformance/suite"
	"hibachi/conformance/wire"
)

// eventAddress: which addresses there are, and that a refusal says why. Through a router the addresses are the same.
var eventAddress = []suite.Check{
	{
		ID: "address.grammar", Section: "tenant ids, as Hono's device registry takes them", Level: suite.Must, Needs: on(suite.EventRules),
		Title: "a tenant's id is 1 to 128 letters, digits, dots, hyphens and underscores",
		Run: func(t *suite.T) {
			t.Twin("all of these", func(t *suite.T) { bothWays(t, "event/"+t.Name("A-z_0.9")) })
			t.Case("DEFAULT_TENANT", func(t *suite.T) { bothWays(t, "event/DEFAULT_TENANT") })
			t.Case("128 octets", func(t *suite.T) { bothWays(t, "event/"+pad(t.Name("long"), 128)) })
			cases(t, map[string]string{
				"none": "event/", "no slash": "event", "129 octets": "event/" + strings.Repeat("x", 129), "space": "event/a b",
				"letters of another language": "event/ä", "slash in front": "/event/t", "a comma": "event/a,b", "a control character": "event/a\x01",
			}, func(t *suite.T, address string) {
				conditions := []string{wire.InvalidField, wire.NotFound}
				t.Case("to send", func(t *suite.T) { refusedTarget(t, address, "", conditions...) })
				t.Case("to receive", func(t *suite.T) { refusedSource(t, address, "", conditions...) })
			})
		},
	},
	{
		ID: "address.events-only", Section: "Hono's other endpoints", Level: suite.Must, Needs: on(suite.EventRules), Twin: "forward.address",
		Title: "addresses of Hono's other endpoints are refused as such",
		Run: func(t *suite.T) {
			n := t.Tenant()
			for _, endpoint := range []string{"telemetry", "command", "command_internal", "command_response", "notification", "nonsense", "e", "EVENT"} {
				t.Case(endpoint, func(t *suite.T) {
					refusedTarget(t, endpoint+"/"+n.Name, "address.events-only", wire.NotImplemented, wire.NotFound)
					refusedSource(t, endpoint+"/"+n.Name, "address.events-only", wire.NotImplemented, wire.NotFound)
				})
			}
		},
	},
	{
		ID: "address.application", Section: "Hibachi, applications", Level: suite.Extra, Needs: on(suite.EventRules, suite.Applications),
		Title: "event/<tenant>::<application> and event/<tenant>/<application> are one application, and $default is that of event/<tenant>",
		Run: func(t *suite.T) {
			same := func(t *suite.T, first, second func(n suite.Tenant) string) {
				n := t.Tenant()
				putEvents(t, eventSender(t, n), n, 2, "4711")
				l := eventReceiver(t, first(n), 1)
				d := l.Receive()
				wantEvent(t, d, "4711", 0)
				accept(l, d)
				l.Session().Conn().Alive()
				r := eventReceiver(t, second(n), 10)
				d = r.Receive()
				wantEvent(t, d, "4711", 1)
				accept(r, d)
				if got := r.Attach.Composite("source").Text("address"); got != second(n) {
					t.FailWant("the source address echoed: "+second(n), got)
				}
			}
			colons := func(n suite.Tenant) string { return "event/" + n.Name + "::app" }
			slash := func(n suite.Tenant) string { return "event/" + n.Name + "/app" }
			plain := func(n suite.Tenant) string { return "event/" + n.Name }
			byName := func(n suite.Tenant) string { return "event/" + n.Name + "::$default" }
			t.Twin(":: then /", func(t *suite.T) { same(t, colons, slash) })
			t.Case("/ then ::", func(t *suite.T) { same(t, slash, colons) })
			t.Case("default then its name", func(t *suite.T) { same(t, plain, byName) })
			cases(t, map[string]string{
				"empty": "event/t::", "empty behind a slash": "event/t/", "129 octets": "event/t::" + strings.Repeat("x", 129), "one colon": "event/t:app",
				"the broker's own": "event/t::$other", "space": "event/t::a b", "more behind it": "event/t::app/more", "star": "event/t/*",
			}, func(t *suite.T, address string) {
				refusedSource(t, address, "address.application", wire.InvalidField, wire.NotFound)
			})
		},
	},
	{
		ID: "address.dead-letters", Section: "Hibachi, dead letters", Level: suite.Extra, Needs: on(suite.EventRules, suite.Applications), Twin: "address.application",
		Title: "dead letters have an address of their application, which nothing else has",
		Run: func(t *suite.T) {
			t.Case("of a tenant", func(t *suite.T) {
				refusedSource(t, "event/t/$dead-letter", "address.dead-letters", wire.InvalidField, wire.NotFound)
			})
			t.Case("of an application", func(t *suite.T) {
				n := t.Tenant()
				address := "event/" + n.Name + "::app/$dead-letter"
				if t.Profile().Has(suite.DeadLetters) {
					refusedSource(t, address, "", wire.NotFound) // the application is to exist first
					eventReceiver(t, n.Application("app"), 0)
					eventReceiver(t, address, 1)
					return
				}
				refusedSource(t, address, "address.dead-letters", wire.NotImplemented, wire.NotFound)
			})
			t.Case("nobody sends there", func(t *suite.T) {
				n := t.Tenant()
				refusedTarget(t, "event/"+n.Name+"::app/$dead-letter", "", wire.NotAllowed, wire.NotImplemented, wire.NotFound)
			})
		},
	},
	{
		ID: "event.many-links", Section: pageClients, Level: suite.Must, Needs: on(),
		Title: "links of many tenants share one session, as a router has them, and a refused one does not disturb the others",
		Run: func(t *suite.T) {
			s := t.Open(nil).Begin(nil)
			type pair struct {
				n        suite.Tenant
				from, to *suite.Link
			}
			var pairs []pair
			for range 10 {
				n := t.Tenant()
				pairs = append(pairs, pair{n, s.Sender(n.Event(), nil), s.Receiver(n.Default(), nil)})
			}
			if t.Profile().Has(suite.EventRules) {
				t.Twin("the others", func(*suite.T) {})
				s.Attach(s.SenderFields("telemetry/" + pairs[0].n.Name))
				s.Conn().Refused(suite.Detaches(wire.NotImplemented, wire.NotFound))
			}
			for i, p := range pairs {
				p.to.Grant(5)
				p.from.Put(eventMessageOf(t, p.n, "4711", i))
			}
			for i, p := range pairs {
				d := p.to.Receive()
				wantEvent(t, d, "4711", i)
				accept(p.to, d)
			}
		},
	},
	{
		ID: "event.reconnect", Section: pageClients, Level: suite.Must, Needs: on(suite.HeldWithoutAny),
		Title: "a client that comes back under its old names before its old connection is known to be dead gets what it had, and all else",
		Run: func(t *suite.T) {
			n := t.Tenant()
			putEvents(t, eventSender(t, n), n, 3, "a")
			id := t.Name("client")
			old := t.Open(wire.F{"container-id": id})
			l := old.Begin(nil).Receiver(n.Default(), wire.F{"name": "auto-0"})
			l.Grant(200)
			wantEvent(t, l.Receive(), "a", 0)
			again := t.Open(wire.F{"container-id": id}).Begin(nil).Receiver(n.Default(), wire.F{"name": "auto-0"})
			again.Grant(200)
			if d := again.TryReceive(absence); d == nil {
				t.Note("the old link keeps what it holds until its connection is gone")
				old.Drop()
				d = again.Receive()
				wantEvent(t, d, "a", 0)
				accept(again, d)
			} else {
				wantEvent(t, d, "a", 0)
				accept(again, d)
			}
			for i := 1; i < 3; i++ {
				d := again.Receive()
				wantEvent(t, d, "a", i)
				accept(again, d)
			}
		},
	},
	{
		ID: "event.refusals-say-why", Section: "Hibachi", Level: suite.Extra, Needs: on(suite.EventRules), Twin: "forward.address",
		Title: "a refusal says in words what was wrong, and with what: the field, the address, the value",
		Run: func(t *suite.T) {
			n := t.Tenant()
			attach := func(name string, f func(s *suite.Session) wire.F, words ...string) {
				t.Case(name, func(t *suite.T) {
					s := t.Open(nil).Begin(nil)
					s.Attach(f(s))
					mentions(t, s.Conn().Refused(suite.Detaches()), words...)
				})
			}
			attach("settled", func(s *suite.Session) wire.F { return s.SenderFields(n.Event()).Plus(wire.F{"snd-settle-mode": 1}) }, "snd-settle-mode", "settled")
			attach("second", func(s *suite.Session) wire.F { return s.ReceiverFields(n.Default()).Plus(wire.F{"rcv-settle-mode": 1}) }, "rcv-settle-mode", "second")
			attach("an address", func(s *suite.Session) wire.F { return s.SenderFields("telemetry/xyz") }, "telemetry/xyz")
			attach("a tenant", func(s *suite.Session) wire.F { return s.SenderFields("event/a b") }, "event/a b", "tenant")
			message := func(name string, p suite.Parts, words ...string) {
				t.Case(name, func(t *suite.T) {
					l := eventSender(t, n)
					l.Send(bareMessage(p))
					mentions(t, l.Session().Conn().Refused(suite.Rejects()), words...)
				})
			}
			p := eventParts(n, "4711", 0)
			p.Header = nil
			message("not durable", p, "durable")
			message("no device", suite.Parts{Header: wire.F{"durable": true}, Body: []wire.Raw{wire.Data(nil)}}, "device_id")
		},
	},
}

// bothWays attaches a sender and a receiver.
func bothWays(t *suite.T, address string) {
	s := t.Open(nil).Begin(nil)
	s.Sender(address, nil)
	s.Receiver(address, nil)
}

// pad makes s n octets long.
func pad(s string, n int) string { return s + strings.Repeat("x", n-len(s)) }

// saysWhy wants a refusal to have a description that names the requirement that was broken; "" for any.
func saysWhy(t *suite.T, r suite.Reaction, requirement string) {
	switch {
	case r.Text == "":
		t.Errorf("the refusal has no description")
	case requirement != "" && !strings.Contains(r.Text, "["+requirement+"]"):
		t.Errorf("the refusal is to name the requirement %s: %q", requirement, r.Text)
	}
}

// mentions wants the words in a refusal's description.
func mentions(t *suite.T, r suite.Reaction, words ...string) {
	for _, w := range words {
		if !strings.Contains(r.Text, w) {
			t.Errorf("the refusal is to say something about %q: %q", w, r.Text)
		}
	}
}
