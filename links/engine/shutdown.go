package engine

import "hibachi/links/amqp"

// StopCredit grants no more credit on any link: the first step of an orderly stop.
func (c *Connection) StopCredit() { c.stopped = true }

// Shutdown ends the connection from our side: credit stops, links are detached with err, so that clients behind a router
// learn it too, then close(err). The peer has CloseTimeout to answer.
func (c *Connection) Shutdown(err *amqp.Error) {
	c.StopCredit()
	if c.state == opened {
		for _, s := range c.sessions {
			if s != nil && !s.ended {
				s.detachAll(err)
			}
		}
	}
	c.closeWith(err, true)
}
