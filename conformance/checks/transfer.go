package checks

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"time"

	"hibachi/conformance/suite"
	"hibachi/conformance/wire"
)

// transfers: [transport 2.6.12, 2.6.14, 2.7.5].
var transfers = suite.Group{
	ID: "TR", Title: "Transfers",
	Checks: []suite.Check{
		{
			ID: "TR1", Section: "transport 2.7.5", Level: suite.Must, Twin: "TR14", Needs: storing,
			Title: "a transfer has the handle of a link",
			Run: func(t *suite.T) {
				t.Case("null", func(t *suite.T) {
					l := ready(t)
					l.raw(wire.F{"handle": nil}, t.Message("x"))
					l.Session().Conn().Refused(suite.Closes(wire.DecodeError, wire.InvalidField, wire.IllegalState).Also(suite.EndScope))
				})
				t.Case("without a link", func(t *suite.T) {
					l := ready(t)
					l.raw(wire.F{"handle": 5}, t.Message("x"))
					l.Session().Conn().Refused(suite.Ends(wire.UnattachedHandle))
				})
			},
		},
		{
			ID: "TR2", Section: "transport 2.7.5", Level: suite.Must, Twin: "TR14", Needs: storing,
			Title: "a delivery's first transfer has a delivery-id",
			Run:   func(t *suite.T) { badTransfer(t, wire.F{"delivery-id": nil}, wire.InvalidField, wire.DecodeError) },
		},
		{
			ID: "TR3", Section: "transport 2.7.5", Level: suite.Must, Twin: "TR14", Needs: storing,
			Title: "a delivery's first transfer has a delivery-tag",
			Run:   func(t *suite.T) { badTransfer(t, wire.F{"delivery-tag": nil}, wire.InvalidField, wire.DecodeError) },
		},
		{
			ID: "TR4", Section: "transport 2.8.7", Level: suite.Must, Needs: storing,
			Title: "a delivery-tag has up to 32 octets",
			Run: func(t *suite.T) {
				for _, n := range []int{32, 1, 0} {
					t.Twin(fmt.Sprintf("%d octets", n), func(t *suite.T) {
						l := ready(t)
						l.accepted(l.raw(wire.F{"delivery-tag": make([]byte, n)}, t.Message("x")))
					})
				}
				t.Case("33 octets", func(t *suite.T) {
					l := ready(t)
					l.raw(wire.F{"delivery-tag": make([]byte, 33)}, t.Message("x"))
					l.Session().Conn().Refused(brokenDelivery(wire.InvalidField, wire.DecodeError).
						Or(suite.Ignores, "who receives need not count what it only compares"))
				})
			},
		},
		{
			ID: "TR5", Section: "transport 2.6.12", Level: suite.Must, Needs: storing,
			Title: "a delivery-tag is used again after its settlement, and by other links",
			Run: func(t *suite.T) {
				t.Twin("after settlement", func(t *suite.T) {
					l := ready(t)
					for range 3 {
						l.accepted(l.raw(wire.F{"delivery-tag": []byte("same")}, t.Message("x")))
					}
				})
				t.Case("on two links", func(t *suite.T) {
					s := t.Open(nil).Begin(nil)
					first, second := rawLink{s.Sender(t.Queue().Send, nil)}, rawLink{s.Sender(t.Queue().Send, nil)}
					first.AwaitCredit(1)
					second.AwaitCredit(1)
					a := first.raw(wire.F{"delivery-tag": []byte("same")}, t.Message("x"))
					b := second.raw(wire.F{"delivery-tag": []byte("same")}, t.Message("x"))
					first.accepted(a)
					second.accepted(b)
				})
				t.Case("while unsettled", func(t *suite.T) {
					t.Need(suite.SettleSecond)
					l := rawLink{sender(t, t.Queue(), wire.F{"rcv-settle-mode": 1})}
					l.AwaitCredit(2)
					for range 2 {
						l.raw(wire.F{"delivery-tag": []byte("same")}, t.Message("x"))
					}
					l.Session().Conn().Refused(brokenDelivery(wire.InvalidField, wire.NotAllowed, wire.IllegalState).
						Or(suite.Ignores, "a target that resumes nothing never looks at tags"))
				})
			},
		},
		{
			ID: "TR6", Section: "transport 2.8.8", Level: suite.Extra, Twin: "TR14", Needs: storing,
			Title: "delivery-ids that are not consecutive are refused or taken, and never mixed up",
			Run: func(t *suite.T) {
				for _, second := range []uint32{5, 0} {
					t.Case(fmt.Sprintf("%d after 0", second), func(t *suite.T) {
						l := ready(t)
						l.accepted(l.raw(nil, t.Message("first")))
						l.Session().NextDelivery = second
						l.raw(nil, t.Message("second"))
						l.Session().Conn().Refused(suite.Ends(wire.InvalidField, wire.IllegalState, wire.NotAllowed).
							Or(suite.Ignores, "the standard says it of the sender, and the receiver can tell deliveries apart").
							Or(suite.CloseScope, "a sender that counts wrong cannot be trusted with anything"))
					})
				}
			},
		},
		{
			ID: "TR7", Section: "transport 2.7.5", Level: suite.Must, Needs: storing,
			Title: "what a delivery's first transfer said may be left out of the next ones, or has to be the same",
			Run: func(t *suite.T) {
				t.Twin("left out", func(t *suite.T) { inParts(t, nil) })
				t.Case("repeated", func(t *suite.T) {
					inParts(t, wire.F{"delivery-id": 0, "delivery-tag": []byte("parts"), "message-format": 0})
				})
				cases(t, map[string]wire.F{
					"another id": {"delivery-id": 7}, "another tag": {"delivery-tag": []byte("other")}, "another format": {"message-format": 16},
				}, func(t *suite.T, f wire.F) {
					l := ready(t)
					m := t.Message("in two parts")
					l.raw(wire.F{"more": true}, m[:len(m)/2])
					l.more(f, m[len(m)/2:])
					l.Session().Conn().Refused(brokenDelivery(wire.InvalidField, wire.NotAllowed, wire.IllegalState, wire.DecodeError))
				})
			},
		},
		{
			ID: "TR8", Section: "transport 2.6.14", Level: suite.Must, Needs: storing,
			Title: "deliveries of two links may interleave, those of one may not",
			Run: func(t *suite.T) {
				t.Twin("two links", func(t *suite.T) {
					s := t.Open(nil).Begin(nil)
					q := []suite.Node{t.Queue(), t.Queue()}
					a, b := rawLink{s.Sender(q[0].Send, nil)}, rawLink{s.Sender(q[1].Send, nil)}
					a.AwaitCredit(1)
					b.AwaitCredit(1)
					ma, mb := t.Message("first link"), t.Message("second link")
					ia := a.raw(wire.F{"more": true}, ma[:8])
					ib := b.raw(wire.F{"more": true}, mb[:8])
					a.more(nil, ma[8:])
					b.more(nil, mb[8:])
					a.accepted(ia)
					b.accepted(ib)
					holds(t, receiver(t, q[0], nil), "first link")
					holds(t, receiver(t, q[1], nil), "second link")
				})
				t.Case("one link", func(t *suite.T) {
					l := ready(t)
					m := t.Message("x")
					l.raw(wire.F{"more": true}, m[:len(m)/2])
					l.raw(nil, m)
					l.Session().Conn().Refused(brokenDelivery(wire.InvalidField, wire.NotAllowed, wire.IllegalState))
				})
			},
		},
		{
			ID: "TR9", Section: "transport 2.6.14", Level: suite.Must, Needs: storing,
			Title: "an aborted delivery is as if it had never been, but for the credit",
			Run: func(t *suite.T) {
				cases(t, map[string]wire.F{
					"plain": {"aborted": true}, "with more": {"aborted": true, "more": true}, "with settled": {"aborted": true, "settled": true},
				}, func(t *suite.T, f wire.F) {
					q := t.Queue()
					l := rawLink{sender(t, q, nil)}
					l.AwaitCredit(2)
					m := t.Message("aborted")
					l.raw(wire.F{"more": true}, m[:3])
					l.more(wire.F{"more": true}, m[3:8])
					l.more(f, []byte("ignored"))
					l.accepted(l.raw(nil, t.Message("whole")))
					holds(t, receiver(t, q, nil), "whole")
				})
			},
		},
		{
			ID: "TR10", Section: "transport 2.7.5", Level: suite.Must, Needs: storing,
			Title: "transfers without payload are part of a delivery, also as its last",
			Run: func(t *suite.T) {
				q := t.Queue()
				l := rawLink{sender(t, q, nil)}
				l.AwaitCredit(1)
				m := t.Message("with gaps")
				id := l.raw(wire.F{"more": true}, nil)
				l.more(wire.F{"more": true}, m[:8])
				l.more(wire.F{"more": true}, nil)
				l.more(wire.F{"more": true}, m[8:])
				l.more(nil, nil)
				l.accepted(id)
				holds(t, receiver(t, q, nil), "with gaps")
			},
		},
		{
			ID: "TR11", Section: "messaging 3.2", Level: suite.Extra, Twin: "TR14", Needs: storing,
			Title: "a delivery without any octet is refused or stored, and harms nobody",
			Run: func(t *suite.T) {
				l := ready(t)
				l.raw(nil, nil)
				var also []string
				if t.Profile().Message.Durable {
					also = append(also, wire.PreconditionFailed) // what is not there is not durable either
				}
				l.Session().Conn().Refused(badContent(also...).Or(suite.Ignores, "a message of nothing is the shortest of all"))
				t.Open(nil).Begin(nil)
			},
		},
		{
			ID: "TR12", Section: "transport 2.7.5", Level: suite.Must, Needs: storing, Twin: "TR14",
			Title: "settled keeps to the link's snd-settle-mode, and once said it holds",
			Run: func(t *suite.T) {
				t.Case("settled on an unsettled link", func(t *suite.T) {
					l := ready(t)
					l.raw(wire.F{"settled": true}, t.Message("x"))
					l.Session().Conn().Refused(brokenDelivery(wire.InvalidField, wire.NotAllowed, wire.IllegalState, wire.PreconditionFailed).
						Or(suite.Ignores, "the receiver loses nothing by it"))
				})
				t.Case("unsettled on a settled link", func(t *suite.T) {
					t.Need(suite.PreSettled)
					l := rawLink{sender(t, t.Queue(), wire.F{"snd-settle-mode": 1})}
					l.AwaitCredit(1)
					l.raw(wire.F{"settled": false}, t.Message("x"))
					l.Session().Conn().Refused(brokenDelivery(wire.InvalidField, wire.NotAllowed, wire.IllegalState, wire.PreconditionFailed).
						Or(suite.Ignores, "the receiver loses nothing by it"))
				})
				t.Case("settled and then not", func(t *suite.T) {
					t.Need(suite.PreSettled)
					l := rawLink{sender(t, t.Queue(), wire.F{"snd-settle-mode": 2})}
					l.AwaitCredit(1)
					m := t.Message("x")
					l.raw(wire.F{"settled": true, "more": true}, m[:len(m)/2])
					l.more(wire.F{"settled": false}, m[len(m)/2:])
					l.Session().Conn().Refused(brokenDelivery(wire.InvalidField, wire.NotAllowed, wire.IllegalState).
						Or(suite.Ignores, "true holds once it was said, so that the second value means nothing"))
				})
			},
		},
		{
			ID: "TR13", Section: "transport 2.7.5", Level: suite.Must, Twin: "TR14", Needs: storing,
			Title: "a transfer must not ask for rcv-settle-mode second on a link of mode first",
			Run: func(t *suite.T) {
				badTransfer(t, wire.F{"rcv-settle-mode": 1}, wire.InvalidField, wire.NotAllowed, wire.NotImplemented)
			},
		},
		{
			ID: "TR14", Section: "transport 2.7.5", Level: suite.Must, Needs: storing,
			Title: "an unsettled delivery gets its outcome, settled, and was stored then",
			Run: func(t *suite.T) {
				q := t.Queue()
				l := rawLink{sender(t, q, nil)}
				l.AwaitCredit(1)
				l.accepted(l.raw(nil, t.Message("kept")))
				l.Session().Conn().Drop()
				holds(t, receiver(t, q, nil), "kept")
			},
		},
		{
			ID: "TR15", Section: "transport 2.6.12", Level: suite.Must, Needs: []suite.Feature{suite.Queues, suite.SettleSecond},
			Title: "in rcv-settle-mode second the receiver settles after the sender",
			Run: func(t *suite.T) {
				q := t.Queue()
				t.Case("sender", func(t *suite.T) {
					l := sender(t, q, wire.F{"rcv-settle-mode": 1})
					s := l.Session()
					id := l.Send(t.Message("twice"))
					state, settled := s.State(id)
					if state == nil || state.Kind != wire.Accepted || settled {
						t.Fail("the first disposition has state %v and settled %t", state, settled)
					}
					s.Send(wire.Disposition.With(wire.F{"role": false, "first": id, "settled": true, "state": wire.Accepted.With()}))
					s.Conn().Alive()
				})
				t.Case("receiver", func(t *suite.T) {
					put(t, q, t.Message("twice"))
					l := receiver(t, q, wire.F{"rcv-settle-mode": 1})
					d := one(l)
					l.Session().Send(wire.Disposition.With(wire.F{"role": true, "first": d.ID, "state": wire.Accepted.With()}))
					f := l.Session().Conn().Expect(wire.Disposition)
					if f.Body.Bool("role") || !f.Body.Bool("settled") {
						t.FailWant("disposition of the sender, settled", f.String())
					}
					l.Settle(d, wire.Accepted.With())
					l.Session().Conn().Alive()
				})
			},
		},
		{
			ID: "TR16", Section: "transport 2.7.5", Level: suite.Must, Twin: "TR14", Needs: storing,
			Title: "a transfer that resumes what the target does not know is ignored",
			Run: func(t *suite.T) {
				q := t.Queue()
				l := rawLink{sender(t, q, nil)}
				l.AwaitCredit(2)
				l.raw(wire.F{"resume": true, "delivery-tag": []byte("unknown")}, t.Message("resumed"))
				l.Session().Conn().Refused(suite.Ignored().Or(suite.DetachScope, "without resuming there is nothing that it could mean").
					Or(suite.EndScope, "without resuming there is nothing that it could mean"))
				empty(t, q)
			},
		},
		{
			ID: "TR17", Section: "transport 2.7.5", Level: suite.May, Needs: storing,
			Title: "batchable may delay outcomes, but they come",
			Run: func(t *suite.T) {
				l := ready(t)
				var ids []uint32
				for range 10 {
					l.AwaitCredit(1)
					ids = append(ids, l.raw(wire.F{"batchable": true}, t.Message("one of ten")))
				}
				for _, id := range ids {
					l.accepted(id)
				}
			},
		},
		{
			ID: "TR18", Section: "transport 2.7.5", Level: suite.Must, Needs: storing, Twin: "TR14",
			Title: "a state in a transfer is the sender's; it makes no outcome of the receiver",
			Run: func(t *suite.T) {
				l := ready(t)
				id := l.raw(wire.F{"state": wire.Received.With(wire.F{"section-number": 0, "section-offset": 0})}, t.Message("with a state"))
				l.accepted(id)
			},
		},
		{
			ID: "TR19", Section: "transport 2.8.11", Level: suite.Extra, Twin: "TR14", Needs: storing,
			Title: "a message of another format is refused, or comes out as what it went in",
			Run: func(t *suite.T) {
				q := t.Queue()
				l := rawLink{sender(t, q, nil)}
				l.AwaitCredit(1)
				m := t.Message("of another format")
				id := l.raw(wire.F{"message-format": 0x10}, m)
				l.Session().Conn().Refused(badContent(wire.NotImplemented).Or(suite.Ignores, "it was stored as it came"))
				if l.Detached != nil || l.Session().Ended {
					return
				}
				if state, ok := l.Session().Known(id); !ok || state == nil || state.Kind != wire.Accepted {
					return
				}
				if d := one(receiver(t, q, nil)); d.Format != 0x10 {
					t.Fail("the format was 0x10 and is %#x", d.Format)
				}
			},
		},
		{
			ID: "TR20", Section: "transport 2.7.5", Level: suite.Must, Needs: storing, Takes: 20 * time.Second,
			Title: "the target's own transfers keep the rules: ids, tags, format, frames, windows",
			Run:   ownTransfers,
		},
		{
			ID: "TR21", Section: "transport 2.6.14", Level: suite.Extra, Twin: "TR10", Needs: storing, Takes: 30 * time.Second,
			Title: "a delivery of empty frames without end is ended by the target, or costs it nothing",
			Run:   endless,
		},
		{
			ID: "TR22", Section: "transport 2.6.12", Level: suite.Must, Needs: storing, Takes: 20 * time.Second,
			Title: "what came on a link in an order is given in that order",
			Run:   inOrder,
		},
	},
}

// rawLink is a sender whose transfers say what a check wants.
type rawLink struct{ *suite.Link }

// ready is one with credit.
func ready(t *suite.T) rawLink {
	l := sender(t, t.Queue(), nil)
	l.AwaitCredit(1)
	return rawLink{l}
}

// raw sends one transfer of a new delivery and returns its id.
func (l rawLink) raw(f wire.F, payload []byte) uint32 {
	s := l.Session()
	id := s.NextDelivery
	s.NextDelivery++
	s.Conn().SendTransfer(s.Channel, wire.Transfer.With(wire.F{
		"handle": l.Handle, "delivery-id": id, "delivery-tag": []byte("parts"), "message-format": 0, "settled": false,
	}, f), payload)
	s.NextOutgoing++
	s.RemoteWindow--
	l.DeliveryCount++
	l.Credit--
	return id
}

// more sends one transfer more of the delivery.
func (l rawLink) more(f wire.F, payload []byte) {
	s := l.Session()
	s.Conn().SendTransfer(s.Channel, wire.Transfer.With(wire.F{"handle": l.Handle}, f), payload)
	s.NextOutgoing++
	s.RemoteWindow--
}

func (l rawLink) accepted(id uint32) { l.Session().Outcome(id, wire.Accepted) }

// brokenDelivery is how a delivery that breaks the rules is refused: the link or the session cannot go on with it.
func brokenDelivery(conditions ...string) suite.Refusal {
	return suite.Detaches(conditions...).Also(suite.EndScope).
		Or(suite.CloseScope, "the standard names no scope for it, and an implementation may give up the connection")
}

// badContent is how a message that cannot be read is refused.
func badContent(conditions ...string) suite.Refusal {
	return suite.Detaches(append(conditions, wire.DecodeError, wire.NotImplemented, wire.InvalidField)...).Also(suite.RejectScope).
		Or(suite.EndScope, "the standard names no scope for it, and an implementation may give up the session")
}

// badTransfer sends one with something wrong in it.
func badTransfer(t *suite.T, f wire.F, conditions ...string) {
	l := ready(t)
	l.raw(f, t.Message("x"))
	l.Session().Conn().Refused(brokenDelivery(conditions...))
}

// inParts sends a message in three transfers and wants it back whole.
func inParts(t *suite.T, repeated wire.F) {
	q := t.Queue()
	l := rawLink{sender(t, q, nil)}
	l.AwaitCredit(1)
	m := t.Message("in three parts")
	id := l.raw(wire.F{"more": true}, m[:3])
	l.more(repeated.Plus(wire.F{"more": true}), m[3:8])
	l.more(repeated, m[8:])
	l.accepted(id)
	holds(t, receiver(t, q, nil), "in three parts")
}

// ownTransfers has the target send much through small frames and a window of one frame.
func ownTransfers(t *suite.T) {
	const messages, size = 5, 20000
	q := t.Queue()
	in := sender(t, q, nil)
	for i := range messages {
		in.Put(t.Message(strings.Repeat(fmt.Sprint(i), size)))
	}
	c := t.Open(wire.F{"max-frame-size": 512})
	s := c.Begin(wire.F{"incoming-window": 1})
	l := s.Receiver(q.Receive, nil)
	l.Session().Send(wire.Flow.With(l.FlowFields(), wire.F{"incoming-window": 1, "link-credit": messages}))
	tags, next := map[string]bool{}, uint32(0)
	var whole []byte
	for done, first := 0, true; done < messages; {
		e := c.Next()
		if e.Kind == suite.GotFrame && e.Frame.Is(wire.Flow) {
			continue
		}
		if e.Kind != suite.GotFrame || !e.Frame.Is(wire.Transfer) {
			t.FailWant("transfers", e.String())
		}
		f := e.Frame.Body
		if first {
			tag := f.Binary("delivery-tag")
			switch {
			case !f.Has("delivery-id"), done > 0 && uint32(f.Uint("delivery-id")) != next:
				t.FailWant(fmt.Sprintf("delivery-id %d", next), f.String())
			case !f.Has("delivery-tag"), len(tag) > 32, tags[string(tag)]:
				t.FailWant("a tag of its own, of up to 32 octets", f.String())
			case f.Uint("message-format") != 0:
				t.FailWant("message-format 0", f.String())
			}
			tags[string(tag)], next = true, uint32(f.Uint("delivery-id"))+1
		} else if f.Has("delivery-id") && uint32(f.Uint("delivery-id"))+1 != next {
			t.FailWant("the delivery-id of the first transfer", f.String())
		}
		whole = append(whole, e.Frame.Payload...)
		if first = !f.Bool("more"); first {
			if len(whole) < size || !bytes.Contains(whole, bytes.Repeat(whole[len(whole)-1:], size)) {
				t.Fail("a message of %d octets came for one of %d and more", len(whole), size)
			}
			done, whole = done+1, nil
		}
		s.Send(wire.Flow.With(s.FlowFields(), wire.F{"incoming-window": 1}))
	}
}

// endless sends empty frames of one delivery as long as the target lets it.
func endless(t *suite.T) {
	const frames, batch = 100000, 1000
	l := ready(t)
	s, c := l.Session(), l.Session().Conn()
	l.raw(wire.F{"more": true}, nil)
	sent := 0
	one := wire.AMQP(s.Channel, wire.Transfer.With(wire.F{"handle": l.Handle, "more": true}), nil)
	for sent < frames && l.Detached == nil && !s.Ended {
		n := min(batch, int(int32(s.RemoteWindow)))
		if n > 0 {
			c.Write(bytes.Repeat(one, n))
			s.NextOutgoing += uint32(n)
			s.RemoteWindow -= uint32(n)
			sent += n
			continue
		}
		switch e := c.Next(); {
		case e.Kind == suite.GotFrame && e.Frame.Is(wire.Flow):
		case e.Kind == suite.GotFrame && e.Frame.Is(wire.Detach, wire.End, wire.Close):
			cond := e.Frame.Body.Condition()
			if !slices.Contains([]string{wire.MessageSizeExceeded, wire.TransferLimitExceeded, wire.ResourceLimit, wire.NotAllowed, wire.InvalidField}, cond) {
				t.FailWant(wire.MessageSizeExceeded+" or "+wire.ResourceLimit, e.String())
			}
			return
		case e.Kind == suite.Silence:
			t.Note("the target opened its window no more after %d frames", sent)
			t.Open(nil).Begin(nil)
			return
		default:
			t.FailWant("a detach", e.String())
		}
	}
	l.more(wire.F{"aborted": true}, nil)
	c.Alive()
	t.Tolerate("a detach", fmt.Sprintf("%d empty frames were taken", sent), "frames without payload need no memory")
}

// inOrder sends a thousand messages of one device.
func inOrder(t *suite.T) {
	const messages = 1000
	q, device := t.Queue(), ""
	if t.Profile().Message.Device {
		device = t.Name("device")
	}
	l := sender(t, q, nil)
	ids := make([]uint32, messages)
	for i := range ids {
		ids[i] = l.Send(t.MessageOf(suite.Parts{Device: device, Body: []wire.Raw{wire.Data(fmt.Append(nil, i))}}))
	}
	for _, id := range ids {
		l.Session().Outcome(id, wire.Accepted)
	}
	r := receiver(t, q, nil)
	r.Grant(messages)
	for i := range messages {
		d := r.Receive()
		if text(d) != fmt.Sprint(i) {
			t.FailWant(fmt.Sprint(i), text(d))
		}
		r.Settle(d, wire.Accepted.With())
	}
}
