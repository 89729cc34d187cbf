package checks

import (
	"fmt"
	"time"

	"hibachi/conformance/suite"
	"hibachi/conformance/wire"
)

// sessions: [transport 2.5, 2.7.2, 2.7.8].
var sessions = suite.Group{
	ID: "SE", Title: "Sessions",
	Checks: []suite.Check{
		{
			ID: "SE1", Section: "transport 2.5.1", Level: suite.Must,
			Title: "a begin is answered with the client's channel as remote-channel",
			Run: func(t *suite.T) {
				for _, ch := range []uint16{0, 1, 37} {
					t.Case(fmt.Sprintf("channel %d", ch), func(t *suite.T) {
						c := t.Open(nil)
						if ch > c.ChannelMax() {
							t.Skip("above the target's channel-max")
						}
						c.BeginOn(ch, nil).End()
					})
				}
			},
		},
		{
			ID: "SE2", Section: "transport 2.7.2", Level: suite.Must, Twin: "SE1",
			Title: "next-outgoing-id, incoming-window and outgoing-window are mandatory in a begin",
			Run: func(t *suite.T) {
				for _, name := range []string{"next-outgoing-id", "incoming-window", "outgoing-window"} {
					t.Case(name, func(t *suite.T) {
						c := t.Open(nil)
						c.Send(0, suite.BeginFrame(nil).Set(name, nil))
						c.Refused(suite.Closes(wire.DecodeError, wire.InvalidField).Or(suite.EndScope, "the session is what cannot be"))
					})
				}
			},
		},
		{
			ID: "SE3", Section: "transport 2.7.2", Level: suite.Must, Twin: "SE1",
			Title: "a begin that answers no begin must not have a remote-channel",
			Run: func(t *suite.T) {
				c := t.Open(nil)
				c.Send(0, suite.BeginFrame(wire.F{"remote-channel": 5}))
				c.Refused(suite.Closes(wire.InvalidField, wire.NotAllowed, wire.IllegalState).Or(suite.EndScope, "the session is what cannot be"))
			},
		},
		{
			ID: "SE4", Section: "transport 2.5.1", Level: suite.Must, Twin: "SE1",
			Title: "a begin on a channel that has a session is refused",
			Run: func(t *suite.T) {
				c := t.Open(nil)
				c.Begin(nil)
				c.Send(0, suite.BeginFrame(nil))
				c.Refused(suite.Closes(wire.IllegalState, wire.NotAllowed, wire.FramingError))
			},
		},
		{
			ID: "SE5", Section: "transport 2.5.5", Level: suite.Extra, Twin: "SE6",
			Title: "a session's frame on a channel without a session is refused or ignored, but answered by nothing else",
			Run: func(t *suite.T) {
				cases(t, map[string]*wire.Composite{
					"attach":      wire.Attach.With(wire.F{"name": "x", "handle": 0, "role": true, "source": wire.Source.With()}),
					"flow":        wire.Flow.With(wire.F{"incoming-window": 1, "next-outgoing-id": 0, "outgoing-window": 1}),
					"transfer":    wire.Transfer.With(wire.F{"handle": 0, "delivery-id": 0, "delivery-tag": []byte{1}}),
					"disposition": wire.Disposition.With(wire.F{"role": true, "first": 0}),
					"detach":      wire.Detach.With(wire.F{"handle": 0}),
					"end":         wire.End.With(),
				}, func(t *suite.T, frame *wire.Composite) {
					c := t.Open(nil)
					c.Begin(nil)
					c.Send(3, frame)
					c.Refused(suite.Closes(wire.IllegalState, wire.NotAllowed, wire.InvalidField, wire.FramingError).
						Or(suite.Ignores, "the frames of a session that the target has ended may still be on their way"))
				})
			},
		},
		{
			ID: "SE6", Section: "transport 2.5.2", Level: suite.Must, Takes: 20 * time.Second,
			Title: "an end is answered with an end, and the channel can be used again, a thousand times",
			Run: func(t *suite.T) {
				c := t.Open(nil)
				for range 1000 {
					c.BeginOn(0, nil).End()
				}
				c.Alive()
			},
		},
		{
			ID: "SE7", Section: "transport 2.5.4", Level: suite.Must, Twin: "SE6",
			Title: "after an end with an error everything on the channel is discarded until the client's end",
			Run: func(t *suite.T) {
				c := t.Open(nil)
				s := failedSession(c)
				s.Send(wire.Attach.With(s.ReceiverFields("anything")), wire.Flow.With(s.FlowFields(), wire.F{"echo": true}),
					wire.Transfer.With(wire.F{"handle": 9, "delivery-id": 0, "delivery-tag": []byte{1}}), wire.End.With())
				c.Send(s.Channel, suite.BeginFrame(nil))
				if f := c.Next(); f.Kind != suite.GotFrame || !f.Frame.Is(wire.Begin) {
					t.FailWant("nothing but the answer to the next begin", f.String())
				}
			},
		},
		{
			ID: "SE8", Section: "transport 2.5.3", Level: suite.Must, Twin: "SE6",
			Title: "an end that comes after the target's own is its answer: there is no second one",
			Run: func(t *suite.T) {
				c := t.Open(nil)
				s := c.Begin(nil)
				// The flow makes the target end the session; the client's end is on its way then.
				s.Send(wire.Flow.With(s.FlowFields(), wire.F{"handle": 99}), wire.End.With())
				c.Refused(suite.Ends())
				c.Send(s.Channel, suite.BeginFrame(nil))
				if f := c.Next(); f.Kind != suite.GotFrame || !f.Frame.Is(wire.Begin) {
					t.FailWant("begin", f.String())
				}
			},
		},
		{
			ID: "SE9", Section: "transport 2.5.2", Level: suite.Must, Needs: []suite.Feature{suite.Queues},
			Title: "an end detaches all links without a frame for each, and what they held is available again",
			Run: func(t *suite.T) {
				q := t.Queue()
				t.Open(nil).Begin(nil).Sender(q.Send, nil).Put(t.Message("held"))
				c := t.Open(nil)
				s := c.Begin(nil)
				r := s.Receiver(q.Receive, nil)
				r.Grant(1)
				r.Receive()
				s.Send(wire.End.With())
				if f := c.Next(); f.Kind != suite.GotFrame || !f.Frame.Is(wire.End) {
					t.FailWant("end and nothing before it", f.String())
				}
				again := c.Begin(nil).Receiver(q.Receive, nil)
				again.Grant(1)
				again.Receive()
			},
		},
		{
			ID: "SE10", Section: "transport 2.7.2", Level: suite.Must,
			Title: "a handle above the target's handle-max is refused",
			Run: func(t *suite.T) {
				limit := func(s *suite.Session) uint32 {
					if !s.Begin.Has("handle-max") || s.Begin.Uint("handle-max") == 0xffffffff {
						t.Skip("the target takes all handles")
					}
					return uint32(s.Begin.Uint("handle-max"))
				}
				t.Twin("the highest handle", func(t *suite.T) {
					s := t.Open(nil).Begin(wire.F{"handle-max": 0xffffffff})
					s.Sender(t.Queue().Send, wire.F{"handle": limit(s)})
				})
				t.Case("one more", func(t *suite.T) {
					s := t.Open(nil).Begin(wire.F{"handle-max": 0xffffffff})
					s.Send(wire.Attach.With(s.SenderFields(t.Queue().Send), wire.F{"handle": limit(s) + 1}))
					s.Conn().Refused(suite.Closes(wire.FramingError).Or(suite.EndScope, "the limit is the session's").
						OrCondition(wire.ResourceLimit, "handles are a resource").OrCondition(wire.NotAllowed, "the handle is not allowed"))
				})
			},
		},
		{
			ID: "SE11", Section: "transport 2.7.2", Level: suite.Must, Needs: []suite.Feature{suite.Queues},
			Title: "the target uses no handle above the client's handle-max",
			Run: func(t *suite.T) {
				for _, most := range []uint32{0, 3} {
					t.Case(fmt.Sprintf("handle-max %d", most), func(t *suite.T) {
						s := t.Open(nil).Begin(wire.F{"handle-max": most})
						for range most + 1 {
							if l := s.Sender(t.Queue().Send, nil); l.Remote > most {
								t.Fail("handle %d", l.Remote)
							}
						}
					})
				}
			},
		},
		{
			ID: "SE12", Section: "transport 2.5.6", Level: suite.Must, Needs: []suite.Feature{suite.Queues},
			Title: "the target sends no transfer beyond the client's incoming window, and goes on when it is raised",
			Run: func(t *suite.T) {
				for _, w := range []int{0, 3} {
					t.Case(fmt.Sprintf("window %d", w), func(t *suite.T) { windowHonoured(t, w) })
				}
			},
		},
		{
			ID: "SE13", Section: "transport 2.5.6", Level: suite.Must, Needs: []suite.Feature{suite.Queues}, Takes: 20 * time.Second,
			Title: "the target opens its incoming window again before a client that keeps to it stalls",
			Run: func(t *suite.T) {
				l := t.Open(nil).Begin(nil).Sender(t.Queue().Send, nil)
				frames, room := 3*int(l.Session().RemoteWindow), 1
				if frames > 30000 {
					t.Skip("the target's window of %d frames is too large to be used up", frames/3)
				}
				message := t.MessageOf(suite.Parts{Body: []wire.Raw{wire.Data(make([]byte, 400))}})
				for sent := 0; sent < frames; sent += len(message) {
					id := l.SendIn(room, message)
					l.Session().State(id)
				}
			},
		},
		{
			ID: "SE14", Section: "transport 2.5.6", Level: suite.Must, Twin: "SE13", Needs: []suite.Feature{suite.Queues}, Takes: 20 * time.Second,
			Title: "transfers beyond the target's incoming window end the session",
			Run: func(t *suite.T) {
				s := t.Open(nil).Begin(nil)
				l := s.Sender(t.Queue().Send, nil)
				l.AwaitCredit(1)
				frames := int(s.RemoteWindow) + 10
				if frames > 20000 {
					t.Skip("the target's window of %d frames is too large to be used up", frames)
				}
				b := wire.AMQP(s.Channel, wire.Transfer.With(wire.F{"handle": l.Handle, "delivery-id": 0, "delivery-tag": []byte{1}, "more": true}), nil)
				for range frames {
					b = append(b, wire.AMQP(s.Channel, wire.Transfer.With(wire.F{"handle": l.Handle, "more": true}), []byte{0})...)
				}
				s.Conn().Write(b)
				s.NextOutgoing += uint32(frames) + 1
				s.Conn().Refused(suite.Ends(wire.WindowViolation).
					Or(suite.Ignores, "the target had opened its window again when it read them").
					Or(suite.DetachScope, "the delivery's length was seen first").
					OrCondition(wire.DecodeError, "the delivery's octets were seen first").
					OrCondition(wire.MessageSizeExceeded, "the delivery's length was seen first"))
			},
		},
		{
			ID: "SE15", Section: "transport 2.5.6", Level: suite.Must, Needs: []suite.Feature{suite.Queues},
			Title: "a flow without next-incoming-id, sent before the target's begin came, counts from its first transfer",
			Run: func(t *suite.T) {
				q := t.Queue()
				t.Open(nil).Begin(nil).Sender(q.Send, nil).Put(t.Message("early"))
				c := t.Open(nil)
				receiver := wire.F{"name": t.Name("receiver"), "handle": 0, "role": true, "snd-settle-mode": 0,
					"source": wire.Source.With(wire.F{"address": q.Receive}), "target": wire.Target.With()}
				c.Send(0, suite.BeginFrame(wire.F{"incoming-window": 0}), wire.Attach.With(receiver), wire.Flow.With(wire.F{
					"incoming-window": 5, "next-outgoing-id": 0, "outgoing-window": 5, "handle": 0, "delivery-count": 0, "link-credit": 5,
				}))
				s := c.Begun(0, nil)
				s.Attached(receiver)
				if e := c.Next(); e.Kind != suite.GotFrame || !e.Frame.Is(wire.Transfer) {
					t.FailWant("a transfer", e.String())
				}
			},
		},
		{
			ID: "SE16", Section: "transport 2.5.6", Level: suite.Extra, Twin: "SE20",
			Title: "a next-incoming-id ahead of what the target has sent does no harm",
			Run: func(t *suite.T) {
				s := t.Open(nil).Begin(nil)
				s.Send(wire.Flow.With(s.FlowFields(), wire.F{"next-incoming-id": s.NextIncoming + 5}))
				s.Conn().Refused(suite.Ends(wire.WindowViolation).Or(suite.Ignores, "the window that follows from it is what the client wants").
					OrCondition(wire.InvalidField, "the field is what is wrong").OrCondition(wire.IllegalState, "the state cannot be"))
			},
		},
		{
			ID: "SE17", Section: "transport 2.5.6", Level: suite.Extra, Twin: "SE20",
			Title: "a next-outgoing-id behind what the target has received does no harm",
			Run: func(t *suite.T) {
				s := t.Open(nil).Begin(wire.F{"next-outgoing-id": 100})
				s.Send(wire.Flow.With(s.FlowFields(), wire.F{"next-outgoing-id": 90}))
				s.Conn().Refused(suite.Ends(wire.WindowViolation).Or(suite.Ignores, "what was received is not undone by it").
					OrCondition(wire.InvalidField, "the field is what is wrong").OrCondition(wire.IllegalState, "the state cannot be"))
			},
		},
		{
			ID: "SE18", Section: "transport 2.8.10", Level: suite.Must, Needs: []suite.Feature{suite.Queues},
			Title: "transfer and delivery ids go round at 2³²",
			Run:   wrap,
		},
		{
			ID: "SE19", Section: "transport 2.7.4", Level: suite.Must, Twin: "SE20",
			Title: "link fields in a flow without a handle are ignored or refused",
			Run: func(t *suite.T) {
				s := t.Open(nil).Begin(nil)
				s.Send(wire.Flow.With(s.FlowFields(), wire.F{"delivery-count": 3, "link-credit": 10, "available": 1, "drain": true}))
				s.Conn().Refused(suite.Ignored().Or(suite.EndScope, "the text says that they must not be there").
					Or(suite.CloseScope, "the text says that they must not be there"))
			},
		},
		{
			ID: "SE20", Section: "transport 2.7.4", Level: suite.Should,
			Title: "a session's echo is answered with the session's state",
			Run: func(t *suite.T) {
				s := t.Open(nil).Begin(nil)
				s.Send(wire.Flow.With(s.FlowFields(), wire.F{"echo": true}))
				e := s.Conn().Next()
				if e.Kind == suite.Silence {
					t.Tolerate("a flow", "nothing", "an answer is a should")
					return
				}
				if e.Kind != suite.GotFrame || !e.Frame.Is(wire.Flow) {
					t.FailWant("a flow", e.String())
				}
				f := e.Frame.Body
				if f.Has("handle") || f.Bool("echo") || !f.Has("next-incoming-id") {
					t.FailWant("a flow without handle and echo, with next-incoming-id", f.String())
				}
			},
		},
	},
}

// failedSession is one that the target has just ended with an error.
func failedSession(c *suite.Conn) *suite.Session {
	s := c.Begin(nil)
	s.Send(wire.Flow.With(s.FlowFields(), wire.F{"handle": 99}))
	c.Refused(suite.Ends())
	return s
}

// windowHonoured has ten messages wait behind a window of w frames.
func windowHonoured(t *suite.T, w int) {
	q := t.Queue()
	l := t.Open(nil).Begin(nil).Sender(q.Send, nil)
	for range 10 {
		l.Put(t.Message("one of ten"))
	}
	s := t.Open(nil).Begin(wire.F{"incoming-window": w})
	r := s.Receiver(q.Receive, nil)
	r.Grant(10, wire.F{"incoming-window": w})
	for range w {
		r.Receive()
	}
	if d := r.TryReceive(300 * time.Millisecond); d != nil {
		t.Fail("transfer %d came, and the window is %d", w+1, w)
	}
	r.Grant(uint32(10 - w))
	for range 10 - w {
		r.Receive()
	}
}

// wrap sends four deliveries with ids from 2³²-2 on.
func wrap(t *suite.T) {
	s := t.Open(nil).Begin(wire.F{"next-outgoing-id": uint32(0xfffffffe)})
	s.NextDelivery = 0xfffffffe
	l := s.Sender(t.Queue().Send, wire.F{"initial-delivery-count": uint32(0xfffffffe)})
	var ids []uint32
	for range 4 {
		ids = append(ids, l.Send(t.Message("around the corner")))
	}
	for _, id := range ids {
		s.Outcome(id, wire.Accepted)
	}
	s.Send(wire.Flow.With(s.FlowFields(), wire.F{"echo": true}))
	for range 20 {
		e := s.Conn().Next()
		if e.Kind == suite.Silence {
			return // the target does not echo: the outcomes have to do
		}
		if e.Kind != suite.GotFrame || !e.Frame.Is(wire.Flow) {
			t.FailWant("a flow", e.String())
		}
		if got := e.Frame.Body.Uint("next-incoming-id"); got == 2 {
			return
		}
	}
	t.Fail("no flow says that next-incoming-id is 2")
}
