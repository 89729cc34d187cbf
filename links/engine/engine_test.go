package engine

import (
	"bytes"
	"fmt"
	"runtime"
	"testing"
	"time"

	"hibachi/links/amqp"
)

// testPeer is a client with verbs, for tests that count rather than read.
type testPeer struct {
	t   testing.TB
	c   *Connection
	now time.Time
	buf []byte // of the frame to be fed
	out []byte // what the engine wrote last
}

func newTestPeer(t testing.TB, cfg Config) *testPeer {
	p := &testPeer{t: t, c: New(&cfg, time.Unix(0, 0)), now: time.Unix(0, 0)}
	p.raw(amqp.HeaderAMQP[:])
	p.frame(0, &amqp.Open{ContainerID: "peer", MaxFrameSize: 1<<32 - 1, ChannelMax: 65535}, nil)
	p.frame(0, &amqp.Begin{IncomingWindow: 1<<31 - 1, OutgoingWindow: 1 << 16, HandleMax: 1<<32 - 1}, nil)
	p.drain()
	return p
}

func (p *testPeer) raw(b []byte) {
	p.t.Helper()
	if n, _ := p.c.Feed(p.now, b); n != len(b) {
		p.t.Fatalf("%d of %d octets were taken", n, len(b))
	}
}

func (p *testPeer) frame(channel uint16, body amqp.Body, payload []byte) {
	p.t.Helper()
	p.buf = amqp.AppendFrame(p.buf[:0], amqp.TypeAMQP, channel, body, payload)
	p.raw(p.buf)
}

// drain takes all that is owed, and forgets events.
func (p *testPeer) drain() {
	p.out = p.out[:0]
	for {
		n := len(p.out)
		if p.out = p.c.Append(p.now, p.out); len(p.out) == n {
			break
		}
	}
	Recycle(p.c.Events())
}

// attach attaches and accepts a link of the peer's role.
func (p *testPeer) attach(name string, handle uint32, role amqp.Role) *Link {
	p.t.Helper()
	a := &amqp.Attach{
		LinkName: name, Handle: handle, Role: role, SndSettleMode: amqp.SenderMixed,
		Source: &amqp.Source{Address: "q", HasAddress: true},
		Target: &amqp.Target{Address: "q", HasAddress: true},
	}
	if role == amqp.RoleSender {
		a.InitialDeliveryCount = amqp.Some(amqp.SequenceNo(0))
	}
	p.frame(0, a, nil)
	events := p.c.Events()
	if len(events) != 1 {
		p.t.Fatalf("%d events after attach %s", len(events), name)
	}
	if r := events[0].Receiver; r != nil {
		r.Accept(Terms{})
		return &r.Link
	}
	events[0].Sender.Accept(Terms{})
	return &events[0].Sender.Link
}

// TestEndlessDelivery: transfers that carry nothing and never end are bounded.
func TestEndlessDelivery(t *testing.T) {
	p := newTestPeer(t, Config{})
	l := p.attach("s", 0, amqp.RoleSender)
	p.frame(0, &amqp.Transfer{DeliveryID: amqp.Some(amqp.SequenceNo(0)), DeliveryTag: []byte("t"), More: true}, nil)
	for i := 1; !l.Detached(); i++ {
		if i > maxEmpty {
			t.Fatalf("still attached after %d empty transfers", i)
		}
		p.frame(0, &amqp.Transfer{More: true}, nil)
	}
}

// TestDeafPeer: one that asks for ever and reads nothing costs a bounded amount, then its connection.
func TestDeafPeer(t *testing.T) {
	t.Run("echo", func(t *testing.T) {
		p := newTestPeer(t, Config{})
		p.attach("r", 0, amqp.RoleReceiver)
		p.drain()
		for range 100_000 {
			p.frame(0, &amqp.Flow{Handle: amqp.Some(uint32(0)), LinkCredit: amqp.Some(uint32(5)), IncomingWindow: 5, Drain: true, Echo: true}, nil)
			p.frame(0, &amqp.Flow{IncomingWindow: 5, Echo: true}, nil)
		}
		if len(p.c.control) > 0 {
			t.Errorf("%d octets wait", len(p.c.control))
		}
		p.drain()
		if len(p.out) > 200 {
			t.Errorf("%d octets in answer to many echoes of one link and one session", len(p.out))
		}
	})
	t.Run("begin and end", func(t *testing.T) {
		p := newTestPeer(t, Config{})
		for i := 0; p.c.state == opened; i++ {
			if i > 100_000 {
				t.Fatal("nothing stops it")
			}
			p.frame(1, &amqp.Begin{HandleMax: 1}, nil)
			p.frame(1, &amqp.End{}, nil)
		}
		if n := len(p.c.control); n > maxControl+1024 {
			t.Errorf("%d octets wait", n)
		}
	})
	t.Run("attach and detach", func(t *testing.T) {
		p := newTestPeer(t, Config{})
		for i := 0; p.c.state == opened; i++ {
			if i > 100_000 {
				t.Fatal("nothing stops it")
			}
			p.frame(0, &amqp.Attach{LinkName: "l", Role: amqp.RoleReceiver}, nil)
			for _, e := range p.c.Events() {
				if e.Kind == EventAttachSender {
					e.Sender.Accept(Terms{})
				}
			}
			p.frame(0, &amqp.Detach{Closed: true}, nil)
		}
		if n := len(p.c.control); n > maxControl+4096 {
			t.Errorf("%d octets wait", n)
		}
	})
	t.Run("early messages", func(t *testing.T) {
		p := newTestPeer(t, Config{Credit: 1 << 20, IncomingWindow: 1 << 20})
		p.frame(0, &amqp.Attach{LinkName: "l", InitialDeliveryCount: amqp.Some(amqp.SequenceNo(0))}, nil)
		for i := range 20_000 {
			p.frame(0, &amqp.Transfer{DeliveryID: amqp.Some(amqp.SequenceNo(i)), DeliveryTag: []byte("t")}, nil)
		}
		if p.c.earlyCount != maxEarly {
			t.Errorf("%d messages are kept", p.c.earlyCount)
		}
	})
}

// TestTwentyThousandLinks: a router puts everybody's links into one session.
func TestTwentyThousandLinks(t *testing.T) {
	const n = 20_000
	p := newTestPeer(t, Config{})
	for i := range uint32(n) {
		role := amqp.Role(i%2 == 0)
		p.frame(0, &amqp.Attach{LinkName: fmt.Sprint("l", i), Handle: i, Role: role, InitialDeliveryCount: amqp.Some(amqp.SequenceNo(0))}, nil)
	}
	events := p.c.Events()
	if len(events) != n {
		t.Fatalf("%d attaches", len(events))
	}
	for i := range events {
		if r := events[i].Receiver; r != nil {
			r.Accept(Terms{})
		} else {
			events[i].Sender.Accept(Terms{})
		}
	}
	p.drain()
	for i := uint32(0); i < n; i += 2 {
		p.frame(0, &amqp.Flow{Handle: amqp.Some(i), LinkCredit: amqp.Some(uint32(1)), IncomingWindow: n}, nil)
	}
	senders := p.c.Runnable(nil)
	if len(senders) != n/2 {
		t.Fatalf("%d are runnable", len(senders))
	}
	for i, s := range senders {
		s.Send(Message{Ref: uint64(i), Body: []byte("x")})
	}
	p.drain()
	p.frame(0, &amqp.Disposition{Role: amqp.RoleReceiver, Last: amqp.Some(amqp.SequenceNo(n)), Settled: true, State: amqp.DeliveryState{Kind: amqp.Accepted}}, nil)
	if got := len(p.c.Events()); got != n/2 {
		t.Fatalf("%d of %d are settled", got, n/2)
	}
	for i := range uint32(n) {
		p.frame(0, &amqp.Detach{Handle: i, Closed: true}, nil)
	}
	if got := len(p.c.Events()); got != n {
		t.Fatalf("%d of %d are detached", got, n)
	}
	p.drain()
	s := p.c.sessions[0]
	if p.c.links != 0 || len(s.names) != 0 || !s.links.empty() {
		t.Errorf("something is left: %d links, %d names", p.c.links, len(s.names))
	}
}

// TestIdleMemory: what one connection with two links costs while nothing happens.
func TestIdleMemory(t *testing.T) {
	const n, most = 500, 6 << 10
	peers := make([]*Connection, n)
	cfg := (&Config{}).Resolve()
	one := func() *Connection {
		p := newTestPeer(t, *cfg)
		p.attach("s", 0, amqp.RoleSender)
		r := p.attach("r", 1, amqp.RoleReceiver)
		p.frame(0, &amqp.Flow{Handle: amqp.Some(uint32(1)), LinkCredit: amqp.Some(uint32(100)), IncomingWindow: 1 << 20}, nil)
		for i := range 100 {
			p.frame(0, &amqp.Transfer{DeliveryID: amqp.Some(amqp.SequenceNo(i)), DeliveryTag: []byte("t")}, make([]byte, 1000))
			r.sender.Send(Message{Body: make([]byte, 1000)})
		}
		for _, e := range p.c.Events() {
			if e.Kind == EventMessage {
				e.Receiver.Settle(e.Delivery, amqp.DeliveryState{Kind: amqp.Accepted})
			}
		}
		p.drain()
		p.frame(0, &amqp.Disposition{Role: amqp.RoleReceiver, Last: amqp.Some(amqp.SequenceNo(99)), Settled: true}, nil)
		p.drain()
		p.c.Tick(p.now)
		return p.c
	}
	one()
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	for i := range peers {
		peers[i] = one()
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	each := int(after.HeapAlloc-before.HeapAlloc) / n
	t.Logf("%d octets a connection with two links", each)
	if each > most {
		t.Errorf("%d octets a connection, at most %d", each, most)
	}
	runtime.KeepAlive(peers)
}

// TestMessagesAreCopies: nothing that is handed up changes with the input buffer.
func TestMessagesAreCopies(t *testing.T) {
	p := newTestPeer(t, Config{})
	p.frame(0, &amqp.Attach{
		LinkName: "s", InitialDeliveryCount: amqp.Some(amqp.SequenceNo(0)),
		Source:     &amqp.Source{Filter: amqp.MakeMap(amqp.Symbol("k"), "value")},
		Target:     &amqp.Target{Address: "address", HasAddress: true, Capabilities: []amqp.Symbol{"queue"}},
		Properties: amqp.MakeMap(amqp.Symbol("p"), "value"),
	}, nil)
	r := p.c.Events()[0].Receiver
	shown := r.Attach().String()
	r.Accept(Terms{})
	p.frame(0, &amqp.Transfer{DeliveryID: amqp.Some(amqp.SequenceNo(0)), DeliveryTag: []byte("t")}, []byte("message"))
	m := p.c.Events()[0].Message
	p.frame(0, &amqp.Disposition{Role: amqp.RoleSender, Settled: true, State: amqp.DeliveryState{Kind: amqp.Rejected,
		Err: &amqp.Error{Condition: "c", Description: "description", Info: amqp.MakeMap(amqp.Symbol("i"), "value")}}}, nil)
	state := p.c.Events()[0].State
	stateShown := state.String()
	clear(p.buf[:cap(p.buf)])
	p.frame(0, &amqp.Flow{Echo: true}, bytes.Repeat([]byte{0xff}, 500))
	if got := r.Attach().String(); got != shown {
		t.Errorf("attach: %s, was %s", got, shown)
	}
	if string(m) != "message" {
		t.Errorf("message: %q", m)
	}
	if got := state.String(); got != stateShown {
		t.Errorf("state: %s, was %s", got, stateShown)
	}
}

// transfers is n settled transfers in one buffer, and how to number them anew.
func transfers(n int, payload []byte, settled bool) []byte {
	var b []byte
	for i := range n {
		b = amqp.AppendFrame(b, amqp.TypeAMQP, 0, &amqp.Transfer{
			DeliveryID: amqp.Some(amqp.SequenceNo(i)), DeliveryTag: []byte("tag"), MessageFormat: amqp.Some(uint32(0)), Settled: amqp.Some(settled),
		}, payload)
	}
	return b
}

// inbound feeds batches of unsettled transfers, settles them, and writes the dispositions.
type inbound struct {
	p     *testPeer
	batch []byte
	n     int
}

func newInbound(t testing.TB, n int) *inbound {
	p := newTestPeer(t, Config{})
	p.attach("s", 0, amqp.RoleSender)
	p.drain()
	return &inbound{p: p, n: n, batch: transfers(n, make([]byte, 1024), false)}
}

func (in *inbound) round() {
	s := in.p.c.sessions[0]
	in.p.raw(in.batch)
	events := in.p.c.Events()
	for i := range events {
		e := &events[i]
		if !e.Receiver.Settle(e.Delivery, amqp.DeliveryState{Kind: amqp.Accepted}) {
			in.p.t.Fatal("too late")
		}
	}
	if len(events) != in.n {
		in.p.t.Fatalf("%d messages of %d", len(events), in.n)
	}
	Recycle(events)
	in.p.drain()
	s.received.begin(0) // the batch begins with id 0 again
}

// outbound sends batches to a peer that settles them as a range.
type outbound struct {
	p    *testPeer
	s    *Sender
	n    int
	body []byte
	flow amqp.Flow
	disp amqp.Disposition
}

func newOutbound(t testing.TB, n int) *outbound {
	p := newTestPeer(t, Config{})
	l := p.attach("r", 0, amqp.RoleReceiver)
	p.drain()
	return &outbound{p: p, s: l.sender, n: n, body: make([]byte, 1024),
		flow: amqp.Flow{Handle: amqp.Some(uint32(0)), LinkCredit: amqp.Some(uint32(n)), IncomingWindow: 1 << 20},
		disp: amqp.Disposition{Role: amqp.RoleReceiver, Settled: true, State: amqp.DeliveryState{Kind: amqp.Accepted}},
	}
}

func (o *outbound) round() {
	o.flow.DeliveryCount = amqp.Some(o.s.deliveryCount)
	o.flow.NextIncomingID = amqp.Some(o.s.session.outgoing.next)
	o.p.frame(0, &o.flow, nil)
	o.disp.First = o.s.session.sent.tail
	for i := range o.n {
		o.s.Send(Message{Ref: uint64(i), Body: o.body})
	}
	o.p.drain()
	o.disp.Last = amqp.Some(o.disp.First.Add(uint32(o.n - 1)))
	o.p.frame(0, &o.disp, nil)
	events := o.p.c.Events()
	if len(events) != o.n {
		o.p.t.Fatalf("%d settled of %d", len(events), o.n)
	}
	Recycle(events)
}

// TestHotPathAllocations: in, one allocation a message, which is the message; out, none.
func TestHotPathAllocations(t *testing.T) {
	if raceEnabled {
		t.Skip("pools forget at random under the race detector")
	}
	const n = 100
	in, out := newInbound(t, n), newOutbound(t, n)
	for range 3 {
		in.round()
		out.round()
	}
	// A batch may allocate a little for itself: the head of a recycled slice.
	if got := testing.AllocsPerRun(100, in.round); got > n+3 {
		t.Errorf("%.0f allocations for %d messages in", got, n)
	}
	if got := testing.AllocsPerRun(100, out.round); got > 3 {
		t.Errorf("%.0f allocations for %d messages out", got, n)
	}
}

func BenchmarkIn(b *testing.B) {
	const n = 60
	in := newInbound(b, n)
	b.SetBytes(int64(len(in.batch)))
	b.ReportAllocs()
	for b.Loop() {
		in.round()
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/message")
}

func BenchmarkOut(b *testing.B) {
	const n = 200
	out := newOutbound(b, n)
	b.SetBytes(int64(n * len(out.body)))
	b.ReportAllocs()
	for b.Loop() {
		out.round()
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/message")
}
