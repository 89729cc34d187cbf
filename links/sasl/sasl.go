// Package sasl holds the SASL mechanisms that a server offers, and the file of users behind them.
//
// It owns what a mechanism's octets mean, how a password is checked, and the users file. It knows nothing of frames, connections or
// links: the engine carries the octets and asks, the server says which authenticator is in force.
//
// In the order in which a login meets them:
//
//	Authenticator   the list of mechanisms on offer; the engine's Authenticator. Open() and Users.Authenticator() make the two kinds
//	Mechanism       one of them: a name and a way to begin an exchange. Anonymous and Plain here; SCRAM and EXTERNAL plug in likewise
//	Users           the users file in memory: Check(name, password), Reload
//	Verifier        what is kept of a password: SCRAM-SHA-256$<iterations>:<salt>$<StoredKey>:<ServerKey>
//	proven          recently checked passwords, so that a storm of reconnects does not cost a key derivation each
//
// No SCRAM exchange, EXTERNAL or OAUTHBEARER yet; the verifiers are already the ones SCRAM-SHA-256 needs.
package sasl

import (
	"errors"

	"hibachi/links/amqp"
	"hibachi/links/engine"
)

// ErrDenied is what a check answers to a name or password that is wrong. Any other error is trouble of ours, and the peer may try again.
var ErrDenied = errors.New("unknown user or wrong password")

// Mechanism is one way to say who one is.
type Mechanism struct {
	Name  amqp.Symbol
	Begin func() engine.Exchange // a fresh exchange for one connection; it may be called from any goroutine
}

// Authenticator offers a fixed list of mechanisms. Never changed once made, so any goroutine may use it.
type Authenticator struct {
	mechanisms []Mechanism
	required   bool
}

// New offers the mechanisms in decreasing preference. With required, a peer that begins without the SASL layer is sent away.
func New(required bool, mechanisms ...Mechanism) *Authenticator {
	return &Authenticator{mechanisms: mechanisms, required: required}
}

// Open lets everybody in: ANONYMOUS, and PLAIN with any password, whose identity is what was claimed and nothing more. A peer may also
// leave the SASL layer out. For the loopback interface and for tests.
func Open() *Authenticator {
	claimed := func(name, password string) (string, error) { return name, nil }
	return New(false, Anonymous(), Plain(claimed))
}

// Mechanisms are the names on offer. [security 5.3.3.1]
func (a *Authenticator) Mechanisms() []amqp.Symbol {
	names := make([]amqp.Symbol, len(a.mechanisms))
	for i, m := range a.mechanisms {
		names[i] = m.Name
	}
	return names
}

// Required tells whether the SASL layer may not be left out.
func (a *Authenticator) Required() bool { return a.required }

// Begin starts an exchange; nil: that mechanism is not on offer.
func (a *Authenticator) Begin(mechanism amqp.Symbol) engine.Exchange {
	for _, m := range a.mechanisms {
		if m.Name == mechanism {
			return m.Begin()
		}
	}
	return nil
}

// outcome turns a check's answer into what the peer is told. Hono takes auth for final and sys-temp for "try again", so the two must
// not be mixed up. [security 5.3.3.6]
func outcome(identity string, err error) engine.Outcome {
	switch {
	case err == nil:
		return engine.Outcome{Code: amqp.SASLOK, Identity: identity}
	case errors.Is(err, ErrDenied):
		return engine.Outcome{Code: amqp.SASLAuth}
	default:
		return engine.Outcome{Code: amqp.SASLSysTemp}
	}
}
