// Package links runs AMQP 1.0 connections on sockets: it accepts, authenticates, reads, writes, and hands what links carry to a
// Container that knows what addresses mean.
//
// It owns sockets, goroutines, locks, buffers, timers and the count of bytes that are received and not yet answered. The protocol itself
// is the engine's (links/engine), a pure state machine; this package runs one for each connection and serialises access to it. It knows
// nothing of addresses, of messages beyond their octets, or that anything is stored.
//
// In the order in which an event meets them:
//
//	Server      listeners, limits on connections, Shutdown, Stats
//	conn        one connection: its socket, its engine under one mutex, two goroutines and a timer
//	reader      reads, feeds the engine, and mostly is the one who handles what comes out of it (handler.go)
//	Container   ours to call, implemented by broker/nodes: answers attaches, by completion, with a Target or a Source
//	receiver    a link on which the peer sends; its messages go to a Target, each with a Delivery that claims an outcome
//	Delivery    Settle posts the outcome to the connection's mail, from any goroutine
//	mail        what others have to say to a connection: outcomes, answers to attaches, wake-ups. Posting never waits
//	writer      takes the mail, asks Sources for what links may send now, writes all that is owed in one go
//	Sender      a link on which the peer receives; a Source gives its deliveries and wakes it when it has more
//	Budget      bounds the bytes received and not answered, in all and for each account; grants credit accordingly
//
// # Goroutines and locks
//
// A connection has a reader and a writer; a session or a link has none. Nobody ever waits for a connection: whoever has news posts it.
// conn.mu guards the engine. mail.mu and gauge.mu are leaves. No lock is held across I/O or while a Container, Target or Source is called.
//
// A peer that takes nothing keeps its own writer waiting inside Write and nobody else: its reader goes on, answers it is owed are state
// in the engine and not queued frames, and Sender.Wake tells a Source that somebody else may be faster.
package links

import (
	"hibachi/links/amqp"
	"hibachi/links/engine"
)

// Container decides what an address means. Implemented by broker/nodes.
//
// AttachTarget and AttachSource are called by one goroutine of the connection at a time, in the order of the attaches; no lock is held,
// and they must not block. done is called exactly once, from any goroutine, possibly before the call returns. err for the peer is an
// *amqp.Error; any other is logged and told as amqp:internal-error. A Target or Source for a link that has gone in the meantime is told
// so by its Detached.
type Container interface {
	AttachTarget(a *Attach, done func(Target, engine.Terms, error))
	AttachSource(a *Attach, link *Sender, done func(Source, engine.Terms, error))
}

// Attach is a peer's wish for a link.
type Attach struct {
	*amqp.Attach // a copy; may be kept
	Peer         engine.Peer
	RemoteAddr   string
}

// Target is where the messages of one link go. Its methods are called by one goroutine at a time, and no lock is held.
type Target interface {
	// Receive takes one whole message, in order of arrival; it must not block. message belongs to the callee. d.Settle must be called
	// exactly once unless an error is returned, which ends the link with that error.
	Receive(d Delivery, message []byte) error
	// Detached tells that the link is gone, and is called once. Deliveries not yet settled may still be settled; nobody hears of it.
	Detached(err error)
}

// Source is where the deliveries of one link come from.
//
// Take is called by the connection's writer. Settle and Detached are called by one goroutine at a time, in the order in which the peer
// spoke, possibly while Take runs. Untake is called by either. No lock of this package is held, and none may block.
type Source interface {
	// Take appends up to max deliveries of together about maxBytes (the first may always be larger) to dst. It gives only what is in
	// memory and never blocks. idle tells that there is nothing (more) for this link now: a drain may be answered. If Take gave less
	// than max, Sender.Wake is called when there is more. After a Wake, Take is called at least once, with max 0 if the link has no
	// credit or its connection no room: the source then wakes somebody else.
	Take(dst []engine.Message, max, maxBytes int) (out []engine.Message, idle bool)
	// Untake gives back, uncounted, what Take gave and what could not be sent. refs is valid during the call.
	Untake(refs []uint64)
	// Settle tells the consumer's verdicts. State.Kind StateNone: settled without a state (default outcome of the source). ss is valid
	// during the call.
	Settle(ss []Settlement)
	// Detached tells that the link is gone: what is unsettled goes back. Take gives nothing afterwards. Called once.
	Detached(err error)
}

// Settlement is a peer's verdict on one delivery.
type Settlement struct {
	Ref   uint64
	State amqp.DeliveryState
}
