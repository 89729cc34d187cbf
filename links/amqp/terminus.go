package amqp

// What Source and Target have in common, field by field.

func (w *composite) address(address string, has bool) {
	if !has {
		w.str(address)
		return
	}
	w.strAlways(address)
}

func (w *composite) expiry(policy Symbol) {
	if policy == ExpirySessionEnd {
		policy = ""
	}
	w.symbol(policy)
}

func (r *reader) address() (address string, has bool) {
	b := r.text("address", KindString)
	return string(b), b != nil
}

func (r *reader) durability() TerminusDurability {
	at := r.off
	d := TerminusDurability(r.uintOr("durable", 0))
	if d > DurableUnsettledState {
		r.off = at
		r.fail(ErrInvalidField, "durable has none of the defined values")
	}
	return d
}

func (p *printer) address(address string, has bool) {
	if has || address != "" {
		p.str("address", address)
	}
}

func (p *printer) durability(d TerminusDurability) {
	if d != DurableNone {
		p.word("durable", d.String())
	}
}

func (p *printer) expiry(policy Symbol) {
	if policy != ExpirySessionEnd {
		p.strSet("expiry-policy", string(policy))
	}
}
