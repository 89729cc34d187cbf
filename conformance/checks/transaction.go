package checks

import (
	"time"

	"hibachi/conformance/suite"
	"hibachi/conformance/wire"
)

// transacting is what all of the group but its first check need.
var transacting = []suite.Feature{suite.Queues, suite.Transactions}

const unknownTransaction = "amqp:transaction:unknown-id"

// transactions: [transactions 4].
var transactions = suite.Group{
	ID: "TX", Title: "Transactions",
	Checks: []suite.Check{
		{
			ID: "TX1", Section: "transactions 4.5.1", Level: suite.Must, Twin: "SE1",
			Title: "a coordinator is attached to, or refused as not implemented",
			Run: func(t *suite.T) {
				s := t.Open(nil).Begin(nil)
				f := coordinatorFields(s)
				s.Send(wire.Attach.With(f))
				if t.Profile().Has(suite.Transactions) {
					l := s.Attached(f)
					if got := l.Attach.Composite("target"); got == nil || got.Kind != wire.Coordinator {
						t.FailWant("a coordinator as target", l.Attach.String())
					}
					l.AwaitCredit(1)
					return
				}
				if e := s.Conn().Next(); e.Kind != suite.GotFrame || !e.Frame.Is(wire.Attach) || e.Frame.Body.Has("target") {
					t.FailWant("an attach with a null target", e.String())
				}
				s.Conn().Refused(suite.Detaches(wire.NotImplemented).OrCondition(wire.NotAllowed, "what is not there is not allowed either"))
			},
		},
		{
			ID: "TX2", Section: "transactions 4.2", Level: suite.Must, Needs: transacting,
			Title: "a declare is answered by declared with an id, each by another",
			Run: func(t *suite.T) {
				x := coordinate(t.Open(nil).Begin(nil))
				if a, b := x.declare(t), x.declare(t); string(a) == string(b) {
					t.Fail("two transactions have the id %x", a)
				}
			},
		},
		{
			ID: "TX3", Section: "transactions 4.3", Level: suite.Must, Needs: transacting,
			Title: "a discharge ends the transaction; of one that is unknown it is rejected",
			Run: func(t *suite.T) {
				t.Twin("commit and roll back", func(t *suite.T) {
					x := coordinate(t.Open(nil).Begin(nil))
					for _, fail := range []bool{false, true} {
						x.discharge(x.declare(t), fail)
					}
				})
				t.Case("unknown id", func(t *suite.T) {
					x := coordinate(t.Open(nil).Begin(nil))
					x.Send(wire.Message(wire.Section(wire.CodeValue, wire.Discharge.With(wire.F{"txn-id": []byte("never"), "fail": false}).Raw())))
					x.Session().Conn().Refused(suite.Rejects(unknownTransaction).Or(suite.DetachScope, "the link is one that can refuse, too"))
				})
			},
		},
		{
			ID: "TX4", Section: "transactions 4.4.1", Level: suite.Must, Needs: transacting,
			Title: "what is sent within a transaction is there after its commit and not after its rollback",
			Run: func(t *suite.T) {
				t.Case("commit", func(t *suite.T) { posted(t, false) })
				t.Case("roll back", func(t *suite.T) { posted(t, true) })
			},
		},
		{
			ID: "TX5", Section: "transactions 4.4.2", Level: suite.Must, Needs: transacting,
			Title: "an outcome within a transaction holds after its commit and not after its rollback",
			Run: func(t *suite.T) {
				t.Case("commit", func(t *suite.T) { retired(t, false) })
				t.Case("roll back", func(t *suite.T) { retired(t, true) })
			},
		},
		{
			ID: "TX6", Section: "transactions 4.4.3", Level: suite.May, Needs: transacting, Twin: "TX2",
			Title: "credit within a transaction is served or refused as not implemented",
			Run: func(t *suite.T) {
				q := stored(t, 1)
				s := t.Open(nil).Begin(nil)
				x := coordinate(s)
				id := x.declare(t)
				r := s.Receiver(q.Receive, nil)
				r.Grant(1, wire.F{"properties": wire.Map(wire.Sym("txn-id"), wire.Bin(id))})
				for {
					e := s.Conn().Next()
					switch {
					case e.Kind == suite.GotFrame && e.Frame.Is(wire.Transfer):
						return
					case e.Kind == suite.GotFrame && e.Frame.Is(wire.Detach, wire.End):
						if e.Frame.Body.Condition() != wire.NotImplemented {
							t.FailWant(wire.NotImplemented, e.String())
						}
						return
					case e.Kind != suite.GotFrame:
						t.FailWant("a delivery, or a detach with "+wire.NotImplemented, e.String())
					}
				}
			},
		},
		{
			ID: "TX7", Section: "transactions 4.4.4", Level: suite.Must, Needs: transacting,
			Title: "a sender may go before the discharge: what it sent is committed with the rest",
			Run: func(t *suite.T) {
				q := t.Queue()
				s := t.Open(nil).Begin(nil)
				x := coordinate(s)
				id := x.declare(t)
				l := s.Sender(q.Send, nil)
				transacted(t, l, id)
				l.Detach(true)
				x.discharge(id, false)
				holds(t, receiver(t, q, nil), "transacted")
			},
		},
		{
			ID: "TX8", Section: "transactions 4.1", Level: suite.Must, Needs: transacting, Twin: "TX4",
			Title: "a transaction whose coordinator link or connection goes is rolled back",
			Run: func(t *suite.T) {
				cases(t, map[string]func(x transactor){
					"link closed":        func(x transactor) { x.Detach(true) },
					"connection dropped": func(x transactor) { x.Session().Conn().Drop() },
				}, func(t *suite.T, leave func(x transactor)) {
					q := t.Queue()
					s := t.Open(nil).Begin(nil)
					x := coordinate(s)
					transacted(t, s.Sender(q.Send, nil), x.declare(t))
					leave(x)
					t.Sleep(100 * time.Millisecond)
					empty(t, q)
				})
			},
		},
	},
}

// transactor is a link to a coordinator.
type transactor struct{ *suite.Link }

func coordinatorFields(s *suite.Session) wire.F {
	return s.SenderFields("").Plus(wire.F{
		"source": wire.Source.With(wire.F{"outcomes": []string{"amqp:accepted:list", "amqp:rejected:list"}}),
		"target": wire.Coordinator.With(wire.F{"capabilities": wire.Symbols("amqp:local-transactions")}),
	})
}

func coordinate(s *suite.Session) transactor {
	return transactor{s.Attach(coordinatorFields(s))}
}

// declare begins a transaction.
func (x transactor) declare(t *suite.T) []byte {
	state, settled := x.Session().State(x.Send(wire.Message(wire.Section(wire.CodeValue, wire.Declare.With().Raw()))))
	if state == nil || state.Kind != wire.Declared || !settled || len(state.Binary("txn-id")) == 0 {
		got := "no state"
		if state != nil {
			got = state.String()
		}
		t.FailWant("declared with a txn-id, settled", got)
	}
	return state.Binary("txn-id")
}

// discharge ends a transaction.
func (x transactor) discharge(id []byte, fail bool) {
	x.Session().Outcome(x.Send(wire.Message(wire.Section(wire.CodeValue, wire.Discharge.With(wire.F{"txn-id": id, "fail": fail}).Raw()))), wire.Accepted)
}

// transacted sends a message within a transaction and wants it accepted there.
func transacted(t *suite.T, l *suite.Link, id []byte) {
	delivery := l.Send(t.Message("transacted"), wire.F{"state": wire.TransactionalState.With(wire.F{"txn-id": id})})
	state, _ := l.Session().State(delivery)
	if state == nil || state.Kind != wire.TransactionalState || string(state.Binary("txn-id")) != string(id) {
		got := "no state"
		if state != nil {
			got = state.String()
		}
		t.FailWant("transactional-state with the txn-id", got)
	}
	if o := state.Composite("outcome"); o == nil || o.Kind != wire.Accepted {
		t.FailWant("the outcome accepted", state.String())
	}
}

// posted sends within a transaction and ends it.
func posted(t *suite.T, fail bool) {
	q := t.Queue()
	s := t.Open(nil).Begin(nil)
	x := coordinate(s)
	id := x.declare(t)
	transacted(t, s.Sender(q.Send, nil), id)
	empty(t, q)
	x.discharge(id, fail)
	if fail {
		empty(t, q)
		return
	}
	holds(t, receiver(t, q, nil), "transacted")
}

// retired accepts within a transaction and ends it.
func retired(t *suite.T, fail bool) {
	q := stored(t, 1)
	s := t.Open(nil).Begin(nil)
	x := coordinate(s)
	id := x.declare(t)
	r := s.Receiver(q.Receive, nil)
	d := one(r)
	s.Send(wire.Disposition.With(wire.F{
		"role": true, "first": d.ID, "settled": true,
		"state": wire.TransactionalState.With(wire.F{"txn-id": id, "outcome": wire.Accepted.With()}),
	}))
	x.discharge(id, fail)
	s.Conn().Drop()
	if fail {
		holds(t, receiver(t, q, nil), "0")
		return
	}
	empty(t, q)
}
