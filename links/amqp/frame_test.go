package amqp

import (
	"bytes"
	"testing"
)

func TestParseFrameHeader(t *testing.T) {
	h, err := ParseFrameHeader(unhex(t, "00000010 04 01 0102"))
	if want := (FrameHeader{Size: 16, DataOffset: 4, Type: TypeSASL, Channel: 0x102}); err != nil || h != want {
		t.Errorf("%+v %v", h, err)
	}
	for _, c := range []struct {
		hex, what string
		offset    int
	}{
		{"00000000 02 00 0000", "size", 0},
		{"00000007 02 00 0000", "size", 0},
		{"00000008 00 00 0000", "inside its header", 4},
		{"00000008 01 00 0000", "inside its header", 4},
		{"00000008 03 00 0000", "behind its end", 4},
		{"000003fb ff 00 0000", "behind its end", 4},
		{"00000008 02 02 0000", "neither of AMQP nor of SASL", 5},
	} {
		_, err := ParseFrameHeader(unhex(t, c.hex))
		checkError(t, c.hex, err, ErrFraming, c.what, c.offset)
	}
	if _, err := ParseFrameHeader(unhex(t, "000003fc ff 00 0000")); err != nil {
		t.Errorf("the largest data offset: %v", err)
	}
}

func TestAppendFrame(t *testing.T) {
	dst := []byte("before")
	dst = AppendFrame(dst, TypeAMQP, 0x102, nil, nil)
	start := len(dst)
	dst = AppendFrame(dst, TypeAMQP, 1, &Transfer{Handle: 7}, []byte("head"))
	dst = append(dst, "body"...)
	EndFrame(dst, start)
	want := append([]byte("before"), unhex(t, "00000008 02 00 0102  00000018 02 00 0001 005314c0030152 07")...)
	want = append(want, "headbody"...)
	if !bytes.Equal(dst, want) {
		t.Errorf("%x\nwant\n%x", dst, want)
	}
}

func TestEmptyFrame(t *testing.T) {
	var d Decoder
	for _, sasl := range []bool{false, true} {
		if body, payload, err := d.Decode(nil, sasl); body != nil || payload != nil || err != nil {
			t.Errorf("%v %x %v", body, payload, err)
		}
	}
}
