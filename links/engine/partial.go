package engine

import (
	"bytes"
	"slices"
	"time"

	"hibachi/links/amqp"
)

// maxTag is the longest delivery-tag. [transport 2.8.7]
const maxTag = 32

// maxEmpty is how many transfers of one delivery may carry nothing; a few are normal, an endless row of them would keep
// the delivery alive without ever reaching the message size.
const maxEmpty = 1000

// maxEarly is how many messages a connection keeps for links whose attach is not answered; their octets together are at most
// those of one message.
const maxEarly = 4096

// partial is a delivery of which more transfers are to come. [transport 2.6.14]
type partial struct {
	busy    bool
	id      amqp.SequenceNo
	tag     [maxTag]byte
	tagLen  uint8
	format  uint32
	settled bool // by any of its transfers
	fate    fate
	buf     []byte
	size    int // of all its fragments, kept or not
	charged int
	empty   int
	until   time.Time // for the next transfer
}

// fate is what becomes of a delivery at its end.
type fate uint8

const (
	deliver fate = iota
	release      // the account is full
	ignore       // a resumed one that we do not know: its transfers have no effect [transport 2.7.5]
)

func (p *partial) active() bool { return p != nil && p.busy }

// handleTransfer counts the frame in the session's window, then the delivery in its sequence, whatever the link makes of
// it.
func (s *session) handleTransfer(t *amqp.Transfer, payload []byte) error {
	if !s.incoming.take() {
		return s.failf(amqp.ErrWindowViolation, "a transfer beyond the incoming-window")
	}
	if s.incoming.low() {
		s.oweFlow()
	}
	l := s.theirs.get(t.Handle)
	switch {
	case l == nil:
		return s.failf(amqp.ErrUnattachedHandle, "transfer on handle %d, which has no link", t.Handle)
	case l.state == linkDetachSent:
		s.skip(t)
		return nil
	case l.receiver == nil:
		s.skip(t)
		return l.failf(amqp.ErrNotAllowed, "a transfer on a link whose sender we are")
	case l.receiver.partial.active():
		return l.receiver.resume(t, payload)
	default:
		return l.receiver.begin(t, payload)
	}
}

// skip keeps the sequence of delivery-ids for a transfer that is thrown away.
func (s *session) skip(t *amqp.Transfer) {
	if t.DeliveryID.Set && (!s.started || t.DeliveryID.Value == s.received.tail) {
		s.nextDelivery(t.DeliveryID.Value, nil)
	}
}

// nextDelivery checks that id follows the one before; the first of a session may be any. [transport 2.7.5]
func (s *session) nextDelivery(id amqp.SequenceNo, l *Link) bool {
	if !s.started {
		s.started = true
		s.received.begin(id)
	}
	if id != s.received.tail {
		return false
	}
	s.received.push(delivery{link: l})
	return true
}

// begin takes the first transfer of a delivery.
func (r *Receiver) begin(t *amqp.Transfer, payload []byte) error {
	s := r.session
	if !t.DeliveryID.Set {
		return s.failf(amqp.ErrInvalidField, "the first transfer of a delivery has no delivery-id")
	}
	id := t.DeliveryID.Value
	if !s.nextDelivery(id, &r.Link) {
		return s.failf(amqp.ErrInvalidField, "delivery-id %d where %d was due", id, s.received.tail)
	}
	switch {
	case t.DeliveryTag == nil:
		return r.failf(amqp.ErrInvalidField, "the first transfer of a delivery has no delivery-tag")
	case len(t.DeliveryTag) > maxTag:
		return r.failf(amqp.ErrInvalidField, "a delivery-tag of %d octets, at most %d are allowed", len(t.DeliveryTag), maxTag)
	case t.State.Kind == amqp.Transactional:
		return r.failf(amqp.ErrNotImplemented, "transactions are not supported")
	case t.Resume:
		r.open(t, ignore)
		return r.resume(t, payload)
	case !r.grant.take():
		return r.failf(amqp.ErrTransferLimitExceeded, "a delivery without credit")
	}
	if t.More || t.Aborted {
		r.open(t, deliver)
		return r.resume(t, payload)
	}
	if err := r.check(t, len(payload)); err != nil {
		return err
	}
	if !r.charge(len(payload)) {
		r.finish(id, release, t.Settled.Value, nil, 0, 0)
		return nil
	}
	r.finish(id, deliver, t.Settled.Value, bytes.Clone(payload), len(payload), t.MessageFormat.Value)
	return nil
}

// open begins a delivery of several transfers.
func (r *Receiver) open(t *amqp.Transfer, f fate) {
	if r.partial == nil {
		r.partial = new(partial)
	}
	*r.partial = partial{busy: true, id: t.DeliveryID.Value, format: t.MessageFormat.Value, fate: f}
	r.partial.tagLen = uint8(copy(r.partial.tag[:], t.DeliveryTag))
}

// resume takes the next transfer of the delivery that is under way; the first one, too.
func (r *Receiver) resume(t *amqp.Transfer, payload []byte) error {
	p, c := r.partial, r.conn()
	if err := r.sameDelivery(t); err != nil {
		return err
	}
	if t.Aborted { // whatever else it says; its payload is void [transport 2.7.5]
		r.dropPartial()
		r.topUp()
		return nil
	}
	p.settled = p.settled || t.Settled.Value
	p.size += len(payload)
	if err := r.check(t, p.size); err != nil {
		return err
	}
	if len(payload) == 0 && t.More {
		if p.empty++; p.empty > maxEmpty {
			return r.failf(amqp.ErrResourceLimitExceeded, "more than %d transfers of one delivery without payload", maxEmpty)
		}
	}
	r.gather(payload)
	if t.More {
		p.until = c.now.Add(c.cfg.PartialTimeout)
		c.partials.moveBack(&r.stall)
		return nil
	}
	message, charged := p.buf, p.charged
	p.buf, p.charged, p.busy = nil, 0, false
	r.stall.unlink()
	r.finish(p.id, p.fate, p.settled, message, charged, p.format)
	return nil
}

// sameDelivery checks what a continuation repeats: it may leave it out, it may not change it. [transport 2.7.5]
func (r *Receiver) sameDelivery(t *amqp.Transfer) error {
	p := r.partial
	switch {
	case t.DeliveryID.Set && t.DeliveryID.Value != p.id:
		if t.DeliveryID.Value == r.session.received.tail {
			r.session.nextDelivery(t.DeliveryID.Value, nil)
		}
		return r.failf(amqp.ErrInvalidField, "a transfer of delivery %d before delivery %d was complete", t.DeliveryID.Value, p.id)
	case t.DeliveryTag != nil && !bytes.Equal(t.DeliveryTag, p.tag[:p.tagLen]):
		return r.failf(amqp.ErrInvalidField, "the delivery-tag of delivery %d changed", p.id)
	case t.MessageFormat.Set && t.MessageFormat.Value != p.format:
		return r.failf(amqp.ErrInvalidField, "the message-format of delivery %d changed", p.id)
	}
	return nil
}

// check looks at what is wrong with a transfer of the link, the delivery having size octets with it.
func (r *Receiver) check(t *amqp.Transfer, size int) error {
	if t.RcvSettleMode.Set && t.RcvSettleMode.Value == amqp.ReceiverSecond && !t.Settled.Value {
		return r.failf(amqp.ErrInvalidField, "rcv-settle-mode second on a link whose mode is first")
	}
	if uint64(size) > r.maxSize {
		return r.failf(amqp.ErrMessageSizeExceeded, "a message larger than %d octets", r.maxSize)
	}
	return nil
}

// gather adds a fragment, unless there is no room for the delivery.
func (r *Receiver) gather(payload []byte) {
	p := r.partial
	if p.fate != deliver {
		return
	}
	if !r.charge(len(payload)) {
		r.giveBack()
		p.fate = release
		return
	}
	p.charged += len(payload)
	if need := len(p.buf) + len(payload); need > cap(p.buf) {
		room := int(min(uint64(max(2*need, 512)), r.maxSize))
		p.buf = slices.Grow(p.buf, max(room, need)-len(p.buf))
	}
	p.buf = append(p.buf, payload...)
}

// charge asks for n more octets: of the account, or before the link has one, of the connection.
func (r *Receiver) charge(n int) bool {
	if r.state != linkPending {
		return r.account.Charge(n)
	}
	c := r.conn()
	if uint64(c.early+n) > c.cfg.MaxMessageSize || c.earlyCount >= maxEarly {
		return false
	}
	c.early += n
	return true
}

// giveBack forgets the fragments of the delivery under way.
func (r *Receiver) giveBack() {
	p := r.partial
	if r.state == linkPending {
		r.conn().early -= p.charged
	} else if p.charged > 0 {
		r.account.Refund(p.charged)
	}
	p.buf, p.charged = nil, 0
}

// dropPartial forgets the delivery under way: aborted, or its link is going. It is settled by that.
func (r *Receiver) dropPartial() {
	p := r.partial
	if !p.active() {
		return
	}
	r.giveBack()
	p.busy = false
	r.stall.unlink()
	r.session.received.free(p.id)
}

// finish is the end of a whole delivery.
func (r *Receiver) finish(id amqp.SequenceNo, f fate, settled bool, message []byte, charged int, format uint32) {
	s := r.session
	switch {
	case f == ignore, f == release && settled:
		s.received.free(id)
	case f == release:
		s.owe(id, s.received.get(id), amqp.DeliveryState{Kind: amqp.Released})
	default:
		if settled {
			s.received.free(id)
		} else {
			s.received.get(id).whole = true
			r.unanswered++
			r.conn().unanswered++
		}
		r.deliver(Event{Kind: EventMessage, Receiver: r, Delivery: id, Message: message, Format: format, Charged: charged, Settled: settled})
	}
	r.topUp()
}

// deliver passes a message up, or keeps it until the link's attach is answered.
func (r *Receiver) deliver(e Event) {
	if r.state == linkPending {
		r.early = append(r.early, e)
		r.conn().earlyCount++
		return
	}
	*r.conn().emit(EventMessage) = e
}

// takeEarly takes out what came before the attach was answered.
func (r *Receiver) takeEarly() []Event {
	early := r.early
	r.early = nil
	for i := range early {
		r.conn().early -= len(early[i].Message)
	}
	r.conn().earlyCount -= len(early)
	return early
}

// releaseEarly passes up what came before the attach was answered, now that there is an account to charge.
func (r *Receiver) releaseEarly() {
	early := r.takeEarly()
	for _, e := range early {
		if r.account.Charge(len(e.Message)) {
			*r.conn().emit(EventMessage) = e
			continue
		}
		if !e.Settled {
			r.Settle(e.Delivery, amqp.DeliveryState{Kind: amqp.Released})
		}
	}
	p := r.partial
	if !p.active() || p.charged == 0 {
		return
	}
	r.conn().early -= p.charged
	if !r.account.Charge(p.charged) {
		p.buf, p.charged, p.fate = nil, 0, release
	}
}
