package nodes

import (
	"slices"
	"strings"

	"hibachi/broker"
	"hibachi/links/amqp"
)

// outcomes are all that may be said of a delivery. [messaging 3.4]
var outcomes = []amqp.Symbol{"amqp:accepted:list", "amqp:rejected:list", "amqp:released:list", "amqp:modified:list"}

// knownOutcomes is what a consumer may use of what it listed; all, if it listed none.
func knownOutcomes(wish []amqp.Symbol) []amqp.Symbol {
	if len(wish) == 0 {
		return outcomes
	}
	return slices.DeleteFunc(slices.Clone(wish), func(o amqp.Symbol) bool { return !slices.Contains(outcomes, o) })
}

// allows tells whether a peer that listed these outcomes can be told that one. None listed: any, as clients that list none expect it.
func allows(listed []amqp.Symbol, outcome amqp.Symbol) bool {
	return len(listed) == 0 || slices.Contains(listed, outcome)
}

// knownOutcome is a default-outcome that will be applied, none if it is no outcome.
func knownOutcome(s amqp.DeliveryState) amqp.DeliveryState {
	if _, ok := verdictOf(s); !ok {
		return amqp.DeliveryState{}
	}
	return s
}

// verdictOf is what an outcome asks of the broker, but for the position; ok is false for what is none.
func verdictOf(s amqp.DeliveryState) (v broker.Settlement, ok bool) {
	v.Verb = broker.Return
	switch s.Kind {
	case amqp.Accepted:
		v.Verb = broker.Done
	case amqp.Released:
	case amqp.Modified:
		if s.DeliveryFailed {
			v.Verb = broker.Failed
		}
		v.NotHere, v.Remark = s.UndeliverableHere, s.Annotations
	case amqp.Rejected:
		v.Verb, v.Why = broker.Reject, words(s.Err)
	default:
		return v, false
	}
	return v, true
}

// words are what a peer said beside its outcome. They are kept, so they are a copy: an error aliases what was received.
func words(e *amqp.Error) string {
	if e == nil {
		return ""
	}
	return strings.Clone(e.Error())
}
