package wire

import (
	"encoding/binary"
	"fmt"
	"math"
	"unicode/utf8"
)

// Decoded values are: nil, bool, uint8, uint16, uint32, uint64, int8, int16, int32, int64, float32, float64, string, []byte, and these.
type (
	// Symbol is a symbol.
	Symbol string
	// Character is a char.
	Character rune
	// Time is a timestamp, milliseconds since the epoch.
	Time int64
	// ID is a uuid.
	ID [16]byte
	// Decimal is any of the three decimals.
	Decimal []byte
	// Array holds the decoded elements of an array.
	Array []any
	// Pair is one entry of a map.
	Pair struct{ Key, Value any }
	// Dict is a map in the order of the wire.
	Dict []Pair
)

// DescribedValue is a described value; Descriptor is a Symbol or a uint64 if it follows the specification.
type DescribedValue struct{ Descriptor, Value any }

// Get finds the value of a key.
func (d Dict) Get(key any) (any, bool) {
	for _, p := range d {
		if p.Key == key {
			return p.Value, true
		}
	}
	return nil, false
}

// maxDepth bounds nesting: the suite reads no deeper, since no broker has a reason to write deeper.
const maxDepth = 64

// maxEmpty bounds the elements of arrays whose elements take no octets.
const maxEmpty = 4096

// Decode reads one value strictly and returns the octets behind it: sizes and counts have to agree with the contents, strings have to be
// UTF-8, symbols ASCII, maps have to be even and without double keys.
func Decode(b []byte) (v any, rest []byte, err error) { return decode(b, 0) }

// DecodeAll reads one value that has to be all there is.
func DecodeAll(b []byte) (any, error) {
	v, rest, err := Decode(b)
	if err == nil && len(rest) > 0 {
		err = fmt.Errorf("%d octets behind the value", len(rest))
	}
	return v, err
}

// Split cuts the first value's octets off.
func Split(b []byte) (first Raw, rest []byte, err error) {
	_, rest, err = Decode(b)
	if err != nil {
		return nil, nil, err
	}
	return Raw(b[:len(b)-len(rest)]), rest, nil
}

// Items cuts a list's or a map's items, without decoding them further than needed.
func Items(list Raw) ([]Raw, error) {
	if len(list) == 0 {
		return nil, errShort
	}
	body, count, _, err := contents(list[0], list[1:])
	if err != nil {
		return nil, err
	}
	var items []Raw
	for range count {
		var item Raw
		if item, body, err = Split(body); err != nil {
			return nil, fmt.Errorf("item %d: %w", len(items), err)
		}
		items = append(items, item)
	}
	if len(body) > 0 {
		return nil, fmt.Errorf("%d octets behind the last item", len(body))
	}
	return items, nil
}

var errShort = fmt.Errorf("the octets end within a value")

func decode(b []byte, depth int) (any, []byte, error) {
	if depth > maxDepth {
		return nil, nil, fmt.Errorf("nested deeper than %d", maxDepth)
	}
	if len(b) == 0 {
		return nil, nil, errShort
	}
	if b[0] != 0 {
		return decodeAs(b[0], b[1:], depth)
	}
	descriptor, rest, err := decode(b[1:], depth+1)
	if err != nil {
		return nil, nil, fmt.Errorf("descriptor: %w", err)
	}
	value, rest, err := decode(rest, depth+1)
	return &DescribedValue{descriptor, value}, rest, err
}

// decodeAs reads the octets that follow a primitive constructor.
func decodeAs(code byte, b []byte, depth int) (any, []byte, error) {
	switch code >> 4 {
	case 0x4, 0x5, 0x6, 0x7, 0x8, 0x9:
		return decodeFixed(code, b)
	case 0xa, 0xb:
		return decodeVariable(code, b)
	case 0xc, 0xd:
		return decodeCompound(code, b, depth)
	case 0xe, 0xf:
		return decodeArray(code, b, depth)
	}
	return nil, nil, fmt.Errorf("no constructor has code %#02x", code)
}

func decodeFixed(code byte, b []byte) (any, []byte, error) {
	width := [...]int{0, 1, 2, 4, 8, 16}[code>>4-4]
	if len(b) < width {
		return nil, nil, errShort
	}
	f, rest := b[:width], b[width:]
	v, ok := fixed(code, f)
	if !ok {
		return nil, nil, fmt.Errorf("no constructor has code %#02x, or its value %x is none", code, f)
	}
	return v, rest, nil
}

func fixed(code byte, f []byte) (any, bool) {
	switch code {
	case 0x40:
		return nil, true
	case 0x41:
		return true, true
	case 0x42:
		return false, true
	case 0x43:
		return uint32(0), true
	case 0x44:
		return uint64(0), true
	case 0x45:
		return []any{}, true
	case 0x50:
		return f[0], true
	case 0x51:
		return int8(f[0]), true
	case 0x52:
		return uint32(f[0]), true
	case 0x53:
		return uint64(f[0]), true
	case 0x54:
		return int32(int8(f[0])), true
	case 0x55:
		return int64(int8(f[0])), true
	case 0x56:
		return f[0] == 1, f[0] <= 1
	case 0x60:
		return binary.BigEndian.Uint16(f), true
	case 0x61:
		return int16(binary.BigEndian.Uint16(f)), true
	case 0x70:
		return binary.BigEndian.Uint32(f), true
	case 0x71:
		return int32(binary.BigEndian.Uint32(f)), true
	case 0x72:
		return math.Float32frombits(binary.BigEndian.Uint32(f)), true
	case 0x73:
		return Character(binary.BigEndian.Uint32(f)), true
	case 0x80:
		return binary.BigEndian.Uint64(f), true
	case 0x81:
		return int64(binary.BigEndian.Uint64(f)), true
	case 0x82:
		return math.Float64frombits(binary.BigEndian.Uint64(f)), true
	case 0x83:
		return Time(binary.BigEndian.Uint64(f)), true
	case 0x74, 0x84, 0x94:
		return Decimal(f), true
	case 0x98:
		return ID(f), true
	}
	return nil, false
}

func decodeVariable(code byte, b []byte) (any, []byte, error) {
	size, b, err := number(code>>4 == 0xb, b)
	if err != nil {
		return nil, nil, err
	}
	if size > len(b) {
		return nil, nil, errShort
	}
	v, rest := b[:size], b[size:]
	switch code & 0xf {
	case 0:
		return v, rest, nil
	case 1:
		if !utf8.Valid(v) {
			return nil, nil, fmt.Errorf("string %q is not UTF-8", v)
		}
		return string(v), rest, nil
	case 3:
		for _, c := range v {
			if c > 127 {
				return nil, nil, fmt.Errorf("symbol %q is not ASCII", v)
			}
		}
		return Symbol(v), rest, nil
	}
	return nil, nil, fmt.Errorf("no constructor has code %#02x", code)
}

// number reads a size or a count of one octet or four.
func number(wide bool, b []byte) (int, []byte, error) {
	if !wide {
		if len(b) < 1 {
			return 0, nil, errShort
		}
		return int(b[0]), b[1:], nil
	}
	if len(b) < 4 {
		return 0, nil, errShort
	}
	return int(binary.BigEndian.Uint32(b)), b[4:], nil
}

// contents opens a list, map or array: what is in it, how many, and what follows it.
func contents(code byte, b []byte) (in []byte, count int, rest []byte, err error) {
	if code == 0x45 {
		return nil, 0, b, nil
	}
	wide := code>>4 == 0xd || code>>4 == 0xf
	if !wide && code>>4 != 0xc && code>>4 != 0xe {
		return nil, 0, nil, fmt.Errorf("code %#02x has no items", code)
	}
	size, b, err := number(wide, b)
	if err != nil {
		return nil, 0, nil, err
	}
	if size > len(b) {
		return nil, 0, nil, errShort
	}
	count, in, err = number(wide, b[:size])
	return in, count, b[size:], err
}

func decodeCompound(code byte, b []byte, depth int) (any, []byte, error) {
	in, count, rest, err := contents(code, b)
	if err != nil {
		return nil, nil, err
	}
	items := []any{}
	for range count {
		var v any
		if v, in, err = decode(in, depth+1); err != nil {
			return nil, nil, fmt.Errorf("item %d of %d: %w", len(items), count, err)
		}
		items = append(items, v)
	}
	if len(in) > 0 {
		return nil, nil, fmt.Errorf("%d octets behind the last of %d items", len(in), count)
	}
	switch code & 0xf {
	case 0:
		return items, rest, nil
	case 1:
		d, err := dict(items)
		return d, rest, err
	}
	return nil, nil, fmt.Errorf("no constructor has code %#02x", code)
}

func dict(items []any) (Dict, error) {
	if len(items)%2 != 0 {
		return nil, fmt.Errorf("a map of %d items", len(items))
	}
	var d Dict
	for i := 0; i < len(items); i += 2 {
		switch items[i].(type) {
		case nil, bool, uint8, uint16, uint32, uint64, int8, int16, int32, int64, string, Symbol, Character, Time, ID:
			if _, double := d.Get(items[i]); double {
				return nil, fmt.Errorf("key %v twice in a map", items[i])
			}
		}
		d = append(d, Pair{items[i], items[i+1]})
	}
	return d, nil
}

func decodeArray(code byte, b []byte, depth int) (any, []byte, error) {
	if code&0xf != 0 {
		return nil, nil, fmt.Errorf("no constructor has code %#02x", code)
	}
	in, count, rest, err := contents(code, b)
	if err != nil {
		return nil, nil, err
	}
	if len(in) == 0 {
		if count == 0 {
			return nil, nil, fmt.Errorf("an array without a constructor")
		}
		return nil, nil, errShort
	}
	var descriptor any
	described := in[0] == 0
	if described {
		if descriptor, in, err = decode(in[1:], depth+1); err != nil {
			return nil, nil, err
		}
		if len(in) == 0 {
			return nil, nil, errShort
		}
	}
	element, in := in[0], in[1:]
	if element>>4 == 4 && count > maxEmpty {
		return nil, nil, fmt.Errorf("an array of %d elements without octets", count)
	}
	items := Array{}
	for range count {
		var v any
		if v, in, err = decodeAs(element, in, depth+1); err != nil {
			return nil, nil, fmt.Errorf("element %d of %d: %w", len(items), count, err)
		}
		if described {
			v = &DescribedValue{descriptor, v}
		}
		items = append(items, v)
	}
	if len(in) > 0 {
		return nil, nil, fmt.Errorf("%d octets behind the last of %d elements", len(in), count)
	}
	return items, rest, nil
}
