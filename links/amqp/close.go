package amqp

// Close closes a connection. [transport 2.7.9]
type Close struct{ Err *Error }

// Name is "close".
func (x *Close) Name() string { return "close" }

// Append encodes x behind dst.
func (x *Close) Append(dst []byte) []byte {
	w := beginComposite(dst, codeClose)
	w.err(x.Err)
	return w.end()
}

func (x *Close) parse(r *reader) error {
	x.Err = r.errorOr("error")
	r.done()
	return r.err
}

// String shows it for people.
func (x *Close) String() string {
	p := newPrinter(x.Name())
	p.err("error", x.Err)
	return p.String()
}
