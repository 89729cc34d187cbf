package checks

import (
	"fmt"
	"slices"
	"time"

	"hibachi/conformance/suite"
	"hibachi/conformance/wire"
)

// nodes: [messaging 3.5], and two extensions that hang on nodes and containers.
var nodes = suite.Group{
	ID: "ST", Title: "Sources, targets, nodes",
	Checks: []suite.Check{
		{
			ID: "ST1", Section: "messaging 3.5.3", Level: suite.Must, Needs: storing,
			Title: "an address leads to one node, whoever asks for it",
			Run: func(t *suite.T) {
				a, b := t.Queue(), t.Queue()
				put(t, a, t.Message("a"))
				put(t, b, t.Message("b"))
				holds(t, receiver(t, a, nil), "a")
				holds(t, receiver(t, b, nil), "b")
			},
		},
		{
			ID: "ST2", Section: "messaging 3.5.5", Level: suite.Must, Needs: []suite.Feature{suite.Queues, suite.Durable},
			Title: "a durable terminus outlives its link as long as its expiry policy and its timeout say",
			Run: func(t *suite.T) {
				t.Twin("never", func(t *suite.T) {
					if !outlives(t, wire.F{"durable": 2, "expiry-policy": "never"}, 0) {
						t.Fail("a terminus that never expires is gone after a detach")
					}
				})
				t.Case("link-detach, at once", func(t *suite.T) {
					if outlives(t, wire.F{"durable": 2, "expiry-policy": "link-detach", "timeout": 0}, 500*time.Millisecond) {
						t.Fail("it is there after a detach")
					}
				})
				t.Case("link-detach, after one second", func(t *suite.T) {
					if outlives(t, wire.F{"durable": 2, "expiry-policy": "link-detach", "timeout": 1}, 2500*time.Millisecond) {
						t.Fail("it is there after 2.5 s")
					}
				})
			},
		},
		{
			ID: "ST3", Section: "messaging 3.5.2", Level: suite.Must, Needs: []suite.Feature{suite.Queues, suite.Browse},
			Title: "a receiver of copies sees each message once and takes none away",
			Run: func(t *suite.T) {
				q := stored(t, 3)
				browser := t.Open(nil).Begin(nil).Receiver(q.Receive, wire.F{"source": wire.Source.With(wire.F{"address": q.Receive, "distribution-mode": "copy"})})
				if mode := browser.Attach.Composite("source").Text("distribution-mode"); mode != "copy" {
					t.FailWant("distribution-mode copy", mode)
				}
				browser.Grant(20)
				all := collect(browser, 3)
				if len(all) != 3 {
					t.Fail("%d copies of 3 messages came", len(all))
				}
				for _, d := range all {
					browser.Settle(d, wire.Accepted.With())
				}
				if browser.TryReceive(short) != nil {
					t.Fail("a copy that was accepted came again")
				}
				r := receiver(t, q, nil)
				if mode := r.Attach.Composite("source").Text("distribution-mode"); mode != "move" {
					t.FailWant("distribution-mode move", mode)
				}
				holds(t, r, "0", "1", "2")
			},
		},
		{
			ID: "ST4", Section: "messaging 3.5.8", Level: suite.Must, Twin: "AT1", Needs: storing,
			Title: "the answer names the filters in force, and no other; those in force filter",
			Run: func(t *suite.T) {
				selector := wire.Map(wire.Sym("jms-selector"), wire.Described(wire.Ulong(0x0000468C00000004), wire.Str("colour = 'red'")))
				cases(t, map[string]wire.Raw{
					"selector": selector,
					"selector by symbol": wire.Map(wire.Sym("jms-selector"),
						wire.Described(wire.Sym("apache.org:selector-filter:string"), wire.Str("colour = 'red'"))),
				}, func(t *suite.T, f wire.Raw) { selected(t, f) })
				t.Case("unknown", func(t *suite.T) {
					s, l := filtered(t, wire.Map(wire.Sym("example:f"), wire.Described(wire.Sym("example:f"), wire.Str("x"))))
					if !l.Attach.Has("source") {
						s.Conn().Refused(suite.Detaches(wire.NotImplemented, wire.InvalidField))
						return
					}
					if _, ok := l.Attach.Composite("source").Map("filter").Get(wire.Symbol("example:f")); ok {
						t.Fail("the answer names an unknown filter as in force")
					}
				})
				t.Case("none", func(t *suite.T) {
					if _, l := filtered(t, wire.Map()); !l.Attach.Has("source") {
						t.FailWant("a link", l.Attach.String())
					}
				})
			},
		},
		{
			ID: "ST5", Section: "messaging 3.5.8", Level: suite.Extra, Twin: "AT1", Needs: storing,
			Title: "a filter without a descriptor is refused or not in force",
			Run: func(t *suite.T) {
				s, l := filtered(t, wire.Map(wire.Sym("jms-selector"), wire.Str("colour = 'red'")))
				if !l.Attach.Has("source") {
					s.Conn().Refused(suite.Detaches(wire.DecodeError, wire.InvalidField, wire.NotImplemented))
					return
				}
				if _, ok := l.Attach.Composite("source").Map("filter").Get(wire.Symbol("jms-selector")); ok && !t.Profile().Has(suite.Selectors) {
					t.Fail("the answer names it as in force")
				}
			},
		},
		{
			ID: "ST6", Section: "messaging 3.5.3", Level: suite.Must, Needs: storing,
			Title: "outcomes in the answer are among the standard's, and those asked for work",
			Run: func(t *suite.T) {
				q := stored(t, 1)
				l := t.Open(nil).Begin(nil).Receiver(q.Receive, wire.F{"source": wire.Source.With(wire.F{
					"address": q.Receive, "capabilities": []string{"queue"},
					"outcomes":        []string{"amqp:accepted:list", "amqp:rejected:list", "amqp:released:list", "amqp:modified:list"},
					"default-outcome": wire.Modified.With(wire.F{"delivery-failed": true}),
				})})
				source := l.Attach.Composite("source")
				known := []string{"amqp:accepted:list", "amqp:rejected:list", "amqp:released:list", "amqp:modified:list"}
				for _, o := range source.Symbols("outcomes") {
					if !slices.Contains(known, o) {
						t.Errorf("the answer has outcome %s", o)
					}
				}
				if len(source.Symbols("outcomes")) == 0 && !source.Has("default-outcome") {
					t.Tolerate("outcomes", "none", "without any, accepted is")
				}
				for _, outcome := range source.Symbols("outcomes") {
					if outcome == "amqp:released:list" {
						l.Settle(one(l), wire.Released.With())
						one(l)
					}
				}
			},
		},
		{
			ID: "ST7", Section: "messaging 3.5.9", Level: suite.Must, Needs: []suite.Feature{suite.Queues, suite.Dynamic},
			Title: "a dynamic node goes when its lifetime policy says so",
			Run: func(t *suite.T) {
				s := t.Open(nil).Begin(nil)
				l := s.Attach(s.ReceiverFields("").Plus(wire.F{"source": wire.Source.With(wire.F{
					"dynamic": true, "dynamic-node-properties": wire.Map(wire.Sym("lifetime-policy"), wire.DeleteOnClose.With().Raw()),
				})}))
				address := l.Attach.Composite("source").Text("address")
				if address == "" {
					t.FailWant("a dynamic node with an address", l.Attach.String())
				}
				t.Twin("while the link is there", func(t *suite.T) { t.Open(nil).Begin(nil).Sender(address, nil) })
				l.Detach(true)
				other := t.Open(nil).Begin(nil)
				other.Send(wire.Attach.With(other.SenderFields(address)))
				other.Conn().Refused(suite.Detaches(wire.NotFound, wire.ResourceDeleted, wire.NotAllowed, wire.UnauthorizedAccess))
			},
		},
		{
			ID: "ST8", Section: "anonymous terminus 2", Level: suite.May, Needs: []suite.Feature{suite.Queues, suite.AnonymousRelay},
			Title: "on a link to nowhere each message goes where its property to says",
			Run: func(t *suite.T) {
				anonymous := func(t *suite.T, to string) *suite.Link {
					l := t.Open(nil).Begin(nil).Sender("", wire.F{"target": wire.Target.With()})
					l.Send(t.MessageOf(suite.Parts{Properties: wire.F{"to": to}, Body: []wire.Raw{wire.Data([]byte("relayed"))}}))
					return l
				}
				t.Twin("to a node", func(t *suite.T) {
					q := t.Queue()
					anonymous(t, q.Send).Session().Outcome(0, wire.Accepted)
					holds(t, receiver(t, q, nil), "relayed")
				})
				t.Case("to nothing", func(t *suite.T) {
					anonymous(t, t.MissingAddress()).Session().Conn().Refused(suite.Rejects(wire.NotFound, wire.PreconditionFailed).
						Or(suite.DetachScope, "the link is one that can refuse, too"))
				})
			},
		},
		{
			ID: "ST9", Section: "sole connection 2", Level: suite.May, Needs: []suite.Feature{suite.SoleConnection},
			Title: "a container that wants one connection only has one",
			Run: func(t *suite.T) {
				id := t.Name("sole")
				want := wire.F{"container-id": id, "desired-capabilities": []string{"sole-connection-for-container"}}
				first := t.Open(want)
				if !slices.Contains(first.Open.Symbols("offered-capabilities"), "sole-connection-for-container") {
					t.Skip("the target does not offer sole-connection-for-container")
				}
				t.Twin("another container", func(t *suite.T) { t.Open(nil).Begin(nil) })
				second := t.Connect()
				second.SendOpen(want)
				second.Opened()
				second.Refused(suite.Closes(wire.InvalidField))
				first.Alive()
			},
		},
		{
			ID: "ST10", Section: "transport 2.8.15", Level: suite.Must, Needs: []suite.Feature{suite.Queues, suite.NodeDeletion}, Twin: "AT1",
			Title: "who is attached to a node that is deleted is told so",
			Run: func(t *suite.T) {
				q := t.Queue()
				in, out := sender(t, q, nil), receiver(t, q, nil)
				in.AwaitCredit(1)
				t.Delete(q)
				for _, l := range []*suite.Link{in, out} {
					l.Session().Conn().Refused(suite.Detaches(wire.ResourceDeleted).OrCondition(wire.NotFound, "it is not there any more"))
				}
			},
		},
	},
}

// filtered attaches a receiver with a filter.
func filtered(t *suite.T, filter wire.Raw) (*suite.Session, *suite.Link) {
	q := t.Queue()
	s := t.Open(nil).Begin(nil)
	return s, s.Attach(s.ReceiverFields(q.Receive).Plus(wire.F{"source": wire.Source.With(wire.F{"address": q.Receive, "filter": filter})}))
}

// selected sends a red message and a blue one, and holds a selector for red to what the answer says of it.
func selected(t *suite.T, filter wire.Raw) {
	q := t.Queue()
	l := sender(t, q, nil)
	for _, colour := range []string{"blue", "red"} {
		l.Put(t.MessageOf(suite.Parts{Application: []wire.Raw{wire.Str("colour"), wire.Str(colour)}, Body: []wire.Raw{wire.Data([]byte(colour))}}))
	}
	s := t.Open(nil).Begin(nil)
	r := s.Attach(s.ReceiverFields(q.Receive).Plus(wire.F{"source": wire.Source.With(wire.F{"address": q.Receive, "filter": filter})}))
	if !r.Attach.Has("source") {
		s.Conn().Refused(suite.Detaches(wire.NotImplemented, wire.InvalidField))
		if t.Profile().Has(suite.Selectors) {
			t.Fail("the selector was refused")
		}
		return
	}
	if _, ok := r.Attach.Composite("source").Map("filter").Get(wire.Symbol("jms-selector")); ok {
		holds(t, r, "red")
		return
	}
	if t.Profile().Has(suite.Selectors) {
		t.FailWant("the selector in force", r.Attach.String())
	}
	holds(t, r, "blue", "red")
}

// outlives tells whether a subscription is found by its link's name a while after its detach.
func outlives(t *suite.T, source wire.F, wait time.Duration) bool {
	q := t.Queue()
	address := q.Receive
	if topic := t.Profile().Addresses.Topic; topic != "" {
		address = topic
	}
	container, name := t.Name("durable"), t.Name("subscription")
	s := t.Open(wire.F{"container-id": container}).Begin(nil)
	l := s.Receiver(address, wire.F{"name": name, "source": wire.Source.With(wire.F{"address": address}, source)})
	l.Detach(false)
	s.Conn().Close()
	t.Sleep(wait)
	again := t.Open(wire.F{"container-id": container}).Begin(nil)
	found := again.Attach(again.ReceiverFields("").Plus(wire.F{"name": name, "source": nil}))
	if !found.Attach.Has("source") {
		return false
	}
	t.Note("the terminus is %s", fmt.Sprint(found.Attach.Composite("source")))
	found.Detach(true)
	return true
}
