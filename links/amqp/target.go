package amqp

// Target is where a link's messages go. [messaging 3.5.4]
type Target struct {
	Address               string
	HasAddress            bool // false, and Address empty: null address
	Durable               TerminusDurability
	ExpiryPolicy          Symbol // default session-end, filled by parsing
	Timeout               uint32 // seconds
	Dynamic               bool
	DynamicNodeProperties Raw // map
	Capabilities          []Symbol
}

// Append encodes t behind dst.
func (t *Target) Append(dst []byte) []byte {
	w := beginComposite(dst, codeTarget)
	w.address(t.Address, t.HasAddress)
	w.uintNot(0, uint32(t.Durable))
	w.expiry(t.ExpiryPolicy)
	w.uintNot(0, t.Timeout)
	w.flag(t.Dynamic)
	w.raw(t.DynamicNodeProperties)
	w.symbols(t.Capabilities)
	return w.end()
}

func (t *Target) parse(r *reader) {
	t.Address, t.HasAddress = r.address()
	t.Durable = r.durability()
	t.ExpiryPolicy = r.symbolOr("expiry-policy", ExpirySessionEnd)
	t.Timeout = r.uintOr("timeout", 0)
	t.Dynamic = r.boolOr("dynamic", false)
	t.DynamicNodeProperties = r.mapOr("dynamic-node-properties")
	t.Capabilities = r.symbolsOr("capabilities")
	r.done()
}

// Clone is a copy that aliases nothing of the decoder's; nil of nil.
func (t *Target) Clone() *Target {
	if t == nil {
		return nil
	}
	c := *t
	c.DynamicNodeProperties = t.DynamicNodeProperties.Clone()
	return &c
}

// String shows it for people: {address=event/t}.
func (t *Target) String() string {
	var p printer
	p.targetBody(t)
	return p.String()
}

func (p *printer) target(name string, x *Attach) {
	switch {
	case x.Coordinator:
		p.word(name, "coordinator")
		p.open('{')
		p.symbols("capabilities", x.CoordinatorCapabilities)
		p.close('}')
	case x.Target != nil:
		p.name(name)
		p.targetBody(x.Target)
	}
}

func (p *printer) targetBody(t *Target) {
	p.open('{')
	p.address(t.Address, t.HasAddress)
	p.durability(t.Durable)
	p.expiry(t.ExpiryPolicy)
	p.uintNot("timeout", 0, uint64(t.Timeout))
	p.flag("dynamic", t.Dynamic)
	p.raw("dynamic-node-properties", t.DynamicNodeProperties)
	p.symbols("capabilities", t.Capabilities)
	p.close('}')
}
