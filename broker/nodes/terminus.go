package nodes

import (
	"slices"

	"hibachi/links"
	"hibachi/links/amqp"
	"hibachi/spec/hono"
)

// A terminus in an attach is a wish; the answer says what is done. [transport 2.6.3] What is not done is not echoed: no filter, no
// capability, no dynamic node; nothing of a link outlives its detach, so no timeout.

const expiryLinkDetach amqp.Symbol = "link-detach"

const modeMove, modeCopy amqp.Symbol = "move", "copy"

// targetAddress is the address that a producer wants to send to.
func targetAddress(a *links.Attach) (hono.Address, error) {
	switch t := a.Target; {
	case a.Coordinator:
		return hono.Address{}, amqp.Errorf(amqp.ErrNotImplemented, "attach field target is a coordinator: there are no transactions here")
	case t == nil:
		return hono.Address{}, amqp.Errorf(amqp.ErrNotFound, "attach field target is null: no terminus is kept here under a link's name")
	case t.Dynamic && t.HasAddress:
		return hono.Address{}, amqp.Errorf(amqp.ErrInvalidField, "target is dynamic and has an address: one excludes the other")
	case t.Dynamic:
		return hono.Address{}, amqp.Errorf(amqp.ErrNotImplemented, "target is dynamic: there are no temporary nodes here")
	case !t.HasAddress:
		return hono.Address{}, amqp.Errorf(amqp.ErrNotImplemented, "target has no address: there is no anonymous relay here, events go to event/tenant")
	}
	at, v := hono.ParseAddress(a.Target.Address)
	switch {
	case v != nil:
		return at, v.AMQP()
	case at.Application != "":
		return at, hono.Violate(hono.ForwardAddress, amqp.ErrNotAllowed,
			"target address %s names an application: events are sent to their tenant, event/%s", at, at.Tenant).AMQP()
	}
	return at, nil
}

// sourceAddress is the address that a consumer wants to receive from.
func sourceAddress(a *links.Attach) (hono.Address, error) {
	switch s := a.Source; {
	case s == nil:
		return hono.Address{}, amqp.Errorf(amqp.ErrNotFound, "attach field source is null: no terminus is kept here under a link's name")
	case s.Dynamic && s.HasAddress:
		return hono.Address{}, amqp.Errorf(amqp.ErrInvalidField, "source is dynamic and has an address: one excludes the other")
	case s.Dynamic:
		return hono.Address{}, amqp.Errorf(amqp.ErrNotImplemented, "source is dynamic: there are no temporary nodes here")
	case !s.HasAddress:
		return hono.Address{}, amqp.Errorf(amqp.ErrNotFound, "source has no address: events come from event/tenant or event/tenant::application")
	}
	at, v := hono.ParseAddress(a.Source.Address)
	switch {
	case v != nil:
		return at, v.AMQP()
	case browses(a.Source) && at.Application != "" && !at.DeadLetter:
		return at, amqp.Errorf(amqp.ErrNotImplemented, "source address %s with distribution-mode copy: a tenant's events are browsed, at event/%s", at, at.Tenant)
	}
	return at, nil
}

// browses: copies are for looking only where nothing durable and nothing shared is asked for. (Qpid JMS says copy on durable subscriptions.)
func browses(s *amqp.Source) bool {
	return s.DistributionMode == modeCopy && s.Durable == 0 && !slices.Contains(s.Capabilities, "shared")
}

// answerTarget: a target keeps nothing of its own, neither across a detach nor across a restart.
func answerTarget(wish *amqp.Target) *amqp.Target {
	return &amqp.Target{Address: wish.Address, HasAddress: true, ExpiryPolicy: expiryLinkDetach}
}

// answerSource: an application lives by its name in the address, whatever becomes of a link; of a link nothing outlives its detach, so its
// terminus is not durable, whatever was asked for. (Looking a subscription up by the name of its link, with a null source, is not there.)
func answerSource(wish *amqp.Source) *amqp.Source {
	s := &amqp.Source{
		Address: wish.Address, HasAddress: true,
		ExpiryPolicy:     expiryLinkDetach,
		DistributionMode: modeMove,
		DefaultOutcome:   knownOutcome(wish.DefaultOutcome),
		Outcomes:         knownOutcomes(wish.Outcomes),
	}
	if browses(wish) {
		s.DistributionMode = modeCopy
		return s
	}
	return s
}
