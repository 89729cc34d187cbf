package engine

import (
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"hibachi/links/amqp"
)

// TestUnsettledAgainstModel drives the table beside a map: random pushes, settlements and ranges, around the wrap of the ids, with
// a few deliveries that nobody settles.
func TestUnsettledAgainstModel(t *testing.T) {
	for seed := range uint64(30) {
		rng := rand.New(rand.NewPCG(seed, 1))
		link := &Link{}
		var u unsettled
		next := amqp.SequenceNo(0) - amqp.SequenceNo(rng.IntN(500))
		u.begin(next)
		model := map[amqp.SequenceNo]uint64{}
		for range 3000 {
			switch rng.IntN(10) {
			case 0, 1, 2, 3, 4:
				d := delivery{link: link, ref: rng.Uint64()}
				if rng.IntN(8) == 0 {
					d.link = nil
				} else {
					model[next] = d.ref
				}
				if id := u.push(d); id != next {
					t.Fatalf("seed %d: id %d, want %d", seed, id, next)
				}
				next = next.Add(1)
			case 5, 6, 7:
				id := next.Add(-uint32(rng.IntN(40)))
				if d := u.get(id); (d != nil) != has(model, id) || d != nil && d.ref != model[id] {
					t.Fatalf("seed %d: get %d: %v, model %v", seed, id, d, model[id])
				}
				u.free(id)
				delete(model, id)
			case 8:
				checkRange(t, &u, model, next.Add(-uint32(rng.IntN(600))), uint32(rng.IntN(700)))
			case 9:
				if rng.IntN(20) == 0 {
					u.shrink()
				}
			}
		}
		checkRange(t, &u, model, next.Add(1<<31), 1<<31-1)
		if len(u.ring) > 8*smallestRing && len(u.ring) > 8*len(model) {
			t.Errorf("seed %d: a ring of %d for %d deliveries", seed, len(u.ring), len(model))
		}
	}
}

func has(m map[amqp.SequenceNo]uint64, id amqp.SequenceNo) bool { _, ok := m[id]; return ok }

// checkRange compares what a range holds, in order.
func checkRange(t *testing.T, u *unsettled, model map[amqp.SequenceNo]uint64, first amqp.SequenceNo, span uint32) {
	t.Helper()
	var got, want []amqp.SequenceNo
	u.each(first, first.Add(span), func(id amqp.SequenceNo, d *delivery) {
		if d.ref != model[id] {
			t.Fatalf("delivery %d has ref %d, want %d", id, d.ref, model[id])
		}
		got = append(got, id)
	})
	for id := range maps.Keys(model) {
		if uint32(id-first) <= span {
			want = append(want, id)
		}
	}
	slices.SortFunc(want, bySequence)
	if !slices.Equal(got, want) {
		t.Fatalf("range %d +%d: got %v, want %v", first, span, got, want)
	}
}

// TestHungDeliveryDoesNotGrowTheTable: one delivery is never settled while a million pass by.
func TestHungDeliveryDoesNotGrowTheTable(t *testing.T) {
	var u unsettled
	link := &Link{}
	u.push(delivery{link: link, ref: 7})
	for range 1_000_000 {
		u.free(u.push(delivery{link: link}))
	}
	if len(u.ring) > 8*smallestRing || len(u.aside) > 1 {
		t.Errorf("a ring of %d and %d aside for one delivery", len(u.ring), len(u.aside))
	}
	if d := u.get(0); d == nil || d.ref != 7 {
		t.Errorf("the delivery is lost: %v", d)
	}
}

// TestForgottenLinksFreeTheirPlaces: a link that goes takes its deliveries with it, without anybody walking them.
func TestForgottenLinksFreeTheirPlaces(t *testing.T) {
	var u unsettled
	for range 1000 {
		link := &Link{}
		for range 100 {
			u.push(delivery{link: link})
		}
		link.forgotten = true
	}
	if len(u.ring) > 512 {
		t.Errorf("a ring of %d for nothing", len(u.ring))
	}
	u.shrink()
	if u.ring != nil {
		t.Errorf("a ring of %d after shrink", len(u.ring))
	}
}

// TestHandles holds the table to a map, with numbers near and far.
func TestHandles(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	var h handles
	model := map[uint32]*Link{}
	for range 20000 {
		n := uint32(rng.IntN(200))
		if rng.IntN(4) == 0 {
			n = uint32(rng.IntN(70000))
		}
		if h.get(n) != model[n] {
			t.Fatalf("get %d", n)
		}
		if model[n] == nil {
			model[n] = &Link{}
			h.put(n, model[n])
		} else {
			delete(model, n)
			h.remove(n)
		}
	}
	for n, l := range model {
		if h.get(n) != l {
			t.Fatalf("get %d", n)
		}
	}
	if used := len(h.dense) - count(h.dense, nil); h.used != used {
		t.Errorf("used is %d, counted %d", h.used, used)
	}
	n, ok := h.free(1 << 20)
	for i := range n {
		if model[i] == nil {
			t.Fatalf("%d is free, and %d was found", i, n)
		}
	}
	if !ok || model[n] != nil {
		t.Fatalf("free: %d, %v", n, ok)
	}
}

func count[T comparable](list []T, v T) (n int) {
	for _, x := range list {
		if x == v {
			n++
		}
	}
	return n
}

// TestFarHandleIsCheap: one handle at the end of the range does not make a table up to it.
func TestFarHandleIsCheap(t *testing.T) {
	var h handles
	h.put(65535, &Link{})
	if len(h.dense) > 8 {
		t.Errorf("a table of %d for one link", len(h.dense))
	}
	for n := range uint32(65535) {
		h.put(n, &Link{})
	}
	if h.get(65535) == nil || len(h.sparse) > 0 {
		t.Errorf("the far one did not come home: %d are outside", len(h.sparse))
	}
}
