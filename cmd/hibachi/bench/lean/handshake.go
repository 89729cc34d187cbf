package lean

import (
	"fmt"
	"io"
	"slices"
	"time"

	"hibachi/links/amqp"
)

// handshake goes through SASL, open and begin, one step at a time: not every server takes them in one breath.
func (c *Conn) handshake(deadline time.Time) error {
	err := c.nc.SetDeadline(deadline) // fails too if the peer is gone already
	if err == nil {
		err = c.sasl()
	}
	if err != nil {
		return fmt.Errorf("SASL: %w", err)
	}
	if err := c.header(amqp.HeaderAMQP); err != nil {
		return err
	}
	if err := c.open(); err != nil {
		return fmt.Errorf("open: %w", err)
	}
	if err := c.begin(); err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	return c.nc.SetDeadline(time.Time{})
}

// header exchanges protocol headers. [transport 2.2]
func (c *Conn) header(h [8]byte) error {
	if _, err := c.nc.Write(h[:]); err != nil {
		return err
	}
	var got [8]byte
	for i := range got {
		b, err := c.readByte()
		if err != nil {
			return fmt.Errorf("protocol header: %w", err)
		}
		got[i] = b
	}
	if got != h {
		return fmt.Errorf("asked for protocol %q, the peer wants %q", h, got)
	}
	return nil
}

func (c *Conn) readByte() (byte, error) {
	if c.in.start == c.in.end {
		c.in.room(1)
		n, err := c.nc.Read(c.in.buf[c.in.end:])
		c.in.filled(n)
		if n == 0 {
			return 0, orEOF(err)
		}
	}
	c.in.start++
	return c.in.buf[c.in.start-1], nil
}

func orEOF(err error) error {
	if err == nil || err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

// next reads one frame of the handshake.
func (c *Conn) next(sasl bool) (amqp.Body, error) {
	for {
		h, frame, need, err := c.in.frame(max(c.cfg.MaxFrameSize, amqp.MinMaxFrameSize))
		if err != nil {
			return nil, err
		}
		if frame == nil {
			c.in.room(need)
			n, err := c.nc.Read(c.in.buf[c.in.end:])
			c.in.filled(n)
			if n == 0 {
				return nil, orEOF(err)
			}
			continue
		}
		body, _, err := c.decode(h, frame, sasl)
		if err != nil || body != nil {
			return body, err
		}
	}
}

// decode gives nil for a heartbeat.
func (c *Conn) decode(h amqp.FrameHeader, frame []byte, sasl bool) (amqp.Body, []byte, error) {
	if (h.Type == amqp.TypeSASL) != sasl {
		return nil, nil, protocolError("a frame of type %d in the wrong place", h.Type)
	}
	b := frame[4*int(h.DataOffset):]
	if len(b) == 0 {
		return nil, nil, nil
	}
	return c.dec.Decode(b, sasl)
}

func (c *Conn) sasl() error {
	if err := c.header(amqp.HeaderSASL); err != nil {
		return err
	}
	body, err := c.next(true)
	if err != nil {
		return err
	}
	offer, ok := body.(*amqp.SASLMechanisms)
	if !ok {
		return protocolError("%s instead of sasl-mechanisms", body.Name())
	}
	start := c.saslInit()
	if !slices.Contains(offer.Mechanisms, start.Mechanism) {
		return fmt.Errorf("%s wanted, the peer offers %v", start.Mechanism, offer.Mechanisms)
	}
	if _, err := c.nc.Write(amqp.AppendFrame(nil, amqp.TypeSASL, 0, start, nil)); err != nil {
		return err
	}
	if body, err = c.next(true); err != nil {
		return err
	}
	outcome, ok := body.(*amqp.SASLOutcome)
	if !ok {
		return protocolError("%s instead of sasl-outcome", body.Name())
	}
	if outcome.Code != amqp.SASLOK {
		return fmt.Errorf("%s refused with code %d", start.Mechanism, outcome.Code)
	}
	return nil
}

func (c *Conn) saslInit() *amqp.SASLInit {
	init := &amqp.SASLInit{Mechanism: "ANONYMOUS", InitialResponse: []byte("anonymous"), Hostname: c.cfg.Hostname}
	if c.cfg.User != "" {
		init.Mechanism = "PLAIN" // RFC 4616: [authzid] NUL authcid NUL passwd
		init.InitialResponse = []byte("\x00" + c.cfg.User + "\x00" + c.cfg.Password)
	}
	return init
}

func (c *Conn) open() error {
	mine := &amqp.Open{
		ContainerID:  c.cfg.ContainerID,
		Hostname:     c.cfg.Hostname,
		MaxFrameSize: c.cfg.MaxFrameSize,
		ChannelMax:   0,
	}
	if c.cfg.IdleTimeout > 0 {
		mine.IdleTimeout = uint32(c.cfg.IdleTimeout.Milliseconds())
		c.silence = c.cfg.IdleTimeout + c.cfg.IdleTimeout/2
	}
	if _, err := c.nc.Write(amqp.AppendFrame(nil, amqp.TypeAMQP, 0, mine, nil)); err != nil {
		return err
	}
	body, err := c.next(false)
	if err != nil {
		return err
	}
	theirs, ok := body.(*amqp.Open)
	if !ok {
		return c.unexpected(body, "open")
	}
	// 128 MiB of frame is more than any message here, and keeps the arithmetic in an int.
	c.maxFrame = int(min(max(theirs.MaxFrameSize, amqp.MinMaxFrameSize), 128<<20))
	// Half, so that a heartbeat that takes its time is still in time. [transport 2.4.5]
	c.heartbeat = time.Duration(theirs.IdleTimeout) * time.Millisecond / 2
	return nil
}

func (c *Conn) begin() error {
	mine := &amqp.Begin{IncomingWindow: window, OutgoingWindow: window, HandleMax: maxHandles - 1}
	if _, err := c.nc.Write(amqp.AppendFrame(nil, amqp.TypeAMQP, 0, mine, nil)); err != nil {
		return err
	}
	body, err := c.next(false)
	if err != nil {
		return err
	}
	theirs, ok := body.(*amqp.Begin)
	if !ok {
		return c.unexpected(body, "begin")
	}
	c.session.began(theirs)
	return nil
}

// unexpected makes an error of a frame that stands where another was due; a close says why by itself.
func (c *Conn) unexpected(body amqp.Body, want string) error {
	if cl, ok := body.(*amqp.Close); ok {
		return &PeerError{Scope: ScopeConnection, Err: cl.Err}
	}
	return protocolError("%s instead of %s", body.Name(), want)
}
