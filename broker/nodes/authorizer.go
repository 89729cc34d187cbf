package nodes

import (
	"hibachi/links"
	"hibachi/links/amqp"
	"hibachi/spec/hono"
)

// Action is what somebody wants to do at an address.
type Action string

const (
	Send    Action = "send to"
	Receive Action = "receive from"
	Browse  Action = "browse"
)

// Authorizer says who may do what. identity is the peer's from SASL, "" if it is anonymous. It is called by a connection's reader and
// must not block.
type Authorizer interface {
	Authorize(identity string, do Action, at hono.Address) bool
}

// AllowAll lets everybody do everything.
type AllowAll struct{}

func (AllowAll) Authorize(string, Action, hono.Address) bool { return true }

// Authenticated lets everybody do everything who is not anonymous.
type Authenticated struct{}

func (Authenticated) Authorize(identity string, _ Action, _ hono.Address) bool { return identity != "" }

func (n *Nodes) authorize(a *links.Attach, do Action, at hono.Address) error {
	if n.authorizer.Authorize(a.Peer.Identity, do, at) {
		return nil
	}
	who := "an anonymous peer"
	if a.Peer.Identity != "" {
		who = a.Peer.Identity
	}
	return amqp.Errorf(amqp.ErrUnauthorizedAccess, "%s may not %s %s", who, do, at)
}
