package checks

import (
	"fmt"
	"strings"
	"time"

	"hibachi/conformance/suite"
	"hibachi/conformance/wire"
)

// flows: [transport 2.6.7-2.6.10, 2.7.4].
var flows = suite.Group{
	ID: "FL", Title: "Flow control of links",
	Checks: []suite.Check{
		{
			ID: "FL1", Section: "transport 2.7.4", Level: suite.Must,
			Title: "incoming-window, next-outgoing-id and outgoing-window are mandatory in a flow",
			Run: func(t *suite.T) {
				t.Twin("all of them", func(t *suite.T) {
					s := t.Open(nil).Begin(nil)
					s.Send(wire.Flow.With(s.FlowFields()))
					s.Conn().Alive()
				})
				for _, field := range []string{"incoming-window", "next-outgoing-id", "outgoing-window"} {
					t.Case(field, func(t *suite.T) {
						s := t.Open(nil).Begin(nil)
						s.Send(wire.Flow.With(s.FlowFields()).Set(field, nil))
						s.Conn().Refused(suite.Closes(wire.DecodeError, wire.InvalidField).Also(suite.EndScope))
					})
				}
			},
		},
		{
			ID: "FL2", Section: "transport 2.7.4", Level: suite.Must, Twin: "FL6",
			Title: "a flow for a handle without a link ends the session with unattached-handle",
			Run: func(t *suite.T) {
				s := t.Open(nil).Begin(nil)
				s.Send(wire.Flow.With(s.FlowFields(), wire.F{"handle": 99, "delivery-count": 0, "link-credit": 1}))
				s.Conn().Refused(suite.Ends(wire.UnattachedHandle))
			},
		},
		{
			ID: "FL3", Section: "transport 2.7.4", Level: suite.Must, Needs: storing,
			Title: "the target's flows have a next-incoming-id once it knows the client's begin, and it counts the client's transfers",
			Run: func(t *suite.T) {
				l := t.Open(nil).Begin(wire.F{"next-outgoing-id": 7}).Sender(t.Queue().Send, nil)
				l.AwaitCredit(1)
				if !l.LastFlow.Has("next-incoming-id") || l.LastFlow.Uint("next-incoming-id") != 7 {
					t.FailWant("next-incoming-id 7", l.LastFlow.String())
				}
				for range 3 {
					l.Put(t.Message("one of three"))
				}
				s := l.Session()
				s.Send(wire.Flow.With(s.FlowFields(), wire.F{"echo": true}))
				if f := answer(t, s.Conn(), nil); f != nil && f.Uint("next-incoming-id") != 10 {
					t.FailWant("next-incoming-id 10", f.String())
				}
			},
		},
		{
			ID: "FL4", Section: "transport 2.7.4", Level: suite.Must, Needs: storing,
			Title: "a link's flow of a target that sends has a delivery-count and the credit as it is",
			Run: func(t *suite.T) {
				l := receiver(t, stored(t, 1), nil)
				l.Grant(5)
				l.Receive()
				f := linkEcho(t, l)
				if !f.Has("delivery-count") || !f.Has("link-credit") || uint32(f.Uint("delivery-count")) != l.DeliveryCount || f.Uint("link-credit") != 4 {
					t.FailWant(fmt.Sprintf("delivery-count %d, link-credit 4", l.DeliveryCount), f.String())
				}
			},
		},
		{
			ID: "FL5", Section: "transport 2.7.4", Level: suite.Must, Needs: storing,
			Title: "a link's flow of a target that receives counts from the client's initial-delivery-count",
			Run: func(t *suite.T) {
				const first = uint32(0xfffffffe)
				l := sender(t, t.Queue(), wire.F{"initial-delivery-count": first})
				l.AwaitCredit(1)
				if !l.LastFlow.Has("delivery-count") || uint32(l.LastFlow.Uint("delivery-count")) != first {
					t.FailWant(fmt.Sprintf("delivery-count %d", first), l.LastFlow.String())
				}
				for range 4 {
					l.Put(t.Message("around the corner"))
				}
			},
		},
		{
			ID: "FL6", Section: "transport 2.6.7", Level: suite.Must, Needs: storing,
			Title: "credit counts from the receiver's delivery-count, which may lag behind the sender's",
			Run: func(t *suite.T) {
				t.Case("three deliveries behind", func(t *suite.T) {
					l := receiver(t, stored(t, 10), nil)
					start := l.DeliveryCount
					l.Grant(3)
					for range 3 {
						l.Receive()
					}
					// Five from the start on are two more.
					l.Credit = 2
					l.Session().Send(wire.Flow.With(l.FlowFields(), wire.F{"delivery-count": start, "link-credit": 5}))
					if all := collect(l, 2); len(all) != 2 {
						t.Fail("%d deliveries came for a credit of 2", len(all))
					}
				})
				t.Case("no delivery-count", func(t *suite.T) {
					l := receiver(t, stored(t, 3), nil)
					l.Credit = 2
					l.Session().Send(wire.Flow.With(l.FlowFields(), wire.F{"delivery-count": nil, "link-credit": 2}))
					if all := collect(l, 2); len(all) != 2 {
						t.Fail("%d deliveries came for a credit of 2", len(all))
					}
				})
			},
		},
		{
			ID: "FL7", Section: "transport 2.6.7", Level: suite.Must, Needs: storing,
			Title: "credit counts deliveries, not frames, and without credit nothing comes",
			Run: func(t *suite.T) {
				q := t.Queue()
				l := sender(t, q, nil)
				for range 2 {
					l.Put(t.MessageOf(suite.Parts{Body: []wire.Raw{wire.Data(make([]byte, 20000))}}))
				}
				r := t.Open(wire.F{"max-frame-size": 512}).Begin(nil).Receiver(q.Receive, nil)
				if r.TryReceive(short) != nil {
					t.Fail("a delivery came before any credit was given")
				}
				r.Grant(1)
				if all := collect(r, 1); len(all) != 1 || all[0].Frames < 40 {
					t.Fail("%d deliveries, the first in %d frames", len(all), all[0].Frames)
				}
			},
		},
		{
			ID: "FL8", Section: "transport 2.6.10", Level: suite.Must, Needs: storing,
			Title: "a credit that is taken back stops the link",
			Run: func(t *suite.T) {
				q := t.Queue()
				r := receiver(t, q, nil)
				r.Grant(10)
				s := r.Session()
				s.Conn().Alive()
				r.Grant(0, wire.F{"echo": true})
				if f := answer(t, s.Conn(), r); f != nil && f.Uint("link-credit") != 0 {
					t.FailWant("link-credit 0", f.String())
				}
				put(t, q, t.Message("late"))
				if r.TryReceive(short) != nil {
					t.Fail("a delivery came without credit")
				}
				one(r)
			},
		},
		{
			ID: "FL9", Section: "transport 2.6.7", Level: suite.Must, Needs: storing,
			Title: "a drain of nothing advances delivery-count by the credit, and says so",
			Run: func(t *suite.T) {
				r := receiver(t, t.Queue(), nil)
				drained(t, r, 10)
				s := r.Session()
				s.Conn().Alive()
			},
		},
		{
			ID: "FL10", Section: "transport 2.6.7", Level: suite.Must, Needs: storing,
			Title: "a drain of less than the credit sends what there is, and then says that the rest is used up",
			Run: func(t *suite.T) {
				r := receiver(t, stored(t, 3), nil)
				drained(t, r, 10)
				if r.Waiting() != 3 {
					t.Fail("%d of 3 deliveries came before the drain was done", r.Waiting())
				}
			},
		},
		{
			ID: "FL11", Section: "transport 2.6.7", Level: suite.Must, Needs: storing,
			Title: "after a drain, credit without drain is credit as ever",
			Run: func(t *suite.T) {
				q := t.Queue()
				r := receiver(t, q, nil)
				drained(t, r, 10)
				r.DeliveryCount += 10
				r.Grant(5)
				put(t, q, t.Message("after the drain"))
				r.Receive()
				t.Case("drain again", func(t *suite.T) {
					again := receiver(t, t.Queue(), nil)
					for range 3 {
						drained(t, again, 7)
						again.DeliveryCount += 7
					}
				})
			},
		},
		{
			ID: "FL12", Section: "transport 2.6.7", Level: suite.Should, Needs: storing,
			Title: "a drain without credit is answered if it asks for an echo",
			Run: func(t *suite.T) {
				r := receiver(t, t.Queue(), nil)
				r.Grant(0, wire.F{"drain": true, "echo": true})
				f := answer(t, r.Session().Conn(), r)
				if f == nil {
					t.Tolerate("a flow", "nothing", "an answer is a should")
					return
				}
				if f.Uint("link-credit") != 0 {
					t.FailWant("link-credit 0", f.String())
				}
			},
		},
		{
			ID: "FL13", Section: "transport 2.7.4", Level: suite.Should, Needs: storing,
			Title: "a link's echo is answered with the link's state, and asks for none in return",
			Run: func(t *suite.T) {
				for name, l := range map[string]*suite.Link{"receiver": receiver(t, t.Queue(), nil), "sender": sender(t, t.Queue(), nil)} {
					s := l.Session()
					s.Conn().Alive() // what the attach brought with it has come
					f := wire.Flow.With(l.FlowFields(), wire.F{"echo": true})
					if name == "sender" {
						f = wire.Flow.With(s.FlowFields(), wire.F{"handle": l.Handle, "delivery-count": 0, "echo": true})
					}
					s.Send(f)
					switch got := answer(t, s.Conn(), l); {
					case got == nil:
						t.Tolerate(name+": a flow for the link", "nothing", "an answer is a should")
					case got.Bool("echo"):
						t.FailWant(name+": a flow without echo", got.String())
					}
				}
			},
		},
		{
			ID: "FL14", Section: "transport 2.7.4", Level: suite.May, Needs: storing,
			Title: "available says how many messages wait, if it says anything",
			Run: func(t *suite.T) {
				r := receiver(t, stored(t, 5), nil)
				r.Grant(0)
				f := linkEcho(t, r)
				if n := f.Uint("available"); f.Has("available") && n != 5 && n != 0 {
					t.FailWant("available 5, 0 or absent", f.String())
				} else if n != 5 {
					t.Tolerate("available 5", fmt.Sprintf("available %v", f.Get("available")), "how many there are is an estimate that a target need not make")
				}
			},
		},
		{
			ID: "FL15", Section: "transport 2.6.7", Level: suite.Must, Needs: storing,
			Title: "a sender gets credit by itself, and may use it whatever it has said of available",
			Run: func(t *suite.T) {
				l := sender(t, t.Queue(), nil)
				l.AwaitCredit(1)
				s := l.Session()
				s.Send(wire.Flow.With(s.FlowFields(), wire.F{"handle": l.Handle, "delivery-count": 0, "available": 0}))
				l.Put(t.Message("available after all"))
			},
		},
		{
			ID: "FL16", Section: "transport 2.6.7", Level: suite.Must, Twin: "FL15", Needs: storing, Takes: 20 * time.Second,
			Title: "deliveries beyond the credit detach the link",
			Run:   beyondCredit,
		},
		{
			ID: "FL17", Section: "transport 2.7.4", Level: suite.Extra, Needs: storing,
			Title: "a huge credit is served as any other",
			Run: func(t *suite.T) {
				for _, credit := range []uint32{0x7fffffff, 0x80000000, 0xffffffff} {
					t.Case(fmt.Sprintf("%#x", credit), func(t *suite.T) {
						r := receiver(t, stored(t, 2), nil)
						r.Grant(credit)
						if got := collect(r, 2); len(got) != 2 {
							t.Fail("%d deliveries of 2 came", len(got))
						}
						r.Grant(0)
						r.Session().Conn().Alive()
					})
				}
			},
		},
		{
			ID: "FL18", Section: "transport 2.7.4", Level: suite.Extra, Needs: storing,
			Title: "a flow right behind an attach, before its answer came, gives credit from the beginning",
			Run: func(t *suite.T) {
				q := stored(t, 1)
				s := t.Open(nil).Begin(nil)
				f := s.ReceiverFields(q.Receive)
				s.Send(wire.Attach.With(f), wire.Flow.With(s.FlowFields(), wire.F{"handle": f["handle"], "delivery-count": 0, "link-credit": 10}))
				l := s.Attached(f)
				l.Receive()
				if l.Attach.Uint("initial-delivery-count") != 0 {
					t.Errorf("the target's initial-delivery-count is %d: clients that cannot know it yet count from 0", l.Attach.Uint("initial-delivery-count"))
				}
			},
		},
	},
}

// linkEcho asks for a receiver's state and wants it.
func linkEcho(t *suite.T, l *suite.Link) *wire.Composite {
	l.Session().Conn().Alive()
	l.Session().Send(wire.Flow.With(l.FlowFields(), wire.F{"echo": true}))
	f := answer(t, l.Session().Conn(), l)
	if f == nil {
		t.Skip("the target does not answer a link's echo")
	}
	return f
}

// drained gives so much credit to drain, and waits for the flow that says that it is used up.
func drained(t *suite.T, r *suite.Link, credit uint32) {
	end := r.DeliveryCount + credit
	r.Grant(credit, wire.F{"drain": true})
	var f *wire.Composite
	for {
		// A flow that tells of credit still open may come before the one that is wanted.
		last := f
		if f = answer(t, r.Session().Conn(), r); f == nil {
			got := "nothing"
			if last != nil {
				got = last.String()
			}
			t.FailWant(fmt.Sprintf("a flow with delivery-count %d, link-credit 0 and drain", end), got)
		}
		if uint32(f.Uint("delivery-count")) == end && f.Has("link-credit") && f.Uint("link-credit") == 0 {
			break
		}
	}
	if !f.Bool("drain") {
		t.Errorf("the flow that ends the drain has no drain: %s", f)
	}
}

// beyondCredit sends five settled deliveries more than there is credit for.
func beyondCredit(t *suite.T) {
	l := sender(t, t.Queue(), nil)
	l.AwaitCredit(1)
	if l.Credit > 5000 || l.Credit+5 > l.Session().RemoteWindow {
		t.Skip("the target's credit of %d is too large to be used up within its session window of %d", l.Credit, l.Session().RemoteWindow)
	}
	var octets []byte
	message := t.Message(strings.Repeat("x", 10))
	n := l.Credit + 5
	for id := range n {
		octets = append(octets, wire.AMQP(l.Session().Channel, wire.Transfer.With(wire.F{
			"handle": l.Handle, "delivery-id": id, "delivery-tag": fmt.Appendf(nil, "%d", id), "settled": false,
		}), message)...)
	}
	l.Session().Conn().Write(octets)
	l.Session().NextOutgoing += n
	c := l.Session().Conn()
	for {
		e := c.Next()
		if e.Kind == suite.GotFrame && e.Frame.Is(wire.Flow) && l.LastFlow != nil && uint32(l.LastFlow.Uint("delivery-count")+l.LastFlow.Uint("link-credit")) >= n {
			t.Note("the target gave more credit as it read")
			return
		}
		if e.Kind == suite.GotFrame && !e.Frame.Is(wire.Detach, wire.End, wire.Close) {
			continue
		}
		if e.Kind == suite.Silence {
			c.Alive()
			t.Tolerate("detach with "+wire.TransferLimitExceeded, "all deliveries were taken", "a receiver may take more than it asked for")
			return
		}
		if e.Kind != suite.GotFrame || !e.Frame.Is(wire.Detach, wire.End) || e.Frame.Body.Condition() != wire.TransferLimitExceeded {
			t.FailWant("detach with "+wire.TransferLimitExceeded, e.String())
		}
		return
	}
}
