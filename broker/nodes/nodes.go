// Package nodes is the hinge between the two wings: links speaks AMQP and does not know that anything is kept, broker keeps events and
// does not know that there is a wire. Here an address becomes a node, a message becomes an event, and an outcome becomes a verb.
//
// It owns nothing but that translation and some counters. What an address and a message have to look like is spec/hono's to say;
// who gets which event is broker's; credit, settlement and frames are links'.
//
// An event meets:
//
//	Nodes        links' Container: answers attaches, says who may
//	producer     a target: checks a message, cuts the hop's annotations off, publishes
//	publication  an event on its way to the disk with the delivery that waits for the answer: one allocation
//	consumer     a source: takes deliveries for its link, gives them a new header, turns outcomes into verbs
//
// Settlement, the other way round:
//
//	stored         accepted
//	rule broken    rejected, with a condition and a description that names the field
//	limit reached  rejected, amqp:resource-limit-exceeded (Hono tells the device to come again)
//	our trouble    released
//
//	accepted                     Done
//	released                     Return: back to the head of its device, backs off
//	modified                     Return; with delivery-failed Failed: the same, and the header counts it
//	   … undeliverable-here      the same, but not to this link again
//	rejected                     Reject: a dead letter at once, with the peer's words (letter.go)
//	settled without an outcome   the source's default-outcome, else Return
//	larger than the link takes   Unfit: not to this link again, as if it had never been given
package nodes

import (
	"time"

	"hibachi/broker"
	"hibachi/links"
	"hibachi/links/amqp"
	"hibachi/spec/hono"
)

// Options of Nodes. Zero means the default.
type Options struct {
	Budget     *links.Budget    // charged with what producers send until it is answered; default: nobody is charged
	Authorizer Authorizer       // default AllowAll
	Strict     bool             // refuse snd-settle-mode mixed too, as Hono's page says; a router in between makes mixed of every link
	Now        func() time.Time // default time.Now
}

// Nodes answers attaches. It is links' Container; all methods may be called from any goroutine.
type Nodes struct {
	// Set once.
	broker     *broker.Broker
	budget     *links.Budget
	authorizer Authorizer
	strict     bool
	now        func() time.Time

	counts counts
}

var _ links.Container = (*Nodes)(nil)

// New makes the nodes of a broker.
func New(b *broker.Broker, o Options) *Nodes {
	n := &Nodes{broker: b, budget: o.Budget, authorizer: o.Authorizer, strict: o.Strict, now: o.Now}
	if n.authorizer == nil {
		n.authorizer = AllowAll{}
	}
	if n.now == nil {
		n.now = time.Now
	}
	return n
}

// checkModes holds an attach's settle modes against the requirement r. [transport 2.8.2, 2.8.3] Hono asks for unsettled and first; mixed
// is what is left of unsettled when a router has forwarded the attach, so there it is the transfers that are looked at.
func (n *Nodes) checkModes(a *links.Attach, r hono.Requirement, settledIsFine bool) *hono.Violation {
	switch {
	case a.SndSettleMode == amqp.SenderSettled && !settledIsFine:
		return hono.Violate(r, amqp.ErrNotAllowed, "attach field snd-settle-mode is settled: events are delivered at least once, so it has to be unsettled")
	case a.SndSettleMode == amqp.SenderMixed && n.strict:
		return hono.Violate(r, amqp.ErrNotAllowed, "attach field snd-settle-mode is mixed (or absent): it has to be unsettled, this broker is set to be strict")
	case a.RcvSettleMode == amqp.ReceiverSecond:
		return hono.Violate(r, amqp.ErrNotAllowed, "attach field rcv-settle-mode is second: it has to be first")
	}
	return nil
}
