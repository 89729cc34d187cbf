package engine

import (
	"sync"

	"hibachi/links/amqp"
)

// EventKind tells what an Event is.
type EventKind uint8

const (
	EventOpen             EventKind = iota + 1 // the peer is open and answered
	EventAttachReceiver                        // the peer wants to send: answer Receiver.Accept or .Refuse, any time later
	EventAttachSender                          // the peer wants to receive: answer Sender.Accept or .Refuse
	EventMessage                               // a whole message on Receiver: Delivery, Message, Settled, Format, Charged
	EventAbandoned                             // the peer settled Delivery on Receiver itself before we answered (State)
	EventSettled                               // the peer settled delivery Ref of Sender with State (already answered where an answer is due)
	EventReceiverDetached                      // Receiver is gone: detach, end, close or loss. Err is what the peer or we said, may be nil; Closed
	EventSenderDetached                        // Sender is gone, all its deliveries with it, queued ones too
	EventClose                                 // the connection is over: Err, of the peer or ours. Once, also if it never was open
	EventUnsent                                // delivery Ref of Sender was queued and will not be sent, since the peer took its credit back: Untake it
)

// Event is one thing that happened. Only the fields named at its kind are set. It and all it points to belong to the
// caller.
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

// slabs are event slices given back by Recycle. A large one lasts for a batch, not for the life of an idle connection.
var slabs = sync.Pool{New: func() any { s := make([]Event, 0, 8); return &s }}

// emit makes room for one event and returns it, zeroed.
func (c *Connection) emit(kind EventKind) *Event {
	if c.events == nil {
		c.events = (*slabs.Get().(*[]Event))[:0]
	}
	c.events = append(c.events, Event{Kind: kind})
	return &c.events[len(c.events)-1]
}

// Events are what the calls since the last Events (Feed, Tick, EOF, Accept, Detach...) brought about, in order. The slice
// belongs to the caller, who may work on it without the lock, and should give it to Recycle when done.
func (c *Connection) Events() []Event {
	e := c.events
	c.events = nil
	return e
}

// Recycle takes a slice that Events gave, for use by any connection. From any goroutine; optional.
func Recycle(events []Event) {
	if cap(events) == 0 {
		return
	}
	clear(events)
	events = events[:0]
	slabs.Put(&events)
}
