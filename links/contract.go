// Package links runs AMQP 1.0 connections on sockets: it accepts, authenticates, reads, writes, and hands what links carry to a
// Container that knows what addresses mean. It does not know that anything is stored.
package links

// CONTRACT FILE: the server's author spreads these declarations over one file a thing and fills the bodies;
// names and signatures stay (additions are welcome).

import (
	"context"
	"log/slog"
	"net"
	"time"

	"hibachi/links/amqp"
	"hibachi/links/engine"
)

// Options of a Server. Zero means the default.
type Options struct {
	Engine         engine.Config // protocol limits
	MaxConnections int           // default 10000; one more is closed at once with a log line
	MaxHandshakes  int           // connections not yet open, at the same time; default 1000
	Budget         *Budget       // bytes received and not yet answered; nil makes one of the default size
	WriteTimeout   time.Duration // a peer that takes nothing of what we write for this long is dropped; default 30 s... must not hurt slow readers unduly
	Log            *slog.Logger
	Now            func() time.Time // default time.Now
}

// Server accepts connections.
type Server struct{ todo int }

func NewServer(c Container, o Options) (*Server, error) { panic("todo") }

// Serve accepts on l until Shutdown or an error that does not go away. ServeConn runs one connection until it is over (tests: net.Pipe).
func (s *Server) Serve(l net.Listener) error { panic("todo") }
func (s *Server) ServeConn(nc net.Conn)      { panic("todo") }

// Shutdown stops in order: no new connections, no more credit, what was received gets its outcome, links are detached and
// connections closed with amqp:connection:forced. When ctx ends, sockets are cut.
func (s *Server) Shutdown(ctx context.Context) error { panic("todo") }

// Stats is a snapshot of counters and gauges for metrics.
type Stats struct {
	Connections, Receivers, Senders         int64  // now
	ConnectionsAccepted, ConnectionsRefused uint64 // ever
	DeliveriesIn, DeliveriesOut             uint64
	Accepted, Rejected, Released, Modified  uint64 // outcomes that we gave
	LateAccepts                             uint64 // accepted after the peer had settled the delivery itself
	BytesIn, BytesOut                       uint64 // of the sockets
	BudgetUsed, BudgetLimit                 int64
}

func (s *Server) Stats() Stats { panic("todo") }

// Container decides what an address means. Implemented by broker/nodes.
//
// AttachTarget and AttachSource are called by the connection's reader, hold no lock and must not block. done is called exactly once,
// from any goroutine, possibly before the call returns. err for the peer is an *amqp.Error; any other is logged and told as
// amqp:internal-error.
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

// Target is where the messages of one link go.
type Target interface {
	// Receive takes one whole message, in order of arrival. Called by the connection's reader; must not block. message belongs to
	// the callee. d.Settle must be called exactly once unless an error is returned, which ends the link with that error.
	Receive(d Delivery, message []byte) error
	// Detached tells that the link is gone. Deliveries not yet settled may still be settled; nobody hears of it.
	Detached(err error)
}

// Delivery is a received message's claim to an outcome. A value: copy it freely.
type Delivery struct {
	Settled bool   // the peer sent it settled: no outcome is wanted, but Settle is called all the same
	Format  uint32 // message-format
	todo    int
}

// Settle posts the outcome (always as settled=true) and refunds the budget. From any goroutine, never blocks.
func (d Delivery) Settle(state amqp.DeliveryState) { panic("todo") }

// Source is where the deliveries of one link come from.
//
// Take and Untake are called by the connection's writer, Settle and Detached by its reader, none holds a lock of links'.
type Source interface {
	// Take appends up to max deliveries of together about maxBytes (the first may always be larger) to dst. It gives only what is in
	// memory and never blocks. idle tells that there is nothing (more) for this link now: a drain may be answered. If Take gave less
	// than max, Sender.Wake is called when there is more. After a Wake, Take is called at least once, with max 0 if the link has no
	// credit: the source then wakes somebody else.
	Take(dst []engine.Message, max, maxBytes int) (out []engine.Message, idle bool)
	// Untake gives back, uncounted, what Take gave and what could not be sent.
	Untake(refs []uint64)
	// Settle tells the consumer's verdicts. State.Kind StateNone: settled without a state (default outcome of the source).
	Settle(ss []Settlement)
	// Detached tells that the link is gone: what is unsettled goes back. Take gives nothing afterwards. Called once.
	Detached(err error)
}

// Settlement is a peer's verdict on one delivery.
type Settlement struct {
	Ref   uint64
	State amqp.DeliveryState
}

// Sender is the handle by which a Source wakes its link.
type Sender struct{ todo int }

// Wake says that Take has something. From any goroutine; takes a leaf lock only. It reports whether the connection's writer is free to
// come at once; false: it is inside a Write and will come after it (somebody else may be faster).
func (s *Sender) Wake() bool { panic("todo") }

// Detach ends the link from our side with err.
func (s *Sender) Detach(err *amqp.Error) { panic("todo") }

// Budget bounds the bytes received and not yet answered, over all connections, and each account's share of them.
type Budget struct{ todo int }

// NewBudget: limit bytes in all (default 256 MiB), share for one account (default a quarter of limit).
func NewBudget(limit, share int64) *Budget { panic("todo") }

// Account is one tenant's share; the same name gives the same account while anybody holds it.
func (b *Budget) Account(name string) engine.Account { panic("todo") }
