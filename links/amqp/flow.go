package amqp

// Flow updates the state of a session, and of a link if it names one. [transport 2.7.4]
type Flow struct {
	NextIncomingID Opt[SequenceNo]
	IncomingWindow uint32 // transfers
	NextOutgoingID SequenceNo
	OutgoingWindow uint32 // transfers
	Handle         Opt[uint32]
	DeliveryCount  Opt[SequenceNo]
	LinkCredit     Opt[uint32] // deliveries
	Available      Opt[uint32] // deliveries
	Drain          bool
	Echo           bool
	Properties     Raw
}

// Name is "flow".
func (x *Flow) Name() string { return "flow" }

// Append encodes x behind dst.
func (x *Flow) Append(dst []byte) []byte {
	w := beginComposite(dst, codeFlow)
	w.optSeq(x.NextIncomingID)
	w.uint(x.IncomingWindow)
	w.uint(uint32(x.NextOutgoingID))
	w.uint(x.OutgoingWindow)
	w.optUint(x.Handle)
	w.optSeq(x.DeliveryCount)
	w.optUint(x.LinkCredit)
	w.optUint(x.Available)
	w.flag(x.Drain)
	w.flag(x.Echo)
	w.raw(x.Properties)
	return w.end()
}

func (x *Flow) parse(r *reader) error {
	x.NextIncomingID = r.optSeq("next-incoming-id")
	x.IncomingWindow = r.uint("incoming-window")
	x.NextOutgoingID = r.seq("next-outgoing-id")
	x.OutgoingWindow = r.uint("outgoing-window")
	x.Handle = r.optUint("handle")
	x.DeliveryCount = r.optSeq("delivery-count")
	x.LinkCredit = r.optUint("link-credit")
	x.Available = r.optUint("available")
	x.Drain = r.boolOr("drain", false)
	x.Echo = r.boolOr("echo", false)
	x.Properties = r.mapOr("properties")
	r.done()
	return r.err
}

// String shows it for people.
func (x *Flow) String() string {
	p := newPrinter(x.Name())
	p.optSeq("next-incoming-id", x.NextIncomingID)
	p.uint("incoming-window", uint64(x.IncomingWindow))
	p.uint("next-outgoing-id", uint64(x.NextOutgoingID))
	p.uint("outgoing-window", uint64(x.OutgoingWindow))
	p.optUint("handle", x.Handle)
	p.optSeq("delivery-count", x.DeliveryCount)
	p.optUint("link-credit", x.LinkCredit)
	p.optUint("available", x.Available)
	p.flag("drain", x.Drain)
	p.flag("echo", x.Echo)
	p.raw("properties", x.Properties)
	return p.String()
}
