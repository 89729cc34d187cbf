package lean

import "hibachi/links/amqp"

// maxMessage bounds a message of many frames that we put together.
const maxMessage = 64 << 20

// Receiver is a link on which we receive.
type Receiver struct {
	link
	conn          *Conn
	window        uint32
	topUp         bool
	credit        uint32
	deliveryCount amqp.SequenceNo
	owed          bool // a flow
	partial       bool
	id            amqp.SequenceNo // of the delivery that is coming in
	settled       bool            // it was sent settled
	buf           []byte          // its frames so far
	UserData      any             // for the owner; not touched here
}

func (r *Receiver) becomeAttached(a *amqp.Attach) {
	if a.Source == nil {
		return
	}
	r.state = attached
	r.deliveryCount = a.InitialDeliveryCount.Value
}

// Address is the source's.
func (r *Receiver) Address() string { return r.address }

// transfer takes one frame of a delivery.
func (r *Receiver) transfer(t *amqp.Transfer, payload []byte) error {
	if !r.partial {
		if !t.DeliveryID.Set {
			return protocolError("the first transfer of a delivery on %s has no delivery-id", r.address)
		}
		r.id, r.settled, r.partial, r.buf = t.DeliveryID.Value, false, true, r.buf[:0]
	}
	r.settled = r.settled || t.Settled.Value
	if t.Aborted {
		r.partial = false
		r.used()
		return nil
	}
	if t.More {
		if len(r.buf)+len(payload) > maxMessage {
			return protocolError("a message of more than %d bytes", maxMessage)
		}
		r.buf = append(r.buf, payload...)
		return nil
	}
	if len(r.buf) > 0 {
		r.buf = append(r.buf, payload...)
		payload = r.buf
	}
	r.partial = false
	r.used()
	c := r.conn
	if c.cfg.Handler.Message(r, payload) && !r.settled {
		c.out = c.session.acks.add(c.out, r.id)
	}
	return nil
}

// used counts a delivery against the credit.
func (r *Receiver) used() {
	r.deliveryCount = r.deliveryCount.Add(1)
	if r.credit > 0 {
		r.credit--
	}
	if r.topUp && r.credit <= r.window/2 {
		r.owed = true
	}
}
