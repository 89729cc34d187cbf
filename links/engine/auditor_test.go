package engine

import (
	"bytes"
	"fmt"

	"hibachi/links/amqp"
)

// auditor reads all that an engine writes and holds it to what is true of every conversation. It keeps its own books, from
// frames alone.
type auditor struct {
	decoder  amqp.Decoder
	rest     []byte
	maxFrame int
	opened   bool
	closed   bool
	generous bool // credit and window of the peer are not known
	sessions map[uint16]*auditedSession
}

type auditedSession struct {
	next     amqp.SequenceNo // delivery-id that is due
	started  bool
	window   int64 // transfers that the peer still takes; negative books are an error
	links    map[uint32]*auditedLink
	answered map[amqp.SequenceNo]bool // the peer's deliveries: once each
}

type auditedLink struct {
	credit  int64 // deliveries that the peer still takes
	partial bool
	bytes   int
	tags    map[string]bool
}

func newAuditor() *auditor {
	return &auditor{maxFrame: 512, sessions: map[uint16]*auditedSession{}}
}

// write takes octets of the engine's; an error is a broken promise.
func (a *auditor) write(b []byte) error {
	a.rest = append(a.rest, b...)
	for len(a.rest) >= 8 {
		if bytes.HasPrefix(a.rest, []byte("AMQP")) {
			if a.opened {
				return fmt.Errorf("a header after open")
			}
			a.rest = a.rest[8:]
			continue
		}
		h, err := amqp.ParseFrameHeader(a.rest)
		if err != nil {
			return err
		}
		if int(h.Size) > a.maxFrame {
			return fmt.Errorf("a frame of %d, the peer takes %d", h.Size, a.maxFrame)
		}
		if int(h.Size) > len(a.rest) {
			return nil
		}
		frame := a.rest[4*int(h.DataOffset) : h.Size]
		a.rest = a.rest[h.Size:]
		if len(frame) == 0 {
			continue
		}
		body, payload, err := a.decoder.Decode(frame, h.Type == amqp.TypeSASL)
		if err != nil {
			return fmt.Errorf("our frame % x: %v", frame, err)
		}
		if h.Type == amqp.TypeSASL {
			continue
		}
		if err := a.frame(h.Channel, body, payload); err != nil {
			return fmt.Errorf("%v: %w", body, err)
		}
	}
	return nil
}

func (a *auditor) frame(channel uint16, body amqp.Body, payload []byte) error {
	if a.closed {
		return fmt.Errorf("after our close")
	}
	switch body.(type) {
	case *amqp.Open:
		if a.opened {
			return fmt.Errorf("a second open")
		}
		a.opened = true
		return nil
	case *amqp.Close:
		a.closed = true
		return nil
	case *amqp.Begin:
		if a.sessions[channel] != nil {
			return fmt.Errorf("a second begin")
		}
		a.sessions[channel] = &auditedSession{links: map[uint32]*auditedLink{}, answered: map[amqp.SequenceNo]bool{}}
		return nil
	}
	s := a.sessions[channel]
	switch {
	case !a.opened:
		return fmt.Errorf("before our open")
	case s == nil:
		return fmt.Errorf("on a channel without session")
	}
	switch b := body.(type) {
	case *amqp.End:
		delete(a.sessions, channel)
	case *amqp.Attach:
		if s.links[b.Handle] != nil {
			return fmt.Errorf("handle in use")
		}
		s.links[b.Handle] = &auditedLink{tags: map[string]bool{}}
	case *amqp.Detach:
		if s.links[b.Handle] == nil {
			return fmt.Errorf("no such handle")
		}
		if b.Err != nil && !b.Closed {
			return fmt.Errorf("an error that does not close")
		}
		delete(s.links, b.Handle)
	case *amqp.Flow:
		return s.flow(b)
	case *amqp.Disposition:
		return s.disposition(b)
	case *amqp.Transfer:
		return s.transfer(b, payload, a.generous)
	}
	return nil
}

func (s *auditedSession) flow(f *amqp.Flow) error {
	if !f.NextIncomingID.Set {
		return fmt.Errorf("without next-incoming-id")
	}
	if f.Handle.Set && (s.links[f.Handle.Value] == nil || !f.DeliveryCount.Set || !f.LinkCredit.Set) {
		return fmt.Errorf("of no link, or without its state")
	}
	return nil
}

func (s *auditedSession) disposition(d *amqp.Disposition) error {
	last := d.First
	if d.Last.Set {
		last = d.Last.Value
	}
	if last < d.First || !d.Settled {
		return fmt.Errorf("a range that wraps, or not settled")
	}
	if d.Role == amqp.RoleSender {
		return nil
	}
	for id := d.First; ; id++ {
		if s.answered[id] {
			return fmt.Errorf("a second answer for %d", id)
		}
		s.answered[id] = true
		if id == last {
			return nil
		}
	}
}

func (s *auditedSession) transfer(t *amqp.Transfer, payload []byte, generous bool) error {
	l := s.links[t.Handle]
	if l == nil {
		return fmt.Errorf("on no link")
	}
	if s.window--; s.window < 0 && !generous {
		return fmt.Errorf("beyond the peer's window")
	}
	if !l.partial {
		if !t.DeliveryID.Set || len(t.DeliveryTag) == 0 || len(t.DeliveryTag) > maxTag {
			return fmt.Errorf("a first transfer without id or tag")
		}
		if s.started && t.DeliveryID.Value != s.next {
			return fmt.Errorf("id %d is due", s.next)
		}
		if l.tags[string(t.DeliveryTag)] {
			return fmt.Errorf("a tag again")
		}
		l.tags[string(t.DeliveryTag)] = true
		s.started, s.next = true, t.DeliveryID.Value+1
		if l.credit--; l.credit < 0 && !generous {
			return fmt.Errorf("beyond the link's credit")
		}
		l.bytes = 0
	}
	l.bytes += len(payload)
	l.partial = t.More
	return nil
}
