// Package engine is AMQP 1.0 for one connection as a pure state machine: bytes in, events and bytes out. It has no
// goroutine, no socket and no clock; its caller serialises all calls (links holds one mutex a connection).
//
// It owns everything that one peer can see of the protocol: headers and SASL, the sizes of frames, idle time-outs,
// sessions with their windows, links with their handles, names, credit and drains, deliveries until they are settled,
// and which error ends what. It knows nothing of sockets, of addresses and what they mean, of messages beyond their
// length, and of whoever stores them: an attach is passed up as an event and answered when the caller says so.
//
// In the order in which a byte meets them:
//
//   - Connection.Feed finds the protocol header (header.go), then SASL bodies (sasl.go), then frames (frames_in.go);
//     each performative has one handler, of the connection (open.go, close.go), of a session or of a link;
//   - session holds an incomingWindow, an outgoingWindow, the handles, and two tables of unsettled deliveries;
//   - Receiver puts deliveries together (partial) under a grant of credit, Sender sends a queue of Messages under an
//     allowance of the peer;
//   - an error returned by a handler says by its type how much dies: linkError, sessionError, anything else the
//     connection. Connection.fail is the one place that acts on it (errors.go);
//   - what the caller must know becomes an Event; what the peer must hear is owed, and Connection.Append alone writes
//     it (frames_out.go).
//
// How output is owed. Open, begin, attach, detach, end and close are encoded into control at the moment they arise,
// since their order is their meaning. Flow, transfer and disposition are not frames until Append: they are states
// (a session that owes dispositions, a link that owes a flow, a sender with a queue), each in an intrusive list, so a
// peer that asks for a million echoes and reads none costs one bit. Queueing a detach, an end or a close first writes
// what its session owes in dispositions, so that an outcome is never behind the end of its link.
//
// The caller's loop, with the lock held: Feed, Events; and on the writing side Runnable, Want, Send or Exhausted, Append
// until it adds nothing, then Finished.
//
// Not here: resuming deliveries of an earlier attachment (an attach is answered with no unsettled map and begins
// anew), transactions, and rcv-settle-mode second, which is answered first [transport 2.6.13] [transport 2.7.3].
package engine

import (
	"time"

	"hibachi/links/amqp"
)

// Connection is one peer's connection. No method may be called while another runs.
type Connection struct {
	// Set once.
	cfg *Config // resolved

	state     connState
	sasl      *conversation // while SASL lasts
	identity  string        // of a SASL exchange that went well
	authentic bool
	peer      peer
	sessions  []*session // by channel, the peer's and ours alike

	// Time, as the caller tells it.
	now         time.Time
	handshakeBy time.Time
	closeBy     time.Time // our close is out
	lastRead    time.Time
	frameBegan  time.Time // the first octets of the frame that is not whole yet came; zero: there is none
	lastWrite   time.Time
	partials    list[*Receiver] // by last fragment, oldest first
	lingering   list[*Receiver] // detached by the peer, outcomes owed; oldest first

	// For the caller.
	events     []Event
	told       bool // EventClose was made
	stopped    bool // no more credit
	unanswered int  // whole deliveries of the peer without outcome
	links      int  // not gone
	early      int  // octets held for links whose attach is not answered
	earlyCount int  // messages, likewise
	starved    list[*Receiver]
	runnable   list[*Sender]

	// Owed to the peer.
	control      []byte // encoded headers, SASL bodies, open, begin, attach, detach, end, close
	heartbeat    bool
	answering    list[*session] // owe dispositions
	sending      list[*Sender]  // have a queue, credit and window
	crowded      list[*Sender]  // would be runnable if less were queued
	linkFlows    list[*Link]
	sessionFlows list[*session]
	queued       int // bytes in the queues of senders
}

// connState is where a connection is in its life. [transport 2.4.6]
type connState uint8

const (
	awaitHeader     connState = iota // nothing was exchanged
	inSASL                           // SASL headers were exchanged
	awaitAMQPHeader                  // SASL went well, the peer is to send the AMQP header
	awaitOpen                        // AMQP headers were exchanged
	opened
	discarding // our close is queued or sent: everything but the peer's close is thrown away
	finished   // nothing more is read; what is in control may still be written
)

// peer is what the other side's open told, and what follows from it.
type peer struct {
	Peer
	maxFrame   int           // of what we send: the least of the peer's max-frame-size and ours
	channelMax uint16        // the least of both
	silence    time.Duration // its idle-time-out; 0: none
}

// New begins a connection on which we are the server. now starts its handshake deadline.
func New(cfg *Config, now time.Time) *Connection {
	cfg = cfg.Resolve()
	return &Connection{
		cfg:         cfg,
		now:         now,
		lastRead:    now,
		lastWrite:   now,
		handshakeBy: now.Add(cfg.HandshakeTimeout),
		peer:        peer{maxFrame: amqp.MinMaxFrameSize, channelMax: cfg.ChannelMax},
	}
}

// Peer is what the open and SASL told of the other side; valid after EventOpen.
func (c *Connection) Peer() Peer { return c.peer.Peer }

// Peer describes the other side.
type Peer struct {
	Identity    string // SASL; "" is anonymous
	ContainerID string
	Hostname    string
	Product     string // open's property `product`
	Properties  amqp.Raw
}

// Finished tells that after what Append gave the socket is to be closed, gracefully: the write side first, then read to
// the peer's EOF, so that the last bytes are readable [transport 2.2]. It is false while Append still has something.
func (c *Connection) Finished() bool { return c.state == finished && len(c.control) == 0 }

// Owes tells whether the writing side has anything to do: to ask a link's source, to Append, or to close the socket. After StopCredit
// it always has: the caller waits for the last outcome.
func (c *Connection) Owes() bool {
	return len(c.control) > 0 || !c.runnable.empty() || !c.answering.empty() || !c.sending.empty() ||
		!c.linkFlows.empty() || !c.sessionFlows.empty() || c.heartbeat || c.stopped || c.state == finished
}

// Unanswered is how many whole deliveries of the peer have no outcome yet.
func (c *Connection) Unanswered() int { return c.unanswered }
