package engine

import (
	"time"

	"hibachi/links/amqp"
)

// advertisedSilence is the idle-time-out of our open in milliseconds: half of what we tolerate, so that a peer that goes to
// the limit of what it was told is never cut off for it [transport 2.4.5].
func (c *Connection) advertisedSilence() uint32 {
	if c.cfg.IdleTimeout < 0 {
		return 0
	}
	return uint32(max(c.cfg.IdleTimeout.Milliseconds()/2, 1))
}

// Tick does what time demands and returns when it wants to be called next (zero: never).
func (c *Connection) Tick(now time.Time) (next time.Time) {
	c.now = now
	switch c.state {
	case finished:
		return next
	case discarding:
		return c.tickClosing()
	case opened:
		return c.tickOpen()
	default:
		return c.tickHandshake()
	}
}

// tickClosing gives up on a peer that does not answer our close.
func (c *Connection) tickClosing() (next time.Time) {
	if c.now.Before(c.closeBy) {
		return c.closeBy
	}
	c.becomeFinished()
	return next
}

// tickHandshake gives up on a peer that does not come to its open.
func (c *Connection) tickHandshake() (next time.Time) {
	if c.now.Before(c.handshakeBy) {
		return c.handshakeBy
	}
	c.closeWith(amqp.Errorf(amqp.ErrResourceLimitExceeded, "no open within %v", c.cfg.HandshakeTimeout), true)
	return c.Tick(c.now)
}

func (c *Connection) tickOpen() (next time.Time) {
	if c.cfg.IdleTimeout > 0 {
		next = c.lastRead.Add(c.cfg.IdleTimeout)
		if !c.now.Before(next) {
			c.closeWith(amqp.Errorf(amqp.ErrResourceLimitExceeded, "nothing was heard for %v", c.cfg.IdleTimeout), true)
			return c.tickClosing()
		}
	}
	if by := c.frameBy(); !by.IsZero() {
		if !c.now.Before(by) {
			c.closeWith(amqp.Errorf(amqp.ErrResourceLimitExceeded, "a frame was not whole within %v", by.Sub(c.frameBegan)), true)
			return c.tickClosing()
		}
		next = earliest(next, by)
	}
	next = earliest(next, c.tickHeartbeat())
	next = earliest(next, c.tickPartials())
	next = earliest(next, c.tickLingering())
	c.shrink()
	return next
}

// frameBy is when the frame that is coming must be whole; zero: none is, or there is no hurry. Any octet is a sign of life, so a peer that
// sends one a second would never be silent. It has a good deal longer than the silence that it was told of, which a slow frame may take
// [transport 2.4.5].
func (c *Connection) frameBy() (by time.Time) {
	if c.frameBegan.IsZero() || c.cfg.IdleTimeout <= 0 {
		return by
	}
	return c.frameBegan.Add(c.cfg.IdleTimeout * 5 / 4)
}

// tickHeartbeat owes an empty frame when nothing was written for half of what the peer bears.
func (c *Connection) tickHeartbeat() (next time.Time) {
	if c.peer.silence == 0 {
		return next
	}
	next = c.lastWrite.Add(c.peer.silence / 2)
	if c.now.Before(next) {
		return next
	}
	c.heartbeat = true
	return c.now.Add(c.peer.silence / 2)
}

// tickPartials ends links whose delivery does not go on.
func (c *Connection) tickPartials() (next time.Time) {
	for e := c.partials.first; e != nil; e = c.partials.first {
		r := e.owner
		if c.now.Before(r.partial.until) {
			return r.partial.until
		}
		c.fail(r.failf(amqp.ErrResourceLimitExceeded, "delivery %d did not go on for %v", r.partial.id, c.cfg.PartialTimeout))
	}
	return next
}

// tickLingering answers detaches that waited long enough for outcomes.
func (c *Connection) tickLingering() (next time.Time) {
	for e := c.lingering.first; e != nil; e = c.lingering.first {
		if c.now.Before(e.owner.lingerUntil) {
			return e.owner.lingerUntil
		}
		e.owner.answerDetach()
	}
	return next
}

// shrink gives back the memory of bursts that are over.
func (c *Connection) shrink() {
	for _, s := range c.sessions {
		if s != nil {
			s.received.shrink()
			s.sent.shrink()
		}
	}
}

// earliest of two times, of which zero is never.
func earliest(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}
