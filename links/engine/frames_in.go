package engine

import (
	"encoding/binary"
	"sync"
	"time"

	"hibachi/links/amqp"
)

// decoders are shared by all connections: one is in use only while a Feed runs.
var decoders = sync.Pool{New: func() any { return new(amqp.Decoder) }}

// Feed takes bytes from the peer and returns how many of them it consumed: whole frames only; the caller offers the rest again
// with more behind it. need is how many bytes the next frame wants in all (0: unknown), so that the caller can size its buffer;
// it never exceeds MaxFrameSize. Errors of the peer become owed answers, never return values.
func (c *Connection) Feed(now time.Time, b []byte) (n, need int) {
	c.now, c.lastRead = now, now // any octet is a sign of life, also in the middle of a frame [transport 2.4.5]
	d := decoders.Get().(*amqp.Decoder)
	defer decoders.Put(d)
	for n < len(b) {
		var used int
		used, need = c.read(d, b[n:])
		if used == 0 {
			if n > 0 || c.frameBegan.IsZero() {
				c.frameBegan = now
			}
			return n, need
		}
		n += used
	}
	c.frameBegan = time.Time{}
	return n, 0
}

// read takes one header or one frame off the front of b.
func (c *Connection) read(d *amqp.Decoder, b []byte) (n, need int) {
	switch c.state {
	case finished:
		return len(b), 0
	case awaitHeader, awaitAMQPHeader:
		return c.readHeader(b)
	default:
		return c.readFrame(d, b)
	}
}

// readFrame takes one frame off the front of b. An oversize one is refused on its first four octets [transport 2.7.1].
func (c *Connection) readFrame(d *amqp.Decoder, b []byte) (n, need int) {
	limit := c.cfg.MaxFrameSize
	if c.state == inSASL {
		limit = min(limit, maxSASLFrame)
	}
	if len(b) >= 4 && binary.BigEndian.Uint32(b) > limit {
		c.failFraming(amqp.Errorf(amqp.ErrFraming, "a frame of %d octets is larger than the %d that were agreed", binary.BigEndian.Uint32(b), limit))
		return len(b), 0
	}
	if len(b) < amqp.FrameHeaderSize {
		return 0, amqp.FrameHeaderSize
	}
	h, err := amqp.ParseFrameHeader(b)
	if err != nil {
		c.failFraming(asError(err))
		return len(b), 0
	}
	size := int(h.Size)
	if len(b) < size {
		return 0, size
	}
	c.handleFrame(d, h, b[4*int(h.DataOffset):size])
	return size, 0
}

// handleFrame decodes one whole frame's body and gives it to its handler.
func (c *Connection) handleFrame(d *amqp.Decoder, h amqp.FrameHeader, b []byte) {
	if c.state == inSASL {
		c.handleSASLFrame(d, h, b)
		return
	}
	if c.state == discarding {
		c.handleDiscarded(d, h, b)
		return
	}
	if h.Type != amqp.TypeAMQP {
		c.fail(amqp.Errorf(amqp.ErrFraming, "a SASL frame outside of the SASL layer"))
		return
	}
	if len(b) == 0 {
		return // a heartbeat, whatever its channel [transport 2.4.5]
	}
	body, payload, err := d.Decode(b, false)
	if err == nil {
		err = c.dispatch(h.Channel, body, payload)
	}
	if err != nil {
		c.fail(err)
	}
}

func (c *Connection) handleSASLFrame(d *amqp.Decoder, h amqp.FrameHeader, b []byte) {
	if h.Type != amqp.TypeSASL || len(b) == 0 {
		c.becomeFinished() // "irrecoverable" [security 5.3.1]
		return
	}
	body, _, err := d.Decode(b, true)
	if err != nil {
		c.becomeFinished()
		return
	}
	c.handleSASL(body)
}

// handleDiscarded looks for the answer to our close in what is otherwise thrown away [transport 2.4.3].
func (c *Connection) handleDiscarded(d *amqp.Decoder, h amqp.FrameHeader, b []byte) {
	if h.Type != amqp.TypeAMQP || len(b) == 0 {
		return
	}
	if body, _, err := d.Decode(b, false); err == nil {
		if _, ok := body.(*amqp.Close); ok {
			c.becomeFinished()
		}
	}
}

// dispatch gives a performative to the connection or to its session.
func (c *Connection) dispatch(channel uint16, body amqp.Body, payload []byte) error {
	if o, ok := body.(*amqp.Open); ok {
		return c.handleOpen(channel, o)
	}
	if c.state == awaitOpen {
		return amqp.Errorf(amqp.ErrIllegalState, "%s before open", body.Name())
	}
	if channel > c.peer.channelMax {
		return amqp.Errorf(amqp.ErrFraming, "channel %d is above the channel-max of %d", channel, c.peer.channelMax)
	}
	switch b := body.(type) {
	case *amqp.Close:
		c.handleClose(b)
		return nil
	case *amqp.Begin:
		return c.handleBegin(channel, b)
	}
	s := c.session(channel)
	if s == nil {
		return amqp.Errorf(amqp.ErrIllegalState, "%s on channel %d, which has no session", body.Name(), channel)
	}
	return s.dispatch(body, payload)
}

// dispatch gives a performative to its handler. After our end everything but the peer's end is thrown away [transport 2.5.4].
func (s *session) dispatch(body amqp.Body, payload []byte) error {
	if b, ok := body.(*amqp.End); ok {
		s.handleEnd(b)
		return nil
	}
	if s.ended {
		return nil
	}
	switch b := body.(type) {
	case *amqp.Transfer:
		return s.handleTransfer(b, payload)
	case *amqp.Disposition:
		s.handleDisposition(b)
		return nil
	case *amqp.Flow:
		return s.handleFlow(b)
	case *amqp.Attach:
		return s.handleAttach(b)
	case *amqp.Detach:
		return s.handleDetach(b)
	default:
		return amqp.Errorf(amqp.ErrNotAllowed, "%s is not for a session", body.Name())
	}
}
