package engine

import (
	"math"

	"hibachi/links/amqp"
)

// Terms is the answer to an attach.
type Terms struct {
	Source              *amqp.Source // what is in force; nil echoes the peer's
	Target              *amqp.Target
	MaxMessageSize      uint64 // receivers; 0 takes Config's
	OfferedCapabilities []amqp.Symbol
	Properties          amqp.Raw
	Account             Account // receivers; nil charges nobody
	Settled             bool    // senders: deliveries go out settled (browsing)
}

// handleAttach begins a link, which is pending until the caller answers. [transport 2.6.3]
func (s *session) handleAttach(a *amqp.Attach) error {
	c := s.c
	if a.Handle > c.cfg.HandleMax {
		return amqp.Errorf(amqp.ErrFraming, "handle %d is above the handle-max of %d", a.Handle, c.cfg.HandleMax)
	}
	if s.theirs.get(a.Handle) != nil {
		return amqp.Errorf(amqp.ErrHandleInUse, "handle %d is in use", a.Handle)
	}
	if int64(c.links) > int64(c.cfg.HandleMax) {
		return s.failf(amqp.ErrResourceLimitExceeded, "more than %d links on one connection", c.links)
	}
	if err := c.controlLimit(); err != nil {
		return err
	}
	s.steal(linkKey{a.LinkName, a.Role})
	l := s.newLink(a)
	if a.Role == amqp.RoleSender && !a.InitialDeliveryCount.Set {
		l.refuseQuietly(amqp.Errorf(amqp.ErrInvalidField, "a sender's attach without initial-delivery-count"))
		return nil
	}
	if l.receiver != nil {
		c.emit(EventAttachReceiver).Receiver = l.receiver
	} else {
		c.emit(EventAttachSender).Sender = l.sender
	}
	return nil
}

func (s *session) newLink(a *amqp.Attach) *Link {
	var l *Link
	if a.Role == amqp.RoleSender {
		l = newReceiver(s, a.Clone())
	} else {
		l = newSender(s, a.Clone())
	}
	l.theirHandle = a.Handle
	l.flow.owner, l.place.owner = l, l
	s.theirs.put(a.Handle, l)
	if s.names == nil {
		s.names = make(map[linkKey]*Link)
	}
	s.names[l.key()] = l
	s.links.pushBack(&l.place)
	s.c.links++
	return l
}

// steal ends the link that has the name already: it is detached before the new one is answered, since a router that gets a
// second attach of a name it holds closes the connection with everybody on it. [transport 2.6.1]
func (s *session) steal(k linkKey) {
	if old := s.names[k]; old != nil {
		old.detach(amqp.Errorf(amqp.ErrStolen, "another link of the same name was attached"))
	}
}

// takeHandle gives the link a handle of ours: the peer's own number if it can be, since some clients index a table with it
// [transport 2.7.2]. false: the peer allows no more.
func (l *Link) takeHandle() bool {
	s := l.session
	h := l.theirHandle
	if h > s.handleMax || s.ours.get(h) != nil {
		var ok bool
		if h, ok = s.ours.free(s.handleMax); !ok {
			return false
		}
	}
	l.ourHandle = h
	s.ours.put(h, l)
	return true
}

// answer is our attach before anything was decided: everything echoed.
func (l *Link) answer() *amqp.Attach {
	a := &amqp.Attach{
		LinkName:      l.attach.LinkName,
		Handle:        l.ourHandle,
		Role:          !l.attach.Role,
		SndSettleMode: l.attach.SndSettleMode,
		RcvSettleMode: amqp.ReceiverFirst,
		Source:        l.attach.Source,
		Target:        l.attach.Target,
	}
	if l.sender != nil {
		a.InitialDeliveryCount = amqp.Some(l.sender.initial)
		if a.SndSettleMode == amqp.SenderSettled {
			a.SndSettleMode = amqp.SenderUnsettled // unless Terms say otherwise
		}
	}
	return a
}

// accept answers the attach and tells whether the link is now attached. It is not if the answer does not fit, or if it is
// too late.
func (l *Link) accept(t Terms) bool {
	if l.state != linkPending || !l.takeHandleOrEnd() {
		return false
	}
	a := l.answer()
	if t.Source != nil {
		a.Source = t.Source
	}
	if t.Target != nil {
		a.Target = t.Target
	}
	a.OfferedCapabilities, a.Properties = t.OfferedCapabilities, t.Properties
	if l.receiver != nil {
		a.MaxMessageSize = l.receiver.maxSize
	} else if t.Settled {
		a.SndSettleMode = amqp.SenderSettled
	}
	if !l.conn().queueFitting(l.session.channel, a) {
		l.session.ours.remove(l.ourHandle)
		l.detach(amqp.Errorf(amqp.ErrFrameSizeTooSmall, "the answer to the attach is larger than the peer's max-frame-size"))
		return false
	}
	l.state = linkAttached
	return true
}

// takeHandleOrEnd ends the session of a peer that attaches more links than it lets us have handles for.
func (l *Link) takeHandleOrEnd() bool {
	if l.takeHandle() {
		return true
	}
	l.session.end(amqp.Errorf(amqp.ErrResourceLimitExceeded, "all handles up to the peer's handle-max %d are in use", l.session.handleMax))
	return false
}

// refuseQuietly is the caller's own refusal, of which he need not be told.
func (l *Link) refuseQuietly(err *amqp.Error) {
	if l.state == linkPending {
		l.told = true
		l.refuse(err)
	}
}

// refuse answers a pending attach with a null terminus of ours, at once followed by a detach [transport 2.6.3]. The peer's
// terminus is echoed if there is room.
func (l *Link) refuse(err *amqp.Error) {
	if l.state != linkPending || !l.takeHandleOrEnd() {
		return
	}
	a := l.answer()
	if l.receiver != nil {
		a.Target = nil
	} else {
		a.Source = nil
	}
	if !l.conn().queueFitting(l.session.channel, a) {
		a.Source, a.Target = nil, nil
		l.conn().queue(l.session.channel, a)
	}
	l.tellDetached(err, true)
	l.sendDetach(true, err)
}

// linkCredit is a credit as a number of deliveries.
func linkCredit(n uint32) int { return int(min(n, math.MaxInt32)) }
