package pebble

import (
	"bytes"
	"fmt"
	"time"

	"github.com/vmihailenco/msgpack/v5"

	"hibachi/persistence"
)

// logRecord is what a start needs to know of a log. It is written by every batch that deletes a record of the log, and every 4096 appends.
type logRecord struct {
	low        persistence.Position // nothing is stored below
	next       persistence.Position // above every position given until then
	count      int64                // records stored below next
	bytes      int64                // their values' sizes; about
	nextCursor cursorID
	gracePos   persistence.Position // 0: no grace
	graceUntil time.Time
}

// cursorRecord is what a start needs to know of a cursor.
type cursorRecord struct {
	name  string
	start persistence.Position // it owes nothing at or below
	floor persistence.Position // it is done with everything at or below, as far as it was worth writing
}

// Both are msgpack arrays. A later version may append fields: a reader takes those it knows, and zeros for those that are missing.

// fields writes msgpack arrays without reflection. Writing to memory cannot fail; if it does it is our own fault.
type fields struct {
	buf bytes.Buffer
	enc *msgpack.Encoder
}

func newFields() *fields {
	f := &fields{}
	f.enc = msgpack.NewEncoder(&f.buf)
	return f
}

func (f *fields) begin(n int) {
	f.buf.Reset()
	f.check(f.enc.EncodeArrayLen(n))
}

func (f *fields) uint(v uint64)   { f.check(f.enc.EncodeUint(v)) }
func (f *fields) int(v int64)     { f.check(f.enc.EncodeInt(v)) }
func (f *fields) string(v string) { f.check(f.enc.EncodeString(v)) }

func (f *fields) check(err error) {
	if err != nil {
		panic(fmt.Sprintf("encode a definition: %v", err))
	}
}

// log's result is good until the next call.
func (f *fields) log(r *logRecord) []byte {
	f.begin(7)
	f.uint(uint64(r.low))
	f.uint(uint64(r.next))
	f.int(r.count)
	f.int(r.bytes)
	f.uint(uint64(r.nextCursor))
	f.uint(uint64(r.gracePos))
	if r.graceUntil.IsZero() {
		f.int(0)
	} else {
		f.int(r.graceUntil.UnixNano())
	}
	return f.buf.Bytes()
}

// cursor's result is good until the next call.
func (f *fields) cursor(r *cursorRecord) []byte {
	f.begin(3)
	f.string(r.name)
	f.uint(uint64(r.start))
	f.uint(uint64(r.floor))
	return f.buf.Bytes()
}

// fieldReader reads such an array and remembers its first error.
type fieldReader struct {
	dec  *msgpack.Decoder
	left int
	err  error
}

func readFields(b []byte) *fieldReader {
	r := &fieldReader{dec: msgpack.NewDecoder(bytes.NewReader(b))}
	r.left, r.err = r.dec.DecodeArrayLen()
	return r
}

func (r *fieldReader) more() bool {
	if r.err != nil || r.left <= 0 {
		return false
	}
	r.left--
	return true
}

func (r *fieldReader) uint() (v uint64) {
	if r.more() {
		v, r.err = r.dec.DecodeUint64()
	}
	return v
}

func (r *fieldReader) int() (v int64) {
	if r.more() {
		v, r.err = r.dec.DecodeInt64()
	}
	return v
}

func (r *fieldReader) string() (v string) {
	if r.more() {
		v, r.err = r.dec.DecodeString()
	}
	return v
}

func parseLogRecord(b []byte) (logRecord, error) {
	r := readFields(b)
	rec := logRecord{
		low:        persistence.Position(r.uint()),
		next:       persistence.Position(r.uint()),
		count:      r.int(),
		bytes:      r.int(),
		nextCursor: cursorID(r.uint()),
		gracePos:   persistence.Position(r.uint()),
	}
	if until := r.int(); until != 0 {
		rec.graceUntil = time.Unix(0, until)
	}
	return rec, r.err
}

func parseCursorRecord(b []byte) (cursorRecord, error) {
	r := readFields(b)
	rec := cursorRecord{
		name:  r.string(),
		start: persistence.Position(r.uint()),
		floor: persistence.Position(r.uint()),
	}
	return rec, r.err
}
