package links

import (
	"slices"
	"testing"
	"testing/synctest"

	"hibachi/links/amqp"
)

func TestMessagesComeInAreAnsweredAndGoOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse()
		s := serve(t, h)
		p := connect(t, s)
		p.open()
		if credit := p.attachSender(0, "in"); credit != 1000 {
			t.Errorf("first credit is %d", credit)
		}
		p.transfer(0, 0, "one")
		p.transfer(0, 1, "two")
		p.flush()
		p.wantOutcomes(2, amqp.Accepted)
		if got := h.target("in").got(); !slices.Equal(got, []string{"one", "two"}) {
			t.Errorf("received %q", got)
		}

		h.source("out").put("three", "four")
		p.attachReceiver(1, "out", 10)
		for id, text := range []string{"three", "four"} {
			x, payload := wantPayload[*amqp.Transfer](p, "what was there comes on the first credit")
			if string(payload) != text || x.DeliveryID.Value != amqp.SequenceNo(id) {
				t.Errorf("%v %q", x, payload)
			}
		}
		h.source("out").put("five")
		if _, payload := wantPayload[*amqp.Transfer](p, "what comes later wakes the link"); string(payload) != "five" {
			t.Errorf("%q", payload)
		}
		p.settle(0, 2, amqp.Accepted)
		synctest.Wait()
		if loaded, out, accepted := h.source("out").count(); loaded+out != 0 || accepted != 3 {
			t.Errorf("%d there, %d out, %d accepted", loaded, out, accepted)
		}
		n := s.Stats()
		if n.Connections != 1 || n.Receivers != 1 || n.Senders != 1 || n.DeliveriesIn != 2 || n.DeliveriesOut != 3 || n.Accepted != 2 {
			t.Errorf("%+v", n)
		}
		p.close()
		if n := s.Stats(); n.Connections+n.Receivers+n.Senders != 0 || n.ConnectionsAccepted != 1 {
			t.Errorf("after the end: %+v", n)
		}
		if h.target("in").ended() != 1 {
			t.Error("the target was not told of the end")
		}
	})
}
