package wire

import (
	"encoding/binary"
	"fmt"
	"slices"
)

// Frame types [transport 2.3.1].
const (
	TypeAMQP = 0
	TypeSASL = 1
)

// Frame is one frame that came.
type Frame struct {
	Size    uint32
	Doff    byte
	Type    byte
	Channel uint16
	Body    *Composite // nil: an empty frame
	Payload []byte
	Octets  []byte // all of it
}

// AMQP builds a frame. The payload may be nil.
func AMQP(channel uint16, body *Composite, payload []byte) []byte {
	return RawFrame(2, TypeAMQP, channel, slices.Concat([]byte(body.Raw()), payload))
}

// SASL builds a SASL frame.
func SASL(body *Composite) []byte { return RawFrame(2, TypeSASL, 0, body.Raw()) }

// Empty is a frame without a body.
func Empty(channel uint16) []byte { return RawFrame(2, TypeAMQP, channel, nil) }

// RawFrame builds a frame of any type around any octets; the octets of an extended header (doff above 2) are 9.
func RawFrame(doff, typ byte, channel uint16, body []byte) []byte {
	ext := max(0, (int(doff)-2)*4)
	b := FrameHeader(uint32(8+ext+len(body)), doff, typ, channel)
	b = append(b, slices.Repeat([]byte{9}, ext)...)
	return append(b, body...)
}

// FrameHeader is the first eight octets of a frame, whether or not they make sense.
func FrameHeader(size uint32, doff, typ byte, channel uint16) []byte {
	b := binary.BigEndian.AppendUint32(nil, size)
	return binary.BigEndian.AppendUint16(append(b, doff, typ), channel)
}

// ParseFrame reads a whole frame strictly. With an error the frame holds what could be read.
func ParseFrame(octets []byte) (*Frame, error) {
	f := &Frame{Octets: octets}
	if len(octets) < 8 {
		return f, fmt.Errorf("a frame of %d octets", len(octets))
	}
	f.Size, f.Doff, f.Type = binary.BigEndian.Uint32(octets), octets[4], octets[5]
	if f.Type == TypeAMQP {
		f.Channel = binary.BigEndian.Uint16(octets[6:])
	}
	switch {
	case int(f.Size) != len(octets):
		return f, fmt.Errorf("frame size %d for %d octets", f.Size, len(octets))
	case f.Doff < 2 || int(f.Doff)*4 > len(octets):
		return f, fmt.Errorf("data offset %d in a frame of %d octets", f.Doff, f.Size)
	case f.Type > TypeSASL:
		return f, fmt.Errorf("frame type %#02x", f.Type)
	}
	body := octets[int(f.Doff)*4:]
	if len(body) == 0 {
		return f, nil
	}
	first, rest, err := Split(body)
	if err != nil {
		return f, err
	}
	f.Body, err = ParseComposite(first)
	f.Payload = rest
	if err != nil {
		return f, err
	}
	if inSASL := f.Body.Kind.Code>>4 == 4; inSASL != (f.Type == TypeSASL) {
		return f, fmt.Errorf("%s in a frame of type %d", f.Body.Kind.Name, f.Type)
	}
	if len(rest) > 0 && f.Body.Kind != Transfer {
		return f, fmt.Errorf("%d octets behind %s", len(rest), f.Body.Kind.Name)
	}
	return f, nil
}

// Is tells whether the frame has a body of one of the kinds.
func (f *Frame) Is(kinds ...*Kind) bool {
	return f != nil && f.Body != nil && slices.Contains(kinds, f.Body.Kind)
}
