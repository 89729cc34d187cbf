package engine

import (
	"slices"
)

// handles finds the link of a handle. Small and dense numbers, which is what clients choose, live in a slice that doubles
// when it is half full; a number that a peer throws far ahead costs one map entry and not the slice up to it.
type handles struct {
	dense  []*Link
	sparse map[uint32]*Link
	used   int // of dense
}

func (h *handles) get(n uint32) *Link {
	if uint64(n) < uint64(len(h.dense)) {
		return h.dense[n]
	}
	return h.sparse[n]
}

// put: n is not in use.
func (h *handles) put(n uint32, l *Link) {
	for uint64(n) >= uint64(len(h.dense)) && uint64(n) < uint64(max(8, 2*len(h.dense))) && 2*h.used >= len(h.dense) {
		h.grow()
	}
	if uint64(n) < uint64(len(h.dense)) {
		h.dense[n] = l
		h.used++
		return
	}
	if h.sparse == nil {
		h.sparse = make(map[uint32]*Link)
	}
	h.sparse[n] = l
}

// grow doubles the slice and brings home what was beyond it.
func (h *handles) grow() {
	h.dense = append(h.dense, make([]*Link, max(8, len(h.dense)))...)
	for n, l := range h.sparse {
		if uint64(n) < uint64(len(h.dense)) {
			h.dense[n] = l
			h.used++
			delete(h.sparse, n)
		}
	}
}

func (h *handles) remove(n uint32) {
	if uint64(n) >= uint64(len(h.dense)) {
		delete(h.sparse, n)
		return
	}
	if h.dense[n] != nil {
		h.dense[n] = nil
		h.used--
	}
}

// free finds the lowest number not in use, up to highest. Only for peers whose own number can not be mirrored.
func (h *handles) free(highest uint32) (n uint32, ok bool) {
	if i := slices.Index(h.dense, nil); i >= 0 {
		return uint32(i), uint32(i) <= highest
	}
	for n = uint32(len(h.dense)); h.sparse[n] != nil; n++ {
	}
	return n, n <= highest
}
