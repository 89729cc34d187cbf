package hono

import (
	"strings"
	"testing"

	"hibachi/links/amqp"
)

func TestAddresses(t *testing.T) {
	long := strings.Repeat("x", MaxName)
	for _, tt := range []struct {
		address string
		want    Address
		app     string
		canon   string // "" if it is address
	}{
		{"event/acme", Address{Tenant: "acme"}, "$default", ""},
		{"event/DEFAULT_TENANT", Address{Tenant: "DEFAULT_TENANT"}, "$default", ""},
		{"event/my.tenant-1_a", Address{Tenant: "my.tenant-1_a"}, "$default", ""},
		{"event/" + long, Address{Tenant: long}, "$default", ""},
		{"event/acme::billing", Address{Tenant: "acme", Application: "billing"}, "billing", ""},
		{"event/acme/billing", Address{Tenant: "acme", Application: "billing"}, "billing", "event/acme::billing"},
		{"event/acme::" + long, Address{Tenant: "acme", Application: long}, long, ""},
		{"event/acme::$default", Address{Tenant: "acme", Application: "$default"}, "$default", ""},
		{"event/acme/$default", Address{Tenant: "acme", Application: "$default"}, "$default", "event/acme::$default"},
		{"event/acme::billing/$dead-letter", Address{Tenant: "acme", Application: "billing", DeadLetter: true}, "billing", ""},
		{"event/acme/billing/$dead-letter", Address{Tenant: "acme", Application: "billing", DeadLetter: true}, "billing", "event/acme::billing/$dead-letter"},
		{"event/acme::$default/$dead-letter", Address{Tenant: "acme", Application: "$default", DeadLetter: true}, "$default", ""},
	} {
		got, v := ParseAddress(tt.address)
		if v != nil {
			t.Errorf("%s: %v", tt.address, v)
			continue
		}
		if got != tt.want || got.App() != tt.app {
			t.Errorf("%s: %+v (application %s), want %+v (%s)", tt.address, got, got.App(), tt.want, tt.app)
		}
		canon := tt.canon
		if canon == "" {
			canon = tt.address
		}
		if got.String() != canon {
			t.Errorf("%s: prints as %s, want %s", tt.address, got, canon)
		}
	}
}

var badAddresses = []struct {
	address     string
	requirement Requirement
	condition   amqp.Symbol
	says        string // a part of the description
}{
	{"", AddressEventsOnly, amqp.ErrNotFound, `""`},
	{"foo", AddressEventsOnly, amqp.ErrNotFound, "no such node"},
	{"events/acme", AddressEventsOnly, amqp.ErrNotFound, "no such node"},
	{"EVENT/acme", AddressEventsOnly, amqp.ErrNotFound, "no such node"},
	{"/event/acme", AddressEventsOnly, amqp.ErrNotFound, "no such node"},
	{"$management", AddressEventsOnly, amqp.ErrNotFound, "no such node"},
	{"e/acme", AddressEventsOnly, amqp.ErrNotFound, "devices may write e/"},
	{"telemetry/acme", AddressEventsOnly, amqp.ErrNotImplemented, "endpoint telemetry"},
	{"command/acme", AddressEventsOnly, amqp.ErrNotImplemented, "endpoint command"},
	{"command_response/acme/replies", AddressEventsOnly, amqp.ErrNotImplemented, "endpoint command_response"},
	{"notification/registry-device", AddressEventsOnly, amqp.ErrNotImplemented, "endpoint notification"},
	{"event", AddressGrammar, amqp.ErrInvalidField, "names no tenant"},
	{"event/", AddressGrammar, amqp.ErrInvalidField, "names no tenant"},
	{"event/::app", AddressGrammar, amqp.ErrInvalidField, "names no tenant"},
	{"event//app", AddressGrammar, amqp.ErrInvalidField, "names no tenant"},
	{"event/ac me", AddressGrammar, amqp.ErrInvalidField, `byte 3 of the tenant's id begins ' '`},
	{"event/acmé", AddressGrammar, amqp.ErrInvalidField, `byte 4 of the tenant's id begins 'é'`},
	{"event/$acme", AddressGrammar, amqp.ErrInvalidField, `byte 1 of the tenant's id begins '$'`},
	{"event/" + strings.Repeat("x", 129), AddressGrammar, amqp.ErrInvalidField, "129 bytes"},
	{"event/acme:app", AddressApplication, amqp.ErrInvalidField, "single colon"},
	{"event/acme:", AddressApplication, amqp.ErrInvalidField, "single colon"},
	{"event/acme::", AddressApplication, amqp.ErrInvalidField, "has to follow"},
	{"event/acme/", AddressApplication, amqp.ErrInvalidField, "has to follow"},
	{"event/acme:::app", AddressApplication, amqp.ErrInvalidField, `byte 1 of the application's name begins ':'`},
	{"event/acme::a b", AddressApplication, amqp.ErrInvalidField, `byte 2 of the application's name begins ' '`},
	{"event/acme::" + strings.Repeat("x", 129), AddressApplication, amqp.ErrInvalidField, "129 bytes"},
	{"event/acme::$mine", AddressApplication, amqp.ErrInvalidField, "the broker's own"},
	{"event/acme::app/more", AddressApplication, amqp.ErrInvalidField, `not "/more"`},
	{"event/acme::app/$dead-letter/", AddressApplication, amqp.ErrInvalidField, `not "/$dead-letter/"`},
	{"event/acme/device/4711", AddressApplication, amqp.ErrInvalidField, `not "/4711"`},
	{"event/acme/$dead-letter", AddressDeadLetters, amqp.ErrInvalidField, "event/tenant::$default/$dead-letter"},
}

func TestBadAddressesAreRefusedWithTheReason(t *testing.T) {
	for _, tt := range badAddresses {
		_, v := ParseAddress(tt.address)
		if v == nil {
			t.Errorf("%q: no violation", tt.address)
			continue
		}
		if v.Requirement != tt.requirement || v.Condition != tt.condition || !strings.Contains(v.Description, tt.says) {
			t.Errorf("%q: %s, %s: %s; want %s, %s: …%s…", tt.address, v.Requirement, v.Condition, v.Description, tt.requirement, tt.condition, tt.says)
		}
		// The error has to fit into the smallest frame there is, beside the rest of a detach.
		if n := len(v.AMQP().Description); n > 400 {
			t.Errorf("%q: a description of %d bytes", tt.address, n)
		}
	}
}

func FuzzParseAddress(f *testing.F) {
	for _, tt := range badAddresses {
		f.Add(tt.address)
	}
	f.Add("event/acme::billing/$dead-letter")
	f.Fuzz(func(t *testing.T, s string) {
		a, v := ParseAddress(s)
		if v != nil {
			if len(v.Error()) > 500 {
				t.Errorf("a description of %d bytes: %s", len(v.Error()), v)
			}
			return
		}
		again, v := ParseAddress(a.String())
		if v != nil || again != a {
			t.Errorf("%q means %+v, which prints as %s, which means %+v, %v", s, a, a, again, v)
		}
	})
}
