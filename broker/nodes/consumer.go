package nodes

import (
	"sync"

	"hibachi/broker"
	"hibachi/links"
	"hibachi/links/amqp"
	"hibachi/links/engine"
	"hibachi/persistence"
	"hibachi/spec/hono"
)

// propertyCreate is a link property of ours, a boolean: false says not to create the application if there is none of that name, but to
// answer amqp:not-found. It guards people against their typing errors; it does not cross a router, which forwards no link properties.
const propertyCreate = "hibachi:create"

// AttachSource opens an application of a tenant for a consumer, or, for distribution-mode copy, the tenant's events for a browser. An
// application that is not there is created; it is on disk when done is called. Dead letters are there for applications that exist.
func (n *Nodes) AttachSource(a *links.Attach, link *links.Sender, done func(links.Source, engine.Terms, error)) {
	n.attachConsumer(a, link, done)
}

func (n *Nodes) attachConsumer(a *links.Attach, link broker.Waker, done func(links.Source, engine.Terms, error)) {
	at, tenant, err := n.openSource(a)
	if err != nil {
		done(nil, engine.Terms{}, err)
		return
	}
	terms := engine.Terms{Source: answerSource(a.Source)}
	c := &consumer{nodes: n, tenant: tenant, link: link, maxMessage: a.MaxMessageSize}
	c.byDefault, _ = verdictOf(a.Source.DefaultOutcome)
	attached := func(from *broker.Consumer, err error) {
		if err != nil {
			tenant.Release()
			done(nil, engine.Terms{}, attachError("open "+at.String(), err))
			return
		}
		c.from = from
		done(c, terms, nil)
	}
	switch browse := browses(a.Source); {
	case browse:
		terms.Settled = a.SndSettleMode == amqp.SenderSettled
		attached(openBrowser(tenant, at, link))
	case at.DeadLetter:
		tenant.AttachDeadLetters(at.App(), link, attached)
	default:
		tenant.Attach(at.App(), link, broker.AttachOptions{Create: mayCreate(a)}, attached)
	}
}

func openBrowser(t *broker.Tenant, at hono.Address, link broker.Waker) (*broker.Consumer, error) {
	if at.DeadLetter {
		return t.BrowseDeadLetters(at.App(), link)
	}
	return t.Browse(link), nil
}

// openSource looks at an attach before anything is done for it.
func (n *Nodes) openSource(a *links.Attach) (hono.Address, *broker.Tenant, error) {
	at, err := sourceAddress(a)
	if err != nil {
		return at, nil, err
	}
	do := Receive
	if browses(a.Source) {
		do = Browse
	}
	if v := n.checkModes(a, hono.ReceiveLinkModes, do == Browse); v != nil {
		return at, nil, v.AMQP()
	}
	if err := n.authorize(a, do, at); err != nil {
		return at, nil, err
	}
	tenant, err := n.broker.Tenant(at.Tenant)
	if err != nil {
		return at, nil, attachError("open "+at.String(), err)
	}
	return at, tenant, nil
}

func mayCreate(a *links.Attach) bool {
	create, ok := a.Properties.Lookup(propertyCreate).Bool()
	return create || !ok
}

// consumer is a source: one consumer of an application, or a browser. Take and Untake are called by its connection's writer, Settle and
// Detached by its reader.
type consumer struct {
	// Set once.
	nodes      *Nodes
	tenant     *broker.Tenant
	link       broker.Waker
	from       *broker.Consumer
	byDefault  broker.Settlement // for what is settled without an outcome
	maxMessage uint64            // the largest message that the peer takes; 0: any
}

var _ links.Source = (*consumer)(nil)

// The lists between the two wings' types live for one call; idle links keep none.
var (
	deliveries  = sync.Pool{New: func() any { return new([]broker.Delivery) }}
	settlements = sync.Pool{New: func() any { return new([]broker.Settlement) }}
	positions   = sync.Pool{New: func() any { return new([]persistence.Position) }}
)

// Take gives what the broker has for this link.
func (c *consumer) Take(dst []engine.Message, max, maxBytes int) (out []engine.Message, idle bool) {
	list := deliveries.Get().(*[]broker.Delivery)
	ds, idle := c.from.Take((*list)[:0], max, maxBytes)
	tooLarge := false
	for i := range ds {
		dst = append(dst, engine.Message{})
		m := &dst[len(dst)-1]
		encode(m, &ds[i])
		if c.tooLarge(m) {
			dst = dst[:len(dst)-1]
			c.giveUp(ds[i].Position)
			tooLarge = true
		}
	}
	clear(ds)
	*list = ds[:0]
	deliveries.Put(list)
	if tooLarge {
		// The broker thinks that the link has its fill.
		c.link.Wake()
		return dst, false
	}
	return dst, idle
}

func (c *consumer) tooLarge(m *engine.Message) bool {
	return c.maxMessage > 0 && uint64(m.HeadLen)+uint64(len(m.Body)) > c.maxMessage
}

// giveUp returns an event that is larger than the link's max-message-size; this link is not given it again. A browser just does not see it.
func (c *consumer) giveUp(p persistence.Position) {
	c.nodes.counts.tooLarge.Add(1)
	c.from.Settle([]broker.Settlement{{Position: p, Verb: broker.Unfit}})
}

// Untake gives back what could not be sent.
func (c *consumer) Untake(refs []uint64) {
	list := positions.Get().(*[]persistence.Position)
	ps := (*list)[:0]
	for _, ref := range refs {
		ps = append(ps, persistence.Position(ref))
	}
	c.from.Untake(ps)
	*list = ps[:0]
	positions.Put(list)
}

// Settle tells the broker the peer's verdicts.
func (c *consumer) Settle(ss []links.Settlement) {
	list := settlements.Get().(*[]broker.Settlement)
	bs := (*list)[:0]
	for i := range ss {
		v, ok := verdictOf(ss[i].State)
		if !ok {
			v = c.byDefault
		}
		v.Position = persistence.Position(ss[i].Ref)
		bs = append(bs, v)
	}
	c.from.Settle(bs)
	clear(bs)
	*list = bs[:0]
	settlements.Put(list)
}

// Detached returns what the peer had and did not settle.
func (c *consumer) Detached(error) {
	c.from.Detach()
	c.tenant.Release()
}
