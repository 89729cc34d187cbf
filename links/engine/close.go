package engine

import (
	"hibachi/links/amqp"
)

// handleClose answers the peer's close: outcomes that are known go first, nothing is waited for, nothing follows.
func (c *Connection) handleClose(cl *amqp.Close) {
	c.dropAll(cl.Err.Clone())
	c.queue(0, &amqp.Close{})
	c.becomeFinished()
}

// closeWith ends the connection from our side. The peer's answer is waited for until closeBy, unless what it sends can no
// longer be told apart into frames.
func (c *Connection) closeWith(err *amqp.Error, inStep bool) {
	switch c.state {
	case awaitOpen:
		c.queueFailedOpen()
	case opened:
	case discarding:
		if !inStep {
			c.becomeFinished()
		}
		return
	default: // there is no frame yet in which to say it
		c.dropAll(err)
		c.becomeFinished()
		return
	}
	c.dropAll(err)
	c.queueError(0, err, func(e *amqp.Error) amqp.Body { return &amqp.Close{Err: e} })
	c.state = discarding
	c.closeBy = c.now.Add(c.cfg.CloseTimeout)
	if !inStep {
		c.becomeFinished()
	}
}

// becomeFinished: nothing more is read. What is in control is still written.
func (c *Connection) becomeFinished() {
	c.state = finished
	c.sasl = nil
	c.dropAll(nil)
}

// EOF tells that the peer's half of the socket is finished or broken: all links end (events), nothing more is answered.
func (c *Connection) EOF(error) {
	c.becomeFinished()
	c.control = nil
}

// dropAll ends all sessions without a word to the peer but the outcomes that it is owed, and tells the caller, once.
func (c *Connection) dropAll(err *amqp.Error) {
	for _, s := range c.sessions {
		if s != nil {
			s.drop(err)
		}
	}
	c.sessions = nil
	if !c.told {
		c.told = true
		c.emit(EventClose).Err = err
	}
}
