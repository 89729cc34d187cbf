package amqp

import "encoding/binary"

// Protocol headers, 8 bytes each. [transport 2.2]
var (
	HeaderAMQP = [8]byte{'A', 'M', 'Q', 'P', 0, 1, 0, 0}
	HeaderTLS  = [8]byte{'A', 'M', 'Q', 'P', 2, 1, 0, 0}
	HeaderSASL = [8]byte{'A', 'M', 'Q', 'P', 3, 1, 0, 0}
)

const (
	FrameHeaderSize = 8   // bytes
	MinMaxFrameSize = 512 // bytes: every peer takes frames of this size [transport 2.7.1]
	TypeAMQP        = 0
	TypeSASL        = 1
)

// FrameHeader is the fixed part of a frame. [transport 2.3.1]
type FrameHeader struct {
	Size       uint32 // bytes of the whole frame, this header included
	DataOffset uint8  // of the body, in 4-byte words
	Type       uint8
	Channel    uint16
}

// ParseFrameHeader reads the first 8 bytes of b (it has at least 8) and checks size >= 8, 2 <= doff, 4*doff <= size, and
// that the type is AMQP or SASL. Whether the size is more than was agreed is the caller's to check, before it waits for the rest.
func ParseFrameHeader(b []byte) (FrameHeader, error) {
	h := FrameHeader{
		Size:       binary.BigEndian.Uint32(b),
		DataOffset: b[4],
		Type:       b[5],
		Channel:    binary.BigEndian.Uint16(b[6:]),
	}
	switch {
	case h.Size < FrameHeaderSize:
		return h, badFrame(0, "frame's size is less than its header's")
	case h.DataOffset < 2:
		return h, badFrame(4, "frame's data offset is inside its header")
	case 4*uint32(h.DataOffset) > h.Size:
		return h, badFrame(4, "frame's data offset is behind its end")
	case h.Type > TypeSASL:
		return h, badFrame(5, "frame is neither of AMQP nor of SASL type")
	}
	return h, nil
}

func badFrame(offset int, what string) error {
	return &DecodeError{Condition: ErrFraming, What: what, Offset: offset}
}

// Body is what a frame carries: a performative or a SASL body. The types of this package that have these methods by
// pointer are all there are; switch on *Open, *Begin, ...
type Body interface {
	// Append encodes the body behind dst.
	Append(dst []byte) []byte
	// Name is the specification's: "open", "sasl-init".
	Name() string
	// String shows all set fields for people, in the specification's order: `attach name=c1 handle=0 role=receiver source={address=event/t}`.
	String() string
}

// AppendFrame puts one whole frame behind dst. body nil is an empty frame (heartbeat). payload goes behind a transfer.
// It allocates nothing but room in dst. What body points to goes to the heap, though: keep one and use it again.
func AppendFrame(dst []byte, typ uint8, channel uint16, body Body, payload []byte) []byte {
	start := len(dst)
	dst = append(dst, 0, 0, 0, 0, 2, typ, byte(channel>>8), byte(channel))
	if body != nil {
		dst = body.Append(dst)
	}
	dst = append(dst, payload...)
	EndFrame(dst, start)
	return dst
}

// EndFrame corrects the size of the frame that begins at dst[start] to reach to the end of dst: for a payload that comes in
// pieces, appended behind what AppendFrame gave.
func EndFrame(dst []byte, start int) {
	binary.BigEndian.PutUint32(dst[start:], uint32(len(dst)-start))
}
