package server

import (
	"errors"

	"hibachi/broker/nodes"
	"hibachi/links/engine"
)

func (o Options) access() (engine.Authenticator, nodes.Authorizer, error) {
	if o.Users != "" {
		return nil, nil, errors.New("not yet")
	}
	return nil, nodes.AllowAll{}, nil
}
