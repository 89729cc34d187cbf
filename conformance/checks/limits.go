package checks

import (
	"bytes"
	"fmt"
	"strings"
	"time"

	"hibachi/conformance/suite"
	"hibachi/conformance/wire"
)

// limits: what keeps a server up among peers that are broken or hostile. Hardly any of it is in the standard.
var limits = suite.Group{
	ID: "SL", Title: "Security and limits",
	Checks: []suite.Check{
		{
			ID: "SL1", Section: "transport 2.4.1", Level: suite.Extra, Takes: 40 * time.Second,
			Title: "a client that does not get to its open is given up, wherever it stops",
			Run: func(t *suite.T) {
				silent := map[string]func(t *suite.T) *suite.Conn{
					"says nothing":          func(t *suite.T) *suite.Conn { return t.Dial() },
					"no open":               func(t *suite.T) *suite.Conn { return t.Connect() },
					"half a header":         func(t *suite.T) *suite.Conn { c := t.Dial(); c.Write([]byte("AMQ")); return c },
					"no init":               func(t *suite.T) *suite.Conn { t.Need(suite.SASL); c := t.Dial(); c.StartSASL(); return c },
					"no AMQP after a login": func(t *suite.T) *suite.Conn { t.Need(suite.SASL); c := t.Dial(); c.Login(); return c },
				}
				// All wait at once: the connections are this check's own, and are looked at one after the other.
				waiting := map[string]*suite.Conn{}
				for name, begin := range silent {
					if strings.Contains(name, "init") || strings.Contains(name, "login") {
						if !t.Profile().Has(suite.SASL) {
							continue
						}
					}
					waiting[name] = begin(t)
				}
				until := time.Now().Add(30 * time.Second)
				cases(t, waiting, func(t *suite.T, c *suite.Conn) {
					for {
						e := c.NextWithin(time.Until(until))
						switch e.Kind {
						case suite.Silence:
							t.FailWant("the end of the stream within 30 s", "nothing")
						case suite.GotEOF, suite.GotReset:
							return
						}
					}
				})
			},
		},
		{
			ID: "SL2", Section: "transport 2.4.1", Level: suite.Extra, Twin: "FR9",
			Title: "before an open and a login large frames are refused when their size is read",
			Run: func(t *suite.T) {
				t.Case("a SASL frame of 16 MiB", func(t *suite.T) {
					t.Need(suite.SASL)
					c := t.Dial()
					c.StartSASL()
					c.Write(wire.FrameHeader(16<<20, 2, wire.TypeSASL, 0))
					c.Refused(saslBroken())
				})
				t.Case("an open of 16 MiB", func(t *suite.T) {
					c := t.Connect()
					c.Permit(65536, 255)
					c.Write(wire.FrameHeader(16<<20, 2, wire.TypeAMQP, 0))
					c.Refused(suite.Closes(wire.FramingError).Or(suite.Drops, "there is no connection yet").Or(suite.Resets, "there is no connection yet"))
				})
			},
		},
		{
			ID: "SL3", Section: "transport 2.7.1", Level: suite.Extra, Twin: "FR9",
			Title: "a frame that is too large is refused whatever its type and channel, without waiting for its body",
			Run: func(t *suite.T) {
				for _, ch := range []uint16{0, 5, 0xffff} {
					t.Case(fmt.Sprintf("channel %d", ch), func(t *suite.T) {
						c := t.Open(nil)
						if !c.Open.Has("max-frame-size") || c.Open.Uint("max-frame-size") > 1<<30 {
							t.Skip("the target announces no such limit")
						}
						c.Write(wire.FrameHeader(c.MaxFrame()+1, 2, wire.TypeAMQP, ch))
						c.Refused(suite.Closes(wire.FramingError).Or(suite.Drops, dropReading).Or(suite.Resets, dropReading))
					})
				}
			},
		},
		{
			ID: "SL4", Section: "transport 2.4.5", Level: suite.Extra, Takes: 2 * time.Minute, Slow: true,
			Title: "a frame that never ends is given up, though octets keep coming",
			Run: func(t *suite.T) {
				c := t.Open(nil)
				c.Write(wire.FrameHeader(500, 2, 0, 0))
				for began := time.Now(); time.Since(began) < 90*time.Second; {
					c.Write([]byte{0})
					if e := c.NextWithin(time.Second); e.Kind != suite.Silence {
						if e.Kind == suite.GotFrame && !e.Frame.Is(wire.Close) {
							t.FailWant("close or the end of the stream", e.String())
						}
						return
					}
				}
				t.FailWant("an end within 90 s", "none")
			},
		},
		{
			ID: "SL5", Section: "transport 2.7.1", Level: suite.Extra,
			Title: "as many sessions as channel-max promises can be begun on one connection, and it is served after that",
			Run: func(t *suite.T) {
				c := t.Open(wire.F{"channel-max": 65535})
				n := min(int(c.ChannelMax())+1, 2000)
				var b []byte
				for ch := range n {
					b = append(b, wire.AMQP(uint16(ch), suite.BeginFrame(nil), nil)...)
				}
				c.Write(b)
				for begun := 0; begun < n; begun++ {
					e := c.Next()
					switch {
					case e.Kind == suite.GotFrame && e.Frame.Is(wire.Begin):
					case e.Kind == suite.GotFrame && e.Frame.Is(wire.End, wire.Close) && e.Frame.Body.Condition() == wire.ResourceLimit:
						t.Tolerate(fmt.Sprintf("%d sessions", n), fmt.Sprintf("%d and then %s", begun, e), "a limit below the announced one, but said")
						return
					default:
						t.FailWant("begin", e.String())
					}
				}
				c.Send(0, wire.End.With())
				c.Expect(wire.End)
			},
		},
		{
			ID: "SL6", Section: "types 1.6", Level: suite.Extra, Twin: "TY1",
			Title: "what a terminus claims to hold costs nothing: large counts in filters, properties and unsettled maps are refused or taken at once",
			Run: func(t *suite.T) {
				cases(t, map[string]wire.F{
					"properties": {"properties": wire.Compound32(0xd1, 5, 0x7ffffffe, []byte{0x40})},
					"unsettled":  {"unsettled": wire.Compound32(0xd1, 5, 0x7ffffffe, []byte{0x40})},
					"filter": {"source": wire.Source.With(wire.F{"filter": wire.Map(wire.Sym("x"),
						wire.Compound32(0xf0, 5, 0x7fffffff, []byte{0x40}))})},
				}, func(t *suite.T, f wire.F) {
					s := t.Open(nil).Begin(nil)
					began := time.Now()
					s.Send(wire.Attach.With(s.ReceiverFields("anything"), f))
					if e := s.Conn().Next(); e.Kind == suite.Silence {
						t.FailWant("an answer", "nothing")
					}
					if took := time.Since(began); took > time.Second {
						t.Fail("the answer took %v", took)
					}
					t.Open(nil).Alive()
				})
			},
		},
		{
			ID: "SL7", Section: "transport 2.7.6", Level: suite.Extra, Needs: []suite.Feature{suite.Queues},
			Title: "large numbers cost nothing: a disposition of 2³² deliveries, credit of 2³², the highest handle",
			Run: func(t *suite.T) {
				s := t.Open(nil).Begin(nil)
				r := s.Receiver(t.Queue().Receive, nil)
				began := time.Now()
				for range 200 {
					s.Send(wire.Disposition.With(wire.F{"role": true, "first": 0, "last": uint32(0x7ffffffe), "settled": true, "state": wire.Accepted.With()}))
				}
				r.Grant(0xffffffff)
				r.Grant(0x7fffffff)
				r.Grant(0)
				s.Conn().Alive()
				if took := time.Since(began); took > 2*time.Second {
					t.Fail("it took %v", took)
				}
			},
		},
		{
			ID: "SL8", Section: "transport 2.8.14", Level: suite.Extra, Twin: "SE1",
			Title: "an error's text says what is wrong, and nothing of the target's inside",
			Run: func(t *suite.T) {
				cases(t, map[string]func(c *suite.Conn){
					"an unknown performative": func(c *suite.Conn) { c.Write(wire.RawFrame(2, 0, 0, []byte{0, 0x53, 0x99, 0x45})) },
					"a body that is cut":      func(c *suite.Conn) { c.Write(wire.RawFrame(2, 0, 0, []byte{0, 0x53, 0x11, 0xc0, 0x20, 4, 0x43})) },
					"a second open":           func(c *suite.Conn) { c.Send(0, wire.Open.With(wire.F{"container-id": "x"})) },
					"an unknown handle": func(c *suite.Conn) {
						s := c.Begin(nil)
						s.Send(wire.Flow.With(s.FlowFields(), wire.F{"handle": 99}))
					},
				}, func(t *suite.T, provoke func(c *suite.Conn)) {
					c := t.Open(nil)
					provoke(c)
					r := c.Refused(suite.Closes().Also(suite.EndScope).Or(suite.Drops, "who says nothing tells nothing").
						Or(suite.Resets, "who says nothing tells nothing").Or(suite.Ignores, "who says nothing tells nothing").
						Or(suite.Hangs, "who says nothing tells nothing"))
					for _, leak := range []string{"goroutine ", ".go:", ".java", ".erl", "Exception", "\tat ", "panic", "0x00", "stacktrace", "{error,"} {
						if strings.Contains(r.Text, leak) {
							t.Fail("the description has %q in it: %q", leak, r.Text)
						}
					}
				})
			},
		},
		{
			ID: "SL9", Section: "transport 2.4.3", Level: suite.Extra, Twin: "FR4",
			Title: "a hundred malformed frames are answered once",
			Run: func(t *suite.T) {
				c := t.Open(nil)
				c.Write(bytes.Repeat(wire.RawFrame(2, 0, 0, []byte{0, 0x53, 0x11, 0xc0, 0x20, 4, 0x43}), 100))
				c.Refused(suite.Closes().Or(suite.Drops, dropReading).Or(suite.Resets, dropReading))
				if e := c.NextWithin(200 * time.Millisecond); e.Kind == suite.GotFrame {
					t.FailWant("nothing more", e.String())
				}
			},
		},
		{
			ID: "SL10", Section: "security 5.3", Level: suite.Extra, Needs: []suite.Feature{suite.Dynamic},
			Title: "who does not own a dynamic node cannot receive from it",
			Run: func(t *suite.T) {
				owner := t.Open(nil).Begin(nil)
				mine := owner.Receiver("", wire.F{"source": wire.Source.With(wire.F{"dynamic": true})})
				address := mine.Attach.Composite("source").Text("address")
				if address == "" {
					t.FailWant("an address for the dynamic node", mine.Attach.String())
				}
				t.Twin("its owner sends to it", func(*suite.T) { owner.Sender(address, nil) })
				other := t.Open(nil).Begin(nil)
				other.Send(wire.Attach.With(other.ReceiverFields(address)))
				other.Conn().Refused(suite.Detaches().Or(suite.Ignores, "the address cannot be guessed, and the standard leaves rights to the target"))
			},
		},
		{
			ID: "SL12", Section: "transport 2.6.7", Level: suite.Extra, Needs: []suite.Feature{suite.Queues},
			Title: "a consumer that does not read its socket stops nobody else",
			Run: func(t *suite.T) {
				stuck := t.Queue()
				l := t.Open(nil).Begin(nil).Sender(stuck.Send, nil)
				body := wire.Data(bytes.Repeat([]byte{'x'}, 60<<10))
				c := t.Open(nil)
				s := c.Begin(nil)
				r := s.Receiver(stuck.Receive, nil)
				c.StopReading()
				r.Grant(1000)
				for range 100 {
					l.Put(t.MessageOf(suite.Parts{Body: []wire.Raw{body}}))
				}
				q := t.Queue()
				other := t.Open(nil).Begin(nil)
				other.Sender(q.Send, nil).Put(t.Message("past the stuck one"))
				free := other.Receiver(q.Receive, nil)
				free.Grant(1)
				free.Receive()
			},
		},
	},
}
