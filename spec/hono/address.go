package hono

import (
	"strings"
	"unicode/utf8"

	"hibachi/links/amqp"
)

// DefaultApplication is the application that receives from event/<tenant>.
const DefaultApplication = "$default"

// MaxName bounds the length of a tenant's id and of an application's name, in bytes.
const MaxName = 128

const (
	endpoint   = "event"
	prefix     = endpoint + "/"
	deadLetter = "$dead-letter"
)

// Address is an event address, taken apart.
type Address struct {
	Tenant      string
	Application string // "" if the address names none: a producer's, or the default application's
	DeadLetter  bool   // the application's dead letters
}

// ParseAddress reads
//
//	event/<tenant>
//	event/<tenant>::<application>    or  event/<tenant>/<application>
//	event/<tenant>::<application>/$dead-letter
//
// An Address always has a valid tenant, and a valid application or none. The parts alias s.
func ParseAddress(s string) (Address, *Violation) {
	rest, ok := strings.CutPrefix(s, prefix)
	if !ok {
		return Address{}, notAnEventAddress(s)
	}
	end := strings.IndexAny(rest, ":/")
	if end < 0 {
		end = len(rest)
	}
	a := Address{Tenant: rest[:end]}
	if v := checkTenant(s, a.Tenant); v != nil {
		return Address{}, v
	}
	if end == len(rest) {
		return a, nil
	}
	name, v := cutSeparator(s, rest[end:])
	if v != nil {
		return Address{}, v
	}
	if before, after, more := strings.Cut(name, "/"); more {
		if after != deadLetter {
			return Address{}, Violate(AddressApplication, amqp.ErrInvalidField,
				"address %s: only /%s may follow the application, not %s", excerpt(s), deadLetter, excerpt("/"+after))
		}
		name, a.DeadLetter = before, true
	}
	a.Application = name
	if v := checkApplication(s, name); v != nil {
		return Address{}, v
	}
	return a, nil
}

// App is the application that the address means as a source.
func (a Address) App() string {
	if a.Application == "" {
		return DefaultApplication
	}
	return a.Application
}

// String is the address in its first form.
func (a Address) String() string {
	s := prefix + a.Tenant
	if a.Application != "" {
		s += "::" + a.Application
	}
	if a.DeadLetter {
		s += "/" + deadLetter
	}
	return s
}

// cutSeparator takes "::" or "/" off what follows the tenant.
func cutSeparator(s, rest string) (string, *Violation) {
	if name, ok := strings.CutPrefix(rest, "::"); ok {
		return name, nil
	}
	if name, ok := strings.CutPrefix(rest, "/"); ok {
		return name, nil
	}
	return "", Violate(AddressApplication, amqp.ErrInvalidField,
		"address %s: a single colon after the tenant; an application is named by %stenant::application", excerpt(s), prefix)
}

func notAnEventAddress(s string) *Violation {
	head, _, _ := strings.Cut(s, "/")
	switch head {
	case endpoint:
		return Violate(AddressGrammar, amqp.ErrInvalidField, "address %s names no tenant: it has to be %stenant", excerpt(s), prefix)
	case "e":
		return Violate(AddressEventsOnly, amqp.ErrNotFound,
			"address %s: devices may write e/ to an adapter, the messaging network is addressed as %stenant", excerpt(s), prefix)
	case "telemetry", "t", "command", "c", "command_internal", "command_response", "cr", "notification", "control":
		return Violate(AddressEventsOnly, amqp.ErrNotImplemented,
			"address %s: this broker serves events only (%stenant); Hono's endpoint %s is not served here", excerpt(s), prefix, head)
	}
	return Violate(AddressEventsOnly, amqp.ErrNotFound, "address %s: there is no such node; events are at %stenant", excerpt(s), prefix)
}

func checkTenant(address, id string) *Violation {
	const rule = "is 1 to 128 letters, digits, dots, hyphens or underscores"
	switch bad := badByte(id); {
	case id == "":
		return Violate(AddressGrammar, amqp.ErrInvalidField, "address %s names no tenant: a tenant's id %s", excerpt(address), rule)
	case len(id) > MaxName:
		return Violate(AddressGrammar, amqp.ErrInvalidField, "address %s: the tenant's id has %d bytes; it %s", excerpt(address), len(id), rule)
	case bad >= 0:
		return Violate(AddressGrammar, amqp.ErrInvalidField, "address %s: byte %d of the tenant's id begins %q; it %s", excerpt(address), bad+1, runeAt(id, bad), rule)
	}
	return nil
}

func checkApplication(address, name string) *Violation {
	const rule = "is 1 to 128 letters, digits, dots, hyphens or underscores"
	if name == DefaultApplication {
		return nil
	}
	switch bad := badByte(name); {
	case name == "":
		return Violate(AddressApplication, amqp.ErrInvalidField, "address %s ends where an application's name has to follow: it %s", excerpt(address), rule)
	case name == deadLetter:
		return Violate(AddressDeadLetters, amqp.ErrInvalidField,
			"address %s: dead letters belong to an application; those of the default one are at event/tenant::%s/%s", excerpt(address), DefaultApplication, deadLetter)
	case name[0] == '$':
		return Violate(AddressApplication, amqp.ErrInvalidField, "address %s: names that begin with $ are the broker's own", excerpt(address))
	case len(name) > MaxName:
		return Violate(AddressApplication, amqp.ErrInvalidField, "address %s: the application's name has %d bytes; it %s", excerpt(address), len(name), rule)
	case bad >= 0:
		return Violate(AddressApplication, amqp.ErrInvalidField, "address %s: byte %d of the application's name begins %q; it %s", excerpt(address), bad+1, runeAt(name, bad), rule)
	}
	return nil
}

// badByte is the index of the first byte that names may not have, -1 if there is none.
func badByte(s string) int {
	for i := range len(s) {
		switch c := s[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '.', c == '-', c == '_':
		default:
			return i
		}
	}
	return -1
}

func runeAt(s string, i int) rune {
	r, _ := utf8.DecodeRuneInString(s[i:])
	return r
}
