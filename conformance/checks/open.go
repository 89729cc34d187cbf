package checks

import (
	"fmt"
	"strings"
	"time"

	"hibachi/conformance/suite"
	"hibachi/conformance/wire"
)

// longestWait bounds what a check waits for a time-out that the target announced.
const longestWait = 8 * time.Second

// openClose: [transport 2.4, 2.7.1, 2.7.9].
var openClose = suite.Group{
	ID: "OP", Title: "Open, close, idle time-out",
	Checks: []suite.Check{
		{
			ID: "OP1", Section: "transport 2.4.1", Level: suite.Must, Twin: "OP3",
			Title: "open is the first frame in each direction",
			Run: func(t *suite.T) {
				c := t.Connect()
				c.Permit(65536, 255)
				c.Send(0, suite.BeginFrame(nil))
				c.Refused(suite.Closes(wire.IllegalState, wire.NotAllowed, wire.FramingError).
					Or(suite.Drops, "without an open there is nothing to close").Or(suite.Resets, "without an open there is nothing to close"))
			},
		},
		{
			ID: "OP2", Section: "transport 2.4.1", Level: suite.Must, Twin: "OP3",
			Title: "open comes on channel 0 only",
			Run: func(t *suite.T) {
				c := t.Connect()
				c.Permit(65536, 255)
				c.Send(1, wire.Open.With(t.OpenFields()))
				c.Refused(suite.Closes(wire.FramingError, wire.NotAllowed).Or(suite.Drops, "there is no connection yet"))
			},
		},
		{
			ID: "OP3", Section: "transport 2.7.1", Level: suite.Must,
			Title: "container-id is mandatory; the target's own is there and stays the same",
			Run: func(t *suite.T) {
				var first string
				t.Twin("with a container-id", func(t *suite.T) { first = t.Open(nil).Open.Text("container-id") })
				t.Case("the target's", func(t *suite.T) {
					if again := t.Open(nil).Open.Text("container-id"); again != first {
						t.Fail("it was %q and is %q", first, again)
					}
				})
				cases(t, map[string]wire.Raw{
					"null":       wire.Described(wire.Ulong(0x10), wire.List(wire.Null, wire.Str("localhost"))),
					"empty list": wire.Described(wire.Ulong(0x10), wire.List()),
				}, func(t *suite.T, f wire.Raw) {
					c := t.Connect()
					c.Permit(0xffffffff, 0)
					c.Write(wire.RawFrame(2, 0, 0, f))
					c.Refused(suite.Closes(wire.DecodeError, wire.InvalidField).Or(suite.Drops, "there is no connection yet"))
				})
			},
		},
		{
			ID: "OP4", Section: "transport 2.4.6", Level: suite.Must, Twin: "OP3",
			Title: "a second open is refused",
			Run: func(t *suite.T) {
				c := t.Open(nil)
				c.Send(0, wire.Open.With(t.OpenFields()))
				c.Refused(suite.Closes(wire.IllegalState, wire.NotAllowed).OrCondition(wire.FramingError, "the frame is not one that may come"))
			},
		},
		{
			ID: "OP5", Section: "transport 2.4.3", Level: suite.Must, Twin: "OP3",
			Title: "who refuses an open sends an open of its own and then close with the error",
			Run: func(t *suite.T) {
				bad := func(t *suite.T, f wire.F, conditions ...string) {
					c := t.Connect()
					c.SendOpen(f)
					e := c.Next()
					if e.Kind != suite.GotFrame || !e.Frame.Is(wire.Open) {
						t.FailWant("open before close", e.String())
					}
					c.Refused(suite.Closes(conditions...))
				}
				t.Case("max-frame-size 100", func(t *suite.T) {
					bad(t, wire.F{"max-frame-size": 100}, wire.FramingError, wire.InvalidField, wire.FrameSizeTooSmall)
				})
				t.Case("unknown hostname", func(t *suite.T) {
					t.Need(suite.VirtualHosts)
					bad(t, wire.F{"hostname": t.Name("host") + ".example.org"}, wire.NotFound, wire.NotAllowed, wire.UnauthorizedAccess)
				})
			},
		},
		{
			ID: "OP6", Section: "transport 2.7.1", Level: suite.Should,
			Title: "hostname may be absent; an unknown one is the target's policy, but it is answered",
			Run: func(t *suite.T) {
				t.Case("absent", func(t *suite.T) { t.Open(wire.F{"hostname": nil}).Alive() })
				t.Case("unknown", func(t *suite.T) {
					c := t.Connect()
					c.SendOpen(wire.F{"hostname": "unknown.example.org"})
					c.Opened()
					if r := c.Next; t.Profile().Has(suite.VirtualHosts) {
						if e := r(); e.Kind != suite.GotFrame || !e.Frame.Is(wire.Close) {
							t.FailWant("close", e.String())
						}
						return
					}
					c.Alive()
				})
			},
		},
		{
			ID: "OP7", Section: "transport 2.7.1", Level: suite.Must,
			Title: "a channel above the target's channel-max is refused",
			Run: func(t *suite.T) {
				t.Twin("the highest channel", func(t *suite.T) {
					c := t.Open(wire.F{"channel-max": 65535})
					c.BeginOn(c.ChannelMax(), nil)
				})
				t.Case("one more", func(t *suite.T) {
					c := t.Open(wire.F{"channel-max": 65535})
					if c.ChannelMax() == 65535 {
						t.Skip("the target takes all channels")
					}
					c.Send(c.ChannelMax()+1, suite.BeginFrame(nil))
					c.Refused(suite.Closes(wire.FramingError).OrCondition(wire.NotAllowed, "it is not allowed to use that channel").
						OrCondition(wire.ResourceLimit, "channels are a resource"))
				})
			},
		},
		{
			ID: "OP8", Section: "transport 2.7.1", Level: suite.Must,
			Title: "the target uses no channel above the client's channel-max",
			Run: func(t *suite.T) {
				t.Twin("one session", func(t *suite.T) { t.Open(wire.F{"channel-max": 0}).Begin(nil) })
				t.Case("a second session", func(t *suite.T) {
					c := t.Open(wire.F{"channel-max": 0})
					c.Begin(nil)
					c.Send(1, suite.BeginFrame(nil))
					// The watch of the connection judges the channel of whatever comes.
					c.Refused(suite.Closes(wire.FramingError, wire.NotAllowed, wire.ResourceLimit, wire.InvalidField).Also(suite.EndScope).
						Or(suite.Hangs, "a begin that cannot be answered is one way not to use the channel"))
				})
			},
		},
		{
			ID: "OP9", Section: "transport 2.4.5", Level: suite.Must, Takes: 15 * time.Second,
			Title: "a client that asks for it hears something within every idle-time-out",
			Run: func(t *suite.T) {
				const idle = time.Second
				c := t.Open(wire.F{"idle-time-out": int(idle.Milliseconds())})
				last, beats := time.Now(), 0
				for end := last.Add(3500 * time.Millisecond); time.Now().Before(end); {
					e := c.NextOf(time.Until(end))
					if e.Kind == suite.Silence {
						break
					}
					if e.Kind != suite.GotFrame {
						t.FailWant("heartbeats", e.String())
					}
					if gap := e.At.Sub(last); gap > idle+idle/20 {
						t.Fail("a gap of %v", gap.Round(time.Millisecond))
					}
					last, beats = e.At, beats+1
				}
				if beats < 3 {
					t.Fail("%d frames in 3.5 s", beats)
				}
			},
		},
		{
			ID: "OP10", Section: "transport 2.4.5", Level: suite.Should, Takes: 4 * time.Minute,
			Title: "a peer that is silent longer than announced is closed with a reason, between 1 and 3 times that; one that beats is not",
			Run:   idlePeer,
		},
		{
			ID: "OP11", Section: "transport 2.4.5", Level: suite.Should,
			Title: "an idle-time-out that the target cannot keep is refused; another is kept",
			Run: func(t *suite.T) {
				t.Twin("2 s", func(t *suite.T) { t.Open(wire.F{"idle-time-out": 2000}).Alive() })
				for _, ms := range []int{1, 10} {
					t.Case(fmt.Sprintf("%d ms", ms), func(t *suite.T) { shortIdle(t, ms) })
				}
			},
		},
		{
			ID: "OP12", Section: "transport 2.7.1", Level: suite.Must,
			Title: "idle-time-out 0 is none",
			Run: func(t *suite.T) {
				c := t.Open(wire.F{"idle-time-out": 0})
				beats := 0
				for end := time.Now().Add(1500 * time.Millisecond); ; {
					e := c.NextOf(time.Until(end))
					if e.Kind == suite.Silence {
						break
					}
					if e.Kind != suite.GotFrame || e.Frame.Body != nil {
						t.FailWant("nothing", e.String())
					}
					beats++
				}
				if beats > 10 {
					t.Fail("%d heartbeats in 1.5 s", beats)
				}
				c.Alive()
			},
		},
		{
			ID: "OP13", Section: "transport 2.4.5", Level: suite.Must, Takes: 4 * time.Minute,
			Title: "octets of a frame that comes slowly keep the connection alive",
			Run: func(t *suite.T) {
				c := t.Open(nil)
				s := c.Begin(nil)
				idle := announcedIdle(t, c)
				octets := wire.AMQP(s.Channel, wire.Flow.With(s.FlowFields(), wire.F{"echo": true}), nil)
				// Twice the announced time is the whole threshold.
				step := 3 * idle / time.Duration(len(octets))
				for _, b := range octets {
					c.Write([]byte{b})
					t.Sleep(step)
				}
				c.Alive()
			},
		},
		{
			ID: "OP14", Section: "transport 2.4.3", Level: suite.Must,
			Title: "close is answered with close and the end of the stream, and nothing is sent after it",
			Run: func(t *suite.T) {
				t.Case("close", func(t *suite.T) { t.Open(nil).Close() })
				t.Case("close with a session and links", func(t *suite.T) {
					c := t.Open(nil)
					if s := c.Begin(nil); t.Profile().Has(suite.Queues) {
						s.Receiver(t.Queue().Receive, nil).Grant(10)
					}
					c.Close()
				})
				t.Case("close and begin", func(t *suite.T) {
					c := t.Open(nil)
					c.Send(0, wire.Close.With(), suite.BeginFrame(nil))
					c.Expect(wire.Close)
					if e := c.Next(); e.Kind == suite.GotReset {
						t.Tolerate("the end of the stream", e.String(), "what came after the close was never read")
					} else if e.Kind != suite.GotEOF {
						t.FailWant("the end of the stream", e.String())
					}
				})
				t.Case("close with an error", func(t *suite.T) {
					c := t.Open(nil)
					c.Send(0, wire.Close.With(wire.F{"error": wire.Error.With(wire.F{"condition": wire.InternalError})}))
					c.Expect(wire.Close)
					c.ExpectEOF()
				})
			},
		},
		{
			ID: "OP15", Section: "transport 2.4.3", Level: suite.May,
			Title: "close may come on any channel",
			Run: func(t *suite.T) {
				c := t.Open(nil)
				c.Send(min(3, c.ChannelMax()), wire.Close.With())
				c.Expect(wire.Close)
				c.ExpectEOF()
			},
		},
		{
			ID: "OP16", Section: "transport 2.4.3", Level: suite.Should, Twin: "OP14",
			Title: "after a close with an error the target discards what comes until the client's close",
			Run: func(t *suite.T) {
				c := t.Open(nil)
				c.Send(0, wire.Open.With(t.OpenFields())) // refused: OP4
				c.Refused(suite.Closes())
				for range 100 {
					c.Send(0, suite.BeginFrame(nil))
				}
				c.Send(0, wire.Close.With())
				switch e := c.Next(); e.Kind {
				case suite.GotEOF:
				case suite.GotReset:
					t.Tolerate("the end of the stream", e.String(), "the target closed its socket before it had read all")
				default:
					t.FailWant("the end of the stream", e.String())
				}
			},
		},
		{
			ID: "OP17", Section: "transport 2.7.1", Level: suite.Must,
			Title: "unknown capabilities, locales and properties are ignored",
			Run: func(t *suite.T) {
				t.Open(wire.F{
					"offered-capabilities": []string{"example:one", "example:two"}, "desired-capabilities": []string{"example:three"},
					"outgoing-locales": []string{"de-DE"}, "incoming-locales": []string{"fr-FR", "en-US"},
					"properties": wire.Map(wire.Sym("example"), wire.List(wire.Int(1), wire.Str("x")), wire.Sym("n"), wire.Null),
				}).Alive()
			},
		},
		{
			ID: "OP18", Section: "transport 2.4.2", Level: suite.Must,
			Title: "everything from the header to the close may come in one write, and is served in order",
			Run:   pipelined,
		},
		{
			ID: "OP19", Section: "transport 2.4.3", Level: suite.Extra,
			Title: "a client that ends its direction of the stream right after close still gets the answer",
			Run: func(t *suite.T) {
				c := t.Open(nil)
				c.Send(0, wire.Close.With())
				c.HalfClose()
				c.Expect(wire.Close)
				c.ExpectEOF()
			},
		},
	},
}

// announcedIdle is the target's idle-time-out, if it is short enough to wait for.
func announcedIdle(t *suite.T, c *suite.Conn) time.Duration {
	if c.Open.Uint("idle-time-out") == 0 {
		t.Skip("the target announces no idle-time-out")
	}
	idle := time.Duration(c.Open.Uint("idle-time-out")) * time.Millisecond
	if idle > longestWait && !t.Slow() {
		t.Skip("the target announces an idle-time-out of %v, which is too long to wait for unless slow checks are asked for", idle)
	}
	return idle
}

func idlePeer(t *suite.T) {
	t.Twin("a peer that beats", func(t *suite.T) {
		c := t.Open(nil)
		idle := announcedIdle(t, c)
		for range 3 {
			t.Sleep(idle * 9 / 10)
			c.Write(wire.Empty(0))
		}
		c.Alive()
	})
	t.Case("a peer that is silent", func(t *suite.T) {
		c := t.Open(nil)
		idle := announcedIdle(t, c)
		began := time.Now()
		e := c.NextWithin(3*idle + time.Second)
		took := time.Since(began)
		if e.Kind != suite.GotFrame || !e.Frame.Is(wire.Close) {
			t.FailWant("close with "+wire.ResourceLimit, e.String())
		}
		if took < idle {
			t.Fail("closed after %v: %v was announced", took, idle)
		}
		if got := e.Frame.Body.Condition(); got != wire.ResourceLimit {
			t.Tolerate(wire.ResourceLimit, got, "the standard names no condition for it")
		}
	})
}

// shortIdle asks for heartbeats faster than anybody needs.
func shortIdle(t *suite.T, ms int) {
	c := t.Connect()
	c.SendOpen(wire.F{"idle-time-out": ms})
	c.Opened()
	beats, ends := 0, time.Now().Add(500*time.Millisecond)
	for {
		switch e := c.NextOf(time.Until(ends)); {
		case e.Kind == suite.Silence:
			switch {
			case beats == 0:
				t.Fail("neither kept nor refused: nothing came")
			case beats < 500/ms/2:
				t.Tolerate("heartbeats each "+fmt.Sprint(ms)+" ms, or a refusal", fmt.Sprintf("%d in half a second", beats),
					"as fast as the target beats; it protects itself")
			}
			return
		case e.Kind != suite.GotFrame:
			t.FailWant("heartbeats or close", e.String())
		case e.Frame.Is(wire.Close):
			cond := e.Frame.Body.Condition()
			if cond != wire.NotAllowed && cond != wire.InvalidField && cond != wire.ResourceLimit {
				t.FailWant("close with "+strings.Join([]string{wire.NotAllowed, wire.InvalidField, wire.ResourceLimit}, " or "), cond)
			}
			return
		case e.Frame.Body == nil:
			beats++
		}
	}
}

// pipelined says everything at once: up to a close, up to an attach, and up to a transfer for which there was no time to wait for credit.
func pipelined(t *suite.T) {
	t.Case("header to close", func(t *suite.T) {
		c := atOnce(t, wire.AMQP(0, wire.End.With(), nil), wire.AMQP(0, wire.Close.With(), nil))
		begunAtOnce(c)
		c.Expect(wire.End)
		c.Expect(wire.Close)
		c.ExpectEOF()
	})
	t.Case("with an attach", func(t *suite.T) {
		sender := attachAtOnce(t, t.Queue())
		c := atOnce(t, wire.AMQP(0, wire.Attach.With(sender), nil))
		begunAtOnce(c).Attached(sender).AwaitCredit(1)
	})
	t.Case("with a transfer", func(t *suite.T) {
		q := t.Queue()
		sender := attachAtOnce(t, q)
		c := atOnce(t, wire.AMQP(0, wire.Attach.With(sender), nil),
			wire.AMQP(0, wire.Transfer.With(wire.F{"handle": 0, "delivery-id": 0, "delivery-tag": []byte{1}}), t.Message("at once")))
		for {
			e := c.Next()
			if e.Kind == suite.GotFrame && e.Frame.Is(wire.Disposition) && e.Frame.Body.Composite("state").Kind == wire.Accepted {
				break
			}
			if e.Kind != suite.GotHeader && (e.Kind != suite.GotFrame || e.Frame.Is(wire.Disposition, wire.Detach, wire.End, wire.Close)) {
				t.Tolerate("the outcome of the transfer", e.String(), "a transfer before there is credit need not be taken")
				return
			}
		}
		r := t.Open(nil).Begin(nil).Receiver(q.Receive, nil)
		r.Grant(1)
		r.Receive()
	})
}

// attachAtOnce are the fields of an attach that is sent before anything came.
func attachAtOnce(t *suite.T, q suite.Node) wire.F {
	return wire.F{"name": t.Name("sender"), "handle": 0, "role": false, "source": wire.Source.With(),
		"target": wire.Target.With(wire.F{"address": q.Send}), "initial-delivery-count": 0}
}

// atOnce writes all that leads to a session, and what is behind it, in one piece.
func atOnce(t *suite.T, behind ...[]byte) *suite.Conn {
	c := t.Dial()
	c.Permit(65536, 255)
	var b [][]byte
	if t.Profile().Auth.Mechanism != "none" {
		b = append(b, wire.SASLHeader[:], wire.SASL(t.InitFrame()))
	}
	b = append(b, wire.AMQPHeader[:], wire.AMQP(0, wire.Open.With(t.OpenFields()), nil), wire.AMQP(0, suite.BeginFrame(nil), nil))
	c.Write(append(b, behind...)...)
	return c
}

// begunAtOnce reads the answers to what atOnce wrote.
func begunAtOnce(c *suite.Conn) *suite.Session {
	if c.T().Profile().Auth.Mechanism != "none" {
		c.ExpectHeader(wire.SASLHeader)
		c.Expect(wire.SASLMechanisms)
		wantOutcome(c, outcomeOK)
	}
	c.ExpectHeader(wire.AMQPHeader)
	c.Opened()
	return c.Begun(0, nil)
}
