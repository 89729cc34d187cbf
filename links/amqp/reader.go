package amqp

import (
	"encoding/binary"
	"unicode/utf8"
)

// reader goes over the fields of a composite in order and remembers its first error, so that parse functions are straight
// lines: one line a field, done at the end. After an error no field is left, so all that follow read as absent.
//
// A field has a mandatory form (uint), which is an error when the field is null or left out, and an optional one
// (uintOr), which gives a default. Offsets in errors are those of b, whatever part of it the composite is.
type reader struct {
	b     []byte
	off   int    // of the next field
	end   int    // of the fields
	left  uint32 // fields not yet read
	depth int    // how many values the fields lie in
	name  string // of the composite, for errors
	err   error
}

// listReader reads the list at off, constructor included, that the descriptor code names; end bounds the bytes that it
// may take. The list's own end is r.end.
func listReader(code uint64, b []byte, off, end, depth int) reader {
	r := reader{b: b, off: off, depth: depth + 1, name: compositeName(code)}
	if off >= end {
		r.fail(ErrDecode, "cut off before its list")
		return r
	}
	c := b[off]
	if kinds[c] != KindList {
		r.fail(ErrDecode, "list expected, "+kinds[c].String()+" found")
		return r
	}
	next, err := contentEnd(b, off+1, end, c)
	if err != nil {
		r.fail(ErrDecode, "list goes on behind the end of what holds it")
		return r
	}
	count, start, ok := compound(b[off+1:next], c)
	if !ok {
		r.fail(ErrDecode, "list's size leaves no room for its count")
		return r
	}
	r.off, r.end, r.left = off+1+start, next, count
	return r
}

// done is called behind the last field: nothing may be left.
func (r *reader) done() {
	switch {
	case r.err != nil:
	case r.left > 0:
		r.fail(ErrDecode, "more fields than it has")
	case r.off != r.end:
		r.fail(ErrDecode, "bytes behind its last field")
	}
}

// fail remembers the first error. It says where: the field about to be read, or just looked at.
func (r *reader) fail(condition Symbol, what string) {
	if r.err == nil {
		r.err = &DecodeError{Condition: condition, What: r.name + ": " + what, Offset: r.off}
		r.left = 0
	}
}

func (r *reader) missing(field string) { r.fail(ErrInvalidField, field+" is missing") }

// unexpected says that the field at off is not what it should be.
func (r *reader) unexpected(field, want string) {
	found := KindInvalid
	if r.off < r.end {
		found = kinds[r.b[r.off]]
	}
	if found == KindDescribed {
		r.fail(ErrDecode, field+": "+want+" expected, something else described found")
		return
	}
	r.fail(ErrDecode, field+": "+want+" expected, "+found.String()+" found")
}

// within names the field in an error from below.
func (r *reader) within(field string, err error) {
	if r.err != nil {
		return
	}
	if d, ok := err.(*DecodeError); ok {
		d.What = r.name + ": " + field + ": " + d.What
	}
	r.err, r.left = err, 0
}

// next is the constructor of the next field; ok is false if it is null or left out.
func (r *reader) next(field string) (c byte, ok bool) {
	if r.left == 0 {
		return 0, false
	}
	if r.off >= r.end {
		r.fail(ErrDecode, field+": fewer fields than the list's count")
		return 0, false
	}
	c = r.b[r.off]
	if c == ctorNull {
		r.off++
		r.left--
		return 0, false
	}
	return c, true
}

// fixed takes the content of the next field, whose constructor is c, if it is of this kind.
func (r *reader) fixed(field string, c byte, k Kind) (content []byte, ok bool) {
	if kinds[c] != k {
		r.unexpected(field, k.String())
		return nil, false
	}
	end, err := contentEnd(r.b, r.off+1, r.end, c)
	if err != nil {
		r.within(field, err)
		return nil, false
	}
	content = r.b[r.off+1 : end : end]
	r.off = end
	r.left--
	return content, true
}

// take goes on behind a field of n bytes, constructor included.
func (r *reader) take(n int) {
	r.off += n
	r.left--
}

func (r *reader) optBool(field string) (v Opt[bool]) {
	c, ok := r.next(field)
	if !ok {
		return v
	}
	if c == ctorTrue || c == ctorFalse { // as nearly always
		r.take(1)
		return Some(c == ctorTrue)
	}
	b, ok := r.fixed(field, c, KindBool)
	if !ok {
		return v
	}
	if b[0] > 1 {
		r.fail(ErrDecode, field+": boolean is neither 0 nor 1")
	}
	return Some(b[0] == 1)
}

func (r *reader) boolOr(field string, def bool) bool {
	if v := r.optBool(field); v.Set {
		return v.Value
	}
	return def
}

func (r *reader) bool(field string) bool {
	v := r.optBool(field)
	if !v.Set {
		r.missing(field)
	}
	return v.Value
}

func (r *reader) optUbyte(field string) (v Opt[uint8]) {
	c, ok := r.next(field)
	if !ok {
		return v
	}
	if b, ok := r.fixed(field, c, KindUbyte); ok {
		return Some(b[0])
	}
	return v
}

// choice reads a ubyte that has the values 0 to highest only.
func (r *reader) choice(field string, highest uint8) Opt[uint8] {
	at := r.off
	v := r.optUbyte(field)
	if v.Value > highest {
		r.off = at
		r.fail(ErrInvalidField, field+" has none of the defined values")
	}
	return v
}

func (r *reader) optUshort(field string) (v Opt[uint16]) {
	c, ok := r.next(field)
	if !ok {
		return v
	}
	if b, ok := r.fixed(field, c, KindUshort); ok {
		return Some(binary.BigEndian.Uint16(b))
	}
	return v
}

// optUint is on the hot path: every flow, transfer and disposition is mostly uints.
func (r *reader) optUint(field string) (v Opt[uint32]) {
	c, ok := r.next(field)
	if !ok {
		return v
	}
	switch at, left := r.off+1, r.end-r.off-1; {
	case c == ctorUint0:
		r.take(1)
		return Some(uint32(0))
	case c == ctorSmallUint && left >= 1:
		r.take(2)
		return Some(uint32(r.b[at]))
	case c == ctorUint && left >= 4:
		r.take(5)
		return Some(binary.BigEndian.Uint32(r.b[at:]))
	}
	r.fixed(field, c, KindUint) // says what is wrong
	return v
}

func (r *reader) uintOr(field string, def uint32) uint32 {
	if v := r.optUint(field); v.Set {
		return v.Value
	}
	return def
}

func (r *reader) uint(field string) uint32 {
	v := r.optUint(field)
	if !v.Set {
		r.missing(field)
	}
	return v.Value
}

func (r *reader) optSeq(field string) Opt[SequenceNo] {
	v := r.optUint(field)
	return Opt[SequenceNo]{Value: SequenceNo(v.Value), Set: v.Set}
}

func (r *reader) seq(field string) SequenceNo { return SequenceNo(r.uint(field)) }

func (r *reader) optUlong(field string) (v Opt[uint64]) {
	c, ok := r.next(field)
	if !ok {
		return v
	}
	if b, ok := r.fixed(field, c, KindUlong); ok {
		return Some(bits(b))
	}
	return v
}

func (r *reader) ulong(field string) uint64 {
	v := r.optUlong(field)
	if !v.Set {
		r.missing(field)
	}
	return v.Value
}

func (r *reader) optTimestamp(field string) (v Opt[int64]) {
	c, ok := r.next(field)
	if !ok {
		return v
	}
	if b, ok := r.fixed(field, c, KindTimestamp); ok {
		return Some(signed(b))
	}
	return v
}

// text takes the content of a string, symbol or binary, aliasing; nil if it is absent, not nil if it is empty.
func (r *reader) text(field string, k Kind) []byte {
	c, ok := r.next(field)
	if !ok {
		return nil
	}
	at := r.off
	content, ok := r.fixed(field, c, k)
	if !ok {
		return nil
	}
	content = text(content, c)
	if k == KindString && !utf8.Valid(content) || k == KindSymbol && !isASCII(content) {
		r.off = at
		r.fail(ErrDecode, field+": "+k.String()+" has bytes that it may not have")
		return nil
	}
	return content
}

func (r *reader) binOr(field string) []byte { return r.text(field, KindBinary) }

func (r *reader) bin(field string) []byte {
	b := r.binOr(field)
	if b == nil {
		r.missing(field)
	}
	return b
}

func (r *reader) strOr(field string) string { return string(r.text(field, KindString)) }

func (r *reader) str(field string) string {
	b := r.text(field, KindString)
	if b == nil {
		r.missing(field)
	}
	return string(b)
}

// symbolOr takes an empty symbol for an absent one.
func (r *reader) symbolOr(field string, def Symbol) Symbol {
	if b := r.text(field, KindSymbol); len(b) > 0 {
		return symbolOf(b)
	}
	return def
}

func (r *reader) symbol(field string) Symbol {
	b := r.text(field, KindSymbol)
	if b == nil {
		r.missing(field)
	}
	return symbolOf(b)
}

// symbolsOr reads a field that may have several values: null, an array, or a single value without an array. An empty
// array means the same as null. [types 1.4]
func (r *reader) symbolsOr(field string) []Symbol {
	c, ok := r.next(field)
	if !ok {
		return nil
	}
	if kinds[c] != KindArray {
		return r.oneSymbol(field)
	}
	at := r.off
	array := r.value(field)
	ctor, contents, count, ok := array.arrayParts()
	if !ok || count == 0 {
		return nil // empty, perhaps without even a constructor, or r.err is set
	}
	if kinds[ctor[0]] != KindSymbol {
		r.off = at
		r.fail(ErrDecode, field+": array of symbol expected, array of "+kinds[ctor[0]].String()+" found")
		return nil
	}
	return symbolsIn(contents, ctor[0], count)
}

func (r *reader) oneSymbol(field string) []Symbol {
	if b := r.text(field, KindSymbol); b != nil {
		return []Symbol{symbolOf(b)}
	}
	return nil
}

// symbolsIn copies an array's symbols out of contents, which were walked: each has at least its size field there, so
// their number is bounded by bytes that were received.
func symbolsIn(contents []byte, c byte, count uint32) []Symbol {
	set := make([]Symbol, 0, count)
	for len(contents) > 0 {
		n, _ := contentSize(contents, c)
		set = append(set, symbolOf(text(contents[:n], c)))
		contents = contents[n:]
	}
	return set
}

// value takes the next field whatever it is, checked all the way down; nil if it is absent.
func (r *reader) value(field string) Raw {
	if _, ok := r.next(field); !ok {
		return nil
	}
	end, err := walk(r.b, r.off, r.end, r.depth)
	if err != nil {
		r.within(field, err)
		return nil
	}
	v := Raw(r.b[r.off:end:end])
	r.off = end
	r.left--
	return v
}

// mapOr takes a map, checked all the way down. The types of its keys are its user's business.
func (r *reader) mapOr(field string) Raw {
	c, ok := r.next(field)
	if !ok {
		return nil
	}
	if kinds[c] != KindMap {
		r.unexpected(field, KindMap.String())
		return nil
	}
	return r.value(field)
}

// composite enters a described list: its fields are read from sub, which leave ends. ok is false if the field is absent
// or not a described list. Until leave, r stands at the field.
func (r *reader) composite(field string) (code uint64, sub reader, ok bool) {
	c, ok := r.next(field)
	if !ok {
		return 0, sub, false
	}
	if c != ctorDescribed {
		r.unexpected(field, "described list")
		return 0, sub, false
	}
	if r.depth+2 > MaxDepth {
		r.within(field, tooDeep(r.off))
		return 0, sub, false
	}
	code, next, err := descriptor(r.b, r.off, r.end, r.depth)
	if err == nil {
		sub = listReader(code, r.b, next, r.end, r.depth+1)
		err = sub.err
	}
	if err != nil {
		r.within(field, err)
		return 0, sub, false
	}
	return code, sub, true
}

// leave goes on behind the composite that sub has read.
func (r *reader) leave(sub *reader) {
	if r.err != nil {
		return
	}
	if r.err = sub.err; r.err != nil {
		if d, ok := r.err.(*DecodeError); ok {
			d.What = r.name + ": " + d.What
		}
		r.left = 0
		return
	}
	r.off = sub.end
	r.left--
}
