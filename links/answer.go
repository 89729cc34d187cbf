package links

import (
	"errors"
	"log/slog"
	"net"
	"sync/atomic"

	"hibachi/links/amqp"
	"hibachi/links/engine"
)

// answer is what the container says to one attach. Most answers are there when the call that asked for them returns; the handler then
// applies them at once, in order with all else. Others come by mail and the writer applies them.
type answer struct {
	// Set once.
	conn     *conn
	receiver *receiver // one of the two
	sender   *Sender

	state atomic.Uint32

	// Set by who answers, before state becomes answered.
	target Target
	source Source
	terms  engine.Terms
	err    error

	refusal *amqp.Error // Set by prepare: err as the peer is told
}

// States of an answer.
const (
	asking   = iota // the call that asks for it has not returned
	awaiting        // it has
	answered
)

func (a *answer) byTarget(t Target, terms engine.Terms, err error) {
	a.target, a.terms, a.err = t, terms, err
	a.arrived()
}

func (a *answer) bySource(s Source, terms engine.Terms, err error) {
	a.source, a.terms, a.err = s, terms, err
	a.arrived()
}

func (a *answer) arrived() {
	switch {
	case a.state.CompareAndSwap(asking, answered):
	case a.state.CompareAndSwap(awaiting, answered):
		if !a.conn.mail.answer(a) {
			a.disown()
		}
	default:
		panic("links: an attach was answered twice")
	}
}

// isThere is asked once, when the call that asks for the answer has returned. false: it will come by mail.
func (a *answer) isThere() bool { return !a.state.CompareAndSwap(asking, awaiting) }

// prepare does what is not to be done under a lock.
func (a *answer) prepare() {
	if a.err != nil {
		a.refusal = a.conn.peerError("answer an attach", a.err)
	}
}

// applyLocked gives the answer to the engine. It tells whether the link went while it was awaited: then the Target or Source is to be
// disowned, since no event will tell it. The engine wants the answer even so, as a peer's attach is answered in any case.
func (a *answer) applyLocked() (orphaned bool) {
	if a.err != nil {
		a.refuseLocked()
		return false
	}
	if a.receiver != nil {
		r, terms := a.receiver, a.terms
		if orphaned = r.link.Detached(); !orphaned {
			terms = r.openedLocked(a.target, terms)
			a.conn.server.counters.receivers.Add(1)
		}
		r.link.Accept(terms)
		return orphaned
	}
	s := a.sender
	if orphaned = s.link.Detached(); !orphaned {
		s.source, s.woken = a.source, true
		a.conn.server.counters.senders.Add(1)
	}
	s.link.Accept(a.terms)
	return orphaned
}

func (a *answer) refuseLocked() {
	if a.receiver != nil {
		a.receiver.link.Refuse(a.refusal)
	} else {
		a.sender.link.Refuse(a.refusal)
	}
}

// disown tells a Target or Source that its link went before it was there.
func (a *answer) disown() {
	switch {
	case a.err != nil:
	case a.receiver != nil:
		a.target.Detached(net.ErrClosed)
	default:
		a.source.Detached(net.ErrClosed)
	}
}

// peerError is what a peer is told of err. What is not meant for it goes to the log.
func (c *conn) peerError(doing string, err error) *amqp.Error {
	var e *amqp.Error
	if errors.As(err, &e) {
		return e
	}
	c.log().Error("trouble of ours", slog.String("doing", doing), slog.Any("error", err))
	return &amqp.Error{Condition: amqp.ErrInternal, Description: "internal error"}
}
