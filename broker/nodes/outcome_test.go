package nodes

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"hibachi/broker"
	"hibachi/links/amqp"
	"hibachi/persistence"
)

func TestOutcomesBecomeVerbs(t *testing.T) {
	for _, tt := range []struct {
		state amqp.DeliveryState
		want  broker.Settlement
		ok    bool
	}{
		{amqp.DeliveryState{Kind: amqp.Accepted}, broker.Settlement{Verb: broker.Done}, true},
		{amqp.DeliveryState{Kind: amqp.Released}, broker.Settlement{Verb: broker.Return}, true},
		{amqp.DeliveryState{Kind: amqp.Modified}, broker.Settlement{Verb: broker.Return}, true},
		{amqp.DeliveryState{Kind: amqp.Modified, DeliveryFailed: true}, broker.Settlement{Verb: broker.Failed}, true},
		{amqp.DeliveryState{Kind: amqp.Modified, UndeliverableHere: true}, broker.Settlement{Verb: broker.Return, NotHere: true}, true},
		{amqp.DeliveryState{Kind: amqp.Modified, DeliveryFailed: true, UndeliverableHere: true}, broker.Settlement{Verb: broker.Failed, NotHere: true}, true},
		{amqp.DeliveryState{Kind: amqp.Rejected}, broker.Settlement{Verb: broker.Reject}, true},
		{amqp.DeliveryState{Kind: amqp.Rejected, Err: amqp.Errorf("a:b", "cannot read it")}, broker.Settlement{Verb: broker.Reject, Why: "a:b: cannot read it"}, true},
		{amqp.DeliveryState{}, broker.Settlement{Verb: broker.Return}, false},
		{amqp.DeliveryState{Kind: amqp.Received}, broker.Settlement{Verb: broker.Return}, false},
		{amqp.DeliveryState{Kind: amqp.StateUnknown}, broker.Settlement{Verb: broker.Return}, false},
	} {
		if v, ok := verdictOf(tt.state); !reflect.DeepEqual(v, tt.want) || ok != tt.ok {
			t.Errorf("%+v: %v, %t; want %v, %t", tt.state, v, ok, tt.want, tt.ok)
		}
	}
}

func TestErrorsBecomeConditions(t *testing.T) {
	for _, tt := range []struct {
		err       error
		condition amqp.Symbol // "": ours alone
		publish   amqp.StateKind
	}{
		{broker.ErrNoApplication, amqp.ErrNotFound, amqp.Released},
		{broker.ErrTooManyTenants, amqp.ErrResourceLimitExceeded, amqp.Rejected},
		{fmt.Errorf("tenant acme: %w", broker.ErrTooManyApplications), amqp.ErrResourceLimitExceeded, amqp.Rejected},
		{broker.ErrClosing, amqp.ErrDetachForced, amqp.Released},
		{persistence.ErrClosed, amqp.ErrDetachForced, amqp.Released},
		{errors.New("disk on fire"), "", amqp.Released},
		{nil, "", amqp.Accepted},
	} {
		if got := publishOutcome(tt.err); got.Kind != tt.publish {
			t.Errorf("%v: an event is answered %v, want kind %v", tt.err, got.Kind, tt.publish)
		}
		if tt.err == nil {
			continue
		}
		err := attachError("open event/acme", tt.err)
		var told *amqp.Error
		switch errors.As(err, &told) {
		case true:
			if told.Condition != tt.condition || !strings.HasPrefix(told.Description, "open event/acme: ") {
				t.Errorf("%v: told as %v, want %s", tt.err, told, tt.condition)
			}
		case false:
			if tt.condition != "" || !errors.Is(err, tt.err) {
				t.Errorf("%v: not told (%v), want %q", tt.err, err, tt.condition)
			}
		}
	}
}
