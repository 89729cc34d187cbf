package checks

import (
	"fmt"
	"slices"
	"time"

	"hibachi/conformance/suite"
	"hibachi/conformance/wire"
)

// outcomes: [messaging 3.4].
var outcomes = suite.Group{
	ID: "OU", Title: "Outcomes",
	Checks: []suite.Check{
		{
			ID: "OU1", Section: "messaging 3.4.2", Level: suite.Must, Needs: storing,
			Title: "accepted retires the message",
			Run: func(t *suite.T) {
				q, r, all := holding(t, 1)
				r.Settle(all[0], wire.Accepted.With())
				r.Grant(1)
				if r.TryReceive(short) != nil {
					t.Fail("it came again on the same link")
				}
				r.Session().Conn().Drop()
				empty(t, q)
			},
		},
		{
			ID: "OU2", Section: "messaging 3.4.4", Level: suite.Must, Needs: storing,
			Title: "released makes the message available again, with the delivery-count that it had",
			Run: func(t *suite.T) {
				_, r, all := holding(t, 1)
				r.Settle(all[0], wire.Released.With())
				d := one(r)
				if text(d) != "0" || deliveryCount(t, d) != deliveryCount(t, all[0]) {
					t.Fail("delivery-count was %d and is %d", deliveryCount(t, all[0]), deliveryCount(t, d))
				}
				if h := messageHeader(t, d); h.Bool("first-acquirer") {
					t.Fail("the header says first-acquirer again")
				}
			},
		},
		{
			ID: "OU3", Section: "messaging 3.4.5", Level: suite.Must, Needs: storing, Takes: 20 * time.Second,
			Title: "modified counts a failed delivery, keeps it from the link, and changes annotations, as it says",
			Run: func(t *suite.T) {
				for _, failed := range []bool{false, true} {
					for _, elsewhere := range []bool{false, true} {
						for _, annotate := range []bool{false, true} {
							t.Case(fmt.Sprintf("failed %t, undeliverable-here %t, annotations %t", failed, elsewhere, annotate), func(t *suite.T) {
								modified(t, failed, elsewhere, annotate)
							})
						}
					}
				}
			},
		},
		{
			ID: "OU4", Section: "messaging 3.4.3", Level: suite.Must, Needs: storing,
			Title: "rejected is no reason to send the message again for ever",
			Run: func(t *suite.T) {
				_, r, all := holding(t, 1)
				d := all[0]
				for n := 1; ; n++ {
					r.Settle(d, wire.Rejected.With(wire.F{"error": wire.Error.With(wire.F{"condition": "example:poison", "description": "cannot be eaten"})}))
					r.Grant(1)
					if d = r.TryReceive(short); d == nil {
						return
					}
					if n > 30 {
						t.Fail("it came %d times", n)
					}
					if deliveryCount(t, d) == 0 && t.Profile().Has(suite.DeliveryCounts) {
						t.Fail("it came again and its delivery-count is 0")
					}
				}
			},
		},
		{
			ID: "OU5", Section: "messaging 3.4", Level: suite.Must, Twin: "TR14", Needs: []suite.Feature{suite.Queues, suite.MessageChecks},
			Title: "a target that does not take a message says so: rejected with an error, or the link",
			Run: func(t *suite.T) {
				l := ready(t)
				l.raw(nil, wire.Message(wire.Header.With(wire.F{"durable": true}).Raw(), wire.Raw{0, 0x53, 0x75, 0xa0, 200, 1, 2}))
				l.Session().Conn().Refused(badContent(wire.PreconditionFailed))
			},
		},
		{
			ID: "OU6", Section: "messaging 3.5.3", Level: suite.Must, Twin: "TR14", Needs: []suite.Feature{suite.Queues, suite.MessageChecks},
			Title: "only outcomes that the source lists are used: without rejected the link is detached with the error",
			Run: func(t *suite.T) {
				l := rawLink{sender(t, t.Queue(), wire.F{"source": wire.Source.With(wire.F{"outcomes": []string{"amqp:accepted:list"}})})}
				l.AwaitCredit(1)
				l.raw(nil, wire.Message(wire.Header.With(wire.F{"durable": true}).Raw(), wire.Raw{0, 0x53, 0x75, 0xa0, 200, 1, 2}))
				echoed := l.Attach.Composite("source").Symbols("outcomes")
				want := suite.Detaches(wire.DecodeError, wire.PreconditionFailed, wire.InvalidField)
				if slices.Contains(echoed, "amqp:rejected:list") {
					want = want.Also(suite.RejectScope)
				}
				l.Session().Conn().Refused(want)
			},
		},
		{
			ID: "OU7", Section: "messaging 3.3.1", Level: suite.Must, Needs: storing, Takes: 20 * time.Second,
			Title: "what a receiver held when it went is available again, whichever way it went",
			Run: func(t *suite.T) {
				cases(t, map[string]func(r *suite.Link){
					"connection dropped": func(r *suite.Link) { r.Session().Conn().Drop() },
					"connection closed":  func(r *suite.Link) { r.Session().Conn().Close() },
					"session ended":      func(r *suite.Link) { r.Session().End() },
					"link detached":      func(r *suite.Link) { r.Detach(false) },
					"link closed":        func(r *suite.Link) { r.Detach(true) },
				}, func(t *suite.T, leave func(r *suite.Link)) {
					q, r, _ := holding(t, 3)
					leave(r)
					holds(t, receiver(t, q, nil), "0", "1", "2")
				})
			},
		},
		{
			ID: "OU8", Section: "messaging 3.4.2", Level: suite.Extra, Needs: []suite.Feature{suite.Queues, suite.PreSettled},
			Title: "settled deliveries get no disposition",
			Run: func(t *suite.T) {
				q := t.Queue()
				l := rawLink{sender(t, q, wire.F{"snd-settle-mode": 1})}
				l.AwaitCredit(3)
				for i := range 3 {
					l.raw(wire.F{"settled": true}, t.Message(fmt.Sprint(i)))
				}
				l.Session().Conn().Alive()
				for id := range uint32(3) {
					if _, ok := l.Session().Known(id); ok {
						t.Fail("a disposition came for a settled delivery")
					}
				}
				holds(t, receiver(t, q, nil), "0", "1", "2")
			},
		},
	},
}

// modified gives a delivery that outcome and looks at the message afterwards.
func modified(t *suite.T, failed, elsewhere, annotate bool) {
	q, r, all := holding(t, 1)
	f := wire.F{"delivery-failed": failed, "undeliverable-here": elsewhere}
	if annotate {
		f["message-annotations"] = wire.Map(wire.Sym("x-opt-conformance"), wire.Str("seen"))
	}
	before := deliveryCount(t, all[0])
	r.Settle(all[0], wire.Modified.With(f))
	var d *suite.Delivery
	if elsewhere {
		r.Grant(1)
		if r.TryReceive(short) != nil {
			t.Tolerate("the message on other links only", "the message on the same link",
				"a target with one receiver may rather deliver it again than keep it from everybody")
			return
		}
		d = one(receiver(t, q, nil))
	} else {
		d = one(r)
	}
	want := before
	if failed {
		want++
	}
	if got := deliveryCount(t, d); got != want {
		if t.Profile().Has(suite.DeliveryCounts) {
			t.Errorf("delivery-count was %d and is %d", before, got)
		} else {
			t.Tolerate(fmt.Sprintf("delivery-count %d", want), fmt.Sprint(got), "the target does not write headers")
		}
	}
	if !annotate {
		return
	}
	if v, _ := section(t, d, wire.CodeMessageAnnotations).Get(wire.Symbol("x-opt-conformance")); v != "seen" {
		t.Errorf("the annotation of modified is not in the message: %s", wire.Show(section(t, d, wire.CodeMessageAnnotations)))
	}
}
