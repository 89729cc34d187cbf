package engine

import (
	"hibachi/links/amqp"
)

// session is one session of the peer's. Its channel is the same number in both directions. [transport 2.5]
type session struct {
	// Set once.
	c       *Connection
	channel uint16

	ended bool // our end is queued: what comes is thrown away until the peer's

	// From the peer.
	incoming incomingWindow
	started  bool              // the first delivery-id came
	received unsettled         // deliveries of the peer, by delivery-id, until they have an outcome
	answered []amqp.SequenceNo // those whose outcome is known and not yet written
	owes     elem[*session]    // in Connection.answering: answered or confirmed is not empty

	// To the peer.
	outgoing  outgoingWindow
	sent      unsettled      // deliveries of ours, by delivery-id, until the peer settles them
	confirmed []confirmation // outcomes of the peer that we are to settle
	waiting   list[*Sender]  // have a queue, and no window
	hungry    list[*Sender]  // would be runnable with more window
	queued    int            // deliveries in the queues of senders, not begun

	// Flows.
	flow   elem[*session] // in Connection.sessionFlows: a flow is owed
	echo   bool           // and it has to be one without a handle
	asking bool           // and it asks the peer to answer: its window is used up

	// Links.
	theirs    handles           // by the peer's handle, until its detach
	ours      handles           // by ours, until both detached
	names     map[linkKey]*Link // until our detach; the newest of a name
	links     list[*Link]       // not gone, by age
	handleMax uint32            // the peer's
}

// linkKey is what identifies a link in a session; the containers are given [transport 2.6.1].
type linkKey struct {
	name string
	role amqp.Role // the peer's
}

// session finds the session of a channel, nil if there is none.
func (c *Connection) session(channel uint16) *session {
	if int(channel) >= len(c.sessions) {
		return nil
	}
	return c.sessions[channel]
}

// handleBegin answers a begin on the same channel [transport 2.5.1].
func (c *Connection) handleBegin(channel uint16, b *amqp.Begin) error {
	if b.RemoteChannel.Set {
		return amqp.Errorf(amqp.ErrInvalidField, "remote-channel %d in a begin that answers none of ours", b.RemoteChannel.Value)
	}
	if c.session(channel) != nil {
		return amqp.Errorf(amqp.ErrIllegalState, "begin on channel %d, which has a session", channel)
	}
	if err := c.controlLimit(); err != nil {
		return err
	}
	s := &session{
		c:         c,
		channel:   channel,
		incoming:  newIncomingWindow(b.NextOutgoingID, c.cfg.IncomingWindow),
		outgoing:  newOutgoingWindow(c.cfg.startID, b.IncomingWindow),
		handleMax: b.HandleMax,
	}
	s.sent.begin(c.cfg.startID)
	s.owes.owner, s.flow.owner = s, s
	for len(c.sessions) <= int(channel) {
		c.sessions = append(c.sessions, nil)
	}
	c.sessions[channel] = s
	c.queue(channel, &amqp.Begin{
		RemoteChannel:  amqp.Some(channel),
		NextOutgoingID: s.outgoing.next,
		IncomingWindow: s.incoming.left,
		OutgoingWindow: outgoingWindowSize,
		HandleMax:      c.cfg.HandleMax,
	})
	return nil
}

// handleEnd answers the peer's end, or takes it as the answer to ours. The channel is free again [transport 2.5.2].
func (s *session) handleEnd(e *amqp.End) {
	s.c.sessions[s.channel] = nil
	if s.ended {
		return
	}
	s.drop(e.Err.Clone())
	s.c.queue(s.channel, &amqp.End{})
}

// end ends the session from our side. [transport 2.5.4]
func (s *session) end(err *amqp.Error) {
	if s.ended {
		return
	}
	s.drop(err)
	s.c.queueError(s.channel, err, func(e *amqp.Error) amqp.Body { return &amqp.End{Err: e} })
}

// drop ends all links without a detach, since an end does that [transport 2.5.2], and forgets everything but the outcomes
// that are known: those go out first.
func (s *session) drop(err *amqp.Error) {
	if s.ended {
		return
	}
	s.flushOutcomes()
	s.ended = true
	for e := s.links.first; e != nil; e = s.links.first {
		e.owner.tellDetached(err, true)
		e.owner.becomeGone()
	}
	s.owes.unlink()
	s.flow.unlink()
	s.received, s.sent = unsettled{}, unsettled{}
	s.answered, s.confirmed = nil, nil
}

// detachAll detaches all links with err, for a shutdown.
func (s *session) detachAll(err *amqp.Error) {
	for e := s.links.first; e != nil; {
		next := e.next
		e.owner.detach(err)
		e = next
	}
}
