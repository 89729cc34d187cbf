package engine

import "hibachi/links/amqp"

// handleFlow takes the peer's flow: its session part always, its link part if there is a handle. [transport 2.7.4]
func (s *session) handleFlow(f *amqp.Flow) error {
	if !s.outgoing.update(f) {
		return s.failf(amqp.ErrWindowViolation, "next-incoming-id %d is ahead of our next-outgoing-id %d", f.NextIncomingID.Value, s.outgoing.next)
	}
	// next-outgoing-id and outgoing-window of the peer are of no use to us: frames come in order, and we hold it to our
	// own incoming-window. So what a client reckons wrong there does no harm.
	s.windowMoved()
	if !f.Handle.Set {
		if f.Echo {
			s.echo = true
			s.oweFlow()
		}
		return nil
	}
	l := s.theirs.get(f.Handle.Value)
	switch {
	case l == nil:
		return s.failf(amqp.ErrUnattachedHandle, "flow on handle %d, which has no link", f.Handle.Value)
	case l.state == linkDetachSent:
	case l.receiver != nil:
		l.receiver.handleFlow(f)
	default:
		l.sender.handleFlow(f)
	}
	return nil
}

// windowMoved lets those go on who had no window.
func (s *session) windowMoved() {
	if s.outgoing.remote == 0 {
		return
	}
	s.waiting.drainTo(&s.c.sending)
	for e := s.hungry.first; e != nil; e = s.hungry.first {
		e.unlink()
		e.owner.relieve()
	}
}

// handleFlow takes a sending peer's state: it may have given up credit.
func (r *Receiver) handleFlow(f *amqp.Flow) {
	if f.DeliveryCount.Set {
		r.grant.advance(f.DeliveryCount.Value)
		r.topUp()
	}
	if f.Echo {
		r.oweFlow()
	}
}

// oweFlow has the session's state told in the next Append, alone or with a link's.
func (s *session) oweFlow() { s.c.sessionFlows.pushBack(&s.flow) }

// askForWindow has the peer told, once, that something waits for its window. [transport 2.5.6] has the peer open it by itself; but rhea
// looks at its window only when something other than a transfer comes, so a delivery of more frames than the window would never end.
func (s *session) askForWindow() {
	if !s.outgoing.asked {
		s.outgoing.asked = true
		s.asking = true
		s.echo = true
		s.oweFlow()
	}
}

// appendFlows writes the flows that are owed: of links, then of sessions of which none of these spoke.
func (c *Connection) appendFlows(dst []byte, limit int) []byte {
	for !c.linkFlows.empty() && len(dst) < limit {
		l := c.linkFlows.pop().owner
		dst = l.session.appendFlow(dst, l)
	}
	for !c.sessionFlows.empty() && len(dst) < limit {
		s := c.sessionFlows.pop().owner
		s.echo = false
		dst = s.appendFlow(dst, nil)
	}
	return dst
}

// appendFlow writes the session's state and, with l, that link's. next-incoming-id, delivery-count and link-credit are
// always there: clients fail without. [transport 2.7.4]
func (s *session) appendFlow(dst []byte, l *Link) []byte {
	s.incoming.reopen()
	if !s.echo {
		s.flow.unlink()
	}
	f := amqp.Flow{
		NextIncomingID: amqp.Some(s.incoming.next),
		IncomingWindow: s.incoming.left,
		NextOutgoingID: s.outgoing.next,
		OutgoingWindow: outgoingWindowSize,
	}
	switch {
	case l == nil:
		f.Echo, s.asking = s.asking, false
	case l.receiver != nil:
		f.Handle = amqp.Some(l.ourHandle)
		f.DeliveryCount = amqp.Some(l.receiver.grant.deliveryCount)
		f.LinkCredit = amqp.Some(l.receiver.grant.credit)
	default:
		f.Handle = amqp.Some(l.ourHandle)
		f.DeliveryCount = amqp.Some(l.sender.deliveryCount)
		f.LinkCredit = amqp.Some(l.sender.credit)
		f.Available = amqp.Some(uint32(l.sender.queue.len()))
		f.Drain = l.sender.drain
	}
	start := len(dst)
	dst = f.Append(openFrame(dst, s.channel))
	amqp.EndFrame(dst, start)
	return dst
}
