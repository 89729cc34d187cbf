package lean

import (
	"encoding/binary"

	"hibachi/links/amqp"
)

// transferRoom is kept free in each frame for the frame header and the transfer performative, which here is never longer.
const transferRoom = 64

// Sender is a link on which we send.
type Sender struct {
	link
	conn           *Conn
	credit         uint32
	deliveryCount  amqp.SequenceNo
	maxMessageSize uint64
	rest           []byte // of a message that the session window cut off
	body           amqp.Transfer
	tag            [4]byte
	UserData       any // for the owner; not touched here
}

func (s *Sender) becomeAttached(a *amqp.Attach) {
	if a.Target == nil {
		return
	}
	s.state, s.maxMessageSize = attached, a.MaxMessageSize
}

// Address is the target's.
func (s *Sender) Address() string { return s.address }

// MaxMessageSize is the peer's limit in bytes; 0 is none.
func (s *Sender) MaxMessageSize() uint64 { return s.maxMessageSize }

// Room tells how many messages Send takes now: link credit, the session's window and the in-flight ring allow them.
func (s *Sender) Room() int {
	if s.state != attached || s.rest != nil || s.conn.session.remoteIncoming == 0 || s.conn.session.full() {
		return 0
	}
	slots := len(s.conn.session.ring) - int(s.conn.session.nextID.Sub(s.conn.session.first))
	return int(min(s.credit, s.conn.session.remoteIncoming, uint32(slots)))
}

// Send puts one encoded message, unsettled, behind the output, in as many frames as the peer's max-frame-size asks for. message is
// copied. token and at come back with the outcome. It may be called while Room is above zero; a message of several frames that
// the session window cuts off goes on by itself when the window opens.
func (s *Sender) Send(message []byte, token uint64, at int64) {
	if s.Room() == 0 {
		panic("lean: Send without room")
	}
	id := s.conn.session.add(s, Sent{Token: token, At: at})
	s.credit--
	s.deliveryCount = s.deliveryCount.Add(1)
	binary.BigEndian.PutUint32(s.tag[:], uint32(id))
	s.body = amqp.Transfer{
		Handle:        s.handle,
		DeliveryID:    amqp.Some(id),
		DeliveryTag:   s.tag[:],
		MessageFormat: amqp.Some(uint32(0)),
	}
	if rest := s.frames(message); rest != nil {
		s.rest = append([]byte(nil), rest...)
	}
}

// frames sends what the session window allows of message and gives the rest, nil if there is none. [transport 2.6.14]
func (s *Sender) frames(message []byte) (rest []byte) {
	c := s.conn
	for {
		if c.session.remoteIncoming == 0 {
			return message
		}
		n := min(len(message), c.maxFrame-transferRoom)
		s.body.More = n < len(message)
		c.out = amqp.AppendFrame(c.out, amqp.TypeAMQP, 0, &s.body, message[:n])
		c.session.remoteIncoming--
		c.session.nextOutgoing = c.session.nextOutgoing.Add(1)
		if message = message[n:]; len(message) == 0 {
			return nil
		}
		s.body = amqp.Transfer{Handle: s.handle}
	}
}

// resume goes on with a message that waits for the session window.
func (s *Sender) resume() {
	if s.rest == nil || s.state != attached {
		return
	}
	s.rest = s.frames(s.rest)
}

// flow takes over the peer's credit, and gives it back at once when asked to drain: what is to be sent is the owner's matter,
// and it does not wait here. [transport 2.6.7]
func (s *Sender) flow(f *amqp.Flow) {
	if !f.LinkCredit.Set {
		return
	}
	seen := amqp.SequenceNo(0)
	if f.DeliveryCount.Set {
		seen = f.DeliveryCount.Value
	}
	left := int64(seen.Sub(s.deliveryCount)) + int64(f.LinkCredit.Value)
	s.credit = uint32(min(max(left, 0), window))
	if f.Drain && s.rest == nil {
		s.deliveryCount = s.deliveryCount.Add(s.credit)
		s.credit = 0
	}
	if f.Drain || f.Echo {
		s.conn.appendSenderFlow(s, f.Drain)
	}
}
