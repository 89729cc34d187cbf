package links

import (
	"hibachi/links/amqp"
	"hibachi/links/engine"
)

// Sender is a link on which the peer receives, and the handle by which its Source wakes it.
type Sender struct {
	// Set once.
	conn *conn
	link *engine.Sender

	source Source // Set under conn.mu before the link's attach is accepted.

	flagged bool // Guarded by conn.mail.mu: it is in the mail's list of woken links.
	woken   bool // Guarded by conn.mu: its Source is to be asked at least once, even for nothing.
	listed  bool // Owned by the writer: it is in the writer's list.
}

// Wake says that Take has something. From any goroutine; takes a leaf lock only. It reports whether the connection's writer is free to
// come at once; false: it is inside a Write and will come after it, or the connection is over (somebody else may be faster).
func (s *Sender) Wake() bool { return s.conn.mail.wake(s) }

// Detach ends the link from our side with err; the Source hears of it by Detached. From any goroutine, never blocks.
func (s *Sender) Detach(err *amqp.Error) { s.conn.mail.part(s, err) }
