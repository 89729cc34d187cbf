package engine

import (
	"slices"

	"hibachi/links/amqp"
)

// confirmation is a range of deliveries of ours whose outcome the peer told without settling: we settle them.
type confirmation struct {
	first, last amqp.SequenceNo
	state       amqp.DeliveryState
}

// handleDisposition applies the peer's word on a range of deliveries, to those that we hold; the rest is ignored.
// [transport 2.7.6]
func (s *session) handleDisposition(d *amqp.Disposition) {
	last := d.First
	if d.Last.Set {
		last = d.Last.Value
	}
	if d.Role == amqp.RoleReceiver {
		s.settleSent(d.First, last, d)
		return
	}
	if d.Settled {
		s.abandonReceived(d.First, last, d.State.Clone())
	}
}

// settleSent takes outcomes of deliveries of ours. A terminal one is final, settled or not; anything else, not settled,
// leaves the delivery where it is.
func (s *session) settleSent(first, last amqp.SequenceNo, d *amqp.Disposition) {
	if !d.Settled && !d.State.Terminal() {
		return
	}
	var state amqp.DeliveryState
	copied := false
	s.sent.each(first, last, func(id amqp.SequenceNo, sent *delivery) {
		if !copied {
			state, copied = d.State.Clone(), true
		}
		l, size := sent.link.sender, int(sent.size)
		e := s.c.emit(EventSettled)
		e.Sender, e.Ref, e.State = l, sent.ref, state
		s.sent.free(id)
		l.settledOne(size)
		if !d.Settled {
			s.confirm(id, state)
		}
	})
}

// confirm owes the peer a settled disposition for id.
func (s *session) confirm(id amqp.SequenceNo, state amqp.DeliveryState) {
	if n := len(s.confirmed); n > 0 {
		c := &s.confirmed[n-1]
		if follows(c.last, id) && c.state.Equal(state) {
			c.last = id
			return
		}
	}
	s.confirmed = append(s.confirmed, confirmation{id, id, state})
	s.c.answering.pushBack(&s.owes)
}

// abandonReceived lets go of deliveries that the peer settled itself, whether or not their outcome is known by now.
func (s *session) abandonReceived(first, last amqp.SequenceNo, state amqp.DeliveryState) {
	s.received.each(first, last, func(id amqp.SequenceNo, d *delivery) {
		r := d.link.receiver
		switch {
		case !d.whole: // its last transfer is still to come
			if r.partial.active() && r.partial.id == id {
				r.partial.settled = true
			}
			return
		case !d.done:
			e := s.c.emit(EventAbandoned)
			e.Receiver, e.Delivery, e.State = r, id, state
			s.received.free(id)
			r.settled()
			if r.state == linkLingering && r.unanswered == 0 {
				r.answerDetach()
			}
		default:
			s.received.free(id)
		}
	})
}

// owe notes the outcome of a delivery of the peer's, to be written with the next Append.
func (s *session) owe(id amqp.SequenceNo, d *delivery, state amqp.DeliveryState) {
	d.whole, d.done, d.kind = true, true, state.Kind
	if !plain(&state) {
		kept := state // state itself stays off the heap
		d.state = &kept
	}
	s.answered = append(s.answered, id)
	s.c.answering.pushBack(&s.owes)
}

// plain tells that the kind says all.
func plain(s *amqp.DeliveryState) bool {
	return s.Err == nil && (s.Kind == amqp.Accepted || s.Kind == amqp.Released || s.Kind == amqp.Rejected)
}

// outcome is what a delivery was answered with.
func (d *delivery) outcome() amqp.DeliveryState {
	if d.state != nil {
		return *d.state
	}
	return amqp.DeliveryState{Kind: d.kind}
}

// appendDispositions writes the outcomes that all sessions owe.
func (c *Connection) appendDispositions(dst []byte, limit int) []byte {
	for !c.answering.empty() && len(dst) < limit {
		s := c.answering.first.owner
		dst = s.appendOutcomes(dst, limit)
		if len(s.answered) == 0 && len(s.confirmed) == 0 {
			s.owes.unlink()
		}
	}
	return dst
}

// flushOutcomes writes all that the session owes in dispositions in front of a detach, an end or a close. [transport 2.6.6]
func (s *session) flushOutcomes() {
	s.c.control = s.appendOutcomes(s.c.control, 1<<62)
	s.owes.unlink()
}

// appendOutcomes writes dispositions until limit.
func (s *session) appendOutcomes(dst []byte, limit int) []byte {
	dst = s.appendAnswers(dst, limit)
	n := 0
	for ; n < len(s.confirmed) && len(dst) < limit; n++ {
		c := &s.confirmed[n]
		dst = s.appendDisposition(dst, amqp.RoleSender, c.first, c.last, c.state)
	}
	s.confirmed = keepRest(s.confirmed, n)
	return dst
}

// appendAnswers folds answered deliveries into ranges: of neighbours with one outcome, in the order of their ids. A range
// never wraps 2^32, since several clients walk it with a plain comparison.
func (s *session) appendAnswers(dst []byte, limit int) []byte {
	if !slices.IsSortedFunc(s.answered, bySequence) {
		slices.SortFunc(s.answered, bySequence)
	}
	n := 0
	for n < len(s.answered) && len(dst) < limit {
		first := s.answered[n]
		n++
		d := s.received.get(first)
		if d == nil {
			continue // settled by the peer in the meantime
		}
		last, state := first, d.outcome()
		for ; n < len(s.answered) && follows(last, s.answered[n]); n++ {
			next := s.received.get(s.answered[n])
			if next == nil || !sameOutcome(next, &state) {
				break
			}
			last = s.answered[n]
		}
		dst = s.appendDisposition(dst, amqp.RoleReceiver, first, last, state)
		for id := first; ; id = id.Add(1) {
			s.received.free(id)
			if id == last {
				break
			}
		}
	}
	s.answered = keepRest(s.answered, n)
	return dst
}

func bySequence(a, b amqp.SequenceNo) int { return int(a.Sub(b)) }

// follows tells that id is next to last, on this side of the wrap.
func follows(last, id amqp.SequenceNo) bool { return id != 0 && id == last.Add(1) }

// keepRest drops the first n of a list of what is owed, and the list's memory when it was a burst's.
func keepRest[T any](list []T, n int) []T {
	if n < len(list) {
		return list[:copy(list, list[n:])]
	}
	if cap(list) > 1024 {
		return nil
	}
	return list[:0]
}

// sameOutcome compares without building the delivery's state.
func sameOutcome(d *delivery, state *amqp.DeliveryState) bool {
	if d.state == nil {
		return d.kind == state.Kind && plain(state)
	}
	return d.state.Equal(*state)
}

// appendDisposition writes one disposition, with an error shortened to the peer's frames.
func (s *session) appendDisposition(dst []byte, role amqp.Role, first, last amqp.SequenceNo, state amqp.DeliveryState) []byte {
	d := amqp.Disposition{Role: role, First: first, Settled: true, State: state}
	if last != first {
		d.Last = amqp.Some(last)
	}
	start := len(dst)
	for {
		dst = d.Append(openFrame(dst[:start], s.channel))
		over := len(dst) - start - s.c.peer.maxFrame
		if over <= 0 {
			break
		}
		if d.State.Err == nil || d.State.Err.Description == "" && d.State.Err.Info == nil {
			d.State.Annotations, d.State.Raw = nil, nil
			dst = d.Append(openFrame(dst[:start], s.channel))
			break
		}
		d.State.Err = shorten(d.State.Err, over)
	}
	amqp.EndFrame(dst, start)
	return dst
}
