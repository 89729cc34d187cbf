package amqp

import (
	"encoding/hex"
	"strconv"
)

// printer writes bodies for people: name=value, separated by spaces, absent and default fields left out. The engine's test
// scripts hold its output, so it is stable.
type printer struct{ b []byte }

func newPrinter(name string) printer { return printer{b: []byte(name)} }

func (p *printer) String() string { return string(p.b) }

func (p *printer) text(s string) { p.b = append(p.b, s...) }

func (p *printer) open(bracket byte)  { p.b = append(p.b, bracket) }
func (p *printer) close(bracket byte) { p.b = append(p.b, bracket) }

// name writes a field's name, with a space in front unless it is the first inside of a bracket.
func (p *printer) name(name string) {
	if n := len(p.b); n > 0 && p.b[n-1] != '{' && p.b[n-1] != '(' {
		p.b = append(p.b, ' ')
	}
	p.b = append(p.b, name...)
	p.b = append(p.b, '=')
}

// word writes a value that needs no quotes.
func (p *printer) word(name, v string) {
	p.name(name)
	p.text(v)
}

func (p *printer) str(name, v string) {
	p.name(name)
	p.b = appendPlain(p.b, v)
}

func (p *printer) strSet(name, v string) {
	if v != "" {
		p.str(name, v)
	}
}

func (p *printer) uint(name string, v uint64) {
	p.name(name)
	p.b = strconv.AppendUint(p.b, v, 10)
}

func (p *printer) uintNot(name string, def, v uint64) {
	if v != def {
		p.uint(name, v)
	}
}

func (p *printer) optUint(name string, v Opt[uint32]) {
	if v.Set {
		p.uint(name, uint64(v.Value))
	}
}

func (p *printer) optUshort(name string, v Opt[uint16]) {
	if v.Set {
		p.uint(name, uint64(v.Value))
	}
}

func (p *printer) optSeq(name string, v Opt[SequenceNo]) {
	if v.Set {
		p.uint(name, uint64(v.Value))
	}
}

func (p *printer) flag(name string, v bool) {
	if v {
		p.word(name, "true")
	}
}

func (p *printer) optBool(name string, v Opt[bool]) {
	if v.Set {
		p.word(name, strconv.FormatBool(v.Value))
	}
}

// bin writes a binary as text if it reads as such, else in hexadecimal.
func (p *printer) bin(name string, v []byte) {
	if v == nil {
		return
	}
	p.name(name)
	p.b = appendBinaryText(p.b, v)
}

// secret tells only how long v is.
func (p *printer) secret(name string, v []byte) {
	if v == nil {
		return
	}
	p.name(name)
	p.b = strconv.AppendInt(append(p.b, '<'), int64(len(v)), 10)
	p.text(" bytes>")
}

func (p *printer) symbols(name string, set []Symbol) {
	if len(set) == 0 {
		return
	}
	p.name(name)
	p.open('[')
	for i, s := range set {
		if i > 0 {
			p.b = append(p.b, ',')
		}
		p.b = appendPlain(p.b, string(s))
	}
	p.close(']')
}

func (p *printer) raw(name string, v Raw) {
	if v.IsNull() {
		return
	}
	p.name(name)
	p.b = appendValue(p.b, v)
}

func (p *printer) err(name string, e *Error) {
	if e == nil {
		return
	}
	p.name(name)
	p.errorBody(e)
}

func (p *printer) errorBody(e *Error) {
	p.b = appendPlain(p.b, string(e.Condition))
	if e.Description == "" && e.Info.IsNull() {
		return
	}
	p.open('(')
	p.b = strconv.AppendQuote(p.b, e.Description)
	if !e.Info.IsNull() {
		p.raw("info", e.Info)
	}
	p.close(')')
}

func uintString(v uint64) string { return strconv.FormatUint(v, 10) }

// isPlain tells whether text can stand without quotes and still be told from what is around it.
func isPlain[T string | []byte](v T) bool {
	for i := 0; i < len(v); i++ {
		switch c := v[i]; {
		case c <= ' ' || c >= 0x7f:
			return false
		case c == '"' || c == '\\' || c == '=' || c == ',' || c == '(' || c == ')' || c == '{' || c == '}' || c == '[' || c == ']':
			return false
		}
	}
	return len(v) > 0
}

func appendPlain(dst []byte, v string) []byte {
	if isPlain(v) {
		return append(dst, v...)
	}
	return strconv.AppendQuote(dst, v)
}

func appendBinaryText(dst, v []byte) []byte {
	switch {
	case len(v) == 0:
		return append(dst, `""`...)
	case isPlain(v) && v[0] != '0': // what begins with 0 could be read as a number in hexadecimal
		return append(dst, v...)
	}
	return hex.AppendEncode(append(dst, "0x"...), v)
}

func (p *printer) optTimestamp(name string, v Opt[int64]) {
	if v.Set {
		p.name(name)
		p.b = appendTimestamp(p.b, v.Value)
	}
}
