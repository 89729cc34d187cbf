package server

import (
	"context"
	"fmt"
	"sync/atomic"

	"hibachi/broker/nodes"
	"hibachi/links/amqp"
	"hibachi/links/engine"
	"hibachi/links/sasl"
	"hibachi/spec/hono"
)

// access is who is let in, and what they may do. It may be replaced at any time: each login and each attach asks who it is then.
type access struct{ current atomic.Pointer[keeper] }

// keeper is one state of access, never changed.
type keeper struct {
	authenticator engine.Authenticator
	authorizer    nodes.Authorizer
}

var (
	_ engine.Authenticator = (*access)(nil)
	_ nodes.Authorizer     = (*access)(nil)
)

func (a *access) Mechanisms() []amqp.Symbol { return a.current.Load().authenticator.Mechanisms() }
func (a *access) Required() bool            { return a.current.Load().authenticator.Required() }
func (a *access) Begin(mechanism amqp.Symbol) engine.Exchange {
	return a.current.Load().authenticator.Begin(mechanism)
}

func (a *access) Authorize(identity string, do nodes.Action, at hono.Address) bool {
	return a.current.Load().authorizer.Authorize(identity, do, at)
}

// set lets in whom o says from now on. On an error nothing changes.
func (a *access) set(o Options) error {
	k, err := o.keeper()
	if err != nil {
		return err
	}
	a.current.Store(k)
	return nil
}

func (o Options) keeper() (*keeper, error) {
	if o.Users == "" {
		return &keeper{sasl.Open(), nodes.AllowAll{}}, nil
	}
	users, err := sasl.OpenUsers(o.Users)
	if err != nil {
		return nil, fmt.Errorf("--users: %w; `hibachi user add %s NAME` writes such a file", err, o.Users)
	}
	if users.Len() == 0 {
		return nil, fmt.Errorf("--users: nobody is in %s, so nobody could connect: `hibachi user add %s NAME` adds somebody", o.Users, o.Users)
	}
	o.Log.Info("users read", "file", o.Users, "users", users.Len())
	return &keeper{users.Authenticator(), nodes.Authenticated{}}, nil
}

// takeChanges takes over what comes until ctx ends.
func (p *process) takeChanges(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case c := <-p.options.Changes:
			c.Done(p.change(c))
		}
	}
}

// change is held against where this process listens, whatever the configuration says by now.
func (p *process) change(c Change) error {
	o := p.options
	o.Users, o.Insecure = c.Users, c.Insecure
	if err := o.Validate(); err != nil {
		return err
	}
	return p.access.set(o)
}
