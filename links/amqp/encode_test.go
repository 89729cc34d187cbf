package amqp

import (
	"bytes"
	"encoding/hex"
	"math"
	"strings"
	"testing"
	"time"
)

// TestSmallestEncoding: at every limit the smaller constructor, and one above it the larger.
func TestSmallestEncoding(t *testing.T) {
	s255, s256 := strings.Repeat("a", 255), strings.Repeat("a", 256)
	x255, x256 := strings.Repeat("61", 255), strings.Repeat("61", 256)
	for _, c := range []struct {
		value any
		want  string
	}{
		{nil, "40"},
		{true, "41"},
		{false, "42"},
		{uint8(0), "5000"},
		{uint16(1), "600001"},
		{uint32(0), "43"},
		{uint32(255), "52ff"},
		{uint32(256), "7000000100"},
		{SequenceNo(math.MaxUint32), "70ffffffff"},
		{uint64(0), "44"},
		{uint64(255), "53ff"},
		{uint64(256), "800000000000000100"},
		{uint(1), "5301"},
		{int8(-1), "51ff"},
		{int16(-1), "61ffff"},
		{int32(127), "547f"},
		{int32(128), "7100000080"},
		{int32(-128), "5480"},
		{int32(-129), "71ffffff7f"},
		{int64(-128), "5580"},
		{int64(-129), "81ffffffffffffff7f"},
		{128, "810000000000000080"},
		{float32(1.5), "723fc00000"},
		{1.5, "823ff8000000000000"},
		{time.UnixMilli(-1), "83ffffffffffffffff"},
		{[16]byte{1}, "9801000000000000000000000000000000"},
		{[]byte{}, "a000"},
		{"", "a100"},
		{s255, "a1ff" + x255},
		{s256, "b100000100" + x256},
		{Symbol(s255), "a3ff" + x255},
		{Symbol(s256), "b300000100" + x256},
		{[]byte(s256), "b000000100" + x256},
		{[]Symbol{}, "e00200a3"},
		{[]Symbol{"a", "bc"}, "e00702a3016102" + "6263"},
		{[]Symbol{Symbol(s256)}, "f000000109" + "00000001" + "b3" + "00000100" + x256},
		{[]any{}, "45"},
		{[]any{nil, true}, "c0030240" + "41"},
		{[]any{[]byte(s255[:252])}, "c0ff01a0fc" + x255[:2*252]},
		{[]any{[]byte(s255[:253])}, "d00000010300000001a0fd" + x255[:2*253]},
		{make([]any, 254), "c0fffe" + strings.Repeat("40", 254)},
		{make([]any, 255), "d000000103000000ff" + strings.Repeat("40", 255)},
		{DeliveryState{Kind: Accepted}, "00532445"},
		{DeliveryState{}, "40"},
		{Raw(nil), "40"},
		{Raw{ctorTrue}, "41"},
		{MakeMap(), "c10100"},
		{MakeMap("a", 1), "c10602a10161" + "5501"},
		{MakeDescribed(uint64(1), "a"), "005301a10161"},
	} {
		got := Make(c.value)
		if hex.EncodeToString(got) != c.want {
			t.Errorf("%v: %x, want %s", got, []byte(got), c.want)
		}
		if _, rest, err := ParseValue(got); err != nil || len(rest) != 0 {
			t.Errorf("%v: parsed again: %d bytes left, %v", got, len(rest), err)
		}
	}
	if got := AppendChar(AppendNull(nil), 'A'); !bytes.Equal(got, []byte{0x40, 0x73, 0, 0, 0, 'A'}) {
		t.Errorf("null and a char: %x", got)
	}
}

func TestMakeRefusesOtherTypes(t *testing.T) {
	for name, f := range map[string]func(){
		"struct":  func() { Make(struct{}{}) },
		"odd map": func() { MakeMap("key") },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: no panic", name)
				}
			}()
			f()
		}()
	}
}

// TestCompositeGrows: a composite is written with a small header and widened when its content turns out large, on
// either side of the limit and behind other bytes.
func TestCompositeGrows(t *testing.T) {
	for n := 240; n < 270; n++ {
		want := Error{Condition: "x", Description: strings.Repeat("d", n)}
		b := want.Append([]byte("before"))
		r := listReader(codeError, b, len("before")+3, len(b), 1)
		var got Error
		got.parse(&r)
		if r.err != nil || r.end != len(b) || got.Description != want.Description || string(b[:6]) != "before" {
			t.Fatalf("%d bytes of description: %v %v", n, r.err, got)
		}
		small := b[len("before")+3] == ctorList8
		if fits := 1+3+2+n <= math.MaxUint8; n <= math.MaxUint8 && small != fits {
			t.Errorf("%d bytes of description: small=%v", n, small)
		}
	}
}
