package nodes

import (
	"reflect"
	"strings"
	"testing"
	"testing/synctest"

	"hibachi/links"
	"hibachi/links/amqp"
	"hibachi/links/engine"
	"hibachi/spec/hono"
)

// answer is what an attach was answered with.
type answer struct {
	target links.Target
	source links.Source
	terms  engine.Terms
	err    error
	times  int
}

func attachTarget(n *Nodes, a *links.Attach) *answer {
	got := &answer{}
	n.AttachTarget(a, func(t links.Target, terms engine.Terms, err error) {
		got.target, got.terms, got.err = t, terms, err
		got.times++
	})
	synctest.Wait()
	return got
}

func attachSource(n *Nodes, a *links.Attach) *answer {
	got := &answer{}
	n.AttachSource(a, nil, func(s links.Source, terms engine.Terms, err error) {
		got.source, got.terms, got.err = s, terms, err
		got.times++
	})
	synctest.Wait()
	return got
}

// refused tells why, or that it was not.
func (a *answer) refused(t *testing.T) *amqp.Error {
	t.Helper()
	if a.times != 1 {
		t.Fatalf("done was called %d times, want once", a.times)
	}
	if a.err == nil {
		t.Fatal("the attach was not refused")
	}
	if a.target != nil || a.source != nil {
		t.Fatal("a refused attach has a node")
	}
	e, ok := a.err.(*amqp.Error)
	if !ok {
		t.Fatalf("refused with %v, which is not for the peer", a.err)
	}
	return e
}

func sender(address string, change ...func(*amqp.Attach)) *links.Attach {
	a := &amqp.Attach{
		LinkName: "auto-0", Role: amqp.RoleSender,
		Source: &amqp.Source{ExpiryPolicy: "session-end", Outcomes: outcomes},
		Target: &amqp.Target{Address: address, HasAddress: true, ExpiryPolicy: "session-end"},
	}
	for _, c := range change {
		c(a)
	}
	return &links.Attach{Attach: a, Peer: engine.Peer{Identity: "adapter"}}
}

func receiver(address string, change ...func(*amqp.Attach)) *links.Attach {
	a := &amqp.Attach{
		LinkName: "auto-0", Role: amqp.RoleReceiver,
		Source: &amqp.Source{Address: address, HasAddress: true, ExpiryPolicy: "session-end", Outcomes: outcomes,
			DefaultOutcome: amqp.DeliveryState{Kind: amqp.Released}},
		Target: &amqp.Target{ExpiryPolicy: "session-end"},
	}
	for _, c := range change {
		c(a)
	}
	return &links.Attach{Attach: a, Peer: engine.Peer{Identity: "application"}}
}

func TestTargetsThatAreRefused(t *testing.T) {
	for _, tt := range []struct {
		name      string
		attach    *links.Attach
		condition amqp.Symbol
		says      string
	}{
		{"coordinator", sender("", func(a *amqp.Attach) { a.Target, a.Coordinator = nil, true }), amqp.ErrNotImplemented, "coordinator"},
		{"null target", sender("", func(a *amqp.Attach) { a.Target = nil }), amqp.ErrNotFound, "target is null"},
		{"anonymous relay", sender("", func(a *amqp.Attach) { a.Target.HasAddress = false }), amqp.ErrNotImplemented, "anonymous relay"},
		{"dynamic", sender("", func(a *amqp.Attach) { a.Target.HasAddress, a.Target.Dynamic = false, true }), amqp.ErrNotImplemented, "dynamic"},
		{"dynamic with address", sender("event/acme", func(a *amqp.Attach) { a.Target.Dynamic = true }), amqp.ErrInvalidField, "dynamic and has an address"},
		{"telemetry", sender("telemetry/acme"), amqp.ErrNotImplemented, "telemetry is not served"},
		{"unknown", sender("queue1"), amqp.ErrNotFound, "no such node"},
		{"no tenant", sender("event/"), amqp.ErrInvalidField, "names no tenant"},
		{"application", sender("event/acme::billing"), amqp.ErrNotAllowed, "sent to their tenant, event/acme"},
		{"default application", sender("event/acme::$default"), amqp.ErrNotAllowed, "sent to their tenant"},
		{"dead letters", sender("event/acme::billing/$dead-letter"), amqp.ErrNotAllowed, "sent to their tenant"},
		{"settled", sender("event/acme", func(a *amqp.Attach) { a.SndSettleMode = amqp.SenderSettled }), amqp.ErrNotAllowed, "snd-settle-mode is settled"},
		{"second", sender("event/acme", func(a *amqp.Attach) { a.RcvSettleMode = amqp.ReceiverSecond }), amqp.ErrNotAllowed, "rcv-settle-mode is second"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				// No broker: what is refused never gets that far.
				e := attachTarget(New(nil, Options{}), tt.attach).refused(t)
				if e.Condition != tt.condition || !strings.Contains(e.Description, tt.says) {
					t.Errorf("refused with %v; want %s: …%s…", e, tt.condition, tt.says)
				}
			})
		})
	}
}

func TestSourcesThatAreRefused(t *testing.T) {
	browse := func(a *amqp.Attach) { a.Source.DistributionMode = "copy" }
	settled := func(a *amqp.Attach) { a.SndSettleMode = amqp.SenderSettled }
	for _, tt := range []struct {
		name      string
		attach    *links.Attach
		condition amqp.Symbol
		says      string
	}{
		{"null source", receiver("", func(a *amqp.Attach) { a.Source = nil }), amqp.ErrNotFound, "source is null"},
		{"no address", receiver("", func(a *amqp.Attach) { a.Source.HasAddress = false }), amqp.ErrNotFound, "no address"},
		{"dynamic", receiver("", func(a *amqp.Attach) { a.Source.HasAddress, a.Source.Dynamic = false, true }), amqp.ErrNotImplemented, "dynamic"},
		{"dynamic with address", receiver("event/acme", func(a *amqp.Attach) { a.Source.Dynamic = true }), amqp.ErrInvalidField, "dynamic and has an address"},
		{"command", receiver("command_response/acme/replies"), amqp.ErrNotImplemented, "command_response is not served"},
		{"bad application", receiver("event/acme::$mine"), amqp.ErrInvalidField, "the broker's own"},
		{"settled", receiver("event/acme", settled), amqp.ErrNotAllowed, "snd-settle-mode is settled"},
		{"second", receiver("event/acme", func(a *amqp.Attach) { a.RcvSettleMode = amqp.ReceiverSecond }), amqp.ErrNotAllowed, "rcv-settle-mode is second"},
		{"browser, second", receiver("event/acme", browse, func(a *amqp.Attach) { a.RcvSettleMode = amqp.ReceiverSecond }), amqp.ErrNotAllowed, "rcv-settle-mode is second"},
		{"browsing an application", receiver("event/acme::billing", browse), amqp.ErrNotImplemented, "browsed, at event/acme"},
		{"durable copy is no browser", receiver("event/acme", browse, settled, func(a *amqp.Attach) { a.Source.Durable = 2 }), amqp.ErrNotAllowed, "settled"},
		{"shared copy is no browser", receiver("event/acme", browse, settled, func(a *amqp.Attach) { a.Source.Capabilities = []amqp.Symbol{"shared"} }), amqp.ErrNotAllowed, "settled"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				e := attachSource(New(nil, Options{}), tt.attach).refused(t)
				if e.Condition != tt.condition || !strings.Contains(e.Description, tt.says) {
					t.Errorf("refused with %v; want %s: …%s…", e, tt.condition, tt.says)
				}
			})
		})
	}
}

func TestStrictRefusesMixed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := New(nil, Options{Strict: true})
		mixed := func(a *amqp.Attach) { a.SndSettleMode = amqp.SenderMixed }
		for _, e := range []*amqp.Error{
			attachTarget(n, sender("event/acme", mixed)).refused(t),
			attachSource(n, receiver("event/acme", mixed)).refused(t),
		} {
			if e.Condition != amqp.ErrNotAllowed || !strings.Contains(e.Description, "mixed") {
				t.Errorf("refused with %v; want %s for mixed", e, amqp.ErrNotAllowed)
			}
		}
	})
}

func TestTheAuthorizerIsAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asked := &recorder{}
		n := New(nil, Options{Authorizer: asked})
		browse := func(a *amqp.Attach) { a.Source.DistributionMode = "copy" }
		for _, e := range []*amqp.Error{
			attachTarget(n, sender("event/acme")).refused(t),
			attachSource(n, receiver("event/acme/billing")).refused(t),
			attachSource(n, receiver("event/acme", browse)).refused(t),
		} {
			if e.Condition != amqp.ErrUnauthorizedAccess {
				t.Errorf("refused with %v; want %s", e, amqp.ErrUnauthorizedAccess)
			}
		}
		want := "adapter send to event/acme\napplication receive from event/acme::billing\napplication browse event/acme\n"
		if asked.String() != want {
			t.Errorf("asked\n%swant\n%s", asked.String(), want)
		}
		anonymous := sender("event/acme")
		anonymous.Peer.Identity = ""
		if e := attachTarget(New(nil, Options{Authorizer: Authenticated{}}), anonymous).refused(t); !strings.Contains(e.Description, "an anonymous peer may not send to event/acme") {
			t.Errorf("refused with %v", e)
		}
	})
}

// recorder writes down what it is asked, and says no.
type recorder struct{ strings.Builder }

func (r *recorder) Authorize(identity string, do Action, at hono.Address) bool {
	r.WriteString(identity + " " + string(do) + " " + at.String() + "\n")
	return false
}

func TestSourceAnswersSayWhatIsDone(t *testing.T) {
	filter := amqp.Raw{0xc1, 0x01, 0x00}
	for _, tt := range []struct {
		name string
		wish amqp.Source
		want amqp.Source
	}{
		{
			name: "Hono's client",
			wish: amqp.Source{ExpiryPolicy: "session-end", Outcomes: outcomes, DefaultOutcome: amqp.DeliveryState{Kind: amqp.Released}},
			want: amqp.Source{ExpiryPolicy: "link-detach", Outcomes: outcomes, DefaultOutcome: amqp.DeliveryState{Kind: amqp.Released}, DistributionMode: "move"},
		},
		{
			name: "durable JMS subscription, which there is none of yet",
			wish: amqp.Source{Durable: 2, ExpiryPolicy: "never", DistributionMode: "copy", Outcomes: outcomes, Capabilities: []amqp.Symbol{"topic"},
				DefaultOutcome: amqp.DeliveryState{Kind: amqp.Modified, DeliveryFailed: true}},
			want: amqp.Source{ExpiryPolicy: "link-detach", DistributionMode: "move", Outcomes: outcomes,
				DefaultOutcome: amqp.DeliveryState{Kind: amqp.Modified, DeliveryFailed: true}},
		},
		{
			name: "what is not done is not echoed",
			wish: amqp.Source{Durable: 1, ExpiryPolicy: "connection-close", Timeout: 60, Filter: filter, DynamicNodeProperties: filter,
				Outcomes: []amqp.Symbol{"amqp:accepted:list", "my:outcome"}, Capabilities: []amqp.Symbol{"shared", "queue"},
				DefaultOutcome: amqp.DeliveryState{Kind: amqp.Received}},
			want: amqp.Source{ExpiryPolicy: "link-detach", DistributionMode: "move", Outcomes: []amqp.Symbol{"amqp:accepted:list"}},
		},
		{
			name: "browser",
			wish: amqp.Source{DistributionMode: "copy", ExpiryPolicy: "never"},
			want: amqp.Source{DistributionMode: "copy", ExpiryPolicy: "link-detach", Outcomes: outcomes},
		},
	} {
		tt.wish.Address, tt.wish.HasAddress = "event/acme/billing", true
		tt.want.Address, tt.want.HasAddress = "event/acme/billing", true
		if got := answerSource(&tt.wish); !reflect.DeepEqual(*got, tt.want) {
			t.Errorf("%s:\n got %+v\nwant %+v", tt.name, *got, tt.want)
		}
	}
}

func TestTargetAnswersSayWhatIsDone(t *testing.T) {
	got := answerTarget(&amqp.Target{Address: "event/acme", HasAddress: true, Durable: 2, ExpiryPolicy: "never", Timeout: 60, Capabilities: []amqp.Symbol{"queue"}})
	want := "event/acme link-detach"
	if s := got.Address + " " + string(got.ExpiryPolicy); s != want || !got.HasAddress || got.Durable != 0 || got.Timeout != 0 || got.Capabilities != nil {
		t.Errorf("got %+v, want %s and nothing else", got, want)
	}
}
