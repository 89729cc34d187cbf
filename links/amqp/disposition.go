package amqp

// Disposition tells of the state of deliveries. [transport 2.7.6] First and Last are what the speaker claims: walk what is
// held between them, never the numbers.
type Disposition struct {
	Role      Role
	First     SequenceNo
	Last      Opt[SequenceNo] // absent: First alone
	Settled   bool
	State     DeliveryState
	Batchable bool
}

// Name is "disposition".
func (x *Disposition) Name() string { return "disposition" }

// Append encodes x behind dst. It allocates nothing but room in dst.
func (x *Disposition) Append(dst []byte) []byte {
	w := beginComposite(dst, codeDisposition)
	w.bool(bool(x.Role))
	w.uint(uint32(x.First))
	w.optSeq(x.Last)
	w.flag(x.Settled)
	w.state(&x.State)
	w.flag(x.Batchable)
	return w.end()
}

func (x *Disposition) parse(r *reader) error {
	x.Role = Role(r.bool("role"))
	x.First = r.seq("first")
	x.Last = r.optSeq("last")
	x.Settled = r.boolOr("settled", false)
	r.stateOr("state", &x.State)
	x.Batchable = r.boolOr("batchable", false)
	r.done()
	return r.err
}

// String shows it for people.
func (x *Disposition) String() string {
	p := newPrinter(x.Name())
	p.word("role", x.Role.String())
	p.uint("first", uint64(x.First))
	p.optSeq("last", x.Last)
	p.flag("settled", x.Settled)
	p.state("state", &x.State)
	p.flag("batchable", x.Batchable)
	return p.String()
}
