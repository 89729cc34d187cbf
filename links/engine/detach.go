package engine

import (
	"time"

	"hibachi/links/amqp"
)

// outcomeGrace is how long the answer to a peer's detach waits for outcomes of what it sent before.
const outcomeGrace = 5 * time.Second

// handleDetach takes the peer's detach: a request to be answered, or the answer to ours. [transport 2.6.6]
func (s *session) handleDetach(d *amqp.Detach) error {
	l := s.theirs.get(d.Handle)
	if l == nil {
		return s.failf(amqp.ErrUnattachedHandle, "detach of handle %d, which has no link", d.Handle)
	}
	if err := s.c.controlLimit(); err != nil {
		return err
	}
	s.theirs.remove(d.Handle) // the peer may use it again at once
	if l.state == linkDetachSent {
		l.becomeGone()
		return nil
	}
	l.depart(&departure{closed: d.Closed, err: d.Err.Clone()})
	return nil
}

// depart is the peer's leave. A pending attach is answered first, always [transport 2.6.6]; what came on it before is for
// the caller to see first, so its end is told only then.
func (l *Link) depart(d *departure) {
	l.leftEarly = d
	switch {
	case l.state == linkPending && l.receiver != nil && len(l.receiver.early) > 0:
	case l.state == linkPending:
		l.tellDetached(d.err, d.closed)
	default:
		l.finishDeparture()
	}
}

// finishDeparture answers the peer's detach, after the outcomes of its deliveries if they come soon.
func (l *Link) finishDeparture() {
	l.tellDetached(l.leftEarly.err, l.leftEarly.closed)
	if r := l.receiver; r != nil && r.unanswered > 0 {
		l.state = linkLingering
		r.lingerUntil = l.conn().now.Add(outcomeGrace)
		l.conn().lingering.pushBack(&r.linger)
		return
	}
	l.answerDetach()
}

// answerDetach answers the peer's detach with one like it.
func (l *Link) answerDetach() {
	l.sendDetach(l.leftEarly.closed, nil)
}

// detach ends the link from our side: what is unanswered is forgotten. A pending attach is answered first.
func (l *Link) detach(err *amqp.Error) {
	switch l.state {
	case linkPending:
		l.refuse(err)
	case linkAttached:
		l.tellDetached(err, true)
		l.sendDetach(true, err)
	case linkLingering:
		l.answerDetach()
	}
}

// sendDetach queues our detach behind all outcomes that the session owes [transport 2.6.6].
func (l *Link) sendDetach(closed bool, err *amqp.Error) {
	l.session.flushOutcomes()
	l.conn().queueError(l.session.channel, err, func(e *amqp.Error) amqp.Body {
		return &amqp.Detach{Handle: l.ourHandle, Closed: closed, Err: e}
	})
	if l.leftEarly != nil {
		l.becomeGone()
		return
	}
	l.becomeDetachSent()
}
