package pebble

import (
	"encoding/binary"
	"errors"
	"fmt"

	"hibachi/persistence"
)

// A record's value: version u8, length of the envelope u16, envelope, body. One value, so that one read and one checksum give both.
const (
	valueVersion = 1
	valueHeader  = 3

	maxEnvelope = 1<<16 - 1
	maxBody     = 1 << 30
)

// errTooLarge: the record does not fit the value's layout.
var errTooLarge = errors.New("the envelope has more than 65535 bytes or the body more than 1 GiB")

func valueLen(a *persistence.Append) int { return valueHeader + len(a.Envelope) + len(a.Body) }

// putValue fills dst, valueLen(a) bytes long.
func putValue(dst []byte, a *persistence.Append) {
	dst[0] = valueVersion
	binary.BigEndian.PutUint16(dst[1:], uint16(len(a.Envelope)))
	n := copy(dst[valueHeader:], a.Envelope)
	copy(dst[valueHeader+n:], a.Body)
}

// parseValue's slices alias v.
func parseValue(v []byte) (envelope, body []byte, err error) {
	if len(v) < valueHeader || v[0] != valueVersion {
		return nil, nil, fmt.Errorf("a value of %d bytes is not of version %d", len(v), valueVersion)
	}
	n := valueHeader + int(binary.BigEndian.Uint16(v[1:]))
	if n > len(v) {
		return nil, nil, fmt.Errorf("an envelope of %d bytes in a value of %d", n-valueHeader, len(v))
	}
	return v[valueHeader:n:n], v[n:], nil
}
