package checks

import (
	"fmt"
	"time"

	"hibachi/conformance/suite"
	"hibachi/conformance/wire"
)

// absence is how long a delivery that must not come is waited for.
const absence = 150 * time.Millisecond

// Hono's own limits, unchanged from 1.0 to 2.7.
const (
	attachLimit  = time.Second           // linkEstablishmentTimeout
	creditLimit  = 20 * time.Millisecond // flowLatency
	outcomeLimit = time.Second           // sendMessageTimeout
)

// eventTiming: what Hono's clients wait for, and how long. The values are in the trace; the verdicts are generous, since the suite may
// run beside anything.
var eventTiming = []suite.Check{
	{
		ID: "event.attach-time", Section: pageClients, Level: suite.Must, Needs: on(),
		Title: "an attach to a tenant that is new is answered within a second",
		Run: func(t *suite.T) {
			for _, role := range []string{"sender", "receiver"} {
				t.Case(role, func(t *suite.T) {
					n := t.Tenant()
					s := t.Open(nil).Begin(nil)
					began := time.Now()
					if role == "sender" {
						s.Sender(n.Event(), nil)
					} else {
						s.Receiver(n.Default(), nil)
					}
					within(t, "the answer to the attach", time.Since(began), attachLimit)
				})
			}
		},
	},
	{
		ID: "event.attach-credit", Section: pageClients, Level: suite.Must, Needs: on(),
		Title: "a sender's first credit comes with the answer to its attach, at most 20 ms behind it: without it Hono fails the event",
		Run: func(t *suite.T) {
			n := t.Tenant()
			worst := time.Duration(0)
			for range 10 {
				s := t.Open(nil).Begin(nil)
				s.Send(wire.Attach.With(s.SenderFields(n.Event())))
				c := s.Conn()
				attach := c.Next()
				if attach.Kind != suite.GotFrame || !attach.Frame.Is(wire.Attach) {
					t.FailWant("attach", attach.String())
				}
				flow := c.Next()
				if flow.Kind != suite.GotFrame || !flow.Frame.Is(wire.Flow) || flow.Frame.Body.Uint("link-credit") == 0 {
					t.FailWant("a flow with link-credit", flow.String())
				}
				worst = max(worst, flow.At.Sub(attach.At))
			}
			within(t, "the first credit", worst, creditLimit)
		},
	},
	{
		ID: "event.refusal-at-once", Section: pageClients, Level: suite.Should, Needs: on(suite.EventRules),
		Title: "a refused link's detach comes with the attach that refuses it: Hono reads its error only from the same read",
		Run: func(t *suite.T) {
			n := t.Tenant()
			t.Twin("not refused", func(t *suite.T) { eventSender(t, n) })
			s := t.Open(nil).Begin(nil)
			s.Send(wire.Attach.With(s.SenderFields(n.Event()).Plus(wire.F{"snd-settle-mode": 1})))
			attach, detach := s.Conn().Next(), s.Conn().Next()
			if detach.Kind != suite.GotFrame || !detach.Frame.Is(wire.Detach) {
				t.FailWant("attach and detach", attach.String()+" and "+detach.String())
			}
			within(t, "the detach", detach.At.Sub(attach.At), creditLimit)
		},
	},
	{
		ID: "event.outcome-time", Section: pageClients, Level: suite.Must, Needs: on(), Takes: 30 * time.Second, Alone: true,
		Title: "under load, too, an event's outcome comes within a second: later, the device has been told that it failed",
		Run: func(t *suite.T) {
			const senders = 4
			n := t.Tenant()
			var links []*suite.Link
			rounds := uint32(100)
			for range senders {
				l := eventSender(t, n)
				l.AwaitCredit(1)
				rounds = min(rounds, l.Credit) // so that Send reads nothing
				links = append(links, l)
			}
			sent := make([]map[uint32]time.Time, senders)
			for k := range sent {
				sent[k] = map[uint32]time.Time{}
			}
			for i := range int(rounds) {
				for k, l := range links {
					id := l.Send(eventMessageOf(t, n, fmt.Sprintf("device-%d-%d", k, i%10), i))
					sent[k][id] = time.Now()
				}
			}
			var worst time.Duration
			late := 0
			for k, l := range links {
				for len(sent[k]) > 0 {
					e := l.Session().Conn().Next()
					if e.Kind != suite.GotFrame {
						t.FailWant(fmt.Sprintf("%d more outcomes", len(sent[k])), e.String())
					}
					if !e.Frame.Is(wire.Disposition) {
						continue
					}
					for id := range dispositionRange(e.Frame.Body) {
						took := e.At.Sub(sent[k][id])
						delete(sent[k], id)
						worst = max(worst, took)
						if took > outcomeLimit {
							late++
						}
					}
				}
			}
			t.Note("%d events on %d links at once: the last outcome after %v, %d later than %v", senders*int(rounds), senders, worst, late, outcomeLimit)
			switch {
			case late*100 > senders*int(rounds):
				t.FailWant(fmt.Sprintf("outcomes within %v", outcomeLimit), fmt.Sprintf("%d of %d later, the last after %v", late, senders*rounds, worst))
			case late > 0:
				t.Tolerate(fmt.Sprintf("outcomes within %v", outcomeLimit), fmt.Sprintf("%d of %d later", late, senders*rounds), "one in a hundred may be the machine's doing")
			}
		},
	},
}

// within judges a time that Hono's clients limit. Up to ten times as long may be the machine that the suite runs on.
func within(t *suite.T, what string, took, limit time.Duration) {
	t.Note("%s took %v; Hono's clients wait for %v", what, took, limit)
	switch {
	case took > 10*limit:
		t.FailWant(fmt.Sprintf("%s within %v", what, limit), took.String())
	case took > limit:
		t.Tolerate(fmt.Sprintf("%s within %v", what, limit), took.String(), "it may be the machine that is slow")
	}
}
