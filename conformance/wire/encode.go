package wire

import (
	"encoding/binary"
	"math"
	"slices"
)

// Raw is one encoded value, its constructor first. It may be as wrong as a check wants it.
type Raw []byte

// Null is the null value. In F it stands for a null that is written, even at the end of a list.
var Null = Raw{0x40}

// raw joins a constructor and its octets.
func raw(code byte, b ...byte) Raw { return append(Raw{code}, b...) }

// Bool in its one-octet form.
func Bool(v bool) Raw {
	if v {
		return Raw{0x41}
	}
	return Raw{0x42}
}

// BoolLong in its two-octet form.
func BoolLong(v bool) Raw {
	if v {
		return Raw{0x56, 1}
	}
	return Raw{0x56, 0}
}

// Ubyte is an unsigned byte.
func Ubyte(v uint8) Raw { return raw(0x50, v) }

// Ushort is an unsigned short.
func Ushort(v uint16) Raw { return Raw(binary.BigEndian.AppendUint16([]byte{0x60}, v)) }

// Uint in its shortest form.
func Uint(v uint32) Raw {
	switch {
	case v == 0:
		return Raw{0x43}
	case v < 256:
		return raw(0x52, byte(v))
	}
	return Uint4(v)
}

// Uint1 in its two-octet form; v has to be below 256.
func Uint1(v uint8) Raw { return raw(0x52, v) }

// Uint4 in its five-octet form.
func Uint4(v uint32) Raw { return Raw(binary.BigEndian.AppendUint32([]byte{0x70}, v)) }

// Ulong in its shortest form.
func Ulong(v uint64) Raw {
	switch {
	case v == 0:
		return Raw{0x44}
	case v < 256:
		return raw(0x53, byte(v))
	}
	return Ulong8(v)
}

// Ulong8 in its nine-octet form.
func Ulong8(v uint64) Raw { return Raw(binary.BigEndian.AppendUint64([]byte{0x80}, v)) }

// Byte is a signed byte.
func Byte(v int8) Raw { return raw(0x51, byte(v)) }

// Short is a signed short.
func Short(v int16) Raw { return Raw(binary.BigEndian.AppendUint16([]byte{0x61}, uint16(v))) }

// Int in its shortest form.
func Int(v int32) Raw {
	if v >= -128 && v < 128 {
		return raw(0x54, byte(v))
	}
	return Int4(v)
}

// Int4 in its five-octet form.
func Int4(v int32) Raw { return Raw(binary.BigEndian.AppendUint32([]byte{0x71}, uint32(v))) }

// Long in its shortest form.
func Long(v int64) Raw {
	if v >= -128 && v < 128 {
		return raw(0x55, byte(v))
	}
	return Long8(v)
}

// Long8 in its nine-octet form.
func Long8(v int64) Raw { return Raw(binary.BigEndian.AppendUint64([]byte{0x81}, uint64(v))) }

// Float is IEEE 754 binary32.
func Float(v float32) Raw {
	return Raw(binary.BigEndian.AppendUint32([]byte{0x72}, math.Float32bits(v)))
}

// Double is IEEE 754 binary64.
func Double(v float64) Raw {
	return Raw(binary.BigEndian.AppendUint64([]byte{0x82}, math.Float64bits(v)))
}

// Decimal32, Decimal64 and Decimal128 carry octets that nobody here interprets.
func Decimal32(v [4]byte) Raw { return raw(0x74, v[:]...) }

// Decimal64 carries octets that nobody here interprets.
func Decimal64(v [8]byte) Raw { return raw(0x84, v[:]...) }

// Decimal128 carries octets that nobody here interprets.
func Decimal128(v [16]byte) Raw { return raw(0x94, v[:]...) }

// Char is one UTF-32 character.
func Char(v rune) Raw { return Raw(binary.BigEndian.AppendUint32([]byte{0x73}, uint32(v))) }

// Timestamp is milliseconds since the epoch.
func Timestamp(ms int64) Raw { return Raw(binary.BigEndian.AppendUint64([]byte{0x83}, uint64(ms))) }

// UUID is a UUID's 16 octets.
func UUID(v [16]byte) Raw { return raw(0x98, v[:]...) }

// Bin is binary in its shortest form.
func Bin(b []byte) Raw { return variable(0xa0, 0xb0, b) }

// Bin32 is binary with a four-octet size.
func Bin32(b []byte) Raw { return variable32(0xb0, b) }

// Str is a string in its shortest form.
func Str(s string) Raw { return variable(0xa1, 0xb1, []byte(s)) }

// Str32 is a string with a four-octet size.
func Str32(s string) Raw { return variable32(0xb1, []byte(s)) }

// Sym is a symbol in its shortest form.
func Sym(s string) Raw { return variable(0xa3, 0xb3, []byte(s)) }

// Sym32 is a symbol with a four-octet size.
func Sym32(s string) Raw { return variable32(0xb3, []byte(s)) }

func variable(short, long byte, b []byte) Raw {
	if len(b) > 255 {
		return variable32(long, b)
	}
	return append(Raw{short, byte(len(b))}, b...)
}

func variable32(code byte, b []byte) Raw {
	return append(Raw(binary.BigEndian.AppendUint32([]byte{code}, uint32(len(b)))), b...)
}

// List in its shortest form.
func List(items ...Raw) Raw {
	b := slices.Concat(items...)
	switch {
	case len(items) == 0:
		return Raw{0x45}
	case len(items) < 256 && len(b) < 255:
		return Compound8(0xc0, len(b)+1, len(items), b)
	}
	return List32(items...)
}

// List8 with one-octet size and count, also when it is empty.
func List8(items ...Raw) Raw {
	b := slices.Concat(items...)
	return Compound8(0xc0, len(b)+1, len(items), b)
}

// List32 with four-octet size and count.
func List32(items ...Raw) Raw {
	b := slices.Concat(items...)
	return Compound32(0xd0, len(b)+4, len(items), b)
}

// Map of keys and values by turns, in its shortest form.
func Map(items ...Raw) Raw {
	b := slices.Concat(items...)
	if len(items) < 256 && len(b) < 255 {
		return Compound8(0xc1, len(b)+1, len(items), b)
	}
	return Map32(items...)
}

// Map32 with four-octet size and count.
func Map32(items ...Raw) Raw {
	b := slices.Concat(items...)
	return Compound32(0xd1, len(b)+4, len(items), b)
}

// ArrayOf has one constructor (code, or a described one) and elements without theirs, in its shortest form.
func ArrayOf(constructor Raw, elements ...[]byte) Raw {
	b := append(slices.Clone(constructor), slices.Concat(elements...)...)
	if len(elements) < 256 && len(b) < 255 {
		return Compound8(0xe0, len(b)+1, len(elements), b)
	}
	return Array32Of(constructor, elements...)
}

// Array32Of is ArrayOf with four-octet size and count.
func Array32Of(constructor Raw, elements ...[]byte) Raw {
	b := append(slices.Clone(constructor), slices.Concat(elements...)...)
	return Compound32(0xf0, len(b)+4, len(elements), b)
}

// Symbols is an array of symbols, as capabilities are.
func Symbols(names ...string) Raw {
	elements := make([][]byte, len(names))
	for i, n := range names {
		elements[i] = append([]byte{byte(len(n))}, n...)
	}
	return ArrayOf(Raw{0xa3}, elements...)
}

// Compound8 has the size and the count that are said, whatever the contents are.
func Compound8(code byte, size, count int, contents []byte) Raw {
	return append(Raw{code, byte(size), byte(count)}, contents...)
}

// Compound32 has the size and the count that are said, whatever the contents are.
func Compound32(code byte, size, count int, contents []byte) Raw {
	b := binary.BigEndian.AppendUint32([]byte{code}, uint32(size))
	b = binary.BigEndian.AppendUint32(b, uint32(count))
	return append(Raw(b), contents...)
}

// Described puts a descriptor before a value.
func Described(descriptor, value Raw) Raw { return slices.Concat(Raw{0}, descriptor, value) }
