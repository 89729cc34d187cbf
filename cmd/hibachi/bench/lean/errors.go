package lean

import (
	"errors"
	"fmt"

	"hibachi/links/amqp"
)

// Scope says how much ended.
type Scope string

// Scopes of a PeerError.
const (
	ScopeConnection Scope = "connection"
	ScopeSession    Scope = "session"
	ScopeLink       Scope = "link"
)

// PeerError tells that the peer ended something, or refused it.
type PeerError struct {
	Scope   Scope
	Address string      // of the link
	Err     *amqp.Error // nil: the peer gave no reason
}

func (e *PeerError) Error() string {
	what := "the peer ended the " + string(e.Scope)
	if e.Address != "" {
		what += " to " + e.Address
	}
	if e.Err == nil {
		return what
	}
	return what + ": " + e.Err.Error()
}

// ErrSilent tells that the peer sent nothing for longer than the idle time-out that we announced.
var ErrSilent = errors.New("the peer is silent: idle time-out")

// ErrTimeout tells that the peer did not answer in time.
var ErrTimeout = errors.New("no answer in time")

func protocolError(format string, args ...any) error {
	return fmt.Errorf("the peer breaks the protocol: "+format, args...)
}
