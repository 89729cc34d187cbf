package amqp

// Transfer carries a message or a part of one. [transport 2.7.5] The bytes of the message follow it in its frame.
type Transfer struct {
	Handle        uint32
	DeliveryID    Opt[SequenceNo]
	DeliveryTag   []byte // nil: absent; empty and not nil: present and empty
	MessageFormat Opt[uint32]
	Settled       Opt[bool]
	More          bool
	RcvSettleMode Opt[ReceiverSettleMode]
	State         DeliveryState
	Resume        bool
	Aborted       bool
	Batchable     bool
}

// Name is "transfer".
func (x *Transfer) Name() string { return "transfer" }

// Append encodes x behind dst. It allocates nothing but room in dst.
func (x *Transfer) Append(dst []byte) []byte {
	w := beginComposite(dst, codeTransfer)
	w.uint(x.Handle)
	w.optSeq(x.DeliveryID)
	w.bin(x.DeliveryTag)
	w.optUint(x.MessageFormat)
	w.optBool(x.Settled)
	w.flag(x.More)
	if x.RcvSettleMode.Set {
		w.ubyte(uint8(x.RcvSettleMode.Value))
	} else {
		w.null()
	}
	w.state(&x.State)
	w.flag(x.Resume)
	w.flag(x.Aborted)
	w.flag(x.Batchable)
	return w.end()
}

func (x *Transfer) parse(r *reader) error {
	x.Handle = r.uint("handle")
	x.DeliveryID = r.optSeq("delivery-id")
	x.DeliveryTag = r.binOr("delivery-tag")
	x.MessageFormat = r.optUint("message-format")
	x.Settled = r.optBool("settled")
	x.More = r.boolOr("more", false)
	mode := r.choice("rcv-settle-mode", uint8(ReceiverSecond))
	x.RcvSettleMode = Opt[ReceiverSettleMode]{Value: ReceiverSettleMode(mode.Value), Set: mode.Set}
	r.stateOr("state", &x.State)
	x.Resume = r.boolOr("resume", false)
	x.Aborted = r.boolOr("aborted", false)
	x.Batchable = r.boolOr("batchable", false)
	r.done()
	return r.err
}

// String shows it for people; a tag of other than plain characters in hexadecimal.
func (x *Transfer) String() string {
	p := newPrinter(x.Name())
	p.uint("handle", uint64(x.Handle))
	p.optSeq("delivery-id", x.DeliveryID)
	p.bin("delivery-tag", x.DeliveryTag)
	p.optUint("message-format", x.MessageFormat)
	p.optBool("settled", x.Settled)
	p.flag("more", x.More)
	if x.RcvSettleMode.Set {
		p.word("rcv-settle-mode", x.RcvSettleMode.Value.String())
	}
	p.state("state", &x.State)
	p.flag("resume", x.Resume)
	p.flag("aborted", x.Aborted)
	p.flag("batchable", x.Batchable)
	return p.String()
}
