package amqp

import (
	"encoding/binary"
	"math"
)

// The Append functions put one value behind dst in its smallest encoding [types 1.6] and return the longer slice.
// There are none for the decimals: nothing here computes with them, they pass as Raw.

// AppendNull appends null.
func AppendNull(dst []byte) []byte { return append(dst, ctorNull) }

// AppendBool appends a boolean.
func AppendBool(dst []byte, v bool) []byte {
	if v {
		return append(dst, ctorTrue)
	}
	return append(dst, ctorFalse)
}

// AppendUbyte appends a ubyte.
func AppendUbyte(dst []byte, v uint8) []byte { return append(dst, ctorUbyte, v) }

// AppendUshort appends a ushort.
func AppendUshort(dst []byte, v uint16) []byte {
	return append(dst, ctorUshort, byte(v>>8), byte(v))
}

// AppendUint appends a uint.
func AppendUint(dst []byte, v uint32) []byte {
	switch {
	case v == 0:
		return append(dst, ctorUint0)
	case v <= math.MaxUint8:
		return append(dst, ctorSmallUint, byte(v))
	}
	return append(dst, ctorUint, byte(v>>24), byte(v>>16), byte(v>>8), byte(v))
}

// AppendUlong appends a ulong.
func AppendUlong(dst []byte, v uint64) []byte {
	switch {
	case v == 0:
		return append(dst, ctorUlong0)
	case v <= math.MaxUint8:
		return append(dst, ctorSmallUlong, byte(v))
	}
	return binary.BigEndian.AppendUint64(append(dst, ctorUlong), v)
}

// AppendByte appends a byte.
func AppendByte(dst []byte, v int8) []byte { return append(dst, ctorByte, byte(v)) }

// AppendShort appends a short.
func AppendShort(dst []byte, v int16) []byte { return append(dst, ctorShort, byte(v>>8), byte(v)) }

// AppendInt appends an int.
func AppendInt(dst []byte, v int32) []byte {
	if v >= math.MinInt8 && v <= math.MaxInt8 {
		return append(dst, ctorSmallInt, byte(v))
	}
	return binary.BigEndian.AppendUint32(append(dst, ctorInt), uint32(v))
}

// AppendLong appends a long.
func AppendLong(dst []byte, v int64) []byte {
	if v >= math.MinInt8 && v <= math.MaxInt8 {
		return append(dst, ctorSmallLong, byte(v))
	}
	return binary.BigEndian.AppendUint64(append(dst, ctorLong), uint64(v))
}

// AppendFloat appends a float.
func AppendFloat(dst []byte, v float32) []byte {
	return binary.BigEndian.AppendUint32(append(dst, ctorFloat), math.Float32bits(v))
}

// AppendDouble appends a double.
func AppendDouble(dst []byte, v float64) []byte {
	return binary.BigEndian.AppendUint64(append(dst, ctorDouble), math.Float64bits(v))
}

// AppendChar appends a char.
func AppendChar(dst []byte, v rune) []byte {
	return binary.BigEndian.AppendUint32(append(dst, ctorChar), uint32(v))
}

// AppendTimestamp appends a timestamp: milliseconds since the epoch.
func AppendTimestamp(dst []byte, ms int64) []byte {
	return binary.BigEndian.AppendUint64(append(dst, ctorTimestamp), uint64(ms))
}

// AppendUUID appends a uuid.
func AppendUUID(dst []byte, id [16]byte) []byte { return append(append(dst, ctorUUID), id[:]...) }

// AppendBinary appends a binary; nil is an empty one.
func AppendBinary(dst, v []byte) []byte {
	return append(appendSized(dst, ctorBinary8, len(v)), v...)
}

// AppendString appends a string.
func AppendString(dst []byte, v string) []byte {
	return append(appendSized(dst, ctorString8, len(v)), v...)
}

// AppendSymbol appends a symbol.
func AppendSymbol(dst []byte, v Symbol) []byte {
	return append(appendSized(dst, ctorSymbol8, len(v)), v...)
}

// appendSized appends the constructor and size of a variable-width value: narrow is the one-byte constructor, and the
// four-byte one is 0x10 above it.
func appendSized(dst []byte, narrow byte, size int) []byte {
	if size <= math.MaxUint8 {
		return append(dst, narrow, byte(size))
	}
	return binary.BigEndian.AppendUint32(append(dst, narrow+0x10), uint32(size))
}

// appendCompound appends constructor, size and count of a compound value or array whose elements, and element
// constructor, take size bytes.
func appendCompound(dst []byte, narrow byte, size, count int) []byte {
	if size+1 <= math.MaxUint8 && count <= math.MaxUint8 {
		return append(dst, narrow, byte(size+1), byte(count))
	}
	dst = binary.BigEndian.AppendUint32(append(dst, narrow+0x10), uint32(size+4))
	return binary.BigEndian.AppendUint32(dst, uint32(count))
}

// AppendSymbols appends an array of symbols. Even one symbol goes out as an array: not all peers know that a field that
// may have several values may hold a bare one.
func AppendSymbols(dst []byte, set []Symbol) []byte {
	ctor, width, size := byte(ctorSymbol8), 1, 0
	for _, s := range set {
		size += len(s)
		if len(s) > math.MaxUint8 {
			ctor, width = ctorSymbol32, 4
		}
	}
	dst = appendCompound(dst, ctorArray8, 1+size+width*len(set), len(set))
	dst = append(dst, ctor)
	for _, s := range set {
		if width == 1 {
			dst = append(dst, byte(len(s)))
		} else {
			dst = binary.BigEndian.AppendUint32(dst, uint32(len(s)))
		}
		dst = append(dst, s...)
	}
	return dst
}

// AppendList appends a list of encoded values; a nil one is null.
func AppendList(dst []byte, values []Raw) []byte {
	if len(values) == 0 {
		return append(dst, ctorList0)
	}
	return appendRaws(dst, ctorList8, values)
}

// AppendMap appends a map of encoded values, key and value alternately: their number is even.
func AppendMap(dst []byte, entries []Raw) []byte {
	if len(entries)%2 != 0 {
		panic("amqp: AppendMap: key without value")
	}
	return appendRaws(dst, ctorMap8, entries)
}

func appendRaws(dst []byte, narrow byte, values []Raw) []byte {
	size := 0
	for _, v := range values {
		size += max(len(v), 1)
	}
	dst = appendCompound(dst, narrow, size, len(values))
	for _, v := range values {
		dst = appendRaw(dst, v)
	}
	return dst
}

func appendRaw(dst []byte, v Raw) []byte {
	if len(v) == 0 {
		return append(dst, ctorNull)
	}
	return append(dst, v...)
}

// AppendDescriptor appends the beginning of a described value: the value itself is to follow.
func AppendDescriptor(dst []byte, code uint64) []byte {
	return AppendUlong(append(dst, ctorDescribed), code)
}
