package suite

import (
	"fmt"
	"slices"
	"time"

	"hibachi/conformance/wire"
)

// window is the incoming window that sessions of the suite have.
const window = 2048

// Session is a session of a connection. It follows ids, windows, links and outcomes as frames come, whoever waits for them.
type Session struct {
	// Set once.
	c       *Conn
	Channel uint16          // the suite's
	Remote  uint16          // the target's
	Begin   *wire.Composite // the target's

	// Owned by the check's goroutine.
	NextOutgoing uint32 // transfer-id of the next transfer frame that is sent
	NextIncoming uint32 // the one of the next that comes
	RemoteWindow uint32 // frames that the target takes now
	NextDelivery uint32
	granted      uint32 // frames of the incoming window that are left
	topUp        bool   // the window is the suite's own: it is opened again as deliveries are received
	links        []*Link
	states       []*wire.Composite // dispositions that came, role receiver
	statesAt     []time.Time       // when each of states came
	handles      uint32
	Ended        bool // the target's end came
}

// Begin begins a session on the next free channel. The fields in f replace the default ones.
func (c *Conn) Begin(f wire.F) *Session {
	ch := c.next
	c.next++
	return c.BeginOn(ch, f)
}

// BeginOn begins a session on that channel.
func (c *Conn) BeginOn(channel uint16, f wire.F) *Session {
	c.Send(channel, BeginFrame(f))
	return c.Begun(channel, f)
}

// BeginFrame is a begin with the suite's windows.
func BeginFrame(f wire.F) *wire.Composite {
	return wire.Begin.With(wire.F{"next-outgoing-id": 0, "incoming-window": window, "outgoing-window": window}, f)
}

// Begun waits for the answer to a begin that was sent.
func (c *Conn) Begun(channel uint16, f wire.F) *Session {
	answer := c.Expect(wire.Begin)
	if !answer.Body.Has("remote-channel") || uint16(answer.Body.Uint("remote-channel")) != channel {
		c.t.FailWant(fmt.Sprintf("begin with remote-channel %d", channel), answer.String())
	}
	sent := BeginFrame(f)
	s := &Session{
		c: c, Channel: channel, Remote: answer.Channel, Begin: answer.Body,
		NextOutgoing: uint32(sent.Uint("next-outgoing-id")), NextIncoming: uint32(answer.Body.Uint("next-outgoing-id")),
		RemoteWindow: uint32(answer.Body.Uint("incoming-window")), granted: uint32(sent.Uint("incoming-window")), topUp: sent.Uint("incoming-window") == window,
	}
	c.sessions = append(c.sessions, s)
	c.next = max(c.next, channel+1)
	return s
}

// Conn is the session's connection.
func (s *Session) Conn() *Conn { return s.c }

// Send sends composites on the session's channel, in one write.
func (s *Session) Send(bodies ...*wire.Composite) {
	for _, b := range bodies {
		if b.Kind == wire.Flow {
			s.granted = uint32(b.Uint("next-incoming-id")) + uint32(b.Uint("incoming-window")) - s.NextIncoming
			s.topUp = b.Uint("incoming-window") == window
		}
	}
	s.c.Send(s.Channel, bodies...)
}

// FlowFields are a flow's session fields as they are now, with a fresh incoming window.
func (s *Session) FlowFields() wire.F {
	return wire.F{
		"next-incoming-id": s.NextIncoming, "incoming-window": window, "next-outgoing-id": s.NextOutgoing, "outgoing-window": window,
	}
}

// End exchanges ends.
func (s *Session) End() {
	s.Send(wire.End.With())
	f := s.c.Expect(wire.End, wire.Disposition, wire.Transfer, wire.Attach, wire.Detach)
	if f.Body.Has("error") {
		s.c.t.FailWant("end without an error", f.String())
	}
}

// learn follows what came, before anybody judges it.
func (c *Conn) learn(e Event) {
	if e.Kind != GotFrame || e.Frame.Body == nil || e.Frame.Type != wire.TypeAMQP {
		return
	}
	// The latest session on the channel: an ended one may have had it before.
	for _, s := range slices.Backward(c.sessions) {
		if s.Remote == e.Frame.Channel && !s.Ended {
			s.learn(e.Frame, e.At)
			return
		}
	}
}

func (s *Session) learn(f *wire.Frame, at time.Time) {
	switch b := f.Body; b.Kind {
	case wire.Flow:
		s.learnFlow(b)
	case wire.Transfer:
		s.NextIncoming++
		s.granted--
		if l := s.link(uint32(b.Uint("handle"))); l != nil {
			l.take(b, f.Payload)
		}
	case wire.Disposition:
		if b.Bool("role") {
			s.states, s.statesAt = append(s.states, b), append(s.statesAt, at)
		}
	case wire.Detach:
		if l := s.link(uint32(b.Uint("handle"))); l != nil {
			l.Detached = b
		}
	case wire.End:
		s.Ended = true
	}
}

func (s *Session) learnFlow(b *wire.Composite) {
	from := uint32(0)
	if b.Has("next-incoming-id") {
		from = uint32(b.Uint("next-incoming-id"))
	}
	s.RemoteWindow = from + uint32(b.Uint("incoming-window")) - s.NextOutgoing
	if !b.Has("handle") {
		return
	}
	if l := s.link(uint32(b.Uint("handle"))); l != nil {
		l.LastFlow = b
		if !l.receiver && b.Has("link-credit") {
			l.Credit = uint32(b.Uint("delivery-count")) + uint32(b.Uint("link-credit")) - l.DeliveryCount
		}
	}
}

// link is the one with the target's handle.
func (s *Session) link(remote uint32) *Link {
	for _, l := range slices.Backward(s.links) {
		if l.Remote == remote && l.attached {
			return l
		}
	}
	return nil
}

// Link is a link of a session: the suite's sender, or its receiver.
type Link struct {
	// Set once.
	s        *Session
	Name     string
	Handle   uint32          // the suite's
	Remote   uint32          // the target's
	Attach   *wire.Composite // the target's
	receiver bool
	attached bool
	counted  bool // of a receiver: all its credit came from Grant, so that deliveries beyond it are seen

	// Owned by the check's goroutine.
	Sent          uint32          // deliveries of a sender
	Credit        uint32          // of a sender: deliveries that the target takes now; of a receiver: that it may send
	DeliveryCount uint32          // of a sender the suite's, of a receiver the target's
	LastFlow      *wire.Composite // the target's, for this link
	Detached      *wire.Composite // the target's detach
	inbox         []*Delivery     // whole deliveries
	partial       *Delivery
}

// Delivery is one that came.
type Delivery struct {
	ID       uint32
	Tag      []byte
	Settled  bool
	Format   uint64
	First    *wire.Composite // its first transfer
	Frames   int
	Message  []byte
	Aborted  bool
	Sections []wire.ReceivedSection // nil if the message cannot be cut
}

// SenderFields are an attach's for a sender to that address.
func (s *Session) SenderFields(address string) wire.F {
	return wire.F{
		"name": s.c.t.Name("sender"), "handle": s.handles, "role": false, "snd-settle-mode": 0, "rcv-settle-mode": 0,
		"source": wire.Source.With(), "target": wire.Target.With(wire.F{"address": address}), "initial-delivery-count": 0,
	}
}

// ReceiverFields are an attach's for a receiver from that address.
func (s *Session) ReceiverFields(address string) wire.F {
	return wire.F{
		"name": s.c.t.Name("receiver"), "handle": s.handles, "role": true, "snd-settle-mode": 0, "rcv-settle-mode": 0,
		"source": wire.Source.With(wire.F{"address": address}), "target": wire.Target.With(),
	}
}

// Sender attaches a link to send to that address, and wants it to be there. The fields in f replace those of SenderFields.
func (s *Session) Sender(address string, f wire.F) *Link {
	return s.mustAttach(s.SenderFields(address).Plus(f), "target")
}

// Receiver attaches a link to receive from that address, and wants it to be there. It has no credit yet.
func (s *Session) Receiver(address string, f wire.F) *Link {
	return s.mustAttach(s.ReceiverFields(address).Plus(f), "source")
}

func (s *Session) mustAttach(f wire.F, terminus string) *Link {
	l := s.Attach(f)
	if !l.Attach.Has(terminus) {
		s.c.Next() // the detach, for the trace
		s.c.t.Fail("the attach was refused: %s came without a %s", l.Attach, terminus)
	}
	return l
}

// Attach sends an attach and waits for its answer, whatever that says.
func (s *Session) Attach(f wire.F) *Link {
	s.Send(wire.Attach.With(f))
	return s.Attached(f)
}

// Attached waits for the answer to an attach that was sent with these fields.
func (s *Session) Attached(f wire.F) *Link {
	a := wire.Attach.With(f)
	l := &Link{s: s, Name: a.Text("name"), Handle: uint32(a.Uint("handle")), receiver: a.Bool("role"),
		DeliveryCount: uint32(a.Uint("initial-delivery-count"))}
	s.handles = max(s.handles, l.Handle+1)
	answer := s.c.Expect(wire.Attach, wire.Disposition, wire.Transfer)
	l.Attach, l.Remote, l.attached = answer.Body, uint32(answer.Body.Uint("handle")), true
	if l.Attach.Text("name") != l.Name || l.Attach.Bool("role") == l.receiver {
		s.c.t.FailWant(fmt.Sprintf("attach of %q with the other role", l.Name), answer.String())
	}
	if l.receiver {
		l.DeliveryCount = uint32(l.Attach.Uint("initial-delivery-count"))
	}
	s.links = append(s.links, l)
	return l
}

// Session is the link's.
func (l *Link) Session() *Session { return l.s }

// AwaitCredit waits until a sender may send n deliveries.
func (l *Link) AwaitCredit(n uint32) {
	for int32(l.Credit) < int32(n) {
		l.s.c.awaiting("credit", l)
	}
}

// Send sends one delivery, unsettled unless f says otherwise, in as many frames as it takes, when there is credit. It returns its id.
func (l *Link) Send(message []byte, f ...wire.F) uint32 {
	return l.SendIn(int(min(l.s.c.MaxFrame(), 65536))-128, message, f...)
}

// SendIn is Send with that many octets of payload in each frame.
func (l *Link) SendIn(room int, message []byte, f ...wire.F) uint32 {
	l.AwaitCredit(1)
	id := l.s.NextDelivery
	l.s.NextDelivery++
	l.Sent++
	first := wire.F{"handle": l.Handle, "delivery-id": id, "delivery-tag": fmt.Appendf(nil, "%d-%d", l.Handle, id), "message-format": 0, "settled": false}
	for rest, fields := message, first.Plus(f...); ; fields = (wire.F{"handle": l.Handle}) {
		for int32(l.s.RemoteWindow) < 1 {
			l.s.c.awaiting("a larger session window", l)
		}
		n := min(len(rest), room)
		if n < len(rest) {
			fields["more"] = true
		}
		l.s.c.SendTransfer(l.s.Channel, wire.Transfer.With(fields), rest[:n])
		l.s.NextOutgoing++
		l.s.RemoteWindow--
		if rest = rest[n:]; len(rest) == 0 {
			break
		}
	}
	l.DeliveryCount++
	l.Credit--
	return id
}

// State waits for the state that the target gives a delivery, and whether it settled it.
func (s *Session) State(id uint32) (state *wire.Composite, settled bool) {
	for {
		for _, d := range s.states {
			last := d.Uint("first")
			if d.Has("last") {
				last = d.Uint("last")
			}
			if id-uint32(d.Uint("first")) <= uint32(last)-uint32(d.Uint("first")) {
				return d.Composite("state"), d.Bool("settled")
			}
		}
		s.c.awaiting(fmt.Sprintf("the outcome of delivery %d", id), nil)
	}
}

// Outcome waits for a settled state and ends the case if it is another.
func (s *Session) Outcome(id uint32, want *wire.Kind) *wire.Composite {
	state, settled := s.State(id)
	if state == nil || state.Kind != want || !settled {
		got := "no state"
		if state != nil {
			got = state.String()
		}
		s.c.t.FailWant(want.Name+", settled", fmt.Sprintf("%s, settled %t", got, settled))
	}
	return state
}

// Put sends a message and wants it accepted.
func (l *Link) Put(message []byte) {
	l.s.Outcome(l.Send(message), wire.Accepted)
}

// Grant gives a receiver's peer that much credit from here on.
func (l *Link) Grant(credit uint32, f ...wire.F) {
	l.Credit, l.counted = credit, true
	l.s.Send(wire.Flow.With(l.FlowFields(), wire.F{"link-credit": credit}, wire.F{}.Plus(f...)))
}

// FlowFields are a flow's session and link fields as they are now.
func (l *Link) FlowFields() wire.F {
	return l.s.FlowFields().Plus(wire.F{"handle": l.Handle, "delivery-count": l.DeliveryCount, "link-credit": l.Credit})
}

// take puts a transfer to its delivery.
func (l *Link) take(b *wire.Composite, payload []byte) {
	if !l.receiver {
		l.s.c.violated("the target sent a transfer on a link on which it is the receiver")
		return
	}
	if l.partial == nil {
		l.partial = &Delivery{ID: uint32(b.Uint("delivery-id")), Tag: b.Binary("delivery-tag"), Format: b.Uint("message-format"), First: b}
		if !b.Has("delivery-id") || !b.Has("delivery-tag") {
			l.s.c.violated("the target sent a delivery without an id or a tag: " + b.String())
		}
		l.DeliveryCount++
		if l.Credit == 0 && l.counted {
			l.s.c.violated("the target sent a delivery without credit: " + b.String())
		}
		l.Credit -= min(l.Credit, 1)
	}
	d := l.partial
	d.Frames++
	d.Settled = d.Settled || b.Bool("settled")
	d.Message = append(d.Message, payload...)
	switch {
	case b.Bool("aborted"):
		l.partial = nil
	case !b.Bool("more"):
		d.Sections, _ = wire.Sections(d.Message) // nil says that it cannot be cut
		l.inbox = append(l.inbox, d)
		l.partial = nil
	}
}

// Receive waits for the next delivery.
func (l *Link) Receive() *Delivery {
	for len(l.inbox) == 0 {
		l.s.c.awaiting("a delivery", l)
	}
	return l.shift()
}

// TryReceive waits so long for a delivery; nil if none comes.
func (l *Link) TryReceive(wait time.Duration) *Delivery {
	for end := time.Now().Add(wait); len(l.inbox) == 0; {
		e := l.s.c.NextWithin(time.Until(end))
		if e.Kind == Silence {
			return nil
		}
		l.s.c.refuseEnd(e, "a delivery or nothing", l)
	}
	return l.shift()
}

// Waiting is how many deliveries came that nobody received yet.
func (l *Link) Waiting() int { return len(l.inbox) }

func (l *Link) shift() *Delivery {
	d := l.inbox[0]
	l.inbox = l.inbox[1:]
	if l.s.topUp && l.s.granted < window/2 {
		l.s.Send(wire.Flow.With(l.s.FlowFields()))
	}
	return d
}

// Settle gives a delivery that state and settles it.
func (l *Link) Settle(d *Delivery, state *wire.Composite) {
	l.s.Send(wire.Disposition.With(wire.F{"role": true, "first": d.ID, "settled": true, "state": state}))
}

// Detach exchanges detaches; closed as said.
func (l *Link) Detach(closed bool) {
	l.s.Send(wire.Detach.With(wire.F{"handle": l.Handle, "closed": closed}))
	f := l.s.c.Expect(wire.Detach, wire.Disposition, wire.Transfer)
	if f.Body.Has("error") || uint32(f.Body.Uint("handle")) != l.Remote || f.Body.Bool("closed") != closed {
		l.s.c.t.FailWant(fmt.Sprintf("detach of handle %d, closed=%t, without an error", l.Remote, closed), f.String())
	}
	l.attached = false
}

// awaiting waits for one more event while something else is wanted, and ends the case if that cannot come any more.
func (c *Conn) awaiting(what string, l *Link) {
	e := c.Next()
	if e.Kind == Silence {
		c.t.FailWant(what, "nothing")
	}
	c.refuseEnd(e, what, l)
}

// refuseEnd ends the case if e is the end of what is waited on.
func (c *Conn) refuseEnd(e Event, want string, l *Link) {
	ends := e.Kind != GotFrame || e.Frame.Is(wire.Close, wire.End)
	if e.Kind == GotFrame && e.Frame.Is(wire.Detach) && l != nil && l.Detached != nil {
		ends = true
	}
	if ends {
		c.t.FailWant(want, e.String())
	}
}
