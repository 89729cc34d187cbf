package broker

import "hibachi/persistence"

// laneState says where the first event of a lane is.
type laneState uint8

const (
	idle    laneState = iota // no event at hand: all that is left of the lane is spilled
	ready                    // it may be handed out, but its body is not in memory
	loading                  // its body is being read
	loaded                   // it may be handed out
	out                      // a consumer has it
	waiting                  // it was returned and backs off
	aside                    // it may be handed out, but not to whoever came so far (aside.go)
	burying                  // its dead letter is on its way to the disk (burial.go)
	parked                   // it is held until an operator lets it go
	behind                   // of an unordered ledger: it was returned, and comes after all others
)

// lane is the events of one device (or of a few, see laneOf) that one application has not done with.
//
// q holds the first of them, oldest first; also the one that is out. If spilled, there may be more: at positions above after, up to the
// ledger's scan, that were looked at and forgotten. Without q and not spilled a lane does not exist.
type lane struct {
	id    persistence.Lane
	state laneState
	q     positions

	spilled bool
	hungry  bool // spilled, and about to have nothing at hand though it flows
	after   persistence.Position
	quota   int    // how many it was to get at the last pass
	left    uint32 // the pass that it has left
	moved   uint32 // the pass during or after which an event of it was done last

	// Of the first event.
	record   persistence.Record // loaded; perhaps aside
	consumer *Consumer          // out
	trouble  *trouble           // nil: it never came back by a verdict
	seen     bool               // a consumer had it

	queue  links // in ready, loaded, aside, behind, or its consumer's leases, as the state says
	spills links // in ledger.spilled
}

// blocked lanes cannot go on by themselves.
func (l *lane) blocked() bool {
	switch l.state {
	case out, waiting, aside, burying, parked:
		return true
	}
	return false
}

// links are a lane's neighbours in one list.
type links struct{ prev, next *lane }

// laneList is a FIFO of lanes, from which one may be taken anywhere. at tells which links of a lane it uses.
type laneList struct {
	at          func(*lane) *links // Set once.
	front, back *lane
	n           int
}

func inQueue(l *lane) *links  { return &l.queue }
func inSpills(l *lane) *links { return &l.spills }

func (s *laneList) push(l *lane) {
	*s.at(l) = links{prev: s.back}
	if s.back == nil {
		s.front = l
	} else {
		s.at(s.back).next = l
	}
	s.back = l
	s.n++
}

func (s *laneList) pushFront(l *lane) {
	*s.at(l) = links{next: s.front}
	if s.front == nil {
		s.back = l
	} else {
		s.at(s.front).prev = l
	}
	s.front = l
	s.n++
}

func (s *laneList) remove(l *lane) {
	at := s.at(l)
	if at.prev == nil {
		s.front = at.next
	} else {
		s.at(at.prev).next = at.next
	}
	if at.next == nil {
		s.back = at.prev
	} else {
		s.at(at.next).prev = at.prev
	}
	*at = links{}
	s.n--
}

// positions is a FIFO. Most lanes have one event at a time, which needs no slice.
type positions struct {
	first persistence.Position
	rest  []persistence.Position // behind first; rest[:gone] is taken already
	gone  int
	n     int
}

func (q *positions) push(p persistence.Position) {
	if q.n == 0 {
		q.first = p
	} else {
		q.rest = append(q.rest, p)
	}
	q.n++
}

func (q *positions) pop() {
	q.n--
	if q.n == 0 {
		q.clear()
		return
	}
	q.first = q.rest[q.gone]
	q.gone++
	if q.gone >= 32 && q.gone*2 >= len(q.rest) {
		q.rest = q.rest[:copy(q.rest, q.rest[q.gone:])]
		q.gone = 0
	}
}

// cut keeps the first n, at least one, and gives the first of what it dropped.
func (q *positions) cut(n int) persistence.Position {
	dropped := q.rest[q.gone+n-1]
	q.rest = append([]persistence.Position(nil), q.rest[q.gone:q.gone+n-1]...)
	q.gone, q.n = 0, n
	return dropped
}

// clear forgets all, and a slice that was large.
func (q *positions) clear() {
	if cap(q.rest) > 16 {
		q.rest = nil
	}
	*q = positions{rest: q.rest[:0]}
}
