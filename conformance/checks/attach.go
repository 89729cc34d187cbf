package checks

import (
	"fmt"
	"slices"
	"time"

	"hibachi/conformance/suite"
	"hibachi/conformance/wire"
)

const anyScope = "the standard names no scope for a performative that cannot be read"

// attaching: [transport 2.6.1-2.6.6, 2.7.3, 2.7.7].
var attaching = suite.Group{
	ID: "AT", Title: "Links: attach, detach, termini",
	Checks: []suite.Check{
		{
			ID: "AT1", Section: "transport 2.6.3", Level: suite.Must, Needs: storing,
			Title: "an attach is answered by one of the same name, the other role and both termini as they are",
			Run: func(t *suite.T) {
				t.Case("sender", func(t *suite.T) {
					q := t.Queue()
					l := sender(t, q, nil)
					wantTermini(t, l, "target", q.Send)
					l.AwaitCredit(1)
				})
				t.Case("receiver", func(t *suite.T) {
					q := t.Queue()
					wantTermini(t, receiver(t, q, nil), "source", q.Receive)
				})
			},
		},
		{
			ID: "AT2", Section: "transport 2.7.3", Level: suite.Must, Twin: "AT1", Needs: storing,
			Title: "name, handle and role are mandatory in an attach",
			Run: func(t *suite.T) {
				for _, field := range []string{"name", "handle", "role"} {
					t.Case(field, func(t *suite.T) {
						s := t.Open(nil).Begin(nil)
						s.Send(wire.Attach.With(s.SenderFields(t.Queue().Send)).Set(field, nil))
						s.Conn().Refused(suite.Closes(wire.DecodeError, wire.InvalidField).Also(suite.EndScope))
					})
				}
			},
		},
		{
			ID: "AT3", Section: "transport 2.7.3", Level: suite.Must, Twin: "AT1", Needs: storing,
			Title: "a sender's attach has an initial-delivery-count: the client's, or it is refused, and the target's",
			Run: func(t *suite.T) {
				t.Case("the target's", func(t *suite.T) {
					if l := receiver(t, t.Queue(), nil); !l.Attach.Has("initial-delivery-count") {
						t.FailWant("an initial-delivery-count", l.Attach.String())
					}
				})
				t.Case("a sender without", func(t *suite.T) {
					s := t.Open(nil).Begin(nil)
					s.Send(wire.Attach.With(s.SenderFields(t.Queue().Send)).Set("initial-delivery-count", nil))
					s.Conn().Refused(suite.Detaches(wire.InvalidField, wire.DecodeError).Also(suite.EndScope, suite.CloseScope))
				})
			},
		},
		{
			ID: "AT4", Section: "transport 2.6.3", Level: suite.Must, Twin: "AT1", Needs: []suite.Feature{suite.Missing},
			Title: "an attach to what does not exist is answered by one with a null terminus and at once by a closing detach with not-found",
			Run: func(t *suite.T) {
				missing(t, func(t *suite.T, s *suite.Session, f wire.F, own, _ string) {
					_, detach := refusal(t, s.Conn(), own)
					if !detach.Bool("closed") {
						t.FailWant("a closing detach", detach.String())
					}
					if detach.Condition() != wire.NotFound {
						t.FailWant(wire.NotFound, detach.String())
					}
					s.Send(wire.Detach.With(wire.F{"handle": f["handle"], "closed": true}))
					s.Conn().Alive()
				})
			},
		},
		{
			ID: "AT5", Section: "transport 2.6.3", Level: suite.Must, Needs: []suite.Feature{suite.Missing},
			Title: "in a refusal only the target's own terminus is null: the client's is as it was asked for",
			Run: func(t *suite.T) {
				missing(t, func(t *suite.T, s *suite.Session, _ wire.F, own, peers string) {
					attach, _ := refusal(t, s.Conn(), own)
					if !attach.Has(peers) {
						t.Tolerate("an attach with a "+peers, attach.String(), "the link does not come to be, so that neither terminus is")
					}
				})
			},
		},
		{
			ID: "AT6", Section: "transport 2.7.3", Level: suite.Must, Needs: storing,
			Title: "an attach on a handle that a link has is refused",
			Run: func(t *suite.T) {
				two := func(t *suite.T, handle int) *suite.Session {
					s := t.Open(nil).Begin(nil)
					s.Sender(t.Queue().Send, wire.F{"handle": 0})
					s.Send(wire.Attach.With(s.SenderFields(t.Queue().Send), wire.F{"handle": handle}))
					return s
				}
				t.Twin("the next handle", func(t *suite.T) { two(t, 1).Conn().Alive() })
				t.Case("the same handle", func(t *suite.T) {
					two(t, 0).Conn().Refused(suite.Closes(wire.HandleInUse).Or(suite.EndScope, "the condition is one of sessions"))
				})
			},
		},
		{
			ID: "AT7", Section: "transport 2.6.1", Level: suite.Must, Needs: storing,
			Title: "links of the same name in opposite directions are two",
			Run: func(t *suite.T) {
				q, name := t.Queue(), t.Name("both")
				s := t.Open(nil).Begin(nil)
				in := s.Sender(q.Send, wire.F{"name": name})
				out := s.Receiver(q.Receive, wire.F{"name": name})
				out.Grant(1)
				in.Put(t.Message("there and back"))
				if d := out.Receive(); text(d) != "there and back" {
					t.FailWant("what was sent", text(d))
				}
			},
		},
		{
			ID: "AT8", Section: "transport 2.6.1", Level: suite.Must, Needs: storing,
			Title: "an attach of a link that is active elsewhere takes it over: the old one is detached as stolen",
			Run:   steal,
		},
		{
			ID: "AT9", Section: "transport 2.6.1", Level: suite.Extra, Needs: storing,
			Title: "clients with containers of their own use the same link name without noticing each other",
			Run: func(t *suite.T) {
				name := t.Name("auto")
				first, second := sender(t, t.Queue(), wire.F{"name": name}), sender(t, t.Queue(), wire.F{"name": name})
				first.Put(t.Message("first"))
				second.Put(t.Message("second"))
				first.Session().Conn().Alive()
			},
		},
		{
			ID: "AT10", Section: "transport 2.7.3", Level: suite.Should, Needs: storing, Twin: "AT1",
			Title: "a receiver's wish for a snd-settle-mode is fulfilled, or the answer says what is done instead",
			Run: func(t *suite.T) {
				for mode, name := range []string{"unsettled", "settled", "mixed"} {
					t.Case(name, func(t *suite.T) { sendSettleMode(t, uint64(mode)) })
				}
			},
		},
		{
			ID: "AT11", Section: "transport 2.7.3", Level: suite.Should, Needs: storing, Twin: "AT1",
			Title: "rcv-settle-mode second is done, or the answer says first; the link works either way",
			Run: func(t *suite.T) {
				t.Case("sender", func(t *suite.T) { settleSecond(t, false) })
				t.Case("receiver", func(t *suite.T) { settleSecond(t, true) })
			},
		},
		{
			ID: "AT12", Section: "transport 2.6.3", Level: suite.Must, Needs: storing, Twin: "AT1",
			Title: "the answer's terminus says what is, not what was wished for",
			Run:   actualTerminus,
		},
		{
			ID: "AT13", Section: "transport 2.6.3", Level: suite.Must, Needs: storing,
			Title: "a wish that the target does not know is no reason to refuse the link: the answer says what is in force",
			Run: func(t *suite.T) {
				q := t.Queue()
				cases(t, map[string]wire.F{
					"all outcomes":             {"outcomes": []string{"amqp:accepted:list", "amqp:rejected:list", "amqp:released:list", "amqp:modified:list"}},
					"an unknown outcome":       {"outcomes": []string{"amqp:accepted:list", "example:shredded:list"}},
					"an unknown capability":    {"capabilities": []string{"example:levitation"}},
					"one capability, no array": {"capabilities": wire.Sym("example:levitation")},
					"an unknown filter":        {"filter": wire.Map(wire.Sym("example:f"), wire.Described(wire.Sym("example:f"), wire.Str("x")))},
				}, func(t *suite.T, wish wire.F) {
					s := t.Open(nil).Begin(nil)
					l := s.Receiver(q.Receive, wire.F{"source": wire.Source.With(wire.F{"address": q.Receive}, wish)})
					source := l.Attach.Composite("source")
					for field, unknown := range map[string]string{"outcomes": "example:shredded:list", "capabilities": "example:levitation"} {
						if slices.Contains(source.Symbols(field), unknown) {
							t.Fail("the answer says that %s is in force", unknown)
						}
					}
					if _, ok := source.Map("filter").Get(wire.Symbol("example:f")); ok {
						t.Fail("the answer says that an unknown filter is in force")
					}
				})
			},
		},
		{
			ID: "AT14", Section: "transport 2.6.3", Level: suite.May, Twin: "AT1", Needs: storing,
			Title: "an attach without the terminus that says where to asks for a link of that name, which there is not",
			Run: func(t *suite.T) {
				t.Case("receiver, null source", func(t *suite.T) {
					s := t.Open(nil).Begin(nil)
					s.Send(wire.Attach.With(s.ReceiverFields(""), wire.F{"source": nil}))
					s.Conn().Refused(suite.Detaches(wire.NotFound, wire.InvalidField))
				})
				t.Case("sender, null target", func(t *suite.T) {
					s := t.Open(nil).Begin(nil)
					s.Send(wire.Attach.With(s.SenderFields(""), wire.F{"target": nil}))
					s.Conn().Refused(suite.Detaches(wire.NotFound, wire.InvalidField))
				})
			},
		},
		{
			ID: "AT15", Section: "transport 2.7.3", Level: suite.Must, Needs: storing,
			Title: "an empty unsettled map under a new name is a new link",
			Run: func(t *suite.T) {
				q := t.Queue()
				sender(t, q, wire.F{"unsettled": wire.Map()}).Put(t.Message("new"))
				one(receiver(t, q, wire.F{"unsettled": wire.Map()}))
			},
		},
		{
			ID: "AT16", Section: "transport 2.6.13", Level: suite.Must, Needs: []suite.Feature{suite.Queues, suite.Resume},
			Title: "a link that is resumed finds its unsettled deliveries: the answer lists them and they come again as resumed",
			Run: func(t *suite.T) {
				q := stored(t, 1)
				l := receiver(t, q, nil)
				d := one(l)
				l.Detach(false)
				again := l.Session().Receiver(q.Receive, wire.F{
					"name": l.Name, "unsettled": wire.Map(wire.Bin(d.Tag), wire.Received.With(wire.F{"section-number": 0, "section-offset": 0}).Raw()),
				})
				if len(again.Attach.Map("unsettled")) != 1 {
					t.FailWant("the delivery in unsettled", again.Attach.String())
				}
				if r := one(again); !r.First.Bool("resume") || text(r) != "0" {
					t.FailWant("the delivery with resume", r.First.String())
				}
			},
		},
		{
			ID: "AT17", Section: "transport 2.7.3", Level: suite.Should, Needs: []suite.Feature{suite.Queues, suite.Resume},
			Title: "an unsettled map that does not fit a frame is marked as incomplete",
			Run: func(t *suite.T) {
				q := stored(t, 100)
				s := t.Open(wire.F{"max-frame-size": 512}).Begin(nil)
				l := s.Receiver(q.Receive, nil)
				l.Grant(100)
				for range 100 {
					l.Receive()
				}
				l.Detach(false)
				s.Send(wire.Attach.With(s.ReceiverFields(q.Receive), wire.F{"name": l.Name, "unsettled": wire.Map()}))
				for {
					e := s.Conn().Next()
					switch {
					case e.Kind == suite.GotFrame && e.Frame.Is(wire.Attach):
						if e.Frame.Body.Has("unsettled") && !e.Frame.Body.Bool("incomplete-unsettled") {
							t.FailWant("incomplete-unsettled", e.String())
						}
						return
					case e.Kind == suite.GotFrame && e.Frame.Is(wire.End, wire.Detach):
						if e.Frame.Body.Condition() != wire.FrameSizeTooSmall {
							t.FailWant(wire.FrameSizeTooSmall, e.String())
						}
						return
					case e.Kind != suite.GotFrame:
						t.FailWant("attach", e.String())
					}
				}
			},
		},
		{
			ID: "AT18", Section: "transport 2.6.13", Level: suite.Extra, Twin: "AT15", Needs: storing,
			Title: "a target that knows nothing of a delivery to be resumed does not pretend to",
			Run: func(t *suite.T) {
				q := t.Queue()
				s := t.Open(nil).Begin(nil)
				s.Send(wire.Attach.With(s.SenderFields(q.Send), wire.F{"unsettled": wire.Map(wire.Bin([]byte("never")), wire.Null)}))
				e := s.Conn().Next()
				if e.Kind != suite.GotFrame || !e.Frame.Is(wire.Attach) {
					t.FailWant("attach", e.String())
				}
				if a := e.Frame.Body; a.Has("target") {
					if len(a.Map("unsettled")) > 0 {
						t.FailWant("an attach without unsettled deliveries", a.String())
					}
					return
				}
				s.Conn().Refused(suite.Detaches(wire.NotImplemented, wire.NotFound))
			},
		},
		{
			ID: "AT19", Section: "transport 2.6.4", Level: suite.Must, Needs: storing,
			Title: "a detach that does not close is answered alike, and the link can be attached again",
			Run: func(t *suite.T) {
				t.Case("receiver", func(t *suite.T) {
					q := stored(t, 2)
					l := receiver(t, q, nil)
					l.Settle(one(l), wire.Accepted.With())
					l.Detach(false)
					one(l.Session().Receiver(q.Receive, wire.F{"name": l.Name, "handle": l.Handle}))
				})
				t.Case("sender", func(t *suite.T) {
					q := t.Queue()
					l := sender(t, q, nil)
					l.Put(t.Message("before"))
					l.Detach(false)
					l.Session().Sender(q.Send, wire.F{"name": l.Name, "handle": l.Handle}).Put(t.Message("after"))
				})
			},
		},
		{
			ID: "AT20", Section: "transport 2.6.6", Level: suite.Must, Needs: storing,
			Title: "a closing detach is answered by a closing detach, and the name is free",
			Run: func(t *suite.T) {
				t.Case("receiver", func(t *suite.T) {
					q := stored(t, 1)
					l := receiver(t, q, nil)
					l.Detach(true)
					one(l.Session().Receiver(q.Receive, wire.F{"name": l.Name, "handle": l.Handle}))
				})
				t.Case("sender", func(t *suite.T) {
					q := t.Queue()
					l := sender(t, q, nil)
					l.Detach(true)
					l.Session().Sender(q.Send, wire.F{"name": l.Name, "handle": l.Handle}).Put(t.Message("after"))
				})
			},
		},
		{
			ID: "AT21", Section: "transport 2.6.6", Level: suite.Must, Needs: []suite.Feature{suite.Queues, suite.Missing},
			Title: "detaches that cross, one closing and one not, leave both ends clean: the handle and the name are free",
			Run: func(t *suite.T) {
				s := t.Open(nil).Begin(nil)
				f := s.SenderFields(t.MissingAddress())
				s.Send(wire.Attach.With(f), wire.Detach.With(wire.F{"handle": f["handle"]}))
				refusal(t, s.Conn(), "target")
				l := s.Sender(t.Queue().Send, wire.F{"name": f["name"], "handle": f["handle"]})
				l.Put(t.Message("on the same handle"))
				s.Conn().Alive()
			},
		},
		{
			ID: "AT22", Section: "transport 2.6.5", Level: suite.Must, Needs: []suite.Feature{suite.Missing}, Twin: "AT1",
			Title: "what comes for a link after the target has detached it with an error is discarded, or ends the session",
			Run: func(t *suite.T) {
				s := t.Open(nil).Begin(nil)
				f := s.SenderFields(t.MissingAddress())
				s.Send(wire.Attach.With(f))
				refusal(t, s.Conn(), "target")
				for id := range 3 {
					s.Conn().SendTransfer(s.Channel, wire.Transfer.With(wire.F{
						"handle": f["handle"], "delivery-id": id, "delivery-tag": []byte{byte(id)},
					}), t.Message("too late"))
					s.NextOutgoing++
				}
				s.Conn().Refused(suite.Ends(wire.ErrantLink, wire.UnattachedHandle).
					Or(suite.Ignores, "the frames of a client that does not wait may have been on their way before the detach came"))
			},
		},
		{
			ID: "AT23", Section: "transport 2.7.7", Level: suite.Must, Twin: "AT20",
			Title: "detach and transfer on a handle without a link end the session with unattached-handle",
			Run: func(t *suite.T) {
				cases(t, map[string]*wire.Composite{
					"detach":   wire.Detach.With(wire.F{"handle": 9, "closed": true}),
					"transfer": wire.Transfer.With(wire.F{"handle": 5, "delivery-id": 0, "delivery-tag": []byte{1}, "settled": true}),
				}, func(t *suite.T, frame *wire.Composite) {
					s := t.Open(nil).Begin(nil)
					s.Send(frame)
					s.Conn().Refused(suite.Ends(wire.UnattachedHandle))
				})
			},
		},
		{
			ID: "AT24", Section: "transport 2.7.3", Level: suite.Must, Needs: []suite.Feature{suite.Queues, suite.MaxMessageSize}, Takes: 30 * time.Second,
			Title: "a message above the target's max-message-size is refused while it comes",
			Run:   tooLarge,
		},
		{
			ID: "AT25", Section: "transport 2.7.3", Level: suite.Must, Needs: storing,
			Title: "a message above a receiver's max-message-size is not sent to it",
			Run: func(t *suite.T) {
				q := t.Queue()
				put(t, q, t.MessageOf(suite.Parts{Body: []wire.Raw{wire.Data(make([]byte, 1024))}}))
				t.Case("limit 100", func(t *suite.T) {
					l := receiver(t, q, wire.F{"max-message-size": 100})
					l.Grant(1)
					for octets := 0; ; {
						e := l.Session().Conn().NextWithin(short)
						if e.Kind != suite.GotFrame {
							return
						}
						if e.Frame.Is(wire.Transfer) {
							if octets += len(e.Frame.Payload); octets > 100 {
								t.Fail("%d octets of a message came", octets)
							}
						}
						if e.Frame.Is(wire.Detach, wire.End, wire.Close) {
							return
						}
					}
				})
				t.Case("limit 100,000", func(t *suite.T) { one(receiver(t, stored(t, 1), wire.F{"max-message-size": 100000})) })
			},
		},
		{
			ID: "AT26", Section: "transport 2.7.3", Level: suite.May, Needs: storing,
			Title: "only what the target can is offered, whatever is desired",
			Run: func(t *suite.T) {
				s := t.Open(nil).Begin(nil)
				l := s.Sender(t.Queue().Send, wire.F{"desired-capabilities": []string{"example:levitation", "DELAYED_DELIVERY", "queue"}})
				if slices.Contains(l.Attach.Symbols("offered-capabilities"), "example:levitation") {
					t.FailWant("no capability that is unknown", l.Attach.String())
				}
			},
		},
		{
			ID: "AT27", Section: "messaging 3.5.3", Level: suite.Must, Needs: []suite.Feature{suite.Dynamic},
			Title: "a dynamic node gets an address from the target; asking for one with an address is refused",
			Run: func(t *suite.T) {
				t.Twin("dynamic source", func(t *suite.T) { dynamicNode(t, "source") })
				t.Case("dynamic target", func(t *suite.T) { dynamicNode(t, "target") })
				t.Case("with an address", func(t *suite.T) {
					s := t.Open(nil).Begin(nil)
					s.Send(wire.Attach.With(s.ReceiverFields(""), wire.F{"source": wire.Source.With(wire.F{"dynamic": true, "address": "mine"})}))
					s.Conn().Refused(suite.Detaches(wire.InvalidField).OrCondition(wire.NotAllowed, "the address is what is not allowed"))
				})
			},
		},
		{
			ID: "AT28", Section: "messaging 3.5.3", Level: suite.Must, Needs: storing,
			Title: "dynamic-node-properties are for dynamic nodes, with a lifetime policy for a lifetime; an empty map does no harm",
			Run: func(t *suite.T) {
				t.Twin("an empty map, not dynamic", func(t *suite.T) {
					q := t.Queue()
					receiver(t, q, wire.F{"source": wire.Source.With(wire.F{"address": q.Receive, "dynamic": false, "dynamic-node-properties": wire.Map()})})
				})
				t.Case("lifetime-policy is a number", func(t *suite.T) {
					t.Need(suite.Dynamic)
					s := t.Open(nil).Begin(nil)
					s.Send(wire.Attach.With(s.ReceiverFields(""), wire.F{"source": wire.Source.With(wire.F{
						"dynamic": true, "dynamic-node-properties": wire.Map(wire.Sym("lifetime-policy"), wire.Uint(7)),
					})}))
					s.Conn().Refused(suite.Detaches(wire.DecodeError, wire.InvalidField).Or(suite.CloseScope, anyScope).Or(suite.EndScope, anyScope))
				})
			},
		},
		{
			ID: "AT29", Section: "transport 2.6.3", Level: suite.Extra, Needs: storing, Twin: "AT1", Takes: 30 * time.Second, Alone: true,
			Title: "more links than anybody needs are served or refused; the target goes on",
			Run:   manyLinks,
		},
	},
}

// wantTermini wants both termini in an answer, and in the target's own the address.
func wantTermini(t *suite.T, l *suite.Link, own, address string) {
	if !l.Attach.Has("source") || !l.Attach.Has("target") {
		t.FailWant("a source and a target", l.Attach.String())
	}
	if got := l.Attach.Composite(own).Text("address"); got != address {
		t.FailWant(own+" with address "+address, l.Attach.String())
	}
}

// missing attaches a sender and a receiver to an address of nothing; run sees the session behind the attach, what was sent, and the
// names of the terminus that is to be null and of the other one.
func missing(t *suite.T, run func(t *suite.T, s *suite.Session, f wire.F, own, peers string)) {
	t.Case("receiver", func(t *suite.T) {
		s := t.Open(nil).Begin(nil)
		f := s.ReceiverFields(t.MissingAddress())
		s.Send(wire.Attach.With(f))
		run(t, s, f, "source", "target")
	})
	t.Case("sender", func(t *suite.T) {
		s := t.Open(nil).Begin(nil)
		f := s.SenderFields(t.MissingAddress())
		s.Send(wire.Attach.With(f))
		run(t, s, f, "target", "source")
	})
}

// steal attaches the same link of the same container on two connections.
func steal(t *suite.T) {
	q, container, name := t.Queue(), t.Name("container"), t.Name("stolen")
	old := t.Open(wire.F{"container-id": container}).Begin(nil).Receiver(q.Receive, wire.F{"name": name})
	s := t.Open(wire.F{"container-id": container}).Begin(nil)
	thief := s.Attach(s.ReceiverFields(q.Receive).Plus(wire.F{"name": name}))
	if !thief.Attach.Has("source") {
		s.Conn().Refused(suite.Detaches(wire.Stolen).OrCondition(wire.ResourceLocked, "whoever has the link keeps it"))
		return
	}
	e := old.Session().Conn().NextWithin(t.Patience() / 2)
	if e.Kind == suite.Silence && !t.Profile().Has(suite.LinkStealing) {
		t.Tolerate("detach with "+wire.Stolen, "two links of one name",
			"the names of links without durable state serve the connection only, and there are clients that number them from 0 in each")
		one(receiver(t, stored(t, 1), nil))
		return
	}
	if e.Kind != suite.GotFrame || !e.Frame.Is(wire.Detach) || e.Frame.Body.Condition() != wire.Stolen || !e.Frame.Body.Bool("closed") {
		t.FailWant("a closing detach with "+wire.Stolen, e.String())
	}
}

// sendSettleMode wishes for a mode and holds the target to what it says that it does.
func sendSettleMode(t *suite.T, mode uint64) {
	q := stored(t, 1)
	s := t.Open(nil).Begin(nil)
	l := s.Attach(s.ReceiverFields(q.Receive).Plus(wire.F{"snd-settle-mode": mode}))
	if !l.Attach.Has("source") {
		s.Conn().Refused(suite.Detaches(wire.NotImplemented, wire.InvalidField, wire.NotAllowed, wire.PreconditionFailed))
		t.Tolerate("an answer", "a refusal", "a target that will not lose messages need not serve who wants them settled")
		return
	}
	done := uint64(2)
	if l.Attach.Has("snd-settle-mode") {
		done = l.Attach.Uint("snd-settle-mode")
	}
	if d := one(l); done == 0 && d.Settled || done == 1 && !d.Settled {
		t.Fail("the answer says snd-settle-mode %d, and a delivery came with settled %t", done, d.Settled)
	}
	if done != mode {
		t.Tolerate(fmt.Sprintf("snd-settle-mode %d", mode), fmt.Sprint(done), "the sender's mode is its own; the receiver has a wish only")
	}
}

// settleSecond wishes for rcv-settle-mode second.
func settleSecond(t *suite.T, receives bool) {
	q := t.Queue()
	s := t.Open(nil).Begin(nil)
	f, own := s.SenderFields(q.Send), "target"
	if receives {
		put(t, q, t.Message("twice"))
		f, own = s.ReceiverFields(q.Receive), "source"
	}
	l := s.Attach(f.Plus(wire.F{"rcv-settle-mode": 1}))
	if !l.Attach.Has(own) {
		s.Conn().Refused(suite.Detaches(wire.NotImplemented, wire.InvalidField, wire.NotAllowed, wire.PreconditionFailed))
		t.Tolerate("an answer", "a refusal", "the mode is a condition of the link for whoever asks for it: a link without it might be worth nothing to them")
		return
	}
	second := l.Attach.Uint("rcv-settle-mode") == 1
	if receives {
		if d := one(l); d.Settled {
			t.Fail("a delivery came settled, which nobody asked for")
		}
		return
	}
	state, settled := s.State(l.Send(t.Message("twice")))
	if state == nil || state.Kind != wire.Accepted || second == settled {
		t.Fail("the answer says rcv-settle-mode %d, and the first disposition has state %v and settled %t", l.Attach.Uint("rcv-settle-mode"), state, settled)
	}
}

// actualTerminus wishes for more than most targets have.
func actualTerminus(t *suite.T) {
	t.Case("receiver", func(t *suite.T) {
		q := t.Queue()
		s := t.Open(nil).Begin(nil)
		l := s.Attach(s.ReceiverFields(q.Receive).Plus(wire.F{"source": wire.Source.With(wire.F{
			"address": q.Receive, "durable": 2, "expiry-policy": "never", "timeout": 100, "capabilities": []string{"example:levitation"},
		})}))
		if !l.Attach.Has("source") {
			s.Conn().Refused(suite.Detaches(wire.NotImplemented, wire.InvalidField, wire.NotAllowed))
			t.Tolerate("an answer", "a refusal", "the terminus cannot be as it was asked for")
			return
		}
		source := l.Attach.Composite("source")
		if slices.Contains(source.Symbols("capabilities"), "example:levitation") {
			t.Fail("the answer has a capability that is made up")
		}
		if source.Uint("durable") == 0 && source.Text("expiry-policy") != "never" {
			return
		}
		// It says that the terminus outlives the link: then a look-up by its name finds it.
		l.Detach(false)
		again := s.Attach(s.ReceiverFields("").Plus(wire.F{"name": l.Name, "source": nil}))
		if !again.Attach.Has("source") {
			t.Fail("the answer said durable %d and expiry-policy %s, and after a detach nothing is left under the link's name",
				source.Uint("durable"), source.Text("expiry-policy"))
		}
	})
	t.Case("sender", func(t *suite.T) {
		q := t.Queue()
		l := sender(t, q, wire.F{"target": wire.Target.With(wire.F{"address": q.Send, "capabilities": []string{"example:levitation"}})})
		if slices.Contains(l.Attach.Composite("target").Symbols("capabilities"), "example:levitation") {
			t.Fail("the answer has a capability that is made up")
		}
	})
}

// tooLarge streams a delivery that never ends.
func tooLarge(t *suite.T) {
	t.Twin("a message of 100,000 octets", func(t *suite.T) {
		put(t, t.Queue(), t.MessageOf(suite.Parts{Body: []wire.Raw{wire.Data(make([]byte, 100000))}}))
	})
	l := sender(t, t.Queue(), nil)
	limit := l.Attach.Uint("max-message-size")
	switch {
	case limit == 0:
		t.Skip("the target announces no limit")
	case limit > 64<<20:
		t.Skip("the limit of %d octets is more than the suite sends", limit)
	}
	l.AwaitCredit(1)
	c := l.Session().Conn()
	room := uint64(min(c.MaxFrame(), 65536)) - 128
	sent := stream(t, l, limit-limit%room, int(room))
	if sent > limit {
		t.Fail("the check itself is wrong: %d octets of %d", sent, limit)
	}
	c.Alive()
	stream(t, l, 2*room, int(room))
	c.Refused(suite.Detaches(wire.MessageSizeExceeded).
		Or(suite.RejectScope, "the delivery is what is too large").Or(suite.EndScope, "the session is gone with the link"))
}

// stream sends so many octets of a delivery that does not end, as the session's window permits. What comes first on the way is the
// delivery's beginning if nothing of it was sent yet.
func stream(t *suite.T, l *suite.Link, octets uint64, room int) (sent uint64) {
	s := l.Session()
	payload := make([]byte, room)
	for ; sent < octets; sent += uint64(room) {
		f := wire.F{"handle": l.Handle, "more": true}
		if l.Sent == 0 {
			f = f.Plus(wire.F{"delivery-id": 0, "delivery-tag": []byte("large"), "settled": false})
			copy(payload, wire.Message(wire.Header.With(wire.F{"durable": true}).Raw(), wire.Raw{0, 0x53, 0x75, 0xb0, 0x7f, 0, 0, 0}))
			l.Sent = 1
		} else {
			clear(payload[:min(len(payload), 64)])
		}
		for int32(s.RemoteWindow) < 1 {
			e := s.Conn().Next()
			if e.Kind != suite.GotFrame || !e.Frame.Is(wire.Flow) {
				t.FailWant("a larger session window", e.String())
			}
		}
		s.Conn().SendTransfer(s.Channel, wire.Transfer.With(f), payload)
		s.NextOutgoing++
		s.RemoteWindow--
	}
	return sent
}

// dynamicNode asks for one.
func dynamicNode(t *suite.T, own string) {
	s := t.Open(nil).Begin(nil)
	f := s.ReceiverFields("")
	node := wire.Source.With(wire.F{"dynamic": true, "dynamic-node-properties": wire.Map(wire.Sym("lifetime-policy"), wire.DeleteOnClose.With().Raw())})
	if own == "target" {
		f = s.SenderFields("")
		node = wire.Target.With(wire.F{"dynamic": true, "dynamic-node-properties": wire.Map(wire.Sym("lifetime-policy"), wire.DeleteOnClose.With().Raw())})
	}
	l := s.Attach(f.Plus(wire.F{own: node}))
	got := l.Attach.Composite(own)
	if got.Text("address") == "" || !got.Bool("dynamic") {
		t.FailWant("a dynamic "+own+" with an address", l.Attach.String())
	}
}

// manyLinks attaches two thousand links, in writes of a hundred.
func manyLinks(t *suite.T) {
	const links, batch = 2000, 100
	q := t.Queue()
	c := t.Open(nil)
	s := c.Begin(nil)
	most := links
	if s.Begin.Has("handle-max") {
		most = int(min(links, s.Begin.Uint("handle-max")+1))
	}
	served := 0
	for from := 0; from < most; from += batch {
		n := min(batch, most-from)
		var all []*wire.Composite
		for i := range n {
			all = append(all, wire.Attach.With(s.ReceiverFields(q.Receive), wire.F{"handle": from + i}))
		}
		s.Send(all...)
		for range n {
			e := c.Next()
			for e.Kind == suite.GotFrame && e.Frame.Is(wire.Flow) {
				e = c.Next()
			}
			switch {
			case e.Kind == suite.GotFrame && e.Frame.Is(wire.Attach) && e.Frame.Body.Has("source"):
				served++
				continue
			case e.Kind == suite.GotFrame && e.Frame.Is(wire.Attach):
				c.Refused(suite.Detaches(wire.ResourceLimit, wire.NotAllowed).Or(suite.EndScope, "the session is what has too many"))
			case e.Kind == suite.GotFrame && e.Frame.Is(wire.End, wire.Close, wire.Detach):
				if cond := e.Frame.Body.Condition(); cond != wire.ResourceLimit && cond != wire.NotAllowed && cond != wire.FramingError {
					t.FailWant(wire.ResourceLimit, e.String())
				}
			default:
				t.FailWant("attach", e.String())
			}
			t.Note("%d links were served", served)
			t.Open(nil).Begin(nil)
			return
		}
	}
	t.Note("%d links were served", served)
	c.Alive()
}
