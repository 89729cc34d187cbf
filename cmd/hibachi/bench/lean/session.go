package lean

import (
	"hibachi/links/amqp"
)

// window is what we announce in both directions: no limit of ours, links have credit for that.
const window = 1<<31 - 1

// Sent is a delivery as its sender knows it.
type Sent struct {
	Token uint64 // what Send was given
	At    int64  // what Send was given
}

// session is the state of the one session: transfer windows, deliveries of ours without outcome, acknowledgements that we owe.
type session struct {
	nextOutgoing   amqp.SequenceNo // transfer-id of our next frame
	nextIncoming   amqp.SequenceNo // transfer-id of the peer's next frame
	remoteIncoming uint32          // frames that the peer takes now

	// Our deliveries: ids first..nextID-1 lie in ring[id & mask].
	ring      []outgoing
	mask      uint32
	first     amqp.SequenceNo // oldest without outcome
	nextID    amqp.SequenceNo
	unsettled int

	acks ackRange
}

type outgoing struct {
	sender *Sender
	sent   Sent
	done   bool
}

// newSession makes a ring four times as large as what may be unsettled, so that one late outcome does not stop the rest at once.
func newSession(inFlight int) session {
	size := 16
	for size < 4*inFlight {
		size *= 2
	}
	return session{ring: make([]outgoing, size), mask: uint32(size - 1)}
}

func (s *session) began(b *amqp.Begin) {
	s.nextIncoming = b.NextOutgoingID
	s.remoteIncoming = b.IncomingWindow
}

// full: no slot for one more delivery.
func (s *session) full() bool { return s.nextID.Sub(s.first) >= int32(len(s.ring)) }

func (s *session) add(l *Sender, sent Sent) amqp.SequenceNo {
	id := s.nextID
	s.ring[uint32(id)&s.mask] = outgoing{sender: l, sent: sent}
	s.nextID = id.Add(1)
	s.unsettled++
	return id
}

// flow takes over the peer's view of its incoming window.
//
// [transport 2.5.6] remote-incoming-window = next-incoming-id(flow) + incoming-window(flow) - next-outgoing-id
func (s *session) flow(f *amqp.Flow) {
	from := amqp.SequenceNo(0) // the peer has not seen our begin yet: our initial outgoing id
	if f.NextIncomingID.Set {
		from = f.NextIncomingID.Value
	}
	left := int64(from.Sub(s.nextOutgoing)) + int64(f.IncomingWindow)
	s.remoteIncoming = uint32(min(max(left, 0), window))
}

// settle walks those of our deliveries that lie in the range that the peer names, whatever else it names.
func (s *session) settle(d *amqp.Disposition, h Handler) {
	from, to := d.First, d.First
	if d.Last.Set {
		to = d.Last.Value
	}
	if from.Less(s.first) {
		from = s.first
	}
	if !to.Less(s.nextID) {
		to = s.nextID.Add(^uint32(0))
	}
	for id := from; !to.Less(id); id = id.Add(1) {
		o := &s.ring[uint32(id)&s.mask]
		if o.done {
			continue
		}
		o.done = true
		s.unsettled--
		h.Outcome(o.sender, o.sent, &d.State)
	}
	for s.first != s.nextID && s.ring[uint32(s.first)&s.mask].done {
		s.first = s.first.Add(1)
	}
}

func (s *session) eachUnsettled(f func(*Sender, Sent)) {
	for id := s.first; id != s.nextID; id = id.Add(1) {
		if o := &s.ring[uint32(id)&s.mask]; !o.done {
			f(o.sender, o.sent)
		}
	}
}

// ackRange is a run of deliveries that we have accepted and not yet told.
type ackRange struct {
	first, last amqp.SequenceNo
	any         bool
	body        amqp.Disposition
}

// add puts id to the run and gives dst, longer by the disposition of the run before if id does not continue it.
func (a *ackRange) add(dst []byte, id amqp.SequenceNo) []byte {
	if a.any && id == a.last.Add(1) {
		a.last = id
		return dst
	}
	dst = a.append(dst)
	a.first, a.last, a.any = id, id, true
	return dst
}

// append tells what is owed.
func (a *ackRange) append(dst []byte) []byte {
	if !a.any {
		return dst
	}
	a.any = false
	a.body = amqp.Disposition{
		Role: amqp.RoleReceiver, First: a.first, Settled: true,
		State: amqp.DeliveryState{Kind: amqp.Accepted},
	}
	if a.last != a.first {
		a.body.Last = amqp.Some(a.last)
	}
	return amqp.AppendFrame(dst, amqp.TypeAMQP, 0, &a.body, nil)
}
