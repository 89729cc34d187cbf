package links

import (
	"bytes"
	"math/rand/v2"
	"testing"
)

// TestInputGivesEveryOctetOnce feeds frames of all sizes in pieces of all sizes.
func TestInputGivesEveryOctetOnce(t *testing.T) {
	for seed := range uint64(20) {
		r := rand.New(rand.NewPCG(seed, 2))
		var got []byte
		var sizes []int // of frames
		total := 0
		for range 50 {
			size := 1 + r.IntN([]int{10, 5000, 70_000, 200_000}[r.IntN(4)])
			sizes = append(sizes, size)
			total += size
		}
		sent := make([]byte, total)
		rand.NewChaCha8([32]byte{byte(seed)}).Read(sent)
		in := newInput()
		for rest := sent; len(rest) > 0; {
			n := copy(in.free(), rest[:min(len(rest), 1+r.IntN(100_000))])
			if n == 0 {
				t.Fatal("no room to read into")
			}
			rest = rest[n:]
			b := in.filled(n)
			used, need := 0, 0
			for len(sizes) > 0 && len(b)-used >= sizes[0] {
				used += sizes[0]
				sizes = sizes[1:]
			}
			if len(b) > used && r.IntN(2) == 0 { // its size is known once its header is there
				need = sizes[0]
			}
			got = append(got, b[:used]...)
			in.consumed(used, need)
			if need > 0 && len(in.buf) < need {
				t.Fatalf("a frame of %d does not fit a buffer of %d", need, len(in.buf))
			}
		}
		if !bytes.Equal(sent, got) {
			t.Fatalf("seed %d: octets were lost or changed", seed)
		}
		in.release()
	}
}

func TestFullReadIsFollowedByALargeOne(t *testing.T) {
	in := newInput()
	in.filled(smallInput)
	in.consumed(smallInput, 0)
	if len(in.free()) != slabSize {
		t.Errorf("room for %d octets", len(in.free()))
	}
	in.release()
}

func TestParkedReaderHoldsLittle(t *testing.T) {
	in := newInput()
	read := func(n int) {
		for n > 0 {
			k := min(n, len(in.free()))
			n -= k
			in.filled(k)
			in.consumed(in.have, 0)
		}
	}
	for _, n := range []int{1, smallInput - 1, smallInput + 1, 100_000, slabSize + smallInput, 1_000_000} {
		read(n)
		if in.slab == nil && len(in.buf) != smallInput {
			t.Errorf("after %d octets it holds %d", n, len(in.buf))
		}
		for in.slab != nil { // the read that filled the buffer is followed by one that does not
			read(1)
		}
		if len(in.buf) != smallInput {
			t.Errorf("after %d octets and a short read it holds %d", n, len(in.buf))
		}
	}
}
