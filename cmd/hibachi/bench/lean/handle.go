package lean

import "hibachi/links/amqp"

// Handle takes apart what was read, calls the handler, and puts acknowledgements and credit behind the output for the next Wait. It
// does not block. A *PeerError tells that the peer ended a link, the session or the connection.
func (c *Conn) Handle() error {
	for {
		h, frame, _, err := c.in.frame(max(c.cfg.MaxFrameSize, amqp.MinMaxFrameSize))
		if err != nil {
			return err
		}
		if frame == nil {
			break
		}
		body, payload, err := c.decode(h, frame, false)
		if err != nil {
			return err
		}
		if body == nil {
			continue
		}
		if err := c.dispatch(body, payload); err != nil {
			return err
		}
	}
	c.appendOwed()
	return nil
}

func (c *Conn) dispatch(body amqp.Body, payload []byte) error {
	switch b := body.(type) {
	case *amqp.Transfer:
		return c.transfer(b, payload)
	case *amqp.Disposition:
		c.disposition(b)
		return nil
	case *amqp.Flow:
		return c.flow(b)
	case *amqp.Attach:
		return c.attachAnswer(b)
	case *amqp.Detach:
		return c.detachedBy(b)
	case *amqp.End:
		return &PeerError{Scope: ScopeSession, Err: b.Err}
	case *amqp.Close:
		c.closed = true
		return &PeerError{Scope: ScopeConnection, Err: b.Err}
	}
	return protocolError("%s has no place here", body.Name())
}

func (c *Conn) transfer(t *amqp.Transfer, payload []byte) error {
	c.session.nextIncoming = c.session.nextIncoming.Add(1)
	r := c.links.receivers[t.Handle]
	if r == nil {
		return protocolError("transfer on handle %d, which is not attached", t.Handle)
	}
	return r.transfer(t, payload)
}

// disposition: one that is not settled but tells an outcome is settled by us. [transport 2.6.12]
func (c *Conn) disposition(d *amqp.Disposition) {
	if d.Role != amqp.RoleReceiver || (!d.Settled && !d.State.Terminal()) {
		return
	}
	c.session.settle(d, c.cfg.Handler)
	if !d.Settled {
		answer := amqp.Disposition{Role: amqp.RoleSender, First: d.First, Last: d.Last, Settled: true}
		c.out = amqp.AppendFrame(c.out, amqp.TypeAMQP, 0, &answer, nil)
	}
}

func (c *Conn) flow(f *amqp.Flow) error {
	c.session.flow(f)
	for _, s := range c.links.senders {
		s.resume()
	}
	if !f.Handle.Set {
		if f.Echo {
			c.out = amqp.AppendFrame(c.out, amqp.TypeAMQP, 0, c.sessionFlow(), nil)
		}
		return nil
	}
	if s := c.links.senders[f.Handle.Value]; s != nil {
		s.flow(f)
		return nil
	}
	if r := c.links.receivers[f.Handle.Value]; r != nil {
		r.owed = r.owed || f.Echo
		return nil
	}
	return protocolError("flow on handle %d, which is not attached", f.Handle.Value)
}

// appendOwed tells what was accepted and renews credit.
func (c *Conn) appendOwed() {
	c.out = c.session.acks.append(c.out)
	for _, r := range c.links.list {
		if r.owed && r.state == attached {
			if r.topUp {
				r.credit = r.window
			}
			c.appendFlow(r)
		}
	}
}

func (c *Conn) sessionFlow() *amqp.Flow {
	return &amqp.Flow{
		NextIncomingID: amqp.Some(c.session.nextIncoming),
		IncomingWindow: window,
		NextOutgoingID: c.session.nextOutgoing,
		OutgoingWindow: window,
	}
}

func (c *Conn) appendFlow(r *Receiver) {
	f := c.sessionFlow()
	f.Handle = amqp.Some(r.handle)
	f.DeliveryCount = amqp.Some(r.deliveryCount)
	f.LinkCredit = amqp.Some(r.credit)
	c.out = amqp.AppendFrame(c.out, amqp.TypeAMQP, 0, f, nil)
	r.owed = false
}

func (c *Conn) appendSenderFlow(s *Sender, drain bool) {
	f := c.sessionFlow()
	f.Handle = amqp.Some(s.handle)
	f.DeliveryCount = amqp.Some(s.deliveryCount)
	f.LinkCredit = amqp.Some(s.credit)
	f.Available = amqp.Some(uint32(0))
	f.Drain = drain
	c.out = amqp.AppendFrame(c.out, amqp.TypeAMQP, 0, f, nil)
}
