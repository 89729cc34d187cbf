package amqp

// End ends a session. [transport 2.7.8]
type End struct{ Err *Error }

// Name is "end".
func (x *End) Name() string { return "end" }

// Append encodes x behind dst.
func (x *End) Append(dst []byte) []byte {
	w := beginComposite(dst, codeEnd)
	w.err(x.Err)
	return w.end()
}

func (x *End) parse(r *reader) error {
	x.Err = r.errorOr("error")
	r.done()
	return r.err
}

// String shows it for people.
func (x *End) String() string {
	p := newPrinter(x.Name())
	p.err("error", x.Err)
	return p.String()
}
