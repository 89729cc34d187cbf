package client

import (
	"strings"
	"testing"
	"time"

	"hibachi/spec/hono"
)

// Whatever cannot work is refused before anything is dialled, and the refusal names it.
func TestOptionsThatCannotWorkAreRefused(t *testing.T) {
	for _, tt := range []struct {
		name string
		o    interface{ Validate() error }
		want string // "": it can work
	}{
		{"nothing but a tenant", SendOptions{Tenant: "acme"}, ""},
		{"all there is", SendOptions{Tenant: "acme", Devices: []string{"a"}, Count: 2, Window: 1, TTL: 49 * 24 * time.Hour}, ""},
		{"no tenant", SendOptions{}, "tenant"},
		{"a tenant that is an address", SendOptions{Tenant: "acme::app"}, "acme::app"},
		{"a tenant with a space", SendOptions{Tenant: "ac me"}, "ac me"},
		{"an empty device", SendOptions{Tenant: "acme", Devices: []string{"a", ""}}, "device id is empty"},
		{"a negative count", SendOptions{Tenant: "acme", Count: -1}, "count of -1"},
		{"a negative window", SendOptions{Tenant: "acme", Window: -1}, "window of -1"},
		{"a negative ttl", SendOptions{Tenant: "acme", TTL: -time.Second}, "ttl of -1s"},
		{"a ttl that the wire cannot say", SendOptions{Tenant: "acme", TTL: time.Microsecond}, "ttl of 1µs"},
		{"a ttl beyond 32 bits", SendOptions{Tenant: "acme", TTL: 1 << 32 * time.Millisecond}, "ttl of 1193h2m47.296s"},
		{"an empty notification with a body", SendOptions{Tenant: "acme", ContentType: hono.ContentTypeEmpty, Body: Body{Content: []byte{}}}, "no body"},

		{"browsing", ReceiveOptions{Tenant: "acme"}, ""},
		{"an application", ReceiveOptions{Tenant: "acme", Application: "a", Create: true, Count: 1}, ""},
		{"the default application", ReceiveOptions{Tenant: "acme", Application: "$default"}, ""},
		{"no tenant to receive from", ReceiveOptions{}, "tenant"},
		{"an application of ours", ReceiveOptions{Tenant: "acme", Application: "$mine"}, "$mine"},
		{"creating nothing", ReceiveOptions{Tenant: "acme", Create: true}, "--app"},
		{"receiving a negative count", ReceiveOptions{Tenant: "acme", Count: -1}, "count of -1"},
		{"a negative time", ReceiveOptions{Tenant: "acme", Quiet: -1}, "not negative"},

		{"the default broker", Endpoint{}, ""},
		{"TLS", Endpoint{URL: "amqps://broker.example"}, ""},
		{"another protocol", Endpoint{URL: "http://broker.example"}, "amqp://"},
		{"no host", Endpoint{URL: "amqp://"}, "no host"},
		{"no URL", Endpoint{URL: "://"}, "malformed"},
		{"a password in the list of processes", Endpoint{URL: "amqp://u:p@h"}, "--password-file"},
		{"a negative timeout", Endpoint{Timeout: -1}, "timeout"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			err := tt.o.Validate()
			switch {
			case tt.want == "" && err != nil:
				t.Errorf("refused: %v", err)
			case tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)):
				t.Errorf("the error is %v and does not say %q", err, tt.want)
			}
		})
	}
}
