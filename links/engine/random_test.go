package engine

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"hibachi/links/amqp"
)

// TestRandomConversations: random peers with random callers; an auditor reads every frame. At the end everything that both sides
// hold is settled, and nothing may be left.
func TestRandomConversations(t *testing.T) {
	for seed := range uint64(150) {
		newRandomPeer(t, seed).run(600)
	}
}

// randomPeer is both sides of an engine: a peer that follows the rules, and a caller.
type randomPeer struct {
	t     *testing.T
	seed  uint64
	rng   *rand.Rand
	c     *Connection
	audit *auditor
	now   time.Time

	transferID amqp.SequenceNo // ours, of the peer
	deliveryID amqp.SequenceNo
	window     int // of transfers that the engine takes
	links      map[uint32]*randomLink
	names      int
	received   amqp.SequenceNo // next-incoming-id

	pending    []*Link
	unanswered []Event
	ref        uint64
	sent       map[uint64]*Sender // and not settled, given back or lost with their link
}

type randomLink struct {
	name    string
	role    amqp.Role
	count   amqp.SequenceNo // delivery-count, either direction
	credit  int             // that the engine gave
	partial bool
	link    *Link
}

func newRandomPeer(t *testing.T, seed uint64) *randomPeer {
	p := &randomPeer{
		t: t, seed: seed, rng: rand.New(rand.NewPCG(seed, 7)),
		audit: newAuditor(), now: time.Unix(0, 0),
		links: map[uint32]*randomLink{}, sent: map[uint64]*Sender{},
	}
	start := amqp.SequenceNo(0) - amqp.SequenceNo(p.rng.IntN(30))
	p.transferID, p.deliveryID, p.received = start, start, start
	cfg := &Config{
		startID: start, Credit: 1 + uint32(p.rng.IntN(20)), IncomingWindow: 1 + uint32(p.rng.IntN(20)),
		MaxUnsettled: 1 + p.rng.IntN(20), OutputLimit: 1 + p.rng.IntN(4000), MaxFrameSize: 512 + uint32(p.rng.IntN(2000)),
	}
	p.c = New(cfg, p.now)
	p.feed(amqp.HeaderAMQP[:])
	frame := 512 + uint32(p.rng.IntN(1000))
	p.frame(&amqp.Open{ContainerID: "p", MaxFrameSize: frame, ChannelMax: 10})
	p.audit.maxFrame = int(frame)
	p.window = int(p.c.cfg.IncomingWindow)
	p.frame(&amqp.Begin{NextOutgoingID: start, HandleMax: 1<<32 - 1})
	p.drain()
	return p
}

func (p *randomPeer) fatalf(format string, args ...any) {
	p.t.Helper()
	p.t.Fatalf("seed %d: %s", p.seed, fmt.Sprintf(format, args...))
}

func (p *randomPeer) feed(b []byte) {
	p.t.Helper()
	if n, _ := p.c.Feed(p.now, b); n != len(b) {
		p.fatalf("%d of %d octets were taken", n, len(b))
	}
}

func (p *randomPeer) frame(body amqp.Body) { p.frameWith(body, nil) }

func (p *randomPeer) frameWith(body amqp.Body, payload []byte) {
	p.t.Helper()
	p.feed(amqp.AppendFrame(nil, amqp.TypeAMQP, 0, body, payload))
	p.handleEvents()
}

// handleEvents is the caller's side.
func (p *randomPeer) handleEvents() {
	p.t.Helper()
	events := p.c.Events()
	for i := range events {
		e := &events[i]
		switch e.Kind {
		case EventAttachReceiver:
			p.known(&e.Receiver.Link)
		case EventAttachSender:
			p.known(&e.Sender.Link)
		case EventMessage:
			if !e.Settled {
				p.unanswered = append(p.unanswered, *e)
			}
		case EventAbandoned:
			p.forgetAnswer(e)
		case EventSettled, EventUnsent:
			if p.sent[e.Ref] != e.Sender && !e.Sender.settled {
				p.fatalf("ref %d is settled, and is not out on this link", e.Ref)
			}
			delete(p.sent, e.Ref)
		case EventSenderDetached:
			for ref, s := range p.sent {
				if s == e.Sender {
					delete(p.sent, ref)
				}
			}
		case EventClose:
			if e.Err != nil {
				p.fatalf("closed: %v", e.Err)
			}
		}
	}
	Recycle(events)
}

func (p *randomPeer) known(l *Link) {
	p.pending = append(p.pending, l)
	p.links[l.theirHandle].link = l
}

func (p *randomPeer) forgetAnswer(e *Event) {
	for i := range p.unanswered {
		if p.unanswered[i].Delivery == e.Delivery {
			p.unanswered = append(p.unanswered[:i], p.unanswered[i+1:]...)
			return
		}
	}
	p.fatalf("delivery %d is abandoned, and was answered", e.Delivery)
}

// drain reads what the engine writes: the auditor checks it, and the peer takes what concerns it.
func (p *randomPeer) drain() {
	p.t.Helper()
	var all []byte
	for owes := p.c.Owes(); ; owes = p.c.Owes() {
		out := p.c.Append(p.now, nil)
		if len(out) == 0 {
			break
		}
		if !owes {
			p.fatalf("Owes says no, and Append writes %x", out)
		}
		if err := p.audit.write(out); err != nil {
			p.fatalf("%v", err)
		}
		all = append(all, out...)
	}
	p.read(all)
	p.handleEvents()
}

// read takes credit, windows and detaches out of the engine's frames.
func (p *randomPeer) read(out []byte) {
	var d amqp.Decoder
	for len(out) >= 8 {
		if bytes.HasPrefix(out, []byte("AMQP")) {
			out = out[8:]
			continue
		}
		h, _ := amqp.ParseFrameHeader(out)
		if int(h.Size) > len(out) {
			p.fatalf("half a frame")
		}
		if body, _, err := d.Decode(out[8:h.Size], false); err == nil {
			p.readFrame(body)
		}
		out = out[h.Size:]
	}
}

func (p *randomPeer) readFrame(body amqp.Body) {
	switch b := body.(type) {
	case *amqp.Flow:
		p.window = int(b.NextIncomingID.Value.Add(b.IncomingWindow).Sub(p.transferID))
		for _, l := range p.links {
			if b.Handle.Set && l.link != nil && l.link.ourHandle == b.Handle.Value && l.link.state == linkAttached {
				if l.role == amqp.RoleSender {
					l.credit = int(b.DeliveryCount.Value.Add(b.LinkCredit.Value).Sub(l.count))
				} else {
					l.count = b.DeliveryCount.Value
				}
			}
		}
	case *amqp.Transfer:
		p.received = p.received.Add(1)
	}
}

func (p *randomPeer) run(steps int) {
	for range steps {
		p.step()
		if p.rng.IntN(3) == 0 {
			p.drain()
		}
	}
	p.finish()
}

func (p *randomPeer) step() {
	switch p.rng.IntN(12) {
	case 0:
		p.attach()
	case 1, 2:
		p.answer()
	case 3, 4, 5:
		p.transfer()
	case 6, 7:
		p.settle(1 + p.rng.IntN(5))
	case 8:
		p.flow()
	case 9:
		p.send()
	case 10:
		p.dispose()
	case 11:
		if p.rng.IntN(4) == 0 {
			p.detach()
		}
	}
}

func (p *randomPeer) attach() {
	h := uint32(p.rng.IntN(6))
	if p.links[h] != nil {
		return
	}
	p.names++
	l := &randomLink{name: fmt.Sprint("l", p.names), role: p.rng.IntN(2) == 0, count: p.c.cfg.startID}
	p.links[h] = l
	p.frame(&amqp.Attach{LinkName: l.name, Handle: h, Role: l.role, InitialDeliveryCount: amqp.Some(l.count),
		Source: &amqp.Source{}, Target: &amqp.Target{}})
}

// answer accepts, mostly, one of the attaches that wait.
func (p *randomPeer) answer() {
	if len(p.pending) == 0 {
		return
	}
	i := p.rng.IntN(len(p.pending))
	l := p.pending[i]
	p.pending = append(p.pending[:i], p.pending[i+1:]...)
	refuse := p.rng.IntN(5) == 0
	switch {
	case l.receiver != nil && refuse:
		l.receiver.Refuse(amqp.Errorf(amqp.ErrNotFound, "no"))
	case l.receiver != nil:
		l.receiver.Accept(Terms{})
	case refuse:
		l.sender.Refuse(amqp.Errorf(amqp.ErrNotFound, "no"))
	default:
		l.sender.Accept(Terms{Settled: p.rng.IntN(5) == 0})
	}
	p.drain()
}

// transfer sends a fragment, or a whole delivery, on a link with credit.
func (p *randomPeer) transfer() {
	h := uint32(p.rng.IntN(6))
	l := p.links[h]
	if l == nil || l.role != amqp.RoleSender || p.window == 0 || !l.partial && l.credit == 0 || l.link.state != linkAttached {
		return
	}
	t := &amqp.Transfer{Handle: h, More: p.rng.IntN(3) == 0}
	if !l.partial {
		t.DeliveryID, t.DeliveryTag = amqp.Some(p.deliveryID), []byte("t")
		t.Settled = amqp.Some(p.rng.IntN(4) == 0)
		p.deliveryID = p.deliveryID.Add(1)
		l.count = l.count.Add(1)
		l.credit--
	}
	t.Aborted = p.rng.IntN(10) == 0
	l.partial = t.More && !t.Aborted
	p.window--
	p.transferID = p.transferID.Add(1)
	p.frameWith(t, make([]byte, p.rng.IntN(200)))
}

// settle answers some deliveries of the peer's, in any order.
func (p *randomPeer) settle(n int) {
	for range min(n, len(p.unanswered)) {
		i := p.rng.IntN(len(p.unanswered))
		e := p.unanswered[i]
		p.unanswered = append(p.unanswered[:i], p.unanswered[i+1:]...)
		state := amqp.DeliveryState{Kind: amqp.Accepted}
		if p.rng.IntN(4) == 0 {
			state = amqp.DeliveryState{Kind: amqp.Rejected, Err: amqp.Errorf(amqp.ErrInvalidField, "field %d", p.rng.IntN(3))}
		}
		if e.Receiver.Settle(e.Delivery, state); e.Receiver.Settle(e.Delivery, state) {
			p.fatalf("delivery %d was answered twice", e.Delivery)
		}
	}
}

// flow opens or shuts the peer's window, and gives, takes back or drains credit.
func (p *randomPeer) flow() {
	p.drain()
	window := p.rng.IntN(30)
	f := &amqp.Flow{
		NextIncomingID: amqp.Some(p.received), IncomingWindow: uint32(window),
		NextOutgoingID: p.transferID, OutgoingWindow: 100, Echo: p.rng.IntN(4) == 0,
	}
	p.audit.sessions[0].window = int64(window)
	h := uint32(p.rng.IntN(6))
	if l := p.links[h]; l != nil && l.role == amqp.RoleReceiver && l.link != nil && l.link.state == linkAttached {
		credit := p.rng.IntN(20)
		f.Handle = amqp.Some(h)
		f.DeliveryCount = amqp.Some(l.link.sender.deliveryCount)
		f.LinkCredit = amqp.Some(uint32(credit))
		f.Drain = p.rng.IntN(4) == 0
		p.audit.sessions[0].links[l.link.ourHandle].credit = int64(credit)
	}
	p.frame(f)
}

// send is the caller's writing side.
func (p *randomPeer) send() {
	for _, s := range p.c.Runnable(nil) {
		n, _ := s.Want()
		k := 0
		if n > 0 {
			k = p.rng.IntN(n + 1)
		}
		for range k {
			p.ref++
			if !s.Send(Message{Ref: p.ref, Body: make([]byte, p.rng.IntN(3000))}) {
				p.fatalf("wanted and not sent")
			}
			if !s.settled {
				p.sent[p.ref] = s
			}
		}
		if k < n {
			s.Exhausted()
		}
		if p.rng.IntN(4) == 0 {
			s.Wake()
		}
	}
}

// dispose settles a range of what the engine sent, whatever is in it.
func (p *randomPeer) dispose() {
	s := p.audit.sessions[0]
	d := &amqp.Disposition{Role: p.rng.IntN(5) != 0, First: s.next - amqp.SequenceNo(p.rng.IntN(30)), Settled: p.rng.IntN(2) == 0}
	if d.Role == amqp.RoleSender {
		d.First, d.Settled = p.deliveryID-amqp.SequenceNo(p.rng.IntN(5)), true
	}
	d.Last = amqp.Some(d.First.Add(uint32(p.rng.IntN(10))))
	d.State = amqp.DeliveryState{Kind: []amqp.StateKind{amqp.Accepted, amqp.Received, amqp.Released, amqp.Accepted}[p.rng.IntN(4)]}
	p.frame(d)
}

// detach leaves a link, from either side.
func (p *randomPeer) detach() {
	h := uint32(p.rng.IntN(6))
	l := p.links[h]
	if l == nil {
		return
	}
	if p.rng.IntN(2) == 0 && l.link.state == linkAttached {
		l.link.detach(amqp.Errorf(amqp.ErrDetachForced, "by the caller"))
	}
	delete(p.links, h)
	p.frame(&amqp.Detach{Handle: h, Closed: p.rng.IntN(2) == 0})
}

// finish lets everything come to its end, then looks for what is left.
func (p *randomPeer) finish() {
	for len(p.pending) > 0 {
		p.answer()
	}
	for h, l := range p.links {
		if l.partial {
			p.drain() // for the window
			p.window--
			p.transferID = p.transferID.Add(1)
			p.frame(&amqp.Transfer{Handle: h, Aborted: true})
		}
	}
	p.settle(len(p.unanswered))
	p.audit.sessions[0].window = 1 << 20
	p.frame(&amqp.Flow{NextIncomingID: amqp.Some(p.received), IncomingWindow: 1 << 20, NextOutgoingID: p.transferID})
	for h, l := range p.links {
		if l.role == amqp.RoleReceiver && l.link.state == linkAttached {
			p.drain()
			p.audit.sessions[0].links[l.link.ourHandle].credit = 1 << 20
			p.frame(&amqp.Flow{NextIncomingID: amqp.Some(p.received), IncomingWindow: 1 << 20, NextOutgoingID: p.transferID,
				Handle: amqp.Some(h), DeliveryCount: amqp.Some(l.link.sender.deliveryCount), LinkCredit: amqp.Some(uint32(1 << 20))})
		}
	}
	p.drain()
	s := p.audit.sessions[0]
	p.frame(&amqp.Disposition{Role: amqp.RoleReceiver, First: s.next - 1<<30, Last: amqp.Some(s.next), Settled: true})
	p.drain()
	if len(p.sent) > 0 || p.c.queued != 0 || p.c.sessions[0].queued != 0 || p.c.unanswered != 0 || p.c.early != 0 || p.c.earlyCount != 0 {
		p.fatalf("left: %d sent, %d and %d queued, %d unanswered, %d early", len(p.sent), p.c.queued, p.c.sessions[0].queued, p.c.unanswered, p.c.early)
	}
	for _, u := range []*unsettled{&p.c.sessions[0].sent, &p.c.sessions[0].received} {
		if u.shrink(); u.count()+len(u.aside) > 0 {
			p.fatalf("%d deliveries are still in a table", u.count()+len(u.aside))
		}
	}
	for _, l := range p.links {
		if l.link.sender != nil && l.link.sender.unsettled != 0 {
			p.fatalf("%s has %d unsettled", l.name, l.link.sender.unsettled)
		}
	}
	p.frame(&amqp.Close{})
	p.drain()
	if !p.c.Finished() || p.c.links != 0 {
		p.fatalf("finished %v, %d links", p.c.Finished(), p.c.links)
	}
}
