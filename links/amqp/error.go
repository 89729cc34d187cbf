package amqp

import "fmt"

// Error is an AMQP error: what a peer is told. [transport 2.8.14]
type Error struct {
	Condition   Symbol
	Description string
	Info        Raw // map
}

// Error makes it a Go error.
func (e *Error) Error() string { return string(e.Condition) + ": " + e.Description }

// Errorf makes an Error with a formatted description.
func Errorf(condition Symbol, format string, args ...any) *Error {
	return &Error{Condition: condition, Description: fmt.Sprintf(format, args...)}
}

// Append encodes the error behind dst.
func (e *Error) Append(dst []byte) []byte {
	w := beginComposite(dst, codeError)
	w.symbolAlways(e.Condition)
	w.str(e.Description)
	w.raw(e.Info)
	return w.end()
}

// Clone is a copy that aliases nothing.
func (e *Error) Clone() *Error {
	if e == nil {
		return nil
	}
	c := *e
	c.Info = e.Info.Clone()
	return &c
}

// String shows it for people: amqp:not-found("no such node").
func (e *Error) String() string {
	var p printer
	p.errorBody(e)
	return string(p.b)
}

func (e *Error) parse(r *reader) {
	e.Condition = r.symbol("condition")
	e.Description = r.strOr("description")
	e.Info = r.mapOr("info")
	r.done()
}

// errorOr reads an optional error.
func (r *reader) errorOr(field string) *Error {
	code, sub, ok := r.composite(field)
	if !ok {
		return nil
	}
	if code != codeError {
		r.unexpected(field, "error")
		return nil
	}
	e := &Error{}
	e.parse(&sub)
	r.leave(&sub)
	return e
}
