package amqp

import "bytes"

// StateKind tells what a DeliveryState is.
type StateKind uint8

const (
	StateNone     StateKind = iota // null
	Received                       // [messaging 3.4.1]
	Accepted                       // [messaging 3.4.2]
	Rejected                       // [messaging 3.4.3]
	Released                       // [messaging 3.4.4]
	Modified                       // [messaging 3.4.5]
	Declared                       // [transactions 4.5.5]
	Transactional                  // [transactions 4.5.6]
	StateUnknown                   // a descriptor that the specification does not define
)

// String is the specification's word.
func (k StateKind) String() string {
	return word(k, "none", "received", "accepted", "rejected", "released", "modified", "declared", "transactional-state", "unknown")
}

// DeliveryState is a state or outcome as one flat value. [messaging 3.4]
type DeliveryState struct {
	Kind              StateKind
	Err               *Error // rejected; may be nil
	DeliveryFailed    bool   // modified; both booleans are always encoded
	UndeliverableHere bool   // modified
	Annotations       Raw    // modified
	SectionNumber     uint32 // received
	SectionOffset     uint64 // received
	Raw               Raw    // the whole of what is not listed above (transactional, declared, unknown), to pass or print
}

// Terminal tells whether the state is an outcome: a delivery that has one changes no more. [messaging 3.4]
func (s DeliveryState) Terminal() bool {
	switch s.Kind {
	case Accepted, Rejected, Released, Modified, Declared:
		return true
	}
	return false
}

// Equal tells whether the two say the same.
func (s DeliveryState) Equal(o DeliveryState) bool {
	return s.Kind == o.Kind && s.Err.equal(o.Err) &&
		s.DeliveryFailed == o.DeliveryFailed && s.UndeliverableHere == o.UndeliverableHere &&
		s.SectionNumber == o.SectionNumber && s.SectionOffset == o.SectionOffset &&
		bytes.Equal(s.Annotations, o.Annotations) && bytes.Equal(s.Raw, o.Raw)
}

func (e *Error) equal(o *Error) bool {
	if e == nil || o == nil {
		return e == o
	}
	return e.Condition == o.Condition && e.Description == o.Description && bytes.Equal(e.Info, o.Info)
}

// Clone is a copy that aliases nothing of the decoder's.
func (s DeliveryState) Clone() DeliveryState {
	s.Err = s.Err.Clone()
	s.Annotations = s.Annotations.Clone()
	s.Raw = s.Raw.Clone()
	return s
}

// Append encodes s behind dst; StateNone is null. What only Raw holds goes out as it came in.
func (s *DeliveryState) Append(dst []byte) []byte {
	switch s.Kind {
	case Received:
		w := beginComposite(dst, codeReceived)
		w.uint(s.SectionNumber)
		w.ulong(s.SectionOffset)
		return w.end()
	case Accepted:
		return append(dst, ctorDescribed, ctorSmallUlong, codeAccepted, ctorList0)
	case Rejected:
		w := beginComposite(dst, codeRejected)
		w.err(s.Err)
		return w.end()
	case Released:
		return append(dst, ctorDescribed, ctorSmallUlong, codeReleased, ctorList0)
	case Modified:
		w := beginComposite(dst, codeModified)
		w.bool(s.DeliveryFailed)
		w.bool(s.UndeliverableHere)
		w.raw(s.Annotations)
		return w.end()
	}
	return appendRaw(dst, s.Raw)
}

// stateOr reads an optional state or outcome into s. A described value of an unknown kind is no error: a delivery's fate
// may be described in ways that this package does not know, and its user decides.
func (r *reader) stateOr(field string, s *DeliveryState) {
	if s.Kind != StateNone { // else it is clear already
		*s = DeliveryState{}
	}
	c, ok := r.next(field)
	if !ok {
		return
	}
	if c != ctorDescribed {
		r.unexpected(field, "delivery state")
		return
	}
	if kind := plainOutcome(r.b[r.off:r.end]); kind != StateNone {
		s.Kind = kind
		r.take(4)
		return
	}
	code, _, err := descriptor(r.b, r.off, r.end, r.depth)
	if err != nil {
		r.within(field, err)
		return
	}
	switch code {
	case codeReceived, codeAccepted, codeRejected, codeReleased, codeModified:
		r.outcome(field, s)
		return
	case codeDeclared:
		s.Kind = Declared
	case codeTransactional:
		s.Kind = Transactional
	default:
		s.Kind = StateUnknown
	}
	s.Raw = r.value(field)
}

// plainOutcome recognises accepted and released as all the world encodes them.
func plainOutcome(b []byte) StateKind {
	if len(b) < 4 || b[1] != ctorSmallUlong || b[3] != ctorList0 {
		return StateNone
	}
	switch b[2] {
	case codeAccepted:
		return Accepted
	case codeReleased:
		return Released
	}
	return StateNone
}

// outcome reads one of the states that are held field by field.
func (r *reader) outcome(field string, s *DeliveryState) {
	code, sub, ok := r.composite(field)
	if !ok {
		return
	}
	switch code {
	case codeReceived:
		s.Kind = Received
		s.SectionNumber = sub.uint("section-number")
		s.SectionOffset = sub.ulong("section-offset")
	case codeAccepted:
		s.Kind = Accepted
	case codeRejected:
		s.Kind = Rejected
		s.Err = sub.errorOr("error")
	case codeReleased:
		s.Kind = Released
	case codeModified:
		s.Kind = Modified
		s.DeliveryFailed = sub.boolOr("delivery-failed", false)
		s.UndeliverableHere = sub.boolOr("undeliverable-here", false)
		s.Annotations = sub.mapOr("message-annotations")
	}
	sub.done()
	r.leave(&sub)
}

// String shows it for people: accepted, rejected(amqp:not-found("…")), modified(delivery-failed=true).
func (s DeliveryState) String() string {
	var p printer
	p.stateBody(&s)
	return p.String()
}

func (p *printer) state(name string, s *DeliveryState) {
	if s.Kind == StateNone {
		return
	}
	p.name(name)
	p.stateBody(s)
}

func (p *printer) stateBody(s *DeliveryState) {
	p.text(s.Kind.String())
	switch s.Kind {
	case Received:
		p.open('(')
		p.uint("section-number", uint64(s.SectionNumber))
		p.uint("section-offset", s.SectionOffset)
		p.close(')')
	case Rejected:
		if s.Err != nil {
			p.open('(')
			p.errorBody(s.Err)
			p.close(')')
		}
	case Modified:
		if !s.DeliveryFailed && !s.UndeliverableHere && s.Annotations.IsNull() {
			return
		}
		p.open('(')
		p.flag("delivery-failed", s.DeliveryFailed)
		p.flag("undeliverable-here", s.UndeliverableHere)
		p.raw("message-annotations", s.Annotations)
		p.close(')')
	case Declared, Transactional, StateUnknown:
		p.open('(')
		p.text(s.Raw.String())
		p.close(')')
	}
}
