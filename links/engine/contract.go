// Package engine is AMQP 1.0 for one connection as a pure state machine: bytes in, events and bytes out. It has no
// goroutine, no socket and no clock; its caller serialises all calls (links holds one mutex a connection).
package engine

// CONTRACT FILE: the engine's author spreads these declarations over one file a thing and fills the bodies;
// names and signatures stay (additions are welcome).

import (
	"time"

	"hibachi/links/amqp"
)

// Config is shared by all connections of a server and never changed. Zero means the default.
type Config struct {
	ContainerID         string        // of ours; not empty
	MaxFrameSize        uint32        // largest frame we take; default 64 KiB, at least 512 [transport 2.7.1]
	ChannelMax          uint16        // default 255
	HandleMax           uint32        // default 65535: a router puts all its links into one session
	IdleTimeout         time.Duration // we drop a peer silent for this long and advertise half of it; default 60 s
	HandshakeTimeout    time.Duration // from the first byte to the peer's open; default 10 s
	CloseTimeout        time.Duration // from our close to giving up on the peer's; default 5 s
	PartialTimeout      time.Duration // a delivery whose next transfer does not come in this time ends its link; default 30 s
	MaxMessageSize      uint64        // announced at attach, checked while fragments arrive; default 16 MiB
	Credit              uint32        // for each link on which the peer sends; default 1000, topped up at half
	IncomingWindow      uint32        // transfer frames a session; default 2048, re-opened at half
	MaxUnsettled        int           // deliveries of ours out on one link; default 1000
	MaxUnsettledBytes   int           // their bytes; default 16 MiB
	OutputLimit         int           // bytes that Append gathers at a time; default 256 KiB
	OfferedCapabilities []amqp.Symbol // of the connection
	Properties          amqp.Raw      // of our open: product, version
	Authenticator       Authenticator // nil: no SASL layer is required and ANONYMOUS is offered
}

// Authenticator knows the SASL mechanisms on offer. Implementations do no I/O; a step may cost some milliseconds of CPU.
type Authenticator interface {
	Mechanisms() []amqp.Symbol            // in decreasing preference, at least one
	Required() bool                       // a peer that begins with the AMQP header is sent away [transport 2.2]
	Begin(mechanism amqp.Symbol) Exchange // nil: not on offer
}

// Exchange is one SASL conversation. Step takes the peer's initial response (nil: absent) or response, and either asks again
// (challenge, done false) or ends it.
type Exchange interface {
	Step(response []byte) (challenge []byte, done bool, result Outcome)
}

// Outcome ends a SASL conversation.
type Outcome struct {
	Code           amqp.SASLCode
	Identity       string // who it is, when Code is ok; "" is anonymous
	AdditionalData []byte
}

// Connection is one peer's connection.
type Connection struct{ todo int }

// New begins a connection on which we are the server. now starts its handshake deadline.
func New(cfg *Config, now time.Time) *Connection { panic("todo") }

// Feed takes bytes from the peer and returns how many of them it consumed: whole frames only; the caller offers the rest again
// with more behind it. need is how many bytes the next frame wants in all (0: unknown), so that the caller can size its buffer;
// it never exceeds MaxFrameSize. Errors of the peer become owed answers, never return values.
func (c *Connection) Feed(now time.Time, b []byte) (n, need int) { panic("todo") }

// Events are what the last Feed, Tick, EOF, Accept... brought about, in order, and forgets them. Messages in them are copies that
// the caller may keep; everything else too. The slice is valid until the next call that can add events.
func (c *Connection) Events() []Event { panic("todo") }

// EOF tells that the peer's half of the socket is finished or broken: all links end (events), nothing more is answered.
func (c *Connection) EOF(err error) { panic("todo") }

// Tick does what time demands and returns when it wants to be called next (zero: never).
func (c *Connection) Tick(now time.Time) (next time.Time) { panic("todo") }

// Append gathers up to about OutputLimit bytes of what is owed to the peer behind dst. One pass writes, in this order: headers and
// SASL, queued open/begin/attach/detach/end/close in the order they arose, dispositions folded into ranges, transfers round
// robin over links, flows, drain answers. It returns dst unchanged when nothing is owed. Call again until then.
func (c *Connection) Append(now time.Time, dst []byte) []byte { panic("todo") }

// Finished tells that after what Append gave the socket is to be closed. graceful: write side first, then read to the peer's EOF
// so that the last bytes are readable [transport 2.2].
func (c *Connection) Finished() bool { panic("todo") }

// Shutdown ends the connection from our side: credit stops, links are detached with err, then close(err).
func (c *Connection) Shutdown(err *amqp.Error) { panic("todo") }

// StopCredit grants no more credit on any link (first step of an orderly stop). Unanswered reports deliveries of the peer that have no
// outcome yet.
func (c *Connection) StopCredit()     { panic("todo") }
func (c *Connection) Unanswered() int { panic("todo") }

// Peer is what the open and SASL told of the other side; valid after EventOpen.
func (c *Connection) Peer() Peer { panic("todo") }

type Peer struct {
	Identity    string // SASL; "" is anonymous
	ContainerID string
	Hostname    string
	Product     string // open's property `product`
	Properties  amqp.Raw
}

// EventKind tells what an Event is.
type EventKind uint8

const (
	EventOpen             EventKind = iota + 1 // the peer is open and answered
	EventAttachReceiver                        // the peer wants to send: answer Receiver.Accept or .Refuse, any time later
	EventAttachSender                          // the peer wants to receive: answer Sender.Accept or .Refuse
	EventMessage                               // a whole message on Receiver: Delivery, Message, Settled, Format
	EventAbandoned                             // the peer settled Delivery on Receiver itself before we answered (State)
	EventSettled                               // the peer settled delivery Ref of Sender with State (already answered where an answer is due)
	EventReceiverDetached                      // Receiver is gone: detach, end, close or loss. Err is what the peer or we said, may be nil
	EventSenderDetached                        // Sender is gone, all its deliveries with it
	EventClose                                 // the connection is over for the peer: Err
)

// Event is one thing that happened. Only the fields named at its kind are set.
type Event struct {
	Kind     EventKind
	Receiver *Receiver
	Sender   *Sender
	Delivery amqp.SequenceNo
	Message  []byte
	Format   uint32
	Charged  int // bytes that Terms.Account holds for Message: whoever handles the event refunds them, once
	Settled  bool
	Ref      uint64
	State    amqp.DeliveryState
	Err      *amqp.Error
	Closed   bool
}

// Account is charged with the bytes of deliveries as their fragments arrive. Called with the connection's lock held:
// atomics only.
type Account interface {
	Charge(n int) bool // false: over the limit; nothing was charged. The delivery is then read to its end, dropped, and answered `released`
	Refund(n int)
	Credit(max uint32) uint32 // how much of max a link may be granted now
}

// Terms is the answer to an attach.
type Terms struct {
	Source              *amqp.Source // what is in force; nil echoes the peer's
	Target              *amqp.Target
	MaxMessageSize      uint64 // receivers; 0 takes Config's
	OfferedCapabilities []amqp.Symbol
	Properties          amqp.Raw
	Account             Account // receivers; nil charges nobody
	Settled             bool    // senders: deliveries go out settled (browsing)
}

// Link is what Receiver and Sender have in common. User is the caller's own and is not looked at.
type Link struct {
	User any
}

func (l *Link) Attach() *amqp.Attach { panic("todo") } // the peer's attach, a copy that may be kept. Set once
func (l *Link) Detached() bool       { panic("todo") }

// Receiver is our end of a link on which the peer sends.
type Receiver struct{ Link }

func (r *Receiver) Accept(t Terms)         { panic("todo") }
func (r *Receiver) Refuse(err *amqp.Error) { panic("todo") } // attach with null terminus and detach(closed, err) in one pass
func (r *Receiver) Detach(err *amqp.Error) { panic("todo") } // closed; what is unanswered is forgotten
// Settle answers a delivery with a settled disposition. ok is false if it had no answer owed any more (abandoned, link gone).
func (r *Receiver) Settle(id amqp.SequenceNo, state amqp.DeliveryState) (ok bool) { panic("todo") }

// Sender is our end of a link on which the peer receives.
type Sender struct{ Link }

func (s *Sender) Accept(t Terms)         { panic("todo") }
func (s *Sender) Refuse(err *amqp.Error) { panic("todo") }
func (s *Sender) Detach(err *amqp.Error) { panic("todo") }

// Want is how many deliveries, and of how many bytes in all (the first may always be larger), may be handed to Send now: the
// least of link credit, room under MaxUnsettled(Bytes), a share of the peer's session window, and of the output limit.
func (s *Sender) Want() (deliveries, bytes int) { panic("todo") }

// Send queues one delivery. false: it can not be sent (link gone); the caller gives it back to where it took it.
func (s *Sender) Send(m Message) bool { panic("todo") }

// Exhausted tells that the source had nothing more for this link: a drain is answered now [transport 2.6.7], and the link is not
// runnable until Wake or until the peer gives more credit.
func (s *Sender) Exhausted() { panic("todo") }

// Wake makes the link runnable: its source has something.
func (s *Sender) Wake() { panic("todo") }

// Runnable appends the links whose source should be asked now and clears the list: accepted, and woken, given credit, drained or
// relieved since. Round robin: the one asked longest ago first.
func (c *Connection) Runnable(dst []*Sender) []*Sender { panic("todo") }

// RefreshCredit has every receiver that was denied credit by its Account ask again. Starved tells whether there are any.
func (c *Connection) RefreshCredit() { panic("todo") }
func (c *Connection) Starved() bool  { panic("todo") }

// Message is one delivery to the peer: Head and Body together are the encoded message. Body is not changed and may be shared.
type Message struct {
	Ref     uint64 // the caller's own, comes back in EventSettled
	Head    [amqp.MaxHeaderSize]byte
	HeadLen uint8
	Body    []byte
	Format  uint32
}
