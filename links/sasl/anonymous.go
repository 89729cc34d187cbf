package sasl

import (
	"hibachi/links/amqp"
	"hibachi/links/engine"
)

// Anonymous lets everybody in as nobody. [RFC 4505]
func Anonymous() Mechanism {
	return Mechanism{Name: "ANONYMOUS", Begin: func() engine.Exchange { return anonymous{} }}
}

type anonymous struct{}

// Step takes whatever trace information there is. RFC 4505 asks for an e-mail address or a token; clients send a NUL and a name (rhea),
// 600 octets, or nothing at all, and it is for people to read only, so none of it is a reason to refuse.
func (anonymous) Step([]byte) (challenge []byte, done bool, result engine.Outcome) {
	return nil, true, engine.Outcome{Code: amqp.SASLOK}
}
