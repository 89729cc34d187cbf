package broker

import (
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"hibachi/persistence"
)

func TestFloorNeverFalls(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 1))
	var o opens
	var last, scan persistence.Position
	open := make(map[persistence.Position]bool)
	for range 20_000 {
		if rnd.IntN(3) > 0 {
			scan += persistence.Position(1 + rnd.IntN(40)) // positions have gaps
			o.open(scan)
			open[scan] = true
		} else {
			drop := 1 + rnd.IntN(3)
			if rnd.IntN(500) == 0 {
				drop = len(open)
			}
			for p := range open {
				if drop--; drop < 0 {
					break
				}
				o.done(p)
				delete(open, p)
			}
		}
		floor := o.advance(scan)
		if floor < last {
			t.Fatalf("the floor fell from %d to %d", last, floor)
		}
		last = floor
		if o.total != len(open) {
			t.Fatalf("%d are open, not %d", len(open), o.total)
		}
		if len(open) == 0 && floor != scan {
			t.Fatalf("nothing is open up to %d, but the floor is %d", scan, floor)
		}
	}
	for p := range open {
		if p <= last {
			t.Fatalf("%d is open, below the floor %d", p, last)
		}
	}
	least := slices.Min(keys(open))
	if distance := least - last; distance > 2<<chunkBits {
		t.Errorf("the floor is %d below what is open", distance)
	}
}

func keys(m map[persistence.Position]bool) (all []persistence.Position) {
	for p := range m {
		all = append(all, p)
	}
	return all
}

func TestPositions(t *testing.T) {
	rnd := rand.New(rand.NewPCG(2, 2))
	var q positions
	var model []persistence.Position
	for i := range 20_000 {
		switch n := rnd.IntN(100); {
		case n < 52:
			q.push(persistence.Position(i))
			model = append(model, persistence.Position(i))
		case n < 99 && len(model) > 0:
			q.pop()
			model = model[1:]
		case len(model) > 1:
			keep := 1 + rnd.IntN(len(model)-1)
			if dropped := q.cut(keep); dropped != model[keep] {
				t.Fatalf("cut to %d dropped from %d on, want %d", keep, dropped, model[keep])
			}
			model = model[:keep]
		}
		if q.n != len(model) || q.n > 0 && q.first != model[0] {
			t.Fatalf("%d positions from %d on, want %v", q.n, q.first, model)
		}
	}
}

func TestAccount(t *testing.T) {
	pool := &memory{limit: 4 * memoryBlock}
	a, b := account{pool: pool}, account{pool: pool}
	if !a.charge(memoryMinimum) || pool.used.Load() != 0 {
		t.Error("the minimum is free")
	}
	if !a.charge(3*memoryBlock+1) || pool.used.Load() != 4*memoryBlock {
		t.Errorf("%d bytes of the pool are taken", pool.used.Load())
	}
	if !b.charge(memoryMinimum) {
		t.Error("another has its minimum in any case")
	}
	before := b.used
	if b.charge(1) || b.used != before {
		t.Error("the pool gave more than it has, or a refusal was charged")
	}
	b.force(memoryBlock)
	if pool.used.Load() != 5*memoryBlock {
		t.Errorf("what is forced is not counted: %d", pool.used.Load())
	}
	b.refund(b.used)
	a.refund(3 * memoryBlock)
	if !b.charge(memoryMinimum + 1) {
		t.Error("what was given back is not there")
	}
	a.refund(a.used)
	b.refund(b.used)
	if pool.used.Load() != 0 {
		t.Errorf("%d bytes are taken by nobody", pool.used.Load())
	}
}

func TestDetachedConsumerWaitsNoMore(t *testing.T) {
	var w waiters
	a, b := &Consumer{}, &Consumer{}
	w.join(a)
	w.join(b)
	w.join(a)
	w.leaveForGood(a)
	w.join(a) // a Take that was under way
	if c := w.pop(); c != b {
		t.Error("the one that waits was not found")
	}
	if c := w.pop(); c != nil {
		t.Error("somebody waits twice, or after it was detached")
	}
}

func TestSizer(t *testing.T) {
	z := newSizer()
	big := []persistence.Record{{Body: make([]byte, 1<<20)}}
	small := []persistence.Record{{Body: make([]byte, 1000)}}
	z.observe(big)
	if n := z.fits(4 << 20); n != 4 {
		t.Errorf("%d bodies of 1 MiB in 4 MiB", n)
	}
	if n := z.fits(0); n != 1 {
		t.Errorf("%d bodies where there is no room: one must go", n)
	}
	for range 1000 {
		z.observe(small)
	}
	if n := z.fits(4 << 20); n != fetchMax {
		t.Errorf("%d small bodies in 4 MiB", n)
	}
}

func TestEnvelope(t *testing.T) {
	coder := envelopeCoders.Get().(*envelopeCoder)
	for _, e := range []envelope{
		{},
		{arrived: time.UnixMilli(1_700_000_000_000), device: "d"},
		{arrived: time.UnixMilli(1), expires: time.UnixMilli(1<<50 + 7), device: strings.Repeat("ü", 500)},
	} {
		b, err := e.encode()
		if err != nil {
			t.Fatal(err)
		}
		got, err := coder.decode(b)
		if err != nil || !got.arrived.Equal(e.arrived) || !got.expires.Equal(e.expires) || got.device != e.device {
			t.Errorf("%+v became %+v, %v", e, got, err)
		}
		for n := range b {
			if _, err := coder.decode(b[:n]); !errors.Is(err, errEnvelope) {
				t.Errorf("the first %d bytes: %v", n, err)
			}
		}
		b[1] = envelopeVersion + 1
		if _, err := coder.decode(b); !errors.Is(err, errEnvelope) {
			t.Errorf("a later version: %v", err)
		}
	}
	// With more elements than we know.
	later := append([]byte{0x95, 1, 7, 0, 0xa1, 'd'}, 0xc0)
	if e, err := coder.decode(later); err != nil || e.device != "d" || e.arrived.UnixMilli() != 7 {
		t.Errorf("an envelope with one element more: %+v, %v", e, err)
	}
}

// The hash is on disk: it must not change.
func TestLaneOf(t *testing.T) {
	for device, want := range map[string]persistence.Lane{
		"":                         0xacb6e39f24c235a3,
		"4711":                     0x18fd83ebe06b0a3,
		strings.Repeat("long", 20): 0xd653152dac497403,
	} {
		if got := laneOf(device); got != want {
			t.Errorf("lane of %q is %#x, want %#x", device, got, want)
		}
	}
}
