package amqp

// Attach attaches a link to a session. [transport 2.7.3]
//
// A null terminus (Source or Target nil) and a terminus without fields are different things on the wire and stay so.
type Attach struct {
	LinkName                string
	Handle                  uint32
	Role                    Role
	SndSettleMode           SenderSettleMode // default mixed, filled by parsing
	RcvSettleMode           ReceiverSettleMode
	Source                  *Source  // nil: null terminus
	Target                  *Target  // nil: null terminus
	Coordinator             bool     // the target is a transaction coordinator [transactions 4.5.1]; Target is nil then
	CoordinatorCapabilities []Symbol // of such a target
	Unsettled               Raw      // map
	IncompleteUnsettled     bool
	InitialDeliveryCount    Opt[SequenceNo]
	MaxMessageSize          uint64 // bytes; 0 is no limit
	OfferedCapabilities     []Symbol
	DesiredCapabilities     []Symbol
	Properties              Raw
}

// Name is "attach".
func (x *Attach) Name() string { return "attach" }

// Append encodes x behind dst.
func (x *Attach) Append(dst []byte) []byte {
	w := beginComposite(dst, codeAttach)
	w.strAlways(x.LinkName)
	w.uint(x.Handle)
	w.bool(bool(x.Role))
	w.ubyteNot(uint8(SenderMixed), uint8(x.SndSettleMode))
	w.ubyteNot(uint8(ReceiverFirst), uint8(x.RcvSettleMode))
	w.source(x.Source)
	w.target(x)
	w.raw(x.Unsettled)
	w.flag(x.IncompleteUnsettled)
	w.optSeq(x.InitialDeliveryCount)
	w.ulongNot(0, x.MaxMessageSize)
	w.symbols(x.OfferedCapabilities)
	w.symbols(x.DesiredCapabilities)
	w.raw(x.Properties)
	return w.end()
}

func (w *composite) source(s *Source) {
	if s == nil {
		w.null()
		return
	}
	w.field()
	w.b = s.Append(w.b)
}

func (w *composite) target(x *Attach) {
	switch {
	case x.Coordinator:
		w.field()
		w.b = appendCoordinator(w.b, x.CoordinatorCapabilities)
	case x.Target != nil:
		w.field()
		w.b = x.Target.Append(w.b)
	default:
		w.null()
	}
}

func appendCoordinator(dst []byte, capabilities []Symbol) []byte {
	w := beginComposite(dst, codeCoordinator)
	w.symbols(capabilities)
	return w.end()
}

func (x *Attach) parse(r *reader) error {
	x.LinkName = r.str("name")
	x.Handle = r.uint("handle")
	x.Role = Role(r.bool("role"))
	x.SndSettleMode = SenderSettleMode(r.choice("snd-settle-mode", uint8(SenderMixed)).Or(uint8(SenderMixed)))
	x.RcvSettleMode = ReceiverSettleMode(r.choice("rcv-settle-mode", uint8(ReceiverSecond)).Value)
	x.Source = r.sourceOr("source")
	x.parseTarget(r)
	x.Unsettled = r.mapOr("unsettled")
	x.IncompleteUnsettled = r.boolOr("incomplete-unsettled", false)
	x.InitialDeliveryCount = r.optSeq("initial-delivery-count")
	x.MaxMessageSize = r.optUlong("max-message-size").Value
	x.OfferedCapabilities = r.symbolsOr("offered-capabilities")
	x.DesiredCapabilities = r.symbolsOr("desired-capabilities")
	x.Properties = r.mapOr("properties")
	r.done()
	return r.err
}

func (x *Attach) parseTarget(r *reader) {
	x.Target, x.Coordinator, x.CoordinatorCapabilities = nil, false, nil
	code, sub, ok := r.composite("target")
	if !ok {
		return
	}
	switch code {
	case codeTarget:
		x.Target = &Target{}
		x.Target.parse(&sub)
	case codeCoordinator:
		x.Coordinator = true
		x.CoordinatorCapabilities = sub.symbolsOr("capabilities")
		sub.done()
	default:
		r.unexpected("target", "target or coordinator")
		return
	}
	r.leave(&sub)
}

// Clone is a copy that aliases nothing of the decoder's.
func (x *Attach) Clone() *Attach {
	c := *x
	c.Source = x.Source.Clone()
	c.Target = x.Target.Clone()
	c.Unsettled = x.Unsettled.Clone()
	c.Properties = x.Properties.Clone()
	return &c
}

// String shows it for people.
func (x *Attach) String() string {
	p := newPrinter(x.Name())
	p.str("name", x.LinkName)
	p.uint("handle", uint64(x.Handle))
	p.word("role", x.Role.String())
	if x.SndSettleMode != SenderMixed {
		p.word("snd-settle-mode", x.SndSettleMode.String())
	}
	if x.RcvSettleMode != ReceiverFirst {
		p.word("rcv-settle-mode", x.RcvSettleMode.String())
	}
	p.source("source", x.Source)
	p.target("target", x)
	p.raw("unsettled", x.Unsettled)
	p.flag("incomplete-unsettled", x.IncompleteUnsettled)
	p.optSeq("initial-delivery-count", x.InitialDeliveryCount)
	p.uintNot("max-message-size", 0, x.MaxMessageSize)
	p.symbols("offered-capabilities", x.OfferedCapabilities)
	p.symbols("desired-capabilities", x.DesiredCapabilities)
	p.raw("properties", x.Properties)
	return p.String()
}
