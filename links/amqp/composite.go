package amqp

import (
	"encoding/binary"
	"math"
)

// composite writes a described list field by field. Fields that are null cost nothing unless one follows that is not:
// trailing nulls are left out. [types 1.4] It begins with room for the small header and makes more room at the end
// if the fields turned out large, so nothing has to be measured first.
type composite struct {
	b     []byte
	start int // of the list's constructor
	count int // fields in b
	nulls int // null fields since
}

func beginComposite(dst []byte, code byte) composite {
	dst = append(dst, ctorDescribed, ctorSmallUlong, code, ctorList8, 0, 0)
	return composite{b: dst, start: len(dst) - 3}
}

// end completes the list and returns all that was written behind dst.
func (w *composite) end() []byte {
	if w.count == 0 {
		w.b[w.start] = ctorList0
		return w.b[:w.start+1]
	}
	size := len(w.b) - w.start - 2
	if size > math.MaxUint8 { // count is far below 256: no composite has so many fields
		return w.widen()
	}
	w.b[w.start+1], w.b[w.start+2] = byte(size), byte(w.count)
	return w.b
}

// widen turns the small header, three bytes, into the large one, nine.
func (w *composite) widen() []byte {
	const more = 6
	b := append(w.b, make([]byte, more)...)
	copy(b[w.start+3+more:], b[w.start+3:len(w.b)])
	b[w.start] = ctorList32
	binary.BigEndian.PutUint32(b[w.start+1:], uint32(len(b)-w.start-5))
	binary.BigEndian.PutUint32(b[w.start+5:], uint32(w.count))
	return b
}

func (w *composite) null() { w.nulls++ }

// field makes way for a field that is not null.
func (w *composite) field() {
	for ; w.nulls > 0; w.nulls-- {
		w.b = append(w.b, ctorNull)
		w.count++
	}
	w.count++
}

func (w *composite) bool(v bool) {
	w.field()
	w.b = AppendBool(w.b, v)
}

// flag writes a boolean whose default is false.
func (w *composite) flag(v bool) {
	if !v {
		w.null()
		return
	}
	w.bool(true)
}

func (w *composite) optBool(v Opt[bool]) {
	if !v.Set {
		w.null()
		return
	}
	w.bool(v.Value)
}

func (w *composite) ubyte(v uint8) {
	w.field()
	w.b = AppendUbyte(w.b, v)
}

func (w *composite) ubyteNot(def, v uint8) {
	if v == def {
		w.null()
		return
	}
	w.ubyte(v)
}

func (w *composite) ushort(v uint16) {
	w.field()
	w.b = AppendUshort(w.b, v)
}

func (w *composite) ushortNot(def, v uint16) {
	if v == def {
		w.null()
		return
	}
	w.ushort(v)
}

func (w *composite) optUshort(v Opt[uint16]) {
	if !v.Set {
		w.null()
		return
	}
	w.ushort(v.Value)
}

func (w *composite) uint(v uint32) {
	w.field()
	w.b = AppendUint(w.b, v)
}

// uintNot writes a uint, or null if it has the default value.
func (w *composite) uintNot(def, v uint32) {
	if v == def {
		w.null()
		return
	}
	w.uint(v)
}

func (w *composite) optUint(v Opt[uint32]) {
	if !v.Set {
		w.null()
		return
	}
	w.uint(v.Value)
}

func (w *composite) optSeq(v Opt[SequenceNo]) {
	if !v.Set {
		w.null()
		return
	}
	w.uint(uint32(v.Value))
}

func (w *composite) ulong(v uint64) {
	w.field()
	w.b = AppendUlong(w.b, v)
}

func (w *composite) ulongNot(def, v uint64) {
	if v == def {
		w.null()
		return
	}
	w.ulong(v)
}

func (w *composite) optTimestamp(v Opt[int64]) {
	if !v.Set {
		w.null()
		return
	}
	w.field()
	w.b = AppendTimestamp(w.b, v.Value)
}

// bin writes a binary; nil is null.
func (w *composite) bin(v []byte) {
	if v == nil {
		w.null()
		return
	}
	w.field()
	w.b = AppendBinary(w.b, v)
}

// strAlways writes a string that is mandatory: "" too.
func (w *composite) strAlways(v string) {
	w.field()
	w.b = AppendString(w.b, v)
}

// str writes a string; "" is null.
func (w *composite) str(v string) {
	if v == "" {
		w.null()
		return
	}
	w.strAlways(v)
}

// symbolAlways writes a symbol that is mandatory.
func (w *composite) symbolAlways(v Symbol) {
	w.field()
	w.b = AppendSymbol(w.b, v)
}

// symbol writes a symbol; "" is null.
func (w *composite) symbol(v Symbol) {
	if v == "" {
		w.null()
		return
	}
	w.symbolAlways(v)
}

// symbols writes a set of symbols; none is null.
func (w *composite) symbols(set []Symbol) {
	if len(set) == 0 {
		w.null()
		return
	}
	w.field()
	w.b = AppendSymbols(w.b, set)
}

// raw writes a value that is encoded already; absent is null.
func (w *composite) raw(v Raw) {
	if v.IsNull() {
		w.null()
		return
	}
	w.field()
	w.b = append(w.b, v...)
}

func (w *composite) err(e *Error) {
	if e == nil {
		w.null()
		return
	}
	w.field()
	w.b = e.Append(w.b)
}

func (w *composite) state(s *DeliveryState) {
	if s.Kind == StateNone {
		w.null()
		return
	}
	w.field()
	w.b = s.Append(w.b)
}
