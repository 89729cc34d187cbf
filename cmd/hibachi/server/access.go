package server

import (
	"context"
	"fmt"
	"log/slog"

	"hibachi/broker/nodes"
	"hibachi/links/engine"
	"hibachi/links/sasl"
)

// access is who is let in, and what they may do.
type access struct {
	authenticator engine.Authenticator
	authorizer    nodes.Authorizer
	users         *sasl.Users // nil: everybody
}

func (o Options) access() (access, error) {
	if o.Users == "" {
		return access{sasl.Open(), nodes.AllowAll{}, nil}, nil
	}
	users, err := sasl.OpenUsers(o.Users)
	if err != nil {
		return access{}, fmt.Errorf("--users: %w; `hibachi user add %s NAME` writes such a file", err, o.Users)
	}
	if users.Len() == 0 {
		return access{}, fmt.Errorf("--users: nobody is in %s, so nobody could connect: `hibachi user add %s NAME` adds somebody", o.Users, o.Users)
	}
	return access{users.Authenticator(), nodes.Authenticated{}, users}, nil
}

// keepFresh reads the users again whenever reload says so, until ctx ends. A file that is wrong changes nothing.
func (a access) keepFresh(ctx context.Context, reload <-chan struct{}, log *slog.Logger) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-reload:
		}
		switch err := a.reload(); {
		case err != nil:
			log.Error("the users stay as they were", "error", err)
		case a.users != nil:
			log.Info("users read again", "users", a.users.Len())
		}
	}
}

func (a access) reload() error {
	if a.users == nil {
		return nil
	}
	return a.users.Reload()
}
