package amqp

// Source is where a link's messages come from. [messaging 3.5.3]
type Source struct {
	Address               string
	HasAddress            bool // false, and Address empty: null address
	Durable               TerminusDurability
	ExpiryPolicy          Symbol // default session-end, filled by parsing
	Timeout               uint32 // seconds
	Dynamic               bool
	DynamicNodeProperties Raw // map
	DistributionMode      Symbol
	Filter                Raw // map
	DefaultOutcome        DeliveryState
	Outcomes              []Symbol
	Capabilities          []Symbol
}

// Append encodes s behind dst.
func (s *Source) Append(dst []byte) []byte {
	w := beginComposite(dst, codeSource)
	w.address(s.Address, s.HasAddress)
	w.uintNot(0, uint32(s.Durable))
	w.expiry(s.ExpiryPolicy)
	w.uintNot(0, s.Timeout)
	w.flag(s.Dynamic)
	w.raw(s.DynamicNodeProperties)
	w.symbol(s.DistributionMode)
	w.raw(s.Filter)
	w.state(&s.DefaultOutcome)
	w.symbols(s.Outcomes)
	w.symbols(s.Capabilities)
	return w.end()
}

func (s *Source) parse(r *reader) {
	s.Address, s.HasAddress = r.address()
	s.Durable = r.durability()
	s.ExpiryPolicy = r.symbolOr("expiry-policy", ExpirySessionEnd)
	s.Timeout = r.uintOr("timeout", 0)
	s.Dynamic = r.boolOr("dynamic", false)
	s.DynamicNodeProperties = r.mapOr("dynamic-node-properties")
	s.DistributionMode = r.symbolOr("distribution-mode", "")
	s.Filter = r.mapOr("filter")
	r.stateOr("default-outcome", &s.DefaultOutcome)
	s.Outcomes = r.symbolsOr("outcomes")
	s.Capabilities = r.symbolsOr("capabilities")
	r.done()
}

// sourceOr reads an optional source.
func (r *reader) sourceOr(field string) *Source {
	code, sub, ok := r.composite(field)
	if !ok {
		return nil
	}
	if code != codeSource {
		r.unexpected(field, "source")
		return nil
	}
	s := &Source{}
	s.parse(&sub)
	r.leave(&sub)
	return s
}

// Clone is a copy that aliases nothing of the decoder's; nil of nil.
func (s *Source) Clone() *Source {
	if s == nil {
		return nil
	}
	c := *s
	c.DynamicNodeProperties = s.DynamicNodeProperties.Clone()
	c.Filter = s.Filter.Clone()
	c.DefaultOutcome = s.DefaultOutcome.Clone()
	return &c
}

// String shows it for people: {address=event/t durable=unsettled-state}.
func (s *Source) String() string {
	var p printer
	p.sourceBody(s)
	return p.String()
}

func (p *printer) source(name string, s *Source) {
	if s == nil {
		return
	}
	p.name(name)
	p.sourceBody(s)
}

func (p *printer) sourceBody(s *Source) {
	p.open('{')
	p.address(s.Address, s.HasAddress)
	p.durability(s.Durable)
	p.expiry(s.ExpiryPolicy)
	p.uintNot("timeout", 0, uint64(s.Timeout))
	p.flag("dynamic", s.Dynamic)
	p.raw("dynamic-node-properties", s.DynamicNodeProperties)
	p.strSet("distribution-mode", string(s.DistributionMode))
	p.raw("filter", s.Filter)
	p.state("default-outcome", &s.DefaultOutcome)
	p.symbols("outcomes", s.Outcomes)
	p.symbols("capabilities", s.Capabilities)
	p.close('}')
}
