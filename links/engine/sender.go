package engine

import (
	"encoding/binary"

	"hibachi/links/amqp"
)

// Sender is our end of a link on which the peer receives.
type Sender struct {
	Link
	allowance

	settled bool // Terms.Settled
	idle    bool // its source said that there is nothing more
	drained bool // false: a drain is to be answered
	short   bool // Want found no room under MaxUnsettled

	ask elem[*Sender] // in Connection.runnable or crowded, or session.hungry
	out elem[*Sender] // in Connection.sending, or session.waiting

	queue queue
	tag   uint64 // of the last delivery that began
	// What is queued or out and not settled.
	unsettled      int
	unsettledBytes int
}

func newSender(s *session, a *amqp.Attach) *Link {
	first := s.c.cfg.startID
	l := &Sender{
		Link:      Link{session: s, attach: a},
		allowance: allowance{initial: first, deliveryCount: first},
		drained:   true,
	}
	l.sender = l
	l.ask.owner, l.out.owner = l, l
	return &l.Link
}

// Accept answers the attach. Credit that came before counts.
func (s *Sender) Accept(t Terms) {
	s.settled = t.Settled
	if !s.accept(t) {
		return
	}
	if s.leftEarly != nil {
		s.finishDeparture()
		return
	}
	if s.wantsFlow {
		s.oweFlow()
	}
	s.wake()
}

// Refuse answers the attach with a null source and a closing detach, in one pass.
func (s *Sender) Refuse(err *amqp.Error) { s.refuseQuietly(err) }

// Detach ends the link, closed; its deliveries are nobody's.
func (s *Sender) Detach(err *amqp.Error) { s.detach(err) }

// Want is how many deliveries, and of how many bytes in all (the first may always be larger), may be handed to Send now: the
// least of link credit, room under MaxUnsettled(Bytes), the peer's session window, and the output limit. If anything but
// credit makes it 0, the link is runnable again as soon as that changed.
func (s *Sender) Want() (deliveries, bytes int) {
	if s.state != linkAttached {
		return 0, 0
	}
	c, ses := s.conn(), s.session
	deliveries = linkCredit(s.credit) - s.queue.unbegun()
	bytes = c.cfg.OutputLimit - c.queued
	if !s.settled {
		deliveries = min(deliveries, c.cfg.MaxUnsettled-s.unsettled)
		bytes = min(bytes, c.cfg.MaxUnsettledBytes-s.unsettledBytes)
	}
	deliveries = min(deliveries, linkCredit(ses.outgoing.remote)-ses.queued)
	switch {
	case deliveries > 0 && bytes > 0:
		return deliveries, bytes
	case linkCredit(s.credit) <= s.queue.unbegun():
	case s.full():
		s.short = true
		s.answerDrain()
	case c.queued >= c.cfg.OutputLimit:
		c.crowded.pushBack(&s.ask)
	default:
		ses.hungry.pushBack(&s.ask)
	}
	return 0, 0
}

// full tells that no more may be out on the link before the peer settles something.
func (s *Sender) full() bool {
	cfg := s.conn().cfg
	return !s.settled && (s.unsettled >= cfg.MaxUnsettled || s.unsettledBytes >= cfg.MaxUnsettledBytes)
}

// Send queues one delivery. false: it can not be sent, since the link is gone or the peer took its credit back after Want; the caller gives
// it back to where it took it. Queued, it would be neither sent nor anybody else's until the peer likes to grant credit again.
func (s *Sender) Send(m Message) bool {
	if s.state != linkAttached || s.queue.unbegun() >= linkCredit(s.credit) {
		return false
	}
	c := s.conn()
	size := m.size()
	if !s.settled {
		s.unsettled++
		s.unsettledBytes += size
	}
	c.queued += size
	s.session.queued++
	s.queue.push(m)
	if s.out.in == nil {
		c.sending.pushBack(&s.out)
	}
	return true
}

// Exhausted tells that the source had nothing more for this link: a drain is answered now [transport 2.6.7], and the link is not
// runnable until Wake or until the peer gives more credit. If one of these came since Runnable, it stays runnable.
func (s *Sender) Exhausted() {
	if s.ask.in == &s.conn().runnable {
		return
	}
	s.idle = true
	s.ask.unlink()
	s.answerDrain()
}

// Wake makes the link runnable: its source has something.
func (s *Sender) Wake() {
	if s.state == linkAttached {
		s.wake()
	}
}

func (s *Sender) wake() {
	s.idle = false
	s.conn().runnable.pushBack(&s.ask)
}

// relieve makes the link runnable if its source may have more for it.
func (s *Sender) relieve() {
	if s.state == linkAttached && !s.idle {
		s.conn().runnable.pushBack(&s.ask)
	}
}

// Runnable appends the links whose source should be asked now and clears the list: accepted, and woken, given credit, drained or
// relieved since. Round robin: the one asked longest ago first.
func (c *Connection) Runnable(dst []*Sender) []*Sender {
	for e := c.runnable.pop(); e != nil; e = c.runnable.pop() {
		dst = append(dst, e.owner)
	}
	return dst
}

// handleFlow takes the peer's word on credit. [transport 2.6.7]
func (s *Sender) handleFlow(f *amqp.Flow) {
	before := s.credit
	s.allowance.update(f)
	s.drained = !f.Drain
	if f.Echo {
		s.oweFlow()
	}
	s.unsend()
	if s.state != linkAttached {
		return
	}
	if s.queue.len() > 0 && s.out.in == nil {
		s.conn().sending.pushBack(&s.out)
	}
	if s.credit > before || f.Drain {
		s.wake()
	}
	s.answerDrain()
}

// unsend gives back what is queued and has no credit any more.
func (s *Sender) unsend() {
	c := s.conn()
	for _, m := range s.queue.beyond(linkCredit(s.credit)) {
		c.queued -= m.size()
		s.session.queued--
		s.settledOne(m.size())
		e := c.emit(EventUnsent)
		e.Sender, e.Ref = s, m.Ref
	}
	s.queue.keep(linkCredit(s.credit))
}

// answerDrain gives up the credit that is left, if the peer wants that and there is nothing to send: the source said so, or
// nothing more may be out on this link. [transport 2.6.7] "the sender ... advances the delivery-count"
func (s *Sender) answerDrain() {
	if s.drained || s.state != linkAttached || s.queue.len() > 0 {
		return
	}
	if s.idle || s.credit == 0 || s.full() {
		s.drained = true
		s.spend()
		s.oweFlow()
	}
}

// settledOne makes room under MaxUnsettled.
func (s *Sender) settledOne(size int) {
	if s.settled {
		return
	}
	s.unsettled--
	s.unsettledBytes -= size
	if s.short {
		s.short = false
		s.relieve()
	}
}

// stop takes the sender out of all lists and drops its queue.
func (s *Sender) stop() {
	s.ask.unlink()
	s.out.unlink()
	s.conn().queued -= s.queue.bytes()
	s.session.queued -= s.queue.unbegun()
	s.queue.clear()
}

// appendTurn writes transfers of the queue behind dst, up to limit, as far as window and credit allow.
func (s *Sender) appendTurn(dst []byte, limit int) []byte {
	s.out.unlink()
	for len(dst) < limit && s.queue.len() > 0 {
		if s.session.outgoing.remote == 0 {
			s.session.waiting.pushBack(&s.out)
			s.session.askForWindow()
			return dst
		}
		if !s.queue.begun() && s.credit == 0 {
			return dst // the next flow brings it back
		}
		dst = s.appendTransfer(dst)
	}
	if s.queue.len() > 0 {
		s.conn().sending.pushBack(&s.out)
		return dst
	}
	s.queue.clear()
	s.answerDrain()
	if s.credit > 0 {
		s.relieve()
	}
	return dst
}

// appendTransfer writes one transfer of the first delivery in the queue. Head and Body go into the frame one behind the
// other, from wherever a frame cuts them.
func (s *Sender) appendTransfer(dst []byte) []byte {
	c, ses := s.conn(), s.session
	t := amqp.Transfer{Handle: s.ourHandle, More: true}
	var tag [8]byte
	if !s.queue.begun() {
		m := s.queue.front()
		t.DeliveryID = amqp.Some(s.beginDelivery(m))
		binary.BigEndian.PutUint64(tag[:], s.tag)
		t.DeliveryTag = tag[:]
		t.MessageFormat = amqp.Some(m.Format)
		t.Settled = amqp.Some(s.settled)
	}
	start := len(dst)
	dst = t.Append(openFrame(dst, ses.channel))
	room := c.peer.maxFrame - (len(dst) - start)
	rest := s.queue.rest()
	if rest <= room { // "more" false takes no more octets than true
		t.More = false
		dst = t.Append(openFrame(dst[:start], ses.channel))
		room = rest
	}
	dst = s.queue.take(dst, room)
	amqp.EndFrame(dst, start)
	ses.outgoing.take()
	c.queued -= room
	if !t.More {
		s.queue.pop()
	}
	return dst
}

// beginDelivery gives the next delivery-id, in the order of first transfers, as several clients demand, and pays the credit.
func (s *Sender) beginDelivery(m *Message) amqp.SequenceNo {
	s.allowance.take()
	s.session.queued--
	s.tag++
	s.queue.begin()
	if s.settled {
		return s.session.sent.push(delivery{})
	}
	return s.session.sent.push(delivery{link: &s.Link, ref: m.Ref, size: uint32(m.size())})
}
