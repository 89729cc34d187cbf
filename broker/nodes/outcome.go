package nodes

import (
	"slices"

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
	if _, ok := verbOf(s); !ok {
		return amqp.DeliveryState{}
	}
	return s
}

// verbOf is what an outcome asks of the broker; ok is false for what is none.
func verbOf(s amqp.DeliveryState) (v broker.Verb, ok bool) {
	switch s.Kind {
	case amqp.Accepted:
		return broker.Done, true
	case amqp.Released:
		return broker.Return, true
	case amqp.Modified:
		if s.DeliveryFailed {
			return broker.Failed, true
		}
		return broker.Return, true
	case amqp.Rejected:
		return broker.Failed, true
	}
	return broker.Return, false
}
