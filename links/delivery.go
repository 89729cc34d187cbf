package links

import "hibachi/links/amqp"

// Delivery is a received message's claim to an outcome. A value: copy it freely, settle it once.
type Delivery struct {
	Settled bool   // the peer sent it settled: no outcome is wanted, but Settle is called all the same
	Format  uint32 // message-format

	receiver *receiver
	id       amqp.SequenceNo
	charged  int
}

// Settle posts the outcome (always as settled=true) and refunds the budget. From any goroutine, never blocks; some constant work. If the
// link is gone, nobody hears of it.
func (d Delivery) Settle(state amqp.DeliveryState) {
	r := d.receiver
	r.refund(d.charged)
	if d.Settled {
		return
	}
	o := outcome{receiver: r, id: d.id, kind: state.Kind}
	if !plain(&state) {
		kept := state // state itself stays off the heap
		o.state = &kept
	}
	r.conn.mail.settle(o)
}

// plain tells that the kind of a state says all of it, as it mostly does.
func plain(s *amqp.DeliveryState) bool {
	return s.Kind == amqp.Accepted || s.Kind == amqp.Released || s.Kind == amqp.Rejected && s.Err == nil
}

// delivered is the state that was posted.
func (o *outcome) delivered() amqp.DeliveryState {
	if o.state != nil {
		return *o.state
	}
	return amqp.DeliveryState{Kind: o.kind}
}
