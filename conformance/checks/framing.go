package checks

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"time"

	"hibachi/conformance/suite"
	"hibachi/conformance/wire"
)

const dropReading = "framing is lost: dropping the connection says the same"

// framing: [transport 2.3, 2.4.1, 2.4.5, 2.7.1].
var framing = suite.Group{
	ID: "FR", Title: "Framing",
	Checks: []suite.Check{
		{
			ID: "FR1", Section: "transport 2.3.1", Level: suite.Must, Twin: "FR12",
			Title: "a frame size below 8 is malformed",
			Run: func(t *suite.T) {
				for _, size := range []uint32{0, 4, 7} {
					t.Case(fmt.Sprintf("size %d", size), func(t *suite.T) { badFrame(t, wire.FrameHeader(size, 2, 0, 0)) })
				}
			},
		},
		{
			ID: "FR2", Section: "transport 2.3.1", Level: suite.Must, Twin: "FR12",
			Title: "a data offset below 2 is malformed",
			Run: func(t *suite.T) {
				for _, doff := range []byte{0, 1} {
					t.Case(fmt.Sprintf("doff %d", doff), func(t *suite.T) { badFrame(t, wire.FrameHeader(8, doff, 0, 0)) })
				}
			},
		},
		{
			ID: "FR3", Section: "transport 2.3.1", Level: suite.Must, Twin: "FR5",
			Title: "a data offset behind the frame's end is malformed",
			Run: func(t *suite.T) {
				badFrame(t, wire.FrameHeader(8, 4, 0, 0))
			},
		},
		{
			ID: "FR4", Section: "transport 2.3.1", Level: suite.Must,
			Title: "an extended header is skipped: the body begins at 4·DOFF",
			Run: func(t *suite.T) {
				for _, doff := range []byte{3, 20, 120} {
					t.Case(fmt.Sprintf("doff %d", doff), func(t *suite.T) {
						c := t.Open(nil)
						c.Write(wire.RawFrame(doff, 0, 0, suite.BeginFrame(nil).Raw()))
						c.Begun(0, nil)
						c.Alive()
					})
				}
			},
		},
		{
			ID: "FR5", Section: "transport 2.3.2", Level: suite.Must,
			Title: "a frame with an extended header and no body is empty: it is ignored",
			Run: func(t *suite.T) {
				c := t.Open(nil)
				c.Begin(nil)
				c.Write(wire.RawFrame(4, 0, 0, nil))
				c.Alive()
			},
		},
		{
			ID: "FR6", Section: "transport 2.3.1", Level: suite.Extra, Twin: "FR12",
			Title: "an unknown frame type is refused",
			Run: func(t *suite.T) {
				for _, typ := range []byte{2, 0xff} {
					t.Case(fmt.Sprintf("type %d", typ), func(t *suite.T) { badFrame(t, wire.RawFrame(2, typ, 0, []byte{0x40})) })
				}
			},
		},
		{
			ID: "FR7", Section: "security 5.3.1", Level: suite.Must, Twin: "PH9",
			Title: "a SASL frame after SASL is over, and an AMQP frame within it, are refused",
			Run: func(t *suite.T) {
				t.Case("SASL frame after open", func(t *suite.T) {
					badFrame(t, wire.SASL(wire.SASLInit.With(wire.F{"mechanism": "ANONYMOUS"})))
				})
				t.Case("open within SASL", func(t *suite.T) {
					t.Need(suite.SASL)
					c := t.Dial()
					c.StartSASL()
					c.Send(0, wire.Open.With(t.OpenFields()))
					c.Refused(suite.DropsIt().Also(suite.OutcomeScope).
						Or(suite.CloseScope, "a close says more than a drop").Or(suite.Resets, dropReading))
				})
			},
		},
		{
			ID: "FR8", Section: "transport 2.7.1", Level: suite.Must, Twin: "FR9",
			Title: "a frame above the announced max-frame-size is refused when its size is read, before its body comes",
			Run: func(t *suite.T) {
				cases(t, map[string]func(limit uint32) uint32{
					"2^31-1":                  func(uint32) uint32 { return 0x7fffffff },
					"2^32-1":                  func(uint32) uint32 { return 0xffffffff },
					"one more than announced": func(limit uint32) uint32 { return limit + 1 },
				}, func(t *suite.T, size func(limit uint32) uint32) {
					c := t.Open(nil)
					if !c.Open.Has("max-frame-size") || c.Open.Uint("max-frame-size") >= uint64(size(c.MaxFrame())) {
						t.Skip("the target announces no such limit")
					}
					c.Write(wire.FrameHeader(size(c.MaxFrame()), 2, 0, 0))
					c.Refused(suite.Closes(wire.FramingError).Or(suite.Drops, dropReading).Or(suite.Resets, dropReading))
				})
			},
		},
		{
			ID: "FR9", Section: "transport 2.4.1", Level: suite.Must,
			Title: "frames of up to 512 octets are always taken; a larger open is taken or refused",
			Run: func(t *suite.T) {
				t.Case("an open of 512 octets", func(t *suite.T) {
					c := t.Connect()
					c.Permit(512, 0)
					c.Write(openOf(t, 512))
					c.Opened()
				})
				t.Case("an empty frame of 512 octets", func(t *suite.T) {
					c := t.Open(nil)
					c.Begin(nil)
					c.Write(wire.RawFrame(128, 0, 0, nil))
					c.Alive()
				})
				t.Case("an open of 2,000 octets", func(t *suite.T) {
					c := t.Connect()
					c.Permit(512, 0)
					c.Write(openOf(t, 2000))
					e := c.Next()
					if e.Kind == suite.GotFrame && e.Frame.Is(wire.Open) {
						e = c.NextWithin(t.Patience() / 4)
					}
					switch {
					case e.Kind == suite.Silence:
					case e.Kind == suite.GotFrame && e.Frame.Is(wire.Close) && e.Frame.Body.Condition() == wire.FramingError:
					default:
						t.FailWant("open, or close with "+wire.FramingError, e.String())
					}
				})
			},
		},
		{
			ID: "FR10", Section: "transport 2.7.1", Level: suite.Must,
			Title: "no frame of the target is above the client's max-frame-size, whatever it has to say",
			Run:   smallFrames,
		},
		{
			ID: "FR11", Section: "transport 2.7.1", Level: suite.Must,
			Title: "a max-frame-size below 512 is refused",
			Run: func(t *suite.T) {
				t.Twin("512", func(t *suite.T) { t.Open(wire.F{"max-frame-size": 512}).Alive() })
				for _, size := range []uint32{0, 256, 511} {
					t.Case(fmt.Sprint(size), func(t *suite.T) {
						c := t.Connect()
						c.SendOpen(wire.F{"max-frame-size": size})
						c.Refused(suite.Closes(wire.FramingError).
							OrCondition(wire.InvalidField, "the field is what is wrong").
							OrCondition(wire.FrameSizeTooSmall, "the condition's name says it"))
					})
				}
			},
		},
		{
			ID: "FR12", Section: "transport 2.4.5", Level: suite.Must,
			Title: "empty frames are ignored, on any channel",
			Run: func(t *suite.T) {
				for _, ch := range []uint16{0, 7} {
					t.Case(fmt.Sprintf("channel %d", ch), func(t *suite.T) {
						c := t.Open(nil)
						if ch > c.ChannelMax() {
							t.Skip("above the target's channel-max")
						}
						c.Begin(nil)
						c.Write(wire.Empty(ch), wire.Empty(ch))
						c.Alive()
					})
				}
			},
		},
		{
			ID: "FR13", Section: "transport 2.3.2", Level: suite.Must, Twin: "SE1",
			Title: "a body that is no performative is refused",
			Run: func(t *suite.T) {
				cases(t, map[string][]byte{
					"unknown descriptor":        {0, 0x53, 0x99, 0x45},
					"unknown symbol":            wire.Described(wire.Sym("example:nothing:list"), wire.List()),
					"not described":             {0x40},
					"a section as performative": wire.Data([]byte("x")),
					"a terminus":                wire.Source.With().Raw(),
				}, func(t *suite.T, body []byte) {
					c := t.Open(nil)
					c.Begin(nil)
					c.Write(wire.RawFrame(2, 0, 0, body))
					c.Refused(suite.Closes(wire.DecodeError, wire.NotImplemented, wire.NotAllowed, wire.FramingError).
						Or(suite.EndScope, "the frame came on a session's channel").Or(suite.Drops, dropReading).
						OrCondition(wire.InternalError, "the target has no better word for it").
						OrCondition(wire.InvalidField, "the descriptor is a field of the frame's body"))
				})
			},
		},
		{
			ID: "FR14", Section: "types 1.3", Level: suite.Must,
			Title: "performatives are taken with symbolic descriptors and with numbers of any width, in lists of any width",
			Run: func(t *suite.T) {
				begin := suite.BeginFrame(nil)
				cases(t, map[string]wire.Raw{
					"symbol":                wire.Described(wire.Sym("amqp:begin:list"), wire.List(begin.Items()...)),
					"symbol, 4-octet size":  wire.Described(wire.Sym32("amqp:begin:list"), wire.List(begin.Items()...)),
					"ulong of eight octets": wire.Described(wire.Ulong8(0x11), wire.List(begin.Items()...)),
					"list32":                wire.Described(wire.Ulong(0x11), wire.List32(begin.Items()...)),
				}, func(t *suite.T, body wire.Raw) {
					c := t.Open(nil)
					c.Write(wire.RawFrame(2, 0, 0, body))
					c.Begun(0, nil)
					c.Alive()
				})
			},
		},
		{
			ID: "FR15", Section: "transport 2.3.2", Level: suite.Must, Twin: "SE1",
			Title: "a body that ends within a value is refused",
			Run: func(t *suite.T) {
				whole := suite.BeginFrame(nil).Raw()
				cases(t, map[string][]byte{
					"list larger than the frame": {0, 0x53, 0x11, 0xc0, 0x20, 4, 0x43},
					"cut in a field":             whole[:len(whole)-2],
					"descriptor only":            {0, 0x53, 0x11},
					"half a descriptor":          {0, 0x53},
				}, func(t *suite.T, body []byte) {
					c := t.Open(nil)
					c.Write(wire.RawFrame(2, 0, 0, body))
					c.Refused(suite.Closes(wire.DecodeError, wire.FramingError).Or(suite.Drops, dropReading).
						OrCondition(wire.InvalidField, "the value that is cut is a field"))
				})
			},
		},
		{
			ID: "FR16", Section: "transport 2.3.2", Level: suite.Extra, Twin: "SE1",
			Title: "octets behind a performative that has no payload are without meaning",
			Run: func(t *suite.T) {
				c := t.Open(nil)
				s := c.Begin(nil)
				c.Write(wire.AMQP(0, wire.Flow.With(s.FlowFields()), []byte("0123456789")))
				c.Refused(suite.Ignored().
					Or(suite.CloseScope, "the standard defines no payload for it, so that a strict reader may call it malformed"))
			},
		},
		{
			ID: "FR17", Section: "transport 2.4.1", Level: suite.Extra, Takes: 30 * time.Second,
			Title: "how TCP cuts the stream makes no difference",
			Run:   segmented,
		},
	},
}

// badFrame sends what is no frame after an open.
func badFrame(t *suite.T, octets []byte) {
	c := t.Open(nil)
	c.Write(octets)
	c.Refused(suite.Closes(wire.FramingError).Or(suite.Drops, dropReading).Or(suite.Resets, dropReading))
}

// openOf is an open of exactly that many octets.
func openOf(t *suite.T, size int) []byte {
	for n := size; n > 0; n-- {
		f := wire.AMQP(0, wire.Open.With(wire.F{
			"container-id": t.Name("long"), "channel-max": 0, "max-frame-size": 512,
			"properties": wire.Map32(wire.Sym32("x"), wire.Str32(strings.Repeat("x", n))),
		}), nil)
		// The name's counter may gain a digit between two tries.
		if len(f) == size {
			return f
		}
	}
	t.Fail("the check cannot make an open of %d octets", size)
	return nil
}

// smallFrames gives the target reasons to say much to a peer that takes 512 octets. The connection's own watch judges the sizes.
func smallFrames(t *suite.T) {
	small := wire.F{"max-frame-size": 512}
	t.Case("a large message", func(t *suite.T) {
		q := t.Queue()
		t.Open(nil).Begin(nil).Sender(q.Send, nil).Put(t.Message(strings.Repeat("0123456789", 2000)))
		r := t.Open(small).Begin(nil).Receiver(q.Receive, nil)
		r.Grant(1)
		d := r.Receive()
		if d.Frames < 40 || !bytes.Contains(d.Message, []byte("01234567890123456789")) {
			t.Fail("%d octets came in %d frames", len(d.Message), d.Frames)
		}
	})
	t.Case("a refusal that quotes a long address", func(t *suite.T) {
		c := t.Open(small)
		s := c.Begin(nil)
		f := s.SenderFields(t.MissingAddress() + strings.Repeat("/long", 60))
		s.Send(wire.Attach.With(f))
		for {
			switch e := c.Next(); {
			case e.Kind == suite.Silence, e.Kind == suite.GotFrame && e.Frame.Is(wire.Detach, wire.End, wire.Close):
				return
			case e.Kind != suite.GotFrame:
				t.FailWant("attach and detach", e.String())
			}
		}
	})
	t.Case("an attach whose echo does not fit", func(t *suite.T) {
		c := t.Open(small)
		s := c.Begin(nil)
		f := s.ReceiverFields(t.Queue().Receive).Plus(wire.F{
			"name": strings.Repeat("n", 200), "properties": wire.Map(wire.Sym("x"), wire.Str(strings.Repeat("p", 400))),
		})
		f["source"] = wire.Source.With(wire.F{"address": t.Queue().Receive, "capabilities": []string{strings.Repeat("c", 200)}})
		c.Write(wire.AMQP(s.Channel, wire.Attach.With(f), nil))
		if e := c.Next(); e.Kind != suite.GotFrame {
			t.FailWant("an answer", e.String())
		}
	})
}

// segmented has the same conversation cut at every octet.
func segmented(t *suite.T) {
	octets := func() []byte {
		open := wire.Open.With(t.OpenFields(), wire.F{"container-id": "segments"})
		return slices.Concat(wire.AMQPHeader[:], wire.AMQP(0, open, nil), wire.AMQP(0, suite.BeginFrame(nil), nil),
			wire.Empty(0), wire.AMQP(0, wire.Flow.With(wire.F{
				"next-incoming-id": 0, "incoming-window": 10, "next-outgoing-id": 0, "outgoing-window": 10, "echo": true,
			}), nil), wire.AMQP(0, wire.End.With(), nil), wire.AMQP(0, wire.Close.With(), nil))
	}()
	talk := func(t *suite.T, parts ...[]byte) string {
		c := loggedIn(t)
		c.Permit(65536, 255)
		for _, p := range parts {
			c.Write(p)
		}
		var said []string
		for {
			e := c.Next()
			switch e.Kind {
			case suite.GotHeader:
				said = append(said, "header")
			case suite.GotFrame:
				// An echo that an end follows in the same read need not be answered.
				if !e.Frame.Is(wire.Flow) {
					said = append(said, e.Frame.Body.Kind.Name)
				}
			default:
				return strings.Join(append(said, e.String()), " ")
			}
		}
	}
	var whole string
	t.Case("in one", func(t *suite.T) {
		if whole = talk(t, octets); !strings.Contains(whole, "close") {
			t.FailWant("an answer to close", whole)
		}
	})
	for at := 1; at < len(octets); at++ {
		t.Case(fmt.Sprintf("cut at %d", at), func(t *suite.T) {
			if got := talk(t, octets[:at], octets[at:]); got != whole {
				t.FailWant(whole, got)
			}
		})
	}
	t.Case("octet by octet", func(t *suite.T) {
		var parts [][]byte
		for _, b := range octets {
			parts = append(parts, []byte{b})
		}
		if got := talk(t, parts...); got != whole {
			t.FailWant(whole, got)
		}
	})
}
