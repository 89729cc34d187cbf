package pebble

import (
	"encoding/binary"
	"fmt"

	"hibachi/persistence"
)

// The layout. All integers are big-endian, so that keys sort as numbers do; the kind comes first, so that all that a start has to read lies together.
//
//	00 "format"                     u32: the version of this layout
//	00 "logs"                       u32: the next log id; ids are never given again
//	01 name                         u32: the id of the log of that name
//	02 log:u32                      logRecord
//	03 log:u32 cursor:u32           cursorRecord
//	04 log:u32 cursor:u32 chunk:u64 marks of 4096 positions (marks.go)
//	10 log:u32 position:u64 lane:u64   a record (value.go)
const (
	kindStore  = 0x00
	kindName   = 0x01
	kindLog    = 0x02
	kindCursor = 0x03
	kindMarks  = 0x04
	kindRecord = 0x10

	formatVersion = 1
	maxLogName    = 512
	maxName       = 255 // of a cursor
	recordKeyLen  = 1 + 4 + 8 + 8
)

type (
	logID    uint32
	cursorID uint32
)

var (
	formatKey = []byte("\x00format")
	logsKey   = []byte("\x00logs")
)

func nameKey(name string) []byte { return append([]byte{kindName}, name...) }

func logKey(id logID) []byte {
	return binary.BigEndian.AppendUint32([]byte{kindLog}, uint32(id))
}

func cursorKey(l logID, c cursorID) []byte {
	k := binary.BigEndian.AppendUint32([]byte{kindCursor}, uint32(l))
	return binary.BigEndian.AppendUint32(k, uint32(c))
}

func marksKey(l logID, c cursorID, chunk uint64) []byte {
	k := binary.BigEndian.AppendUint32([]byte{kindMarks}, uint32(l))
	k = binary.BigEndian.AppendUint32(k, uint32(c))
	return binary.BigEndian.AppendUint64(k, chunk)
}

// putRecordKey fills dst, recordKeyLen bytes long.
func putRecordKey(dst []byte, id logID, k persistence.Key) {
	dst[0] = kindRecord
	binary.BigEndian.PutUint32(dst[1:], uint32(id))
	binary.BigEndian.PutUint64(dst[5:], uint64(k.Position))
	binary.BigEndian.PutUint64(dst[13:], uint64(k.Lane))
}

// recordBound sorts at the first key of that position, whatever its lane: what to give as a bound.
func recordBound(id logID, p persistence.Position) []byte {
	k := binary.BigEndian.AppendUint32([]byte{kindRecord}, uint32(id))
	return binary.BigEndian.AppendUint64(k, uint64(p))
}

func parseRecordKey(k []byte) (persistence.Key, error) {
	if len(k) != recordKeyLen || k[0] != kindRecord {
		return persistence.Key{}, fmt.Errorf("key %x is not a record's", k)
	}
	return persistence.Key{
		Position: persistence.Position(binary.BigEndian.Uint64(k[5:])),
		Lane:     persistence.Lane(binary.BigEndian.Uint64(k[13:])),
	}, nil
}

func u32(b []byte) (uint32, error) {
	if len(b) != 4 {
		return 0, fmt.Errorf("%d bytes instead of 4", len(b))
	}
	return binary.BigEndian.Uint32(b), nil
}
