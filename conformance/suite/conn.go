package suite

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"hibachi/conformance/wire"
)

// maxHeld bounds the octets that a connection keeps for its check: a target that floods is cut off there.
const maxHeld = 64 << 20

// EventKind is what an Event is.
type EventKind int

// The kinds of events.
const (
	GotFrame EventKind = iota
	GotHeader
	GotEOF     // the end of the stream, in order
	GotReset   // the end of the stream, by force
	GotGarbage // octets that are no frame; what follows cannot be read
	GotFlood   // more than the suite keeps
	Silence    // nothing, for as long as was waited
)

// Event is one thing that came.
type Event struct {
	Kind   EventKind
	Frame  *wire.Frame
	Header [8]byte
	Text   string // of garbage: what is wrong
	At     time.Time
}

func (e Event) String() string {
	switch e.Kind {
	case GotFrame:
		return e.Frame.String()
	case GotHeader:
		return wire.ShowOctets(e.Header[:])[0]
	case GotEOF:
		return "the end of the stream"
	case GotReset:
		return "a TCP reset"
	case GotGarbage:
		return "octets that are no frame: " + e.Text
	case GotFlood:
		return fmt.Sprintf("a flood of more than %d MiB", maxHeld>>20)
	}
	return "nothing"
}

// Conn is a connection to the target. Its methods are for the check's goroutine.
type Conn struct {
	// Set once.
	t      *T
	nc     net.Conn
	number int
	done   chan struct{} // closed when read has ended

	// Owned by the check's goroutine.
	Open     *wire.Composite // the target's, once it came
	sessions []*Session
	next     uint16 // channel

	// Owned by read.
	closed bool // the target's close came

	paused atomic.Bool   // read leaves octets where they are
	ending chan struct{} // Set once. Closed by hangUp.

	mu       sync.Mutex
	events   []Event       // Guarded by mu.
	held     int           // Guarded by mu. Octets in events.
	more     chan struct{} // Set once. Has a token when events may have grown.
	bad      []string      // Guarded by mu. See violations.
	maxFrame uint32        // Guarded by mu. The largest frame that the target may send.
	channels uint16        // Guarded by mu. The highest channel that the target may use.
}

// Dial opens a TCP (or TLS) connection and says nothing.
func (t *T) Dial() *Conn {
	nc, err := t.target.dial(t.ctx)
	if err != nil {
		t.Fail("cannot connect: %v", err)
	}
	t.dialled++
	c := &Conn{t: t, nc: nc, number: t.dialled, done: make(chan struct{}), ending: make(chan struct{}), more: make(chan struct{}, 1), maxFrame: 512, channels: 0}
	t.conns = append(t.conns, c)
	t.trace.add(c.number, "--", "connected", nil)
	go c.read()
	return c
}

// T is the check's, for functions that have a connection only.
func (c *Conn) T() *T { return c.t }

// StopReading leaves what the target sends in the socket from now on, until the check ends. What is read at this moment still comes.
func (c *Conn) StopReading() {
	c.paused.Store(true)
	c.t.trace.add(c.number, "--", "the suite reads no more from this connection", nil)
}

// hangUp ends the connection without a word.
func (c *Conn) hangUp() {
	select {
	case <-c.ending:
	default:
		close(c.ending)
	}
	_ = c.nc.Close() // nothing is left to be said
	<-c.done
}

// Drop ends the connection without a word, as a client that dies.
func (c *Conn) Drop() {
	c.t.trace.add(c.number, "--", "connection dropped by the suite", nil)
	c.hangUp()
}

// HalfClose ends the suite's direction of the stream only.
func (c *Conn) HalfClose() {
	if h, ok := c.nc.(interface{ CloseWrite() error }); ok {
		if err := h.CloseWrite(); err != nil {
			c.t.Fail("half-close: %v", err)
		}
		c.t.trace.add(c.number, "->", "end of stream", nil)
	}
}

// Write sends octets as they are, in one write. A connection that the target has ended is not an error here: what it said comes next.
func (c *Conn) Write(octets ...[]byte) {
	b := slices.Concat(octets...)
	c.t.trace.sent(c.number, b)
	if err := c.nc.SetWriteDeadline(time.Now().Add(c.t.check.takes())); err != nil && !errors.Is(err, net.ErrClosed) {
		c.t.Fail("set a deadline: %v", err)
	}
	if _, err := c.nc.Write(b); err != nil {
		c.t.trace.add(c.number, "--", "write: "+err.Error(), nil)
		if isTimeout(err) {
			c.t.Fail("the target does not read: writing %d octets took more than %v", len(b), c.t.check.takes())
		}
	}
}

// Send sends composites in a frame each, in one write.
func (c *Conn) Send(channel uint16, bodies ...*wire.Composite) {
	var b []byte
	for _, body := range bodies {
		b = append(b, wire.AMQP(channel, body, nil)...)
	}
	c.Write(b)
}

// SendTransfer sends a transfer with its payload.
func (c *Conn) SendTransfer(channel uint16, transfer *wire.Composite, payload []byte) {
	c.Write(wire.AMQP(channel, transfer, payload))
}

// Permit tells the suite what the target may send: its frames' size and channels. Open does so by itself.
func (c *Conn) Permit(maxFrame uint32, channelMax uint16) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.maxFrame, c.channels = maxFrame, channelMax
}

// read turns octets into events until the stream ends.
func (c *Conn) read() {
	defer close(c.done)
	for {
		if c.paused.Load() {
			<-c.ending
		}
		e, ok := c.readOne()
		c.post(e)
		if !ok {
			return
		}
	}
}

// readOne reads a header or a frame; ok tells whether more can follow.
func (c *Conn) readOne() (Event, bool) {
	var head [8]byte
	if n, err := io.ReadFull(c.nc, head[:]); err != nil {
		return c.ended(err, head[:n]), false
	}
	if string(head[:4]) == "AMQP" {
		return Event{Kind: GotHeader, Header: head}, true
	}
	size := int(head[0])<<24 | int(head[1])<<16 | int(head[2])<<8 | int(head[3])
	if size < 8 || size > maxHeld {
		return Event{Kind: GotGarbage, Text: fmt.Sprintf("%x, of size %d if it is a frame", head, size)}, false
	}
	octets := make([]byte, size)
	copy(octets, head[:])
	if n, err := io.ReadFull(c.nc, octets[8:]); err != nil {
		return c.ended(err, octets[:8+n]), false
	}
	f, err := wire.ParseFrame(octets)
	if err != nil {
		c.violated("the target sent a frame that is malformed: " + err.Error())
		c.t.trace.add(c.number, "<-", "malformed: "+err.Error(), octets)
	}
	c.inspect(f)
	return Event{Kind: GotFrame, Frame: f}, true
}

// ended is the event for the end of the stream.
func (c *Conn) ended(err error, partial []byte) Event {
	switch {
	case len(partial) > 0 && len(partial) < 8 && errors.Is(err, io.ErrUnexpectedEOF):
		return Event{Kind: GotGarbage, Text: fmt.Sprintf("%x and the end of the stream", partial)}
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return Event{Kind: GotEOF}
	case errors.Is(err, syscall.ECONNRESET):
		return Event{Kind: GotReset}
	case errors.Is(err, net.ErrClosed):
		return Event{Kind: Silence}
	case isTimeout(err):
		return Event{Kind: Silence}
	}
	return Event{Kind: GotReset, Text: err.Error()}
}

func isTimeout(err error) bool {
	var n net.Error
	return errors.As(err, &n) && n.Timeout()
}

// inspect looks at what holds for every frame of a target.
func (c *Conn) inspect(f *wire.Frame) {
	c.mu.Lock()
	maxFrame, channels := c.maxFrame, c.channels
	c.mu.Unlock()
	if f.Size > maxFrame {
		c.violated(fmt.Sprintf("the target sent a frame of %d octets; %d was the most it may", f.Size, maxFrame))
	}
	if f.Channel > channels {
		c.violated(fmt.Sprintf("the target used channel %d; %d is the highest it may", f.Channel, channels))
	}
	if c.closed {
		c.violated("the target sent a frame after its close: " + f.String())
	}
	if f.Is(wire.Close) {
		c.closed = true
	}
	if f.Is(wire.Close, wire.End, wire.Detach) {
		if cond := f.Body.Condition(); len(cond) > 5 && cond[:5] == "amqp:" && !wire.Conditions[cond] {
			c.violated("the target sent the condition " + cond + ", which the standard does not have")
		}
	}
}

func (c *Conn) violated(what string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.bad) < 5 {
		c.bad = append(c.bad, what)
	}
}

// violations is what the target did wrong on this connection, whatever the check was about.
func (c *Conn) violations() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.bad)
}

func (c *Conn) post(e Event) {
	e.At = time.Now()
	if e.Kind != Silence && !c.t.trace.full() {
		var octets []byte
		if e.Frame != nil {
			octets = e.Frame.Octets
		}
		c.t.trace.add(c.number, "<-", e.String(), octets)
	}
	c.mu.Lock()
	if e.Frame != nil {
		c.held += len(e.Frame.Octets) + 256
	}
	if c.held > maxHeld {
		e = Event{Kind: GotFlood, At: e.At}
		_ = c.nc.Close() // read ends by it
	}
	if e.Kind != Silence {
		c.events = append(c.events, e)
	}
	c.mu.Unlock()
	select {
	case c.more <- struct{}{}:
	default:
	}
}

// pop takes the next event if there is one.
func (c *Conn) pop() (Event, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.events) == 0 {
		return Event{}, false
	}
	e := c.events[0]
	if e.Kind == GotFrame || e.Kind == GotHeader {
		c.events = c.events[1:]
	} // else it is the last one and stays
	if e.Frame != nil {
		c.held -= len(e.Frame.Octets) + 256
	}
	return e, true
}

// NextOf waits for the next event of any kind, heartbeats included.
func (c *Conn) NextOf(wait time.Duration) Event {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	for {
		if e, ok := c.pop(); ok {
			c.learn(e)
			return e
		}
		select {
		case <-c.more:
		case <-timer.C:
			if wait >= c.t.Patience() {
				c.t.silences++
			}
			return Event{Kind: Silence, At: time.Now()}
		case <-c.t.ctx.Done():
			c.t.Fail("it took longer than the %v it has", c.t.check.takes())
		}
	}
}

// Next waits for the next event that is not a heartbeat, as long as the target's patience.
func (c *Conn) Next() Event { return c.NextWithin(c.t.Patience()) }

// NextWithin is Next with a time of its own.
func (c *Conn) NextWithin(wait time.Duration) Event {
	for end := time.Now().Add(wait); ; {
		e := c.NextOf(time.Until(end))
		if e.Kind != GotFrame || e.Frame.Body != nil || e.Frame.Type != wire.TypeAMQP {
			return e
		}
	}
}

// Expect waits for a frame of a kind. Flows may come before it at any time, and so may the kinds in skip; anything else ends the case.
func (c *Conn) Expect(kind *wire.Kind, skip ...*wire.Kind) *wire.Frame {
	for {
		e := c.Next()
		switch {
		case e.Kind == GotFrame && e.Frame.Is(kind):
			return e.Frame
		case e.Kind == GotFrame && (e.Frame.Is(wire.Flow) || e.Frame.Is(skip...)):
		default:
			c.t.FailWant(kind.Name, e.String())
		}
	}
}

// ExpectHeader waits for that header.
func (c *Conn) ExpectHeader(want [8]byte) {
	if e := c.Next(); e.Kind != GotHeader || e.Header != want {
		c.t.FailWant(wire.ShowOctets(want[:])[0], e.String())
	}
}

// ExpectEOF waits for the end of the stream in order, with nothing before it.
func (c *Conn) ExpectEOF() {
	if e := c.Next(); e.Kind != GotEOF {
		c.t.FailWant("the end of the stream", e.String())
	}
}

// Quiet wants nothing but heartbeats for a while. Prefer Alive, which needs no waiting.
func (c *Conn) Quiet(d time.Duration) {
	if e := c.NextWithin(d); e.Kind != Silence {
		c.t.FailWant(fmt.Sprintf("nothing for %v", d), e.String())
	}
}

// dial connects to the target.
func (g *Target) dial(ctx context.Context) (net.Conn, error) {
	d := net.Dialer{Timeout: 5 * time.Second}
	if g.tls != nil {
		return (&tls.Dialer{NetDialer: &d, Config: g.tls}).DialContext(ctx, "tcp", g.address)
	}
	return d.DialContext(ctx, "tcp", g.address)
}
