package lean

import (
	"io"
	"net"
	"strings"
	"testing"

	"hibachi/links/amqp"
)

// peer is a server that does what a test says, frame by frame.
type peer struct {
	t   *testing.T
	nc  net.Conn
	in  chan string // what the client wrote: one line a frame or header
	dec amqp.Decoder
}

// newPeer reads all that the client writes, so that neither side waits for the other's reading.
func newPeer(t *testing.T) (*peer, net.Conn) {
	client, server := net.Pipe()
	p := &peer{t: t, nc: server, in: make(chan string, 1000)}
	go p.read()
	t.Cleanup(func() { _ = server.Close() })
	return p, client
}

func (p *peer) read() {
	defer close(p.in)
	for {
		var head [8]byte
		if _, err := io.ReadFull(p.nc, head[:]); err != nil {
			return
		}
		if string(head[:4]) == "AMQP" {
			p.in <- "header " + map[byte]string{0: "amqp", 3: "sasl"}[head[4]]
			continue
		}
		h, err := amqp.ParseFrameHeader(head[:])
		if err != nil {
			p.in <- "bad frame: " + err.Error()
			return
		}
		rest := make([]byte, h.Size-8)
		if _, err := io.ReadFull(p.nc, rest); err != nil {
			return
		}
		if len(rest) == 0 {
			p.in <- "heartbeat"
			continue
		}
		body, payload, err := p.dec.Decode(rest[4*int(h.DataOffset)-8:], h.Type == amqp.TypeSASL)
		if err != nil {
			p.in <- "bad body: " + err.Error()
			return
		}
		line := body.String()
		if payload != nil {
			line += " | " + string(payload)
		}
		p.in <- line
	}
}

func (p *peer) header(h [8]byte) {
	p.t.Helper()
	if _, err := p.nc.Write(h[:]); err != nil {
		p.t.Error(err)
	}
}

func (p *peer) sasl(b amqp.Body) { p.frames(amqp.AppendFrame(nil, amqp.TypeSASL, 0, b, nil)) }

// send writes bodies in one write.
func (p *peer) send(bodies ...amqp.Body) {
	var out []byte
	for _, b := range bodies {
		out = amqp.AppendFrame(out, amqp.TypeAMQP, 0, b, nil)
	}
	p.frames(out)
}

func (p *peer) transfer(t *amqp.Transfer, payload string) {
	p.frames(amqp.AppendFrame(nil, amqp.TypeAMQP, 0, t, []byte(payload)))
}

func (p *peer) frames(b []byte) {
	p.t.Helper()
	if _, err := p.nc.Write(b); err != nil {
		p.t.Error(err)
	}
}

// want is the next thing that the client wrote: it begins with the text.
func (p *peer) want(text string) {
	p.t.Helper()
	got, ok := <-p.in
	if !ok || !strings.HasPrefix(got, text) {
		p.t.Errorf("client wrote %q, want %q", got, text)
	}
}

// accept plays the handshake.
func (p *peer) accept(open *amqp.Open, begin *amqp.Begin) {
	p.want("header sasl")
	p.header(amqp.HeaderSASL)
	p.sasl(&amqp.SASLMechanisms{Mechanisms: []amqp.Symbol{"PLAIN", "ANONYMOUS"}})
	p.want("sasl-init mechanism=ANONYMOUS")
	p.sasl(&amqp.SASLOutcome{})
	p.want("header amqp")
	p.header(amqp.HeaderAMQP)
	p.want("open")
	p.send(open)
	p.want("begin")
	p.send(begin)
}

func theirOpen() *amqp.Open {
	return &amqp.Open{ContainerID: "peer", MaxFrameSize: 64 << 10, ChannelMax: 10}
}

func theirBegin() *amqp.Begin {
	return &amqp.Begin{RemoteChannel: amqp.Some(uint16(0)), IncomingWindow: 1000, OutgoingWindow: 1000, HandleMax: 255}
}

// meet gives a client whose handshake is done.
func meet(t *testing.T, cfg Config, open *amqp.Open, begin *amqp.Begin) (*Conn, *peer) {
	t.Helper()
	p, nc := newPeer(t)
	go p.accept(open, begin)
	c, err := New(nc, cfg)
	if err != nil {
		t.Fatal(err)
	}
	return c, p
}

// sender attaches one; credit comes with the answer.
func (p *peer) sender(c *Conn, address string, credit uint32) *Sender {
	p.t.Helper()
	go func() {
		p.want("attach")
		name := "s0-" + c.cfg.ContainerID
		p.send(&amqp.Attach{LinkName: name, Handle: 7, Role: amqp.RoleReceiver, Target: &amqp.Target{Address: address, HasAddress: true}},
			&amqp.Flow{NextIncomingID: amqp.Some(amqp.SequenceNo(0)), IncomingWindow: c.session.remoteIncoming, Handle: amqp.Some(uint32(7)),
				DeliveryCount: amqp.Some(amqp.SequenceNo(0)), LinkCredit: amqp.Some(credit)})
	}()
	s, err := c.AttachSender(address)
	if err != nil {
		p.t.Fatal(err)
	}
	return s
}

// receiver attaches one.
func (p *peer) receiver(c *Conn, address string, credit uint32, topUp bool) *Receiver {
	p.t.Helper()
	go func() {
		p.want("attach")
		p.send(&amqp.Attach{LinkName: "r0-" + c.cfg.ContainerID, Handle: 3, Role: amqp.RoleSender,
			Source: &amqp.Source{Address: address, HasAddress: true}, InitialDeliveryCount: amqp.Some(amqp.SequenceNo(0))})
	}()
	r, err := c.AttachReceiver(address, credit, topUp)
	if err != nil {
		p.t.Fatal(err)
	}
	return r
}

// turn is one Wait and Handle.
func turn(t *testing.T, c *Conn) {
	t.Helper()
	if err := c.Wait(); err != nil {
		t.Fatal(err)
	}
	if err := c.Handle(); err != nil {
		t.Fatal(err)
	}
}
