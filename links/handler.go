package links

import (
	"hibachi/links/amqp"
	"hibachi/links/engine"
)

// The handler is who acts on a connection's events: calls the Container, Targets and Sources. It is a role and not a goroutine.
//
// Events come of feeding the engine, which the reader does, so the reader is the handler nearly always. But the writer brings some about,
// too, when it answers an attach (messages that came before the answer are events from then on) or ends a link, and so does the timer. If
// only the reader might handle them, it would have to be called back from its Read. A read deadline in the past does that on a TCP
// socket; it was left aside because a WebSocket connection does not survive one, and because of the two system calls.
//
// So whoever may have brought about events claims the role, under conn.mu. If it is free, he has it, and handles events until there are no
// more; if not, who has it will find them, since the role is given up only in the hold of conn.mu that saw no more events. Hence events
// are handled in the order in which the engine made them, by one goroutine at a time, and never under the lock.

// claimLocked takes the role and the events there are. nil: there are none, or somebody has the role. Who gets events calls handle.
func (c *conn) claimLocked() []engine.Event {
	if c.handling {
		return nil
	}
	events := c.engine.Events()
	if len(events) == 0 {
		return nil
	}
	c.handling = true
	c.handlers.Add(1)
	return events
}

// handle acts on events and on all that come of that, then gives the role up. Without events it does nothing.
func (c *conn) handle(events []engine.Event) {
	if len(events) == 0 {
		return
	}
	defer c.handlers.Done()
	for len(events) > 0 {
		c.actOn(events)
		engine.Recycle(events)
		c.mu.Lock()
		events = c.engine.Events()
		c.handling = len(events) > 0
		c.mu.Unlock()
	}
}

func (c *conn) actOn(events []engine.Event) {
	messages := 0
	for i := 0; i < len(events); i++ {
		e := &events[i]
		switch e.Kind {
		case engine.EventMessage:
			messages++
			c.onMessage(e)
		case engine.EventSettled:
			i += c.onSettled(events[i:]) - 1
		case engine.EventUnsent:
			i += c.onUnsent(events[i:]) - 1
		case engine.EventAttachReceiver:
			c.onAttachReceiver(e.Receiver)
		case engine.EventAttachSender:
			c.onAttachSender(e.Sender)
		case engine.EventReceiverDetached:
			c.onReceiverDetached(e)
		case engine.EventSenderDetached:
			c.onSenderDetached(e)
		case engine.EventOpen:
			c.onOpen()
		case engine.EventClose:
			c.onClose(e.Err)
		case engine.EventAbandoned: // its outcome, when it comes, finds nobody who waits for it
		}
	}
	if messages > 0 {
		c.server.counters.in.Add(uint64(messages))
		c.in += uint64(messages)
	}
}

// onMessage hands a message to its Target. One that the Target will not have ends the link.
func (c *conn) onMessage(e *engine.Event) {
	r := e.Receiver.User.(*receiver)
	if r.failed {
		r.refund(e.Charged)
		return
	}
	d := Delivery{Settled: e.Settled, Format: e.Format, receiver: r, id: e.Delivery, charged: e.Charged}
	if err := r.target.Receive(d, e.Message); err != nil {
		r.failed = true
		r.refund(e.Charged)
		told := c.peerError("take a message", err)
		c.mu.Lock()
		r.link.Detach(told)
		c.mu.Unlock()
	}
}

// onSettled hands the verdicts at the head of events that are of one link to its Source, and tells how many these were.
func (c *conn) onSettled(events []engine.Event) (n int) {
	link := events[0].Sender
	list := settlementLists.Get().(*settlementList)
	ss := list.s[:0]
	for n = 0; n < len(events) && events[n].Kind == engine.EventSettled && events[n].Sender == link; n++ {
		ss = append(ss, Settlement{Ref: events[n].Ref, State: events[n].State})
	}
	link.User.(*Sender).source.Settle(ss)
	list.put(ss)
	return n
}

// onUnsent gives back deliveries that were queued when the peer took its credit back.
func (c *conn) onUnsent(events []engine.Event) (n int) {
	link := events[0].Sender
	var refs []uint64
	for n = 0; n < len(events) && events[n].Kind == engine.EventUnsent && events[n].Sender == link; n++ {
		refs = append(refs, events[n].Ref)
	}
	link.User.(*Sender).source.Untake(refs)
	return n
}

func (c *conn) onAttachReceiver(link *engine.Receiver) {
	r := &receiver{conn: c, link: link}
	link.User = r
	a := &answer{conn: c, receiver: r}
	c.server.container.AttachTarget(c.attach(link.Attach()), a.byTarget)
	c.asked(a)
}

func (c *conn) onAttachSender(link *engine.Sender) {
	s := &Sender{conn: c, link: link}
	link.User = s
	a := &answer{conn: c, sender: s}
	c.server.container.AttachSource(c.attach(link.Attach()), s, a.bySource)
	c.asked(a)
}

func (c *conn) attach(a *amqp.Attach) *Attach {
	return &Attach{Attach: a, Peer: c.peer, RemoteAddr: c.remote}
}

// asked applies the answer to an attach if there is one already.
func (c *conn) asked(a *answer) {
	if !a.isThere() {
		return
	}
	a.prepare()
	c.mu.Lock()
	orphaned := a.applyLocked()
	c.mu.Unlock()
	if orphaned {
		a.disown()
	}
}

func (c *conn) onReceiverDetached(e *engine.Event) {
	if r := e.Receiver.User.(*receiver); r.target != nil {
		c.server.counters.receivers.Add(-1)
		r.target.Detached(asError(e.Err))
	}
}

func (c *conn) onSenderDetached(e *engine.Event) {
	if s := e.Sender.User.(*Sender); s.source != nil {
		c.server.counters.senders.Add(-1)
		s.source.Detached(asError(e.Err))
	}
}

// asError keeps no error from becoming an error that is not nil.
func asError(err *amqp.Error) error {
	if err == nil {
		return nil
	}
	return err
}
