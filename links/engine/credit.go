package engine

import "hibachi/links/amqp"

// grant is link credit that we gave to a peer that sends. [transport 2.6.7]
type grant struct {
	deliveryCount amqp.SequenceNo // the sender's, as far as we know
	credit        uint32
}

// take counts a delivery that began. false: there was no credit for it. It counts deliveries, not frames; an aborted one
// has been paid as well.
func (g *grant) take() bool {
	if g.credit == 0 {
		return false
	}
	g.deliveryCount = g.deliveryCount.Add(1)
	g.credit--
	return true
}

// topUp raises credit so that credit and outstanding deliveries together make limit, and tells whether that is worth a
// flow: half of full is used up, and at least a quarter can be given back (else a slow store would cause one flow a
// message).
func (g *grant) topUp(full, limit, outstanding uint32) bool {
	room := less(limit, outstanding)
	if g.credit > full/2 || room < g.credit+(limit+3)/4 || room <= g.credit {
		return false
	}
	g.credit = room
	return true
}

// advance takes the delivery-count of a peer that used up credit without sending. Nonsense is ignored.
func (g *grant) advance(count amqp.SequenceNo) {
	if n := count.Sub(g.deliveryCount); n > 0 && uint32(n) <= g.credit {
		g.deliveryCount = count
		g.credit -= uint32(n)
	}
}

// allowance is link credit that a peer gave us. [transport 2.6.7]
type allowance struct {
	initial       amqp.SequenceNo // initial-delivery-count
	deliveryCount amqp.SequenceNo
	credit        uint32
	drain         bool // the peer's last word
}

// update takes what a flow says: link-credit(snd) = delivery-count(rcv) + link-credit(rcv) - delivery-count(snd), where a
// delivery-count that is absent stands for the initial one.
func (a *allowance) update(f *amqp.Flow) {
	a.drain = f.Drain
	if !f.LinkCredit.Set {
		return
	}
	seen := a.initial
	if f.DeliveryCount.Set {
		seen = f.DeliveryCount.Value
	}
	unseen := a.deliveryCount.Sub(seen)
	a.credit = less(f.LinkCredit.Value, uint32(max(unseen, 0)))
}

// take pays for one delivery.
func (a *allowance) take() {
	a.deliveryCount = a.deliveryCount.Add(1)
	a.credit--
}

// spend gives up what credit is left: the answer to a drain.
func (a *allowance) spend() {
	a.deliveryCount = a.deliveryCount.Add(a.credit)
	a.credit = 0
}
