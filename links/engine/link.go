package engine

import "hibachi/links/amqp"

// linkState is where a link is in its life. [transport 2.6.3] [transport 2.6.6]
type linkState uint8

const (
	linkPending    linkState = iota // the peer's attach is not answered
	linkAttached                    // it is
	linkLingering                   // the peer detached; our detach waits for the outcomes of what it sent
	linkDetachSent                  // our detach is queued; what comes is thrown away until the peer's
	linkGone                        // both detached, or the session is over
)

// Link is what Receiver and Sender have in common. User is the caller's own and is not looked at.
type Link struct {
	User any

	// Set once.
	session  *session
	attach   *amqp.Attach
	receiver *Receiver // one of the two
	sender   *Sender

	state     linkState
	told      bool // the Detached event was made, or is not due
	forgotten bool // its deliveries are nobody's any more

	// Of the peer.
	theirHandle uint32
	leftEarly   *departure // it detached while its attach was pending
	// Of ours.
	ourHandle uint32
	wantsFlow bool        // a flow was asked for while the attach was pending
	flow      elem[*Link] // in Connection.linkFlows: a flow is owed
	place     elem[*Link] // in session.links
}

// departure is a detach of the peer that came before its attach was answered.
type departure struct {
	closed bool
	err    *amqp.Error
}

// Attach is the peer's attach, a copy that may be kept. It is not to be changed.
func (l *Link) Attach() *amqp.Attach { return l.attach }

// Detached tells that the Detached event was made or is not due: nothing more comes from this link.
func (l *Link) Detached() bool { return l.told }

// conn is the connection of a link.
func (l *Link) conn() *Connection { return l.session.c }

func (l *Link) key() linkKey { return linkKey{l.attach.LinkName, l.attach.Role} }

// oweFlow has the link's state told in the next Append.
func (l *Link) oweFlow() {
	switch l.state {
	case linkPending:
		l.wantsFlow = true
	case linkAttached:
		l.conn().linkFlows.pushBack(&l.flow)
	}
}

// tellDetached makes the Detached event, once, and stops everything that the link still had to do but answering
// deliveries. Closed says whether the peer, or we, meant it for good.
func (l *Link) tellDetached(err *amqp.Error, closed bool) {
	if l.receiver != nil {
		l.receiver.stop()
	} else {
		l.sender.stop()
	}
	l.flow.unlink()
	if l.told {
		return
	}
	l.told = true
	c := l.conn()
	var e *Event
	if l.receiver != nil {
		e = c.emit(EventReceiverDetached)
		e.Receiver = l.receiver
	} else {
		e = c.emit(EventSenderDetached)
		e.Sender = l.sender
	}
	e.Err, e.Closed = err, closed
}

// becomeDetachSent: our detach is queued by the caller. The link's name is free for another; its handle of ours is not
// until the peer detached, too.
func (l *Link) becomeDetachSent() {
	l.state = linkDetachSent
	l.forget()
	l.freeName()
}

// becomeGone frees all that the link had in its session.
func (l *Link) becomeGone() {
	if l.state == linkGone {
		return
	}
	s, answered := l.session, l.state != linkPending
	l.state = linkGone
	l.forget()
	l.freeName()
	l.flow.unlink()
	l.place.unlink()
	if s.theirs.get(l.theirHandle) == l {
		s.theirs.remove(l.theirHandle)
	}
	if answered {
		s.ours.remove(l.ourHandle)
	}
	s.c.links--
}

// forget lets go of the link's deliveries. Their places in the session's tables are freed when these come by.
func (l *Link) forget() {
	if l.forgotten {
		return
	}
	l.forgotten = true
	if l.receiver != nil {
		l.receiver.forgetDeliveries()
	}
}

func (l *Link) freeName() {
	if l.session.names[l.key()] == l {
		delete(l.session.names, l.key())
	}
}
