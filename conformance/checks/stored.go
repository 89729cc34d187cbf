package checks

import (
	"fmt"
	"slices"
	"time"

	"hibachi/conformance/suite"
	"hibachi/conformance/wire"
)

// storing is what most checks of links need: an address that keeps what is sent to it.
var storing = []suite.Feature{suite.Queues}

// stored is a fresh address with so many messages in it, whose texts are their numbers from 0.
func stored(t *suite.T, n int) suite.Node {
	q := t.Queue()
	l := t.Open(nil).Begin(nil).Sender(q.Send, nil)
	var ids []uint32
	for i := range n {
		ids = append(ids, l.Send(t.Message(fmt.Sprint(i))))
	}
	for _, id := range ids {
		l.Session().Outcome(id, wire.Accepted)
	}
	return q
}

// put stores one message at an address from a connection of its own.
func put(t *suite.T, q suite.Node, message []byte) {
	t.Open(nil).Begin(nil).Sender(q.Send, nil).Put(message)
}

// receiver is one on a connection of its own.
func receiver(t *suite.T, q suite.Node, f wire.F) *suite.Link {
	return t.Open(nil).Begin(nil).Receiver(q.Receive, f)
}

// sender is one on a connection of its own.
func sender(t *suite.T, q suite.Node, f wire.F) *suite.Link {
	return t.Open(nil).Begin(nil).Sender(q.Send, f)
}

// one receives the next delivery on a link that has a credit of one for it.
func one(l *suite.Link) *suite.Delivery {
	l.Grant(1)
	return l.Receive()
}

// text is what the data sections of a delivery say.
func text(d *suite.Delivery) string {
	var b []byte
	for _, s := range d.Sections {
		if s.Code == wire.CodeData {
			if v, err := wire.DecodeAll(s.Value); err == nil {
				part, _ := v.([]byte)
				b = append(b, part...)
			}
		}
	}
	return string(b)
}

// messageHeader is a delivery's header; nil if it has none.
func messageHeader(t *suite.T, d *suite.Delivery) *wire.Composite {
	s := wire.FindSection(d.Sections, wire.CodeHeader)
	if s == nil {
		return nil
	}
	h, err := wire.ParseComposite(s.Octets)
	if err != nil {
		t.Fail("the header cannot be read: %v", err)
	}
	return h
}

// deliveryCount is what a delivery's header says; without one it is 0.
func deliveryCount(t *suite.T, d *suite.Delivery) uint64 {
	return messageHeader(t, d).Uint("delivery-count")
}

// section is a section's value as a map; nil if the section is absent.
func section(t *suite.T, d *suite.Delivery, code uint64) wire.Dict {
	s := wire.FindSection(d.Sections, code)
	if s == nil {
		return nil
	}
	v, err := wire.DecodeAll(s.Value)
	m, ok := v.(wire.Dict)
	if err != nil || !ok {
		t.Fail("section %#x cannot be read as a map", code)
	}
	return m
}

// empty wants that nothing is left at an address.
func empty(t *suite.T, q suite.Node) {
	r := receiver(t, q, nil)
	r.Grant(1)
	if d := r.TryReceive(short); d != nil {
		t.Fail("a message is left: %q, delivery-count %d", text(d), deliveryCount(t, d))
	}
	r.Session().Conn().Drop() // its credit must not take what comes later
}

// short is how long a check waits to see that nothing comes.
const short = 300 * time.Millisecond

// holds wants these texts and no other, in any order: messages of several devices have none everywhere.
func holds(t *suite.T, r *suite.Link, want ...string) []*suite.Delivery {
	r.Grant(uint32(len(want) + 5))
	all := collect(r, len(want))
	var got []string
	for _, d := range all {
		got = append(got, text(d))
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.FailWant(fmt.Sprintf("%q", want), fmt.Sprintf("%q", got))
	}
	return all
}

// collect receives n deliveries and whatever follows them at once.
func collect(r *suite.Link, n int) (all []*suite.Delivery) {
	for range n {
		all = append(all, r.Receive())
	}
	for {
		d := r.TryReceive(short)
		if d == nil {
			return all
		}
		all = append(all, d)
	}
}

// answer waits for the next flow of a link, or of the session if l is nil.
func answer(t *suite.T, c *suite.Conn, l *suite.Link) *wire.Composite {
	for {
		e := c.Next()
		switch {
		case e.Kind == suite.GotFrame && e.Frame.Is(wire.Flow):
			if e.Frame.Body.Has("handle") == (l != nil) && (l == nil || uint32(e.Frame.Body.Uint("handle")) == l.Remote) {
				return e.Frame.Body
			}
		case e.Kind == suite.GotFrame && e.Frame.Is(wire.Disposition, wire.Transfer):
		case e.Kind == suite.Silence:
			return nil
		default:
			t.FailWant("a flow", e.String())
		}
	}
}

// refusal waits for a refused attach: the answer, whose own terminus is null, and the detach right behind it.
func refusal(t *suite.T, c *suite.Conn, own string) (attach, detach *wire.Composite) {
	e := c.Next()
	if e.Kind != suite.GotFrame || !e.Frame.Is(wire.Attach) {
		t.FailWant("an attach that refuses", e.String())
	}
	if attach = e.Frame.Body; attach.Has(own) {
		t.FailWant("an attach with a null "+own, attach.String())
	}
	e = c.Next()
	if e.Kind != suite.GotFrame || !e.Frame.Is(wire.Detach) {
		t.FailWant("a detach right behind the attach", e.String())
	}
	return attach, e.Frame.Body
}
