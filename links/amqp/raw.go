package amqp

import (
	"bytes"
	"encoding/binary"
	"iter"
	"math"
)

// Raw is one encoded AMQP value, constructor included. It aliases the bytes it was parsed from (Clone it to keep it).
// nil is absent. A Raw in a performative, or out of ParseValue, is well-formed all the way down; one looked up in a
// Message is so only if Message.Validate found nothing. No method minds: what is malformed is simply not ok, or the end.
type Raw []byte

// Clone is a copy that aliases nothing.
func (r Raw) Clone() Raw { return bytes.Clone(r) }

// Kind is the type of the value, KindInvalid if it is absent.
func (r Raw) Kind() Kind {
	if len(r) == 0 {
		return KindInvalid
	}
	return kinds[r[0]]
}

// IsNull tells whether the value is absent or null.
func (r Raw) IsNull() bool { return len(r) == 0 || r[0] == ctorNull }

// content is what follows the constructor of a value that is not described, size and count fields included.
func (r Raw) content() ([]byte, bool) {
	if r.Kind() == KindInvalid || r[0] == ctorDescribed {
		return nil, false
	}
	n, ok := contentSize(r[1:], r[0])
	if !ok {
		return nil, false
	}
	return r[1 : 1+n : 1+n], true
}

// text is the content of a string, symbol or binary.
func (r Raw) text() ([]byte, bool) {
	switch r.Kind() {
	case KindString, KindSymbol, KindBinary:
		if b, ok := r.content(); ok {
			return text(b, r[0]), true
		}
	}
	return nil, false
}

// Symbol is the value of a symbol, a copy.
func (r Raw) Symbol() (Symbol, bool) {
	b, ok := r.text()
	if !ok || r.Kind() != KindSymbol {
		return "", false
	}
	return symbolOf(b), true
}

// Str is the value of a string (not of a symbol), a copy.
func (r Raw) Str() (string, bool) {
	b, ok := r.text()
	if !ok || r.Kind() != KindString {
		return "", false
	}
	return string(b), true
}

// Text is the value of a string or symbol, a copy.
func (r Raw) Text() (string, bool) {
	b, ok := r.text()
	if !ok || r.Kind() == KindBinary {
		return "", false
	}
	return string(b), true
}

// Bytes is the content of a string, symbol or binary, aliasing: for comparing without allocation.
func (r Raw) Bytes() ([]byte, bool) { return r.text() }

// Bool is the value of a boolean.
func (r Raw) Bool() (v, ok bool) {
	b, ok := r.content()
	if !ok || r.Kind() != KindBool {
		return false, false
	}
	if r[0] == ctorBool {
		return b[0] == 1, true
	}
	return r[0] == ctorTrue, true
}

// bits is the content of a value of fixed width of at most 8 bytes as an unsigned number.
func bits(b []byte) uint64 {
	switch len(b) {
	case 1:
		return uint64(b[0])
	case 2:
		return uint64(binary.BigEndian.Uint16(b))
	case 4:
		return uint64(binary.BigEndian.Uint32(b))
	case 8:
		return binary.BigEndian.Uint64(b)
	}
	return 0
}

// signed is bits for a two's complement number.
func signed(b []byte) int64 {
	if len(b) == 0 {
		return 0
	}
	unused := 64 - 8*len(b)
	return int64(bits(b)<<unused) >> unused
}

// Uint is the value of an unsigned integer of any width.
func (r Raw) Uint() (uint64, bool) {
	b, ok := r.content()
	if !ok {
		return 0, false
	}
	switch r.Kind() {
	case KindUbyte, KindUshort, KindUint, KindUlong:
		return bits(b), true
	}
	return 0, false
}

// Int is the value of an integer of any width and sign, or of a timestamp, if it fits.
func (r Raw) Int() (int64, bool) {
	b, ok := r.content()
	if !ok {
		return 0, false
	}
	switch r.Kind() {
	case KindByte, KindShort, KindInt, KindLong, KindTimestamp:
		return signed(b), true
	case KindUbyte, KindUshort, KindUint, KindUlong:
		v := bits(b)
		return int64(v), v <= math.MaxInt64
	}
	return 0, false
}

// Float is the value of a float or double.
func (r Raw) Float() (float64, bool) {
	b, ok := r.content()
	if !ok {
		return 0, false
	}
	switch r.Kind() {
	case KindFloat:
		return float64(math.Float32frombits(uint32(bits(b)))), true
	case KindDouble:
		return math.Float64frombits(bits(b)), true
	}
	return 0, false
}

// UUID is the value of a uuid.
func (r Raw) UUID() (id [16]byte, ok bool) {
	b, ok := r.content()
	if !ok || r.Kind() != KindUUID {
		return id, false
	}
	return [16]byte(b), true
}

// Described splits a described value.
func (r Raw) Described() (descriptor, value Raw, ok bool) {
	if r.Kind() != KindDescribed {
		return nil, nil, false
	}
	middle, err := skip(r, 1, len(r), 1)
	if err != nil {
		return nil, nil, false
	}
	end, err := skip(r, middle, len(r), 1)
	if err != nil {
		return nil, nil, false
	}
	return r[1:middle:middle], r[middle:end:end], true
}

// Code is the descriptor of a described value as a number; the specification's symbols count as their numbers.
func (r Raw) Code() (uint64, bool) {
	if r.Kind() != KindDescribed {
		return 0, false
	}
	code, _, err := descriptor(r, 0, len(r), 0)
	return code, err == nil && code != codeUnknown
}

// descriptor reads the descriptor of the described value at off; next is where the value behind it begins. A descriptor
// that is neither numeric nor one of the specification's symbols gives codeUnknown.
func descriptor(b []byte, off, end, depth int) (code uint64, next int, err error) {
	off++
	if end-off >= 2 && b[off] == ctorSmallUlong {
		return uint64(b[off+1]), off + 2, nil
	}
	if next, err = skip(b, off, end, depth+1); err != nil {
		return 0, 0, err
	}
	d := Raw(b[off:next])
	switch d.Kind() {
	case KindUlong:
		code, _ = d.Uint()
		return code, next, nil
	case KindSymbol:
		name, _ := d.text()
		return descriptorOf(name), next, nil
	}
	return codeUnknown, next, nil
}

// elements goes over the values in a list or map and stops at the first that is malformed.
type elements struct {
	b    []byte
	left uint32
}

// elementsOf is empty if r is not of this kind.
func elementsOf(r Raw, k Kind) elements {
	b, ok := r.content()
	if !ok || r.Kind() != k {
		return elements{}
	}
	count, start, ok := compound(b, r[0])
	if !ok {
		return elements{}
	}
	return elements{b: b[start:], left: count}
}

func (e *elements) next() (Raw, bool) {
	if e.left == 0 {
		return nil, false
	}
	end, err := skip(e.b, 0, len(e.b), 0)
	if err != nil {
		e.left = 0
		return nil, false
	}
	v := Raw(e.b[:end:end])
	e.b, e.left = e.b[end:], e.left-1
	return v, true
}

// Map goes over the entries of a map in order. There are none in what is not a map.
func (r Raw) Map() iter.Seq2[Raw, Raw] {
	return func(yield func(k, v Raw) bool) {
		e := elementsOf(r, KindMap)
		for {
			k, _ := e.next()
			v, ok := e.next()
			if !ok || !yield(k, v) {
				return
			}
		}
	}
}

// Lookup is the first value under a string or symbol key, nil if there is none. It does not allocate.
func (r Raw) Lookup(key string) Raw {
	e := elementsOf(r, KindMap)
	for {
		k, _ := e.next()
		v, ok := e.next()
		if !ok {
			return nil
		}
		if name, ok := k.text(); ok && string(name) == key && k.Kind() != KindBinary {
			return v
		}
	}
}

// List goes over the elements of a list or an array; of nothing else. An array's elements are copies, each with the
// array's constructor put in front. Elements of arrays may take no bytes at all, so there can be four thousand million in
// an array of ten bytes: bound what you do with them.
func (r Raw) List() iter.Seq[Raw] {
	if r.Kind() == KindArray {
		return r.array
	}
	return func(yield func(Raw) bool) {
		e := elementsOf(r, KindList)
		for {
			v, ok := e.next()
			if !ok || !yield(v) {
				return
			}
		}
	}
}

// Len is how many elements a list, map or array says it has.
func (r Raw) Len() int {
	b, ok := r.content()
	if !ok {
		return 0
	}
	switch r.Kind() {
	case KindList, KindMap, KindArray:
		count, _, _ := compound(b, r[0])
		return int(count)
	}
	return 0
}

// arrayParts splits an array into its element constructor, descriptors included, and the contents of its elements.
func (r Raw) arrayParts() (ctor, contents []byte, count uint32, ok bool) {
	b, ok := r.content()
	if !ok || r.Kind() != KindArray {
		return nil, nil, 0, false
	}
	count, start, ok := compound(b, r[0])
	if !ok || start == len(b) {
		return nil, nil, 0, false
	}
	_, next, err := walkConstructor(b, start, len(b), 0)
	if err != nil {
		return nil, nil, 0, false
	}
	return b[start:next:next], b[next:], count, true
}

func (r Raw) array(yield func(Raw) bool) {
	ctor, b, count, ok := r.arrayParts()
	if !ok {
		return
	}
	c := ctor[len(ctor)-1]
	for ; count > 0; count-- {
		n, ok := contentSize(b, c)
		if !ok {
			return
		}
		v := Raw(ctor)
		if n > 0 {
			v = append(v, b[:n]...)
			b = b[n:]
		}
		if !yield(v) {
			return
		}
	}
}
