package amqp

// Detach detaches a link from its session, and closes it if it says so. [transport 2.7.7]
type Detach struct {
	Handle uint32
	Closed bool
	Err    *Error
}

// Name is "detach".
func (x *Detach) Name() string { return "detach" }

// Append encodes x behind dst.
func (x *Detach) Append(dst []byte) []byte {
	w := beginComposite(dst, codeDetach)
	w.uint(x.Handle)
	w.flag(x.Closed)
	w.err(x.Err)
	return w.end()
}

func (x *Detach) parse(r *reader) error {
	x.Handle = r.uint("handle")
	x.Closed = r.boolOr("closed", false)
	x.Err = r.errorOr("error")
	r.done()
	return r.err
}

// String shows it for people.
func (x *Detach) String() string {
	p := newPrinter(x.Name())
	p.uint("handle", uint64(x.Handle))
	p.flag("closed", x.Closed)
	p.err("error", x.Err)
	return p.String()
}
