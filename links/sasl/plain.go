package sasl

import (
	"bytes"
	"unicode/utf8"

	"github.com/xdg-go/stringprep"

	"hibachi/links/engine"
)

// maxPlain bounds a PLAIN message: names and passwords of at least 255 octets must fit. [RFC 4616 section 2]
const maxPlain = 4096

// Plain takes a name and a password and has check say whose they are. check gets the name after SASLprep and the password as it came; it
// answers ErrDenied to what is wrong, and may be called from many goroutines at once.
func Plain(check func(name, password string) (identity string, err error)) Mechanism {
	return Mechanism{Name: "PLAIN", Begin: func() engine.Exchange { return &plain{check: check} }}
}

type plain struct {
	check func(name, password string) (string, error)
	asked bool // we sent the empty challenge
}

// Step checks the message. A client that sent no initial response is asked for one with an empty challenge, once. [RFC 4422 section 5]
func (p *plain) Step(response []byte) (challenge []byte, done bool, result engine.Outcome) {
	if response == nil && !p.asked {
		p.asked = true
		return []byte{}, false, engine.Outcome{}
	}
	name, password, ok := parsePlain(response)
	if !ok {
		return nil, true, outcome("", ErrDenied)
	}
	identity, err := p.check(name, password)
	return nil, true, outcome(identity, err)
}

// parsePlain reads "[authzid] NUL authcid NUL passwd". [RFC 4616 section 2] We know nobody who may act for another, so an authzid is
// empty or the authcid itself.
func parsePlain(message []byte) (name, password string, ok bool) {
	if len(message) > maxPlain || !utf8.Valid(message) {
		return "", "", false
	}
	parts := bytes.Split(message, []byte{0})
	if len(parts) != 3 || len(parts[1]) == 0 || len(parts[2]) == 0 {
		return "", "", false
	}
	name, err := stringprep.SASLprep.Prepare(string(parts[1]))
	if err != nil || name == "" {
		return "", "", false
	}
	if len(parts[0]) > 0 {
		authzid, err := stringprep.SASLprep.Prepare(string(parts[0]))
		if err != nil || authzid != name {
			return "", "", false
		}
	}
	return name, string(parts[2]), true
}
