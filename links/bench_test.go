package links

import (
	"bufio"
	"encoding/binary"
	"io"
	"log/slog"
	"net"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"hibachi/links/amqp"
	"hibachi/links/engine"
)

// relay is a Container that passes what comes in on to whoever receives, without storing it: what is left is the cost of the links.
type relay struct {
	mu     sync.Mutex
	fifo   []engine.Message
	head   int
	next   uint64
	taps   []*relayTap
	budget *Budget
}

type relayTap struct {
	of   *relay
	link *Sender
	idle atomic.Bool
}

func (r *relay) AttachTarget(_ *Attach, done func(Target, engine.Terms, error)) {
	done(r, engine.Terms{Account: r.budget.Account("t")}, nil)
}

func (r *relay) AttachSource(_ *Attach, link *Sender, done func(Source, engine.Terms, error)) {
	t := &relayTap{of: r, link: link}
	r.mu.Lock()
	r.taps = append(r.taps, t)
	r.mu.Unlock()
	done(t, engine.Terms{}, nil)
}

func (r *relay) Receive(d Delivery, message []byte) error {
	r.mu.Lock()
	r.next++
	r.fifo = append(r.fifo, engine.Message{Ref: r.next, Body: message})
	var wake *relayTap
	for _, t := range r.taps {
		if t.idle.CompareAndSwap(true, false) {
			wake = t
			break
		}
	}
	r.mu.Unlock()
	d.Settle(amqp.DeliveryState{Kind: amqp.Accepted})
	if wake != nil {
		wake.link.Wake()
	}
	return nil
}

func (r *relay) Detached(error) {}

func (t *relayTap) Take(dst []engine.Message, max, maxBytes int) ([]engine.Message, bool) {
	r := t.of
	r.mu.Lock()
	defer r.mu.Unlock()
	n := 0
	for ; n < max && r.head < len(r.fifo) && maxBytes > 0; n++ {
		dst = append(dst, r.fifo[r.head])
		maxBytes -= len(r.fifo[r.head].Body)
		r.fifo[r.head] = engine.Message{}
		r.head++
	}
	if r.head == len(r.fifo) {
		r.fifo, r.head = r.fifo[:0], 0
		t.idle.Store(n < max)
		return dst, true
	}
	return dst, false
}

func (t *relayTap) Untake([]uint64)     {}
func (t *relayTap) Settle([]Settlement) {}
func (t *relayTap) Detached(error)      {}

// client is a lean peer on a socket.
type client struct {
	b   *testing.B
	nc  net.Conn
	in  *bufio.Reader
	dec amqp.Decoder
	buf []byte
}

func dial(b *testing.B, address string) *client {
	nc, err := net.Dial("tcp", address)
	if err != nil {
		b.Fatal(err)
	}
	c := &client{b: b, nc: nc, in: bufio.NewReaderSize(nc, 64<<10), buf: make([]byte, 64<<10)}
	c.send(amqp.HeaderAMQP[:])
	if _, err := io.ReadFull(c.in, c.buf[:8]); err != nil {
		b.Fatal(err)
	}
	c.say(&amqp.Open{ContainerID: "bench", MaxFrameSize: 64 << 10, ChannelMax: 1})
	c.next()
	c.say(&amqp.Begin{IncomingWindow: 1 << 30, OutgoingWindow: 1 << 30, HandleMax: 10})
	c.next()
	return c
}

func (c *client) send(b []byte) {
	if _, err := c.nc.Write(b); err != nil {
		c.b.Error(err)
	}
}

func (c *client) say(body amqp.Body) {
	c.send(amqp.AppendFrame(nil, amqp.TypeAMQP, 0, body, nil))
}

// next is the next frame's body; nil at the end.
func (c *client) next() amqp.Body {
	if _, err := io.ReadFull(c.in, c.buf[:8]); err != nil {
		return nil
	}
	size := binary.BigEndian.Uint32(c.buf)
	if _, err := io.ReadFull(c.in, c.buf[8:size]); err != nil {
		return nil
	}
	if size == 8 {
		return &amqp.Close{}
	}
	body, _, err := c.dec.Decode(c.buf[8:size], false)
	if err != nil {
		c.b.Error(err)
	}
	return body
}

// produce sends n messages of 1 KiB and reads their outcomes.
func (c *client) produce(n int) {
	c.say(senderAttach(0, "in"))
	c.next()
	credit := make(chan uint32, 1<<16)
	sent := uint32(0)
	go func() {
		body := make([]byte, 1024)
		limit, out := uint32(0), []byte(nil)
		for int(sent) < n {
			if sent == limit {
				limit = <-credit
				continue
			}
			out = out[:0]
			for ; int(sent) < n && sent < limit && len(out) < 60<<10; sent++ {
				t := &amqp.Transfer{DeliveryID: amqp.Some(amqp.SequenceNo(sent)), DeliveryTag: []byte{byte(sent >> 24), byte(sent >> 16), byte(sent >> 8), byte(sent)},
					MessageFormat: amqp.Some[uint32](0)}
				out = amqp.AppendFrame(out, amqp.TypeAMQP, 0, t, body)
			}
			c.send(out)
		}
	}()
	for answered := 0; answered < n; {
		switch x := c.next().(type) {
		case *amqp.Flow:
			if x.LinkCredit.Set {
				credit <- uint32(x.DeliveryCount.Value) + x.LinkCredit.Value
			}
		case *amqp.Disposition:
			last := x.First
			if x.Last.Set {
				last = x.Last.Value
			}
			answered += int(last.Sub(x.First)) + 1
		case nil:
			c.b.Error("the connection ended")
			return
		}
	}
}

// consume receives until left is used up, with 1000 in flight.
func (c *client) consume(left *atomic.Int64, done func()) {
	c.say(receiverAttach(0, "out"))
	c.next()
	flow := func(count uint32) {
		c.say(&amqp.Flow{NextIncomingID: amqp.Some(amqp.SequenceNo(count)), IncomingWindow: 1 << 30, Handle: amqp.Some[uint32](0),
			DeliveryCount: amqp.Some(amqp.SequenceNo(count)), LinkCredit: amqp.Some[uint32](1000)})
	}
	flow(0)
	settled := uint32(0)
	for got := uint32(0); ; {
		switch c.next().(type) {
		case *amqp.Transfer:
			got++
			if got-settled == 250 {
				c.say(&amqp.Disposition{Role: amqp.RoleReceiver, First: amqp.SequenceNo(settled), Last: amqp.Some(amqp.SequenceNo(got - 1)),
					Settled: true, State: amqp.DeliveryState{Kind: amqp.Accepted}})
				flow(got)
				settled = got
			}
			if left.Add(-1) == 0 {
				done()
			}
		case nil:
			return
		}
	}
}

func listen(b *testing.B) (*Server, string) {
	budget := NewBudget(0, 0)
	s, err := NewServer(&relay{budget: budget}, Options{Engine: engine.Config{ContainerID: "links"}, Budget: budget, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		b.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	go s.Serve(l)
	b.Cleanup(func() { l.Close() })
	return s, l.Addr().String()
}

func cpu() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkThroughput passes events of 1 KiB over loopback sockets, from four senders to four receivers, 1000 in flight each, with nothing
// stored. cpu-ns/event is of the whole process, the clients included.
func BenchmarkThroughput(b *testing.B) {
	const pairs = 4
	_, address := listen(b)
	var left atomic.Int64
	each := max(b.N/pairs, 1)
	left.Store(int64(each * pairs))
	done := make(chan struct{})
	for range pairs {
		c := dial(b, address)
		defer c.nc.Close()
		go c.consume(&left, func() { close(done) })
	}
	var producers []*client
	for range pairs {
		c := dial(b, address)
		defer c.nc.Close()
		producers = append(producers, c)
	}
	b.ReportAllocs()
	b.ResetTimer()
	spent := cpu()
	var all sync.WaitGroup
	for _, c := range producers {
		all.Go(func() { c.produce(each) })
	}
	all.Wait()
	<-done
	b.StopTimer()
	b.ReportMetric(float64(cpu()-spent)/float64(each*pairs), "cpu-ns/event")
	b.ReportMetric(float64(each*pairs)/b.Elapsed().Seconds(), "events/s")
}

// BenchmarkLatency sends one event at a time and waits for its outcome.
func BenchmarkLatency(b *testing.B) {
	_, address := listen(b)
	c := dial(b, address)
	defer c.nc.Close()
	c.say(senderAttach(0, "in"))
	c.next()
	body, id := make([]byte, 1024), amqp.SequenceNo(0)
	spent := cpu()
	b.ReportAllocs()
	for b.Loop() {
		c.send(amqp.AppendFrame(nil, amqp.TypeAMQP, 0, &amqp.Transfer{DeliveryID: amqp.Some(id), DeliveryTag: []byte{1}}, body))
		id++
		for answered := false; !answered; {
			_, answered = c.next().(*amqp.Disposition)
		}
	}
	b.ReportMetric(float64(cpu()-spent)/float64(b.N), "cpu-ns/event")
}

// BenchmarkIdle says what an idle connection with two links holds: heap and stacks of the whole process, the client's end included.
func BenchmarkIdle(b *testing.B) {
	_, address := listen(b)
	const n = 1000
	held := func() uint64 {
		runtime.GC()
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapInuse + m.StackInuse
	}
	before := held()
	var clients []net.Conn
	for range n {
		c := dial(b, address)
		c.say(senderAttach(0, "in"))
		c.next()
		c.say(receiverAttach(1, "out"))
		c.next()
		clients = append(clients, c.nc)
	}
	time.Sleep(100 * time.Millisecond)
	b.ReportMetric(float64(held()-before)/n, "bytes/connection")
	for _, nc := range clients {
		nc.Close()
	}
}
