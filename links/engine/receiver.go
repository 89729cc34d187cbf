package engine

import (
	"time"

	"hibachi/links/amqp"
)

// Receiver is our end of a link on which the peer sends.
type Receiver struct {
	Link

	// Set by Accept.
	account Account
	maxSize uint64

	grant      grant
	unanswered int             // whole deliveries without outcome
	hunger     elem[*Receiver] // in Connection.starved: was denied credit

	partial *partial        // the delivery whose transfers are coming; kept for the next
	stall   elem[*Receiver] // in Connection.partials while one is

	early []Event // messages that came before the attach was answered

	linger      elem[*Receiver] // in Connection.lingering
	lingerUntil time.Time
}

// Account is charged with the bytes of deliveries as their fragments arrive. Called with the connection's lock held:
// atomics only.
type Account interface {
	Charge(n int) bool // false: over the limit; nothing was charged. The delivery is then read to its end, dropped, and answered `released`
	Refund(n int)
	Credit(max uint32) uint32 // how much of max a link may be granted now
}

// boundless is the account of nobody.
type boundless struct{}

func (boundless) Charge(int) bool            { return true }
func (boundless) Refund(int)                 {}
func (boundless) Credit(limit uint32) uint32 { return limit }

func newReceiver(s *session, a *amqp.Attach) *Link {
	r := &Receiver{
		Link:    Link{session: s, attach: a},
		account: boundless{},
		maxSize: s.c.cfg.MaxMessageSize,
		// A peer may send before it has our answer, on the credit that it will get.
		grant: grant{deliveryCount: a.InitialDeliveryCount.Value, credit: s.c.cfg.Credit},
	}
	r.receiver = r
	r.hunger.owner, r.stall.owner, r.linger.owner = r, r, r
	return &r.Link
}

// Accept answers the attach, and grants the first credit in the same pass: a client may wait for it only milliseconds.
// Messages that came before are events now.
func (r *Receiver) Accept(t Terms) {
	if t.Account != nil {
		r.account = t.Account
	}
	if t.MaxMessageSize != 0 {
		r.maxSize = t.MaxMessageSize
	}
	if !r.accept(t) {
		return
	}
	r.releaseEarly()
	if r.leftEarly != nil {
		r.finishDeparture()
		return
	}
	r.grant.credit = 0
	r.topUp()
	c := r.conn()
	c.control = r.session.appendFlow(c.control, &r.Link)
	r.flow.unlink()
}

// Refuse answers the attach with a null target and a closing detach, in one pass.
func (r *Receiver) Refuse(err *amqp.Error) { r.refuseQuietly(err) }

// Detach ends the link, closed; what is unanswered is forgotten.
func (r *Receiver) Detach(err *amqp.Error) { r.detach(err) }

// Settle answers a delivery with a settled disposition, in the next Append. ok is false if it had no answer owed any more
// (abandoned, link gone, sent settled).
func (r *Receiver) Settle(id amqp.SequenceNo, state amqp.DeliveryState) (ok bool) {
	d := r.session.received.get(id)
	if d == nil || d.link != &r.Link || !d.whole || d.done {
		return false
	}
	r.session.owe(id, d, state)
	r.settled()
	if r.state == linkLingering && r.unanswered == 0 {
		r.answerDetach()
	}
	return true
}

// settled counts a delivery that has its outcome, or wants none any more.
func (r *Receiver) settled() {
	r.unanswered--
	r.conn().unanswered--
	r.topUp()
}

// topUp grants credit when it is time to. [transport 2.6.7]
func (r *Receiver) topUp() {
	c := r.conn()
	full := c.cfg.Credit
	if r.state != linkAttached || c.stopped || r.grant.credit > full/2 {
		return
	}
	limit := r.account.Credit(full)
	if limit == 0 {
		c.starved.pushBack(&r.hunger)
		return
	}
	r.hunger.unlink()
	if r.grant.topUp(full, limit, r.outstanding()) {
		r.oweFlow()
	}
}

// outstanding is what the peer has sent of its credit and what is not answered.
func (r *Receiver) outstanding() uint32 {
	n := uint32(r.unanswered)
	if r.partial.active() {
		n++
	}
	return n
}

// RefreshCredit has every receiver that was denied credit by its Account ask again.
func (c *Connection) RefreshCredit() {
	var again list[*Receiver]
	c.starved.drainTo(&again)
	for e := again.pop(); e != nil; e = again.pop() {
		e.owner.topUp()
	}
}

// Starved tells whether RefreshCredit has anybody to ask for.
func (c *Connection) Starved() bool { return !c.starved.empty() }

// stop takes the receiver out of all lists and drops what is not whole.
func (r *Receiver) stop() {
	r.dropPartial()
	r.hunger.unlink()
	r.takeEarly()
}

// forgetDeliveries: no outcome is owed any more.
func (r *Receiver) forgetDeliveries() {
	r.linger.unlink()
	r.conn().unanswered -= r.unanswered
	r.unanswered = 0
}
