package nodes

import (
	"hibachi/broker"
	"hibachi/links"
	"hibachi/links/amqp"
	"hibachi/links/engine"
	"hibachi/persistence"
	"hibachi/spec/hono"
)

// AttachTarget opens event/<tenant> for a producer. The tenant need not be known, nor need it have an application.
func (n *Nodes) AttachTarget(a *links.Attach, done func(links.Target, engine.Terms, error)) {
	p, terms, err := n.newProducer(a)
	if err != nil {
		done(nil, engine.Terms{}, err)
		return
	}
	done(p, terms, nil)
}

func (n *Nodes) newProducer(a *links.Attach) (*producer, engine.Terms, error) {
	var terms engine.Terms
	at, err := targetAddress(a)
	if err != nil {
		return nil, terms, err
	}
	if v := n.checkModes(a, hono.ForwardLinkModes, false); v != nil {
		return nil, terms, v.AMQP()
	}
	if err := n.authorize(a, Send, at); err != nil {
		return nil, terms, err
	}
	tenant, err := n.broker.Tenant(at.Tenant)
	if err != nil {
		return nil, terms, attachError("open "+at.String(), err)
	}
	terms.Target = answerTarget(a.Target)
	if n.budget != nil {
		terms.Account = n.budget.Account(at.Tenant)
	}
	p := &producer{nodes: n, tenant: tenant, name: at.Tenant, canReject: true}
	if a.Source != nil {
		p.canReject = allows(a.Source.Outcomes, outcomes[1])
	}
	return p, terms, nil
}

// producer is the target event/<tenant>. Its methods are called by its connection's reader only.
type producer struct {
	// Set once.
	nodes     *Nodes
	tenant    *broker.Tenant
	name      string
	canReject bool // the peer listed rejected among the outcomes that it understands, or listed none
}

var _ links.Target = (*producer)(nil)

// Receive publishes a message, or answers what is wrong with it.
//
// A settled transfer wants no answer, so there is no way to tell the adapter that its event was refused or lost, and Hono forbids it for
// events. A mixed link may send one as far as the transport is concerned [transport 2.8.2]; it is the node that does not allow it, hence
// amqp:not-allowed, the condition that refuses a settled link at attach, and not invalid-field.
func (p *producer) Receive(d links.Delivery, message []byte) error {
	if d.Settled {
		p.nodes.counts.violated(hono.ForwardUnsettled)
		return hono.Violate(hono.ForwardUnsettled, amqp.ErrNotAllowed, "transfer field settled is true: events are delivered at least once").AMQP()
	}
	m, err := amqp.ParseMessage(message)
	if err != nil {
		return p.reject(d, hono.Malformed(err))
	}
	e, v := hono.Check(&m, d.Format, p.name)
	if v != nil {
		return p.reject(d, v)
	}
	p.nodes.counts.warned(e.Warnings)
	p.publish(d, &m, &e)
	return nil
}

// Detached lets go of the tenant. What was published goes on, and nobody hears of its answer.
func (p *producer) Detached(error) { p.tenant.Release() }

func (p *producer) publish(d links.Delivery, m *amqp.Message, e *hono.Event) {
	now := p.nodes.now()
	pub := &publication{delivery: d, nodes: p.nodes, event: broker.Event{
		Device:  e.Device,
		Arrived: now,
		Expires: e.Expires(now),
		Message: withoutDeliveryAnnotations(m),
	}}
	pub.event.Done = pub
	p.tenant.Publish(&pub.event)
}

// reject answers one delivery; a peer that does not understand rejected loses the link with the same error. [messaging 3.5.3]
func (p *producer) reject(d links.Delivery, v *hono.Violation) error {
	p.nodes.counts.violated(v.Requirement)
	if !p.canReject {
		return v.AMQP()
	}
	d.Settle(amqp.DeliveryState{Kind: amqp.Rejected, Err: v.AMQP()})
	return nil
}

// publication is an event and the delivery that waits for it.
type publication struct {
	event    broker.Event
	delivery links.Delivery
	nodes    *Nodes
}

// Published answers the delivery. Called by the store's goroutine.
func (p *publication) Published(_ persistence.Position, err error) {
	if err != nil {
		p.nodes.counts.unpublished.Add(1)
	}
	p.delivery.Settle(publishOutcome(err))
}
