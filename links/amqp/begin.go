package amqp

import "math"

// Begin begins a session. [transport 2.7.2]
type Begin struct {
	RemoteChannel       Opt[uint16]
	NextOutgoingID      SequenceNo
	IncomingWindow      uint32 // transfers
	OutgoingWindow      uint32 // transfers
	HandleMax           uint32 // default 4294967295, filled by parsing
	OfferedCapabilities []Symbol
	DesiredCapabilities []Symbol
	Properties          Raw
}

// Name is "begin".
func (x *Begin) Name() string { return "begin" }

// Append encodes x behind dst. Zero in HandleMax is zero (one link), not the default.
func (x *Begin) Append(dst []byte) []byte {
	w := beginComposite(dst, codeBegin)
	w.optUshort(x.RemoteChannel)
	w.uint(uint32(x.NextOutgoingID))
	w.uint(x.IncomingWindow)
	w.uint(x.OutgoingWindow)
	w.uintNot(math.MaxUint32, x.HandleMax)
	w.symbols(x.OfferedCapabilities)
	w.symbols(x.DesiredCapabilities)
	w.raw(x.Properties)
	return w.end()
}

func (x *Begin) parse(r *reader) error {
	x.RemoteChannel = r.optUshort("remote-channel")
	x.NextOutgoingID = r.seq("next-outgoing-id")
	x.IncomingWindow = r.uint("incoming-window")
	x.OutgoingWindow = r.uint("outgoing-window")
	x.HandleMax = r.uintOr("handle-max", math.MaxUint32)
	x.OfferedCapabilities = r.symbolsOr("offered-capabilities")
	x.DesiredCapabilities = r.symbolsOr("desired-capabilities")
	x.Properties = r.mapOr("properties")
	r.done()
	return r.err
}

// Clone is a copy that aliases nothing of the decoder's.
func (x *Begin) Clone() *Begin {
	c := *x
	c.Properties = x.Properties.Clone()
	return &c
}

// String shows it for people.
func (x *Begin) String() string {
	p := newPrinter(x.Name())
	p.optUshort("remote-channel", x.RemoteChannel)
	p.uint("next-outgoing-id", uint64(x.NextOutgoingID))
	p.uint("incoming-window", uint64(x.IncomingWindow))
	p.uint("outgoing-window", uint64(x.OutgoingWindow))
	p.uintNot("handle-max", math.MaxUint32, uint64(x.HandleMax))
	p.symbols("offered-capabilities", x.OfferedCapabilities)
	p.symbols("desired-capabilities", x.DesiredCapabilities)
	p.raw("properties", x.Properties)
	return p.String()
}
