package amqp

import "math"

// Open begins a connection. [transport 2.7.1]
type Open struct {
	ContainerID         string
	Hostname            string // "" is absent
	MaxFrameSize        uint32 // default 4294967295, filled by parsing
	ChannelMax          uint16 // default 65535, filled by parsing
	IdleTimeout         uint32 // milliseconds; 0 is none
	OutgoingLocales     []Symbol
	IncomingLocales     []Symbol
	OfferedCapabilities []Symbol
	DesiredCapabilities []Symbol
	Properties          Raw
}

// Name is "open".
func (x *Open) Name() string { return "open" }

// Append encodes x behind dst. Zero in MaxFrameSize and ChannelMax is zero, not the default.
func (x *Open) Append(dst []byte) []byte {
	w := beginComposite(dst, codeOpen)
	w.strAlways(x.ContainerID)
	w.str(x.Hostname)
	w.uintNot(math.MaxUint32, x.MaxFrameSize)
	w.ushortNot(math.MaxUint16, x.ChannelMax)
	w.uintNot(0, x.IdleTimeout)
	w.symbols(x.OutgoingLocales)
	w.symbols(x.IncomingLocales)
	w.symbols(x.OfferedCapabilities)
	w.symbols(x.DesiredCapabilities)
	w.raw(x.Properties)
	return w.end()
}

func (x *Open) parse(r *reader) error {
	x.ContainerID = r.str("container-id")
	x.Hostname = r.strOr("hostname")
	x.MaxFrameSize = r.uintOr("max-frame-size", math.MaxUint32)
	x.ChannelMax = r.optUshort("channel-max").Or(math.MaxUint16)
	x.IdleTimeout = r.uintOr("idle-time-out", 0)
	x.OutgoingLocales = r.symbolsOr("outgoing-locales")
	x.IncomingLocales = r.symbolsOr("incoming-locales")
	x.OfferedCapabilities = r.symbolsOr("offered-capabilities")
	x.DesiredCapabilities = r.symbolsOr("desired-capabilities")
	x.Properties = r.mapOr("properties")
	r.done()
	return r.err
}

// Clone is a copy that aliases nothing of the decoder's.
func (x *Open) Clone() *Open {
	c := *x
	c.Properties = x.Properties.Clone()
	return &c
}

// String shows it for people.
func (x *Open) String() string {
	p := newPrinter(x.Name())
	p.str("container-id", x.ContainerID)
	p.strSet("hostname", x.Hostname)
	p.uintNot("max-frame-size", math.MaxUint32, uint64(x.MaxFrameSize))
	p.uintNot("channel-max", math.MaxUint16, uint64(x.ChannelMax))
	p.uintNot("idle-time-out", 0, uint64(x.IdleTimeout))
	p.symbols("outgoing-locales", x.OutgoingLocales)
	p.symbols("incoming-locales", x.IncomingLocales)
	p.symbols("offered-capabilities", x.OfferedCapabilities)
	p.symbols("desired-capabilities", x.DesiredCapabilities)
	p.raw("properties", x.Properties)
	return p.String()
}
