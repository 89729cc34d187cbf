package engine

import (
	"bytes"

	"hibachi/links/amqp"
)

const headerSize = 8

// readHeader looks at a protocol header. Anything that is not one we take is answered with one that we take, then the
// connection is finished [transport 2.2]; that is decided at the first octet that does not fit, since a peer that
// speaks something else may never send eight.
func (c *Connection) readHeader(b []byte) (n, need int) {
	magic := amqp.HeaderAMQP[:4]
	if k := min(len(b), len(magic)); !bytes.Equal(b[:k], magic[:k]) {
		c.refuseHeader(0)
		return len(b), 0
	}
	if len(b) < headerSize {
		return 0, headerSize
	}
	switch h := [headerSize]byte(b); {
	case h == amqp.HeaderAMQP && (c.authentic || !c.cfg.Authenticator.Required()):
		c.control = append(c.control, h[:]...)
		c.state = awaitOpen
	case h == amqp.HeaderSASL && c.state == awaitHeader:
		c.control = append(c.control, h[:]...)
		c.beginSASL()
	default:
		c.refuseHeader(h[4])
	}
	return headerSize, 0
}

// refuseHeader tells which header would do for a peer that asked for protocol id. A second SASL layer is never offered
// [security 5.3].
func (c *Connection) refuseHeader(id byte) {
	h := amqp.HeaderAMQP
	if !c.authentic && (c.cfg.Authenticator.Required() || id == amqp.HeaderSASL[4]) {
		h = amqp.HeaderSASL
	}
	c.control = append(c.control, h[:]...)
	c.becomeFinished()
}
