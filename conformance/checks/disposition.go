package checks

import (
	"fmt"
	"time"

	"hibachi/conformance/suite"
	"hibachi/conformance/wire"
)

// dispositions: [transport 2.6.12, 2.7.6].
var dispositions = suite.Group{
	ID: "DI", Title: "Dispositions and settlement",
	Checks: []suite.Check{
		{
			ID: "DI1", Section: "transport 2.7.6", Level: suite.Must, Twin: "DI3",
			Title: "role and first are mandatory in a disposition",
			Run: func(t *suite.T) {
				for _, field := range []string{"role", "first"} {
					t.Case(field, func(t *suite.T) {
						s := t.Open(nil).Begin(nil)
						s.Send(wire.Disposition.With(wire.F{"role": true, "first": 0, "settled": true}).Set(field, nil))
						s.Conn().Refused(suite.Closes(wire.DecodeError, wire.InvalidField).Also(suite.EndScope))
					})
				}
			},
		},
		{
			ID: "DI2", Section: "transport 2.7.6", Level: suite.Must, Needs: storing,
			Title: "a range settles from first to last inclusive; without last it is one",
			Run: func(t *suite.T) {
				q, r, all := holding(t, 10)
				settle(r.Session(), true, all[3].ID, all[7].ID)
				settle(r.Session(), true, all[9].ID, nil)
				r.Session().Conn().Alive()
				r.Session().Conn().Drop()
				var left []string
				for i, d := range all {
					if i < 3 || i == 8 {
						left = append(left, text(d))
					}
				}
				holds(t, receiver(t, q, nil), left...)
			},
		},
		{
			ID: "DI3", Section: "transport 2.7.6", Level: suite.Must,
			Title: "ranges may span links, and ids that are unknown or settled already are ignored",
			Run: func(t *suite.T) {
				t.Case("unknown", func(t *suite.T) {
					s := t.Open(nil).Begin(nil)
					settle(s, true, 100, 200)
					s.Conn().Alive()
				})
				t.Case("two links", func(t *suite.T) {
					a, b := stored(t, 2), stored(t, 2)
					s := t.Open(nil).Begin(nil)
					for _, q := range []suite.Node{a, b} {
						l := s.Receiver(q.Receive, nil)
						l.Grant(2)
						l.Receive()
						l.Receive()
					}
					settle(s, true, 0, 19)
					settle(s, true, 0, 19)
					s.Conn().Alive()
					s.Conn().Drop()
					empty(t, a)
					empty(t, b)
				})
			},
		},
		{
			ID: "DI4", Section: "transport 2.7.6", Level: suite.Extra, Needs: storing,
			Title: "a range costs what is unsettled in it, not what it spans",
			Run: func(t *suite.T) {
				_, r, _ := holding(t, 3)
				s := r.Session()
				began := time.Now()
				for range 50 {
					settle(s, true, 0, 0x7ffffffe)
				}
				s.Conn().Alive()
				if took := time.Since(began); took > t.Patience() {
					t.Fail("50 ranges of 2³¹ ids took %v", took)
				}
			},
		},
		{
			ID: "DI5", Section: "transport 2.7.6", Level: suite.Extra, Twin: "DI3",
			Title: "a range that ends before it begins is refused or ignored",
			Run: func(t *suite.T) {
				s := t.Open(nil).Begin(nil)
				settle(s, true, 10, 2)
				s.Conn().Refused(suite.Ignored().Also(suite.EndScope).Or(suite.CloseScope, "a client that sends it cannot be trusted with ids"))
			},
		},
		{
			ID: "DI6", Section: "transport 2.7.6", Level: suite.Must, Needs: storing,
			Title: "role says whose deliveries are meant: the sender's role settles nothing that the target sent",
			Run: func(t *suite.T) {
				q, r, all := holding(t, 1)
				settle(r.Session(), false, all[0].ID, nil)
				r.Session().Conn().Alive()
				r.Session().Conn().Drop()
				holds(t, receiver(t, q, nil), "0")
			},
		},
		{
			ID: "DI7", Section: "transport 2.6.12", Level: suite.Must, Needs: storing,
			Title: "an outcome that is not settled yet is applied, and the target settles",
			Run: func(t *suite.T) {
				q, r, all := holding(t, 1)
				s := r.Session()
				s.Send(wire.Disposition.With(wire.F{"role": true, "first": all[0].ID, "settled": false, "state": wire.Accepted.With()}))
				f := s.Conn().Expect(wire.Disposition).Body
				if f.Bool("role") || !f.Bool("settled") || uint32(f.Uint("first")) != all[0].ID {
					t.FailWant(fmt.Sprintf("disposition of the sender for %d, settled", all[0].ID), f.String())
				}
				s.Conn().Drop()
				empty(t, q)
			},
		},
		{
			ID: "DI8", Section: "transport 2.6.12", Level: suite.Must, Needs: storing,
			Title: "a settlement without a state is the source's default outcome",
			Run: func(t *suite.T) {
				for _, outcome := range []*wire.Kind{wire.Accepted, wire.Released} {
					t.Case(outcome.Name, func(t *suite.T) { defaultOutcome(t, outcome) })
				}
			},
		},
		{
			ID: "DI9", Section: "messaging 3.4", Level: suite.Must, Needs: storing,
			Title: "what is settled stays as it was settled",
			Run: func(t *suite.T) {
				q, r, all := holding(t, 1)
				r.Settle(all[0], wire.Accepted.With())
				for range 3 {
					r.Settle(all[0], wire.Released.With())
				}
				r.Session().Conn().Alive()
				r.Session().Conn().Drop()
				empty(t, q)
			},
		},
		{
			ID: "DI10", Section: "transport 2.6.12", Level: suite.Must, Needs: storing,
			Title: "received is no outcome: the delivery stays with its receiver",
			Run: func(t *suite.T) {
				q, r, all := holding(t, 1)
				r.Session().Send(wire.Disposition.With(wire.F{
					"role": true, "first": all[0].ID, "state": wire.Received.With(wire.F{"section-number": 0, "section-offset": 0}),
				}))
				r.Session().Conn().Alive()
				empty(t, q)
				r.Settle(all[0], wire.Released.With())
				holds(t, r, "0")
			},
		},
		{
			ID: "DI11", Section: "transport 2.7.6", Level: suite.Must, Needs: storing, Twin: "DI2",
			Title: "a disposition behind a detach is applied, or comes too late and its deliveries are available again",
			Run: func(t *suite.T) {
				q, r, all := holding(t, 1)
				s := r.Session()
				s.Send(wire.Detach.With(wire.F{"handle": r.Handle}),
					wire.Disposition.With(wire.F{"role": true, "first": all[0].ID, "settled": true, "state": wire.Accepted.With()}))
				s.Conn().Expect(wire.Detach, wire.Disposition)
				s.Conn().Alive()
				s.Conn().Drop()
				again := receiver(t, q, nil)
				again.Grant(1)
				if d := again.TryReceive(short); d != nil {
					t.Tolerate("the message gone", "the message again",
						"a target that keeps no state of detached links has given the delivery up with the link")
				}
			},
		},
		{
			ID: "DI12", Section: "transport 2.7.6", Level: suite.Should, Needs: storing,
			Title: "outcomes come before the answer to a detach, an end or a close that follows the deliveries",
			Run: func(t *suite.T) {
				for _, last := range []*wire.Kind{wire.Detach, wire.End, wire.Close} {
					t.Case(last.Name, func(t *suite.T) { outcomesFirst(t, last) })
				}
			},
		},
		{
			ID: "DI13", Section: "messaging 3.4", Level: suite.Must, Twin: "DI2", Needs: storing,
			Title: "a state that the standard does not have is refused or ignored, and is no acceptance",
			Run: func(t *suite.T) {
				q, r, all := holding(t, 1)
				s := r.Session()
				s.Send(wire.Disposition.With(wire.F{"role": true, "first": all[0].ID, "settled": false, "state": wire.Described(wire.Ulong(0x99), wire.List())}))
				s.Conn().Refused(suite.Ends(wire.InvalidField, wire.NotImplemented, wire.DecodeError).Also(suite.DetachScope).
					Or(suite.Ignores, "states are open to extension: one that is unknown changes nothing").
					Or(suite.CloseScope, "a performative with a value that cannot be read is one that cannot be read"))
				s.Conn().Drop()
				holds(t, receiver(t, q, nil), "0")
			},
		},
		{
			ID: "DI14", Section: "transport 2.7.6", Level: suite.Extra, Needs: storing,
			Title: "the target's own ranges do not run backwards, and not around 2³²",
			Run: func(t *suite.T) {
				s := t.Open(nil).Begin(nil)
				l := s.Sender(t.Queue().Send, nil)
				l.AwaitCredit(1)
				n := min(8, l.Credit)
				s.NextDelivery = -(n / 2) // half of them before 2³², half behind
				var ids []uint32
				for range n {
					ids = append(ids, l.Send(t.Message("around the corner")))
				}
				for left := len(ids); left > 0; {
					f := s.Conn().Expect(wire.Disposition).Body
					first, last := f.Uint("first"), f.Uint("first")
					if f.Has("last") {
						last = f.Uint("last")
					}
					if last < first {
						t.FailWant("a range that a client can count through", f.String())
					}
					left -= int(last-first) + 1
				}
			},
		},
	},
}

// holding is a receiver that has n deliveries and settled none.
func holding(t *suite.T, n int) (suite.Node, *suite.Link, []*suite.Delivery) {
	q := stored(t, n)
	r := receiver(t, q, nil)
	r.Grant(uint32(n))
	all := make([]*suite.Delivery, n)
	for i := range all {
		all[i] = r.Receive()
	}
	return q, r, all
}

// settle accepts a range of deliveries.
func settle(s *suite.Session, role bool, first uint32, last any) {
	s.Send(wire.Disposition.With(wire.F{"role": role, "first": first, "last": last, "settled": true, "state": wire.Accepted.With()}))
}

// defaultOutcome asks for one, settles without a state and looks whether it was applied.
func defaultOutcome(t *suite.T, outcome *wire.Kind) {
	q := stored(t, 1)
	r := t.Open(nil).Begin(nil).Receiver(q.Receive, wire.F{"source": wire.Source.With(wire.F{
		"address": q.Receive, "default-outcome": outcome.With(), "outcomes": []string{"amqp:accepted:list", "amqp:released:list"},
	})})
	inForce := r.Attach.Composite("source").Composite("default-outcome")
	d := one(r)
	r.Session().Send(wire.Disposition.With(wire.F{"role": true, "first": d.ID, "settled": true}))
	r.Session().Conn().Alive()
	r.Session().Conn().Drop()
	again := receiver(t, q, nil)
	again.Grant(1)
	back := again.TryReceive(2*short) != nil
	if inForce == nil || inForce.Kind != outcome {
		if !back && outcome != wire.Accepted {
			t.Fail("the answer has default-outcome %v, and the message is gone", inForce)
		}
		t.Tolerate("default-outcome "+outcome.Name, fmt.Sprintf("default-outcome %v", inForce), "what is in force is the target's to say")
		return
	}
	if back != (outcome == wire.Released) {
		t.Fail("the default outcome is %s, and the message came again: %t", outcome.Name, back)
	}
}

// outcomesFirst sends a hundred deliveries and right behind them what ends the link.
func outcomesFirst(t *suite.T, last *wire.Kind) {
	const deliveries = 100
	l := sender(t, t.Queue(), nil)
	s, c := l.Session(), l.Session().Conn()
	n := uint32(deliveries)
	l.AwaitCredit(1)
	n = min(n, l.Credit, s.RemoteWindow)
	var octets []byte
	for id := range n {
		octets = append(octets, wire.AMQP(s.Channel, wire.Transfer.With(wire.F{
			"handle": l.Handle, "delivery-id": id, "delivery-tag": fmt.Appendf(nil, "%d", id),
		}), t.Message("one of many"))...)
	}
	f := wire.F{}
	if last == wire.Detach {
		f["handle"], f["closed"] = l.Handle, true
	}
	channel := s.Channel
	if last == wire.Close {
		channel = 0
	}
	c.Write(octets, wire.AMQP(channel, last.With(f), nil))
	c.Expect(last, wire.Disposition)
	for id := range n {
		if state, ok := s.Known(id); !ok {
			t.Tolerate(fmt.Sprintf("%d outcomes before the answer", n), fmt.Sprintf("none for delivery %d", id), "that outcomes come first is a should; the client sends again")
			return
		} else if state == nil || state.Kind != wire.Accepted {
			t.FailWant("accepted", fmt.Sprint(state))
		}
	}
}
