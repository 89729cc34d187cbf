package broker

import (
	"bytes"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/vmihailenco/msgpack/v5"
)

// envelope is what the broker writes in front of a message: msgpack, an array of
//
//	version (1), arrival in ms since 1970, expiry in ms since 1970 (0: never), device id
//
// A later version may append elements; a reader skips those that it does not know as long as the version is 1.
type envelope struct {
	arrived time.Time
	expires time.Time // zero: never
	device  string
}

const (
	envelopeVersion = 1
	envelopeFields  = 4
	maxDevice       = 32 << 10 // so that the envelope stays far below the store's limit of 64 KiB
)

var errEnvelope = errors.New("the envelope cannot be read")

// envelopeCoder is one encoder and one decoder with their buffers, which are worth keeping.
type envelopeCoder struct {
	out bytes.Buffer
	in  bytes.Reader
	enc *msgpack.Encoder
	dec *msgpack.Decoder
}

var envelopeCoders = sync.Pool{New: func() any {
	c := new(envelopeCoder)
	c.enc = msgpack.NewEncoder(&c.out)
	c.enc.UseCompactInts(true)
	c.dec = msgpack.NewDecoder(&c.in)
	return c
}}

// encode gives the bytes in a slice of their own.
func (e envelope) encode() ([]byte, error) {
	c := envelopeCoders.Get().(*envelopeCoder)
	defer envelopeCoders.Put(c)
	c.out.Reset()
	err := errors.Join(
		c.enc.EncodeArrayLen(envelopeFields),
		c.enc.EncodeInt(envelopeVersion),
		c.enc.EncodeInt(millis(e.arrived)),
		c.enc.EncodeInt(millis(e.expires)),
		c.enc.EncodeString(e.device),
	)
	return bytes.Clone(c.out.Bytes()), err
}

// decode reads an envelope; nothing of the result aliases b.
func (c *envelopeCoder) decode(b []byte) (envelope, error) {
	c.in.Reset(b)
	c.dec.ResetReader(&c.in)
	var e envelope
	n, err := c.dec.DecodeArrayLen()
	if err != nil {
		return e, fmt.Errorf("%w: %w", errEnvelope, err)
	}
	version, err := c.dec.DecodeInt()
	switch {
	case err != nil:
		return e, fmt.Errorf("%w: %w", errEnvelope, err)
	case version != envelopeVersion || n < envelopeFields:
		return e, fmt.Errorf("%w: version %d with %d elements", errEnvelope, version, n)
	}
	arrived, err1 := c.dec.DecodeInt64()
	expires, err2 := c.dec.DecodeInt64()
	device, err3 := c.dec.DecodeString()
	if err := errors.Join(err1, err2, err3); err != nil {
		return e, fmt.Errorf("%w: %w", errEnvelope, err)
	}
	return envelope{fromMillis(arrived), fromMillis(expires), device}, nil
}

func millis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

func fromMillis(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms)
}
