package engine

import (
	"slices"

	"hibachi/links/amqp"
)

// delivery is one that is not settled yet, in either direction.
type delivery struct {
	link  *Link               // nil: nothing is held in this place
	ref   uint64              // of ours: the caller's own number
	state *amqp.DeliveryState // of the peer's, once answered: the outcome if it has more than a kind
	size  uint32              // of ours: octets
	kind  amqp.StateKind      // of the peer's, once answered: the outcome
	whole bool                // of the peer's: the last transfer came
	done  bool                // of the peer's: answered
}

// held tells that somebody still has to settle this one. When a link goes, its deliveries are not looked for: they stop
// being held, and their places are freed when the table comes by.
func (d *delivery) held() bool { return d.link != nil && !d.link.forgotten }

// unsettled holds the deliveries of one direction of a session by delivery-id. Ids are dense, so it is a ring of a power of
// two, [head, tail); to find one is an index, and a disposition walks the part of its range that is inside, never the
// range that the peer claims [transport 2.7.6].
//
// One delivery that is never settled must not make the ring as long as all that came after it (on a router's session, one
// hung client among thousands): a full ring of which less than half is held puts what is held in its older half aside,
// into a map, and goes on. So its size is O(held), and a place is moved at most once.
type unsettled struct {
	ring       []delivery
	head, tail amqp.SequenceNo
	aside      map[amqp.SequenceNo]*delivery
}

const smallestRing = 8

// begin sets the first id. Only while empty.
func (u *unsettled) begin(id amqp.SequenceNo) { u.head, u.tail = id, id }

func (u *unsettled) at(id amqp.SequenceNo) *delivery {
	return &u.ring[uint32(id)&uint32(len(u.ring)-1)]
}

// push gives the next id to d and returns it.
func (u *unsettled) push(d delivery) amqp.SequenceNo {
	if int(u.tail.Sub(u.head)) == len(u.ring) {
		u.makeRoom()
	}
	id := u.tail
	*u.at(id) = d
	u.tail = id.Add(1)
	if !d.held() {
		u.trim()
	}
	return id
}

// get finds a delivery that is held, nil if id is not.
func (u *unsettled) get(id amqp.SequenceNo) *delivery {
	if u.inRing(id) {
		if d := u.at(id); d.held() {
			return d
		}
		return nil
	}
	if d := u.aside[id]; d != nil && d.held() {
		return d
	}
	return nil
}

func (u *unsettled) inRing(id amqp.SequenceNo) bool {
	return uint32(id)-uint32(u.head) < uint32(u.tail)-uint32(u.head)
}

// free lets go of id.
func (u *unsettled) free(id amqp.SequenceNo) {
	if !u.inRing(id) {
		delete(u.aside, id)
		return
	}
	*u.at(id) = delivery{}
	u.trim()
}

// trim moves head past what is not held.
func (u *unsettled) trim() {
	for u.head != u.tail && !u.at(u.head).held() {
		*u.at(u.head) = delivery{}
		u.head = u.head.Add(1)
	}
}

// makeRoom is called when the ring is full.
func (u *unsettled) makeRoom() {
	u.trim()
	n := len(u.ring)
	if int(u.tail.Sub(u.head)) < n {
		return
	}
	if n >= 8*smallestRing && u.count() <= n/2 {
		u.putAside(u.head.Add(uint32(n / 2)))
		return
	}
	old := *u
	u.ring = make([]delivery, max(smallestRing, 2*n))
	for id := u.head; id != u.tail; id = id.Add(1) {
		*u.at(id) = *old.at(id)
	}
}

// count is how many of the ring are held.
func (u *unsettled) count() (n int) {
	for i := range u.ring {
		if u.ring[i].held() {
			n++
		}
	}
	return n
}

// putAside empties the ring up to end, and sweeps the map of what is no longer held.
func (u *unsettled) putAside(end amqp.SequenceNo) {
	u.sweep()
	for ; u.head != end; u.head = u.head.Add(1) {
		d := u.at(u.head)
		if d.held() {
			if u.aside == nil {
				u.aside = make(map[amqp.SequenceNo]*delivery)
			}
			kept := *d
			u.aside[u.head] = &kept
		}
		*d = delivery{}
	}
	u.trim()
}

// sweep drops what is aside and no longer held.
func (u *unsettled) sweep() {
	for id, d := range u.aside {
		if !d.held() {
			delete(u.aside, id)
		}
	}
	if len(u.aside) == 0 {
		u.aside = nil
	}
}

// each calls f, in order, for what is held of first to last inclusive; f may free it. A last before first, in the arithmetic
// of RFC 1982, is an empty range.
func (u *unsettled) each(first, last amqp.SequenceNo, f func(amqp.SequenceNo, *delivery)) {
	if last.Less(first) {
		return
	}
	if len(u.aside) > 0 {
		u.eachAside(first, last, f)
	}
	base, n := u.head, int64(u.tail.Sub(u.head)) // f moves head
	from := int64(first.Sub(base))
	to := min(from+int64(last.Sub(first)), n-1)
	for i := max(from, 0); i <= to; i++ {
		id := base.Add(uint32(i))
		if d := u.at(id); d.held() {
			f(id, d)
		}
	}
}

// eachAside looks up each of the range, or all that is aside, whichever is less.
func (u *unsettled) eachAside(first, last amqp.SequenceNo, f func(amqp.SequenceNo, *delivery)) {
	span := uint32(last) - uint32(first)
	var ids []amqp.SequenceNo
	if int64(span) < int64(len(u.aside)) {
		for id := first; !last.Less(id); id = id.Add(1) {
			if u.aside[id] != nil {
				ids = append(ids, id)
			}
		}
	} else {
		for id := range u.aside {
			if uint32(id)-uint32(first) <= span {
				ids = append(ids, id)
			}
		}
		slices.SortFunc(ids, func(a, b amqp.SequenceNo) int { return int(a.Sub(b)) })
	}
	for _, id := range ids {
		if d := u.aside[id]; d.held() {
			f(id, d)
		}
	}
}

// shrink gives back the memory of a burst.
func (u *unsettled) shrink() {
	u.trim()
	u.sweep()
	if u.head == u.tail && len(u.ring) > smallestRing {
		u.ring = nil
	}
}
