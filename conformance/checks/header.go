package checks

import (
	"bytes"
	"fmt"
	"time"

	"hibachi/conformance/suite"
	"hibachi/conformance/wire"
)

// protocolHeader: [transport 2.2], [security 5.2, 5.3].
var protocolHeader = suite.Group{
	ID: "PH", Title: "Protocol header and version",
	Checks: []suite.Check{
		{
			ID: "PH1", Section: "transport 2.2", Level: suite.Must,
			Title: "a supported header is answered with the same eight octets, and nothing before them",
			Run:   func(t *suite.T) { t.Connect() },
		},
		{
			ID: "PH2", Section: "transport 2.2", Level: suite.Must, Twin: "PH1",
			Title: "an unsupported version is answered with a header of a supported one and the end of the stream, with no frame between",
			Run: func(t *suite.T) {
				for _, v := range [][3]byte{{2, 0, 0}, {1, 1, 0}, {1, 0, 1}, {0, 0, 0}} {
					t.Case(fmt.Sprintf("version %d.%d.%d", v[0], v[1], v[2]), func(t *suite.T) {
						wrongHeader(t, header(protocolID(t), v[0], v[1], v[2]))
					})
				}
			},
		},
		{
			ID: "PH3", Section: "transport 2.2", Level: suite.Should, Twin: "PH1",
			Title: "the version in that header is 1.0.0, the highest there is, whether more or less was asked for",
			Run: func(t *suite.T) {
				for _, v := range []byte{0, 2, 255} {
					t.Case(fmt.Sprintf("major %d", v), func(t *suite.T) {
						if h := wrongHeader(t, header(protocolID(t), v, 0, 0)); h[5] != 1 || h[6] != 0 || h[7] != 0 {
							t.Fail("the version is %d.%d.%d", h[5], h[6], h[7])
						}
					})
				}
			},
		},
		{
			ID: "PH4", Section: "transport 2.2", Level: suite.Must, Twin: "PH1",
			Title: "octets that are no header are answered with a valid header and the end of the stream",
			Run: func(t *suite.T) {
				cases(t, map[string][]byte{
					"HTTP":            []byte("GET / HTTP/1.1\r\nHost: example.org\r\n\r\n"),
					"eight octets":    {0x17, 0x2a, 0x99, 0, 0xff, 0xfe, 0x80, 0x01},
					"TLS ClientHello": append([]byte{0x16, 3, 1, 0, 60, 1, 0, 0, 56, 3, 3}, make([]byte, 60)...),
				}, func(t *suite.T, octets []byte) { wrongHeader(t, octets) })
			},
		},
		{
			ID: "PH5", Section: "transport 2.2", Level: suite.Must, Twin: "PH1",
			Title: "a protocol id that is not acceptable is answered with a header that is, and the end of the stream",
			Run: func(t *suite.T) {
				t.Case("id 7", func(t *suite.T) { wrongHeader(t, header(7, 1, 0, 0)) })
				t.Case("id 0 where SASL is required", func(t *suite.T) {
					t.Need(suite.SASLRequired)
					if h := wrongHeader(t, wire.AMQPHeader[:]); h == wire.AMQPHeader {
						t.Fail("the answer invites to what was just refused")
					}
				})
				t.Case("id 2, TLS", func(t *suite.T) {
					c := t.Dial()
					c.Write(wire.TLSHeader[:])
					if e := c.Next(); e.Kind == suite.GotHeader && e.Header == wire.TLSHeader {
						t.Skip("the target offers TLS within the protocol")
					} else if e.Kind != suite.GotHeader {
						t.FailWant("a header", e.String())
					}
					c.ExpectEOF()
				})
			},
		},
		{
			ID: "PH6", Section: "transport 2.2", Level: suite.Must, Twin: "PH1",
			Title: "the header of a mismatch can be read by a peer that went on writing: no reset overtakes it",
			Run: func(t *suite.T) {
				wrongHeader(t, append(header(protocolID(t), 9, 9, 9), bytes.Repeat([]byte{0xaa}, 64<<10)...))
			},
		},
		{
			ID: "PH7", Section: "transport 2.2", Level: suite.May,
			Title: "a server may speak first or wait; if it speaks, it is a header",
			Run: func(t *suite.T) {
				c := t.Dial()
				switch e := c.NextWithin(300 * time.Millisecond); e.Kind {
				case suite.Silence, suite.GotHeader:
				default:
					t.FailWant("a header or silence", e.String())
				}
			},
		},
		{
			ID: "PH8", Section: "transport 2.2", Level: suite.Extra,
			Title: "a header may come one octet at a time, or glued to the frames that follow it",
			Run: func(t *suite.T) {
				t.Case("one octet at a time", func(t *suite.T) {
					c := loggedIn(t)
					for _, b := range wire.AMQPHeader {
						c.Write([]byte{b})
						t.Sleep(2 * time.Millisecond)
					}
					c.ExpectHeader(wire.AMQPHeader)
				})
				t.Case("with open and begin behind it", func(t *suite.T) {
					c := loggedIn(t)
					c.Permit(65536, 255)
					c.Write(wire.AMQPHeader[:], wire.AMQP(0, wire.Open.With(t.OpenFields()), nil), wire.AMQP(0, suite.BeginFrame(nil), nil))
					c.ExpectHeader(wire.AMQPHeader)
					c.Opened()
					c.Begun(0, nil)
					c.Alive()
				})
			},
		},
		{
			ID: "PH9", Section: "security 5.3.2", Level: suite.Must, Needs: []suite.Feature{suite.SASL},
			Title: "after a successful SASL exchange both sides exchange AMQP headers anew",
			Run: func(t *suite.T) {
				c := t.Dial()
				c.Login()
				c.Write(wire.AMQPHeader[:])
				c.ExpectHeader(wire.AMQPHeader)
				c.SendOpen(nil)
				c.Opened()
			},
		},
		{
			ID: "PH10", Section: "security 5.3", Level: suite.Must, Twin: "PH9", Needs: []suite.Feature{suite.SASL},
			Title: "SASL within SASL is not acceptable",
			Run: func(t *suite.T) {
				c := t.Dial()
				c.Login()
				c.Write(wire.SASLHeader[:])
				switch e := c.Next(); e.Kind {
				case suite.GotHeader:
					endAfterHeader(c)
					if e.Header == wire.SASLHeader {
						t.Fail("the answer invites to what was just refused")
					}
				case suite.GotEOF:
				case suite.GotReset:
					t.Tolerate("a header and the end of the stream", e.String(), "nothing more can be said on such a connection")
				default:
					t.FailWant("a header and the end of the stream", e.String())
				}
			},
		},
		{
			ID: "PH11", Section: "security 5.2", Level: suite.May,
			Title: "the TLS header is answered with the same, or as one that is not acceptable",
			Run: func(t *suite.T) {
				c := t.Dial()
				c.Write(wire.TLSHeader[:])
				e := c.Next()
				if e.Kind != suite.GotHeader {
					t.FailWant("a header", e.String())
				}
				if e.Header != wire.TLSHeader {
					c.ExpectEOF()
				}
			},
		},
	},
}

// header is any.
func header(id, major, minor, revision byte) []byte {
	return []byte{'A', 'M', 'Q', 'P', id, major, minor, revision}
}

// protocolID is the one that the target's first header has to have.
func protocolID(t *suite.T) byte {
	if t.Profile().Auth.Mechanism == "none" {
		return 0
	}
	return 3
}

// loggedIn is a connection on which the AMQP header is next.
func loggedIn(t *suite.T) *suite.Conn {
	c := t.Dial()
	if t.Profile().Auth.Mechanism != "none" {
		c.Login()
	}
	return c
}

// wrongHeader sends what is no acceptable header and wants a header and the end of the stream.
func wrongHeader(t *suite.T, octets []byte) [8]byte {
	c := t.Dial()
	c.Write(octets)
	e := c.Next()
	switch e.Kind {
	case suite.GotHeader:
	case suite.GotGarbage, suite.GotReset, suite.GotEOF, suite.Silence, suite.GotFrame, suite.GotFlood:
		t.FailWant("a header and the end of the stream", e.String())
	}
	h := e.Header
	if h[4] > 3 || h[4] == 1 {
		t.Fail("the target's header has the protocol id %d, which nobody speaks", h[4])
	}
	endAfterHeader(c)
	return h
}

// endAfterHeader wants the end of the stream after the target's answer to a header that was wrong.
func endAfterHeader(c *suite.Conn) {
	next := c.Next()
	if next.Kind == suite.GotFrame {
		c.T().Tolerate("the end of the stream after the header", next.String(),
			"frames after the header explain the refusal, and who does not know the version need not read them")
		for next.Kind == suite.GotFrame {
			next = c.Next()
		}
	}
	if next.Kind != suite.GotEOF {
		c.T().FailWant("the end of the stream after the header", next.String())
	}
}
