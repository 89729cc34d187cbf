package amqp

import (
	"encoding/hex"
	"strconv"
	"time"
)

// maxShown bounds what String writes of one value: values come from peers and go to logs.
const maxShown = 4096

// String shows the value for people, in logs and test scripts: strings in quotes, symbols without, binaries in
// hexadecimal, {"a": 1} for maps, [1, 2] for lists and arrays, descriptor(value) for described values. It is cut off at
// about 4 KiB.
func (r Raw) String() string { return string(appendValue(nil, r)) }

func appendValue(dst []byte, r Raw) []byte {
	s := shower{b: dst, limit: len(dst) + maxShown}
	s.value(r, 0)
	return s.b
}

type shower struct {
	b     []byte
	limit int // of len(b)
}

func (s *shower) text(t string) { s.b = append(s.b, t...) }

// full ends a list's or map's elements when enough is written.
func (s *shower) full() bool {
	if len(s.b) < s.limit {
		return false
	}
	s.text("...")
	return true
}

func (s *shower) value(r Raw, depth int) {
	if len(r) == 0 {
		s.text("absent")
		return
	}
	if _, err := skip(r, 0, len(r), depth); err != nil {
		s.text("malformed(")
		s.bytes(r)
		s.text(")")
		return
	}
	switch r.Kind() {
	case KindDescribed:
		s.described(r, depth)
	case KindList:
		s.list(r, depth)
	case KindMap:
		s.entries(r, depth)
	case KindArray:
		s.array(r, depth)
	default:
		s.scalar(r)
	}
}

func (s *shower) described(r Raw, depth int) {
	descriptor, value, _ := r.Described()
	s.descriptor(descriptor, depth+1)
	s.text("(")
	s.value(value, depth+1)
	s.text(")")
}

func (s *shower) descriptor(r Raw, depth int) {
	if code, ok := r.Uint(); ok {
		s.text("0x")
		s.b = strconv.AppendUint(s.b, code, 16)
		return
	}
	s.value(r, depth)
}

// showDescriptor is a descriptor for errors.
func showDescriptor(r Raw) string {
	s := shower{limit: maxShown / 16}
	s.descriptor(r, 0)
	return string(s.b)
}

func (s *shower) list(r Raw, depth int) {
	s.text("[")
	first := true
	for v := range r.List() {
		if !first {
			s.text(", ")
		}
		first = false
		if s.full() {
			break
		}
		s.value(v, depth+1)
	}
	s.text("]")
}

func (s *shower) entries(r Raw, depth int) {
	s.text("{")
	first := true
	for k, v := range r.Map() {
		if !first {
			s.text(", ")
		}
		first = false
		if s.full() {
			break
		}
		s.value(k, depth+1)
		s.text(": ")
		s.value(v, depth+1)
	}
	s.text("}")
}

// array shows elements that take no bytes only once, with their number: that may be anything.
func (s *shower) array(r Raw, depth int) {
	ctor, contents, count, ok := r.arrayParts()
	if !ok || len(contents) > 0 || count == 0 {
		s.list(r, depth)
		return
	}
	s.text("[")
	s.b = strconv.AppendUint(s.b, uint64(count), 10)
	s.text(" x ")
	s.value(Raw(ctor), depth+1)
	s.text("]")
}

func (s *shower) scalar(r Raw) {
	content, _ := r.content()
	switch r.Kind() {
	case KindNull:
		s.text("null")
	case KindBool:
		v, _ := r.Bool()
		s.b = strconv.AppendBool(s.b, v)
	case KindUbyte, KindUshort, KindUint, KindUlong:
		s.b = strconv.AppendUint(s.b, bits(content), 10)
	case KindByte, KindShort, KindInt, KindLong:
		s.b = strconv.AppendInt(s.b, signed(content), 10)
	case KindFloat:
		v, _ := r.Float()
		s.b = strconv.AppendFloat(s.b, v, 'g', -1, 32)
	case KindDouble:
		v, _ := r.Float()
		s.b = strconv.AppendFloat(s.b, v, 'g', -1, 64)
	case KindChar:
		s.b = strconv.AppendQuoteRune(s.b, rune(bits(content)))
	case KindTimestamp:
		s.b = appendTimestamp(s.b, signed(content))
	case KindUUID:
		s.uuid(content)
	case KindString:
		s.quoted(text(content, r[0]))
	case KindSymbol:
		s.symbol(text(content, r[0]))
	case KindBinary:
		s.bytes(text(content, r[0]))
	default: // decimals
		s.text(r.Kind().String())
		s.text("(")
		s.bytes(content)
		s.text(")")
	}
}

func (s *shower) uuid(b []byte) {
	for i, c := range b {
		if i == 4 || i == 6 || i == 8 || i == 10 {
			s.text("-")
		}
		s.b = hex.AppendEncode(s.b, []byte{c})
	}
}

// cut is b up to about what may still be written.
func (s *shower) cut(b []byte) (shown []byte, more bool) {
	if room := max(s.limit-len(s.b), 16); len(b) > room {
		return b[:room], true
	}
	return b, false
}

func (s *shower) quoted(b []byte) {
	b, more := s.cut(b)
	s.b = strconv.AppendQuote(s.b, string(b))
	s.more(more)
}

func (s *shower) symbol(b []byte) {
	b, more := s.cut(b)
	if isPlain(b) {
		s.b = append(s.b, b...)
	} else {
		s.text("symbol(")
		s.b = strconv.AppendQuote(s.b, string(b))
		s.text(")")
	}
	s.more(more)
}

func (s *shower) bytes(b []byte) {
	b, more := s.cut(b)
	s.b = hex.AppendEncode(append(s.b, "0x"...), b)
	s.more(more)
}

func (s *shower) more(more bool) {
	if more {
		s.text("...")
	}
}

func appendTimestamp(dst []byte, ms int64) []byte {
	return time.UnixMilli(ms).UTC().AppendFormat(dst, "2006-01-02T15:04:05.000Z")
}
