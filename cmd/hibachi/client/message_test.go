package client

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	wire "hibachi/links/amqp"
	"hibachi/spec/hono"
)

// What send puts on the wire is held against the Event API's own rules, read with the broker's codec and not with the library that wrote it.
func TestSentMessagesAreHonoMessages(t *testing.T) {
	for _, tt := range []struct {
		name string
		o    SendOptions
		want string
		kind hono.EventType
	}{
		{
			name: "the default",
			want: "application/json {\"device\":\"d-7\",\"n\":3}",
		},
		{
			name: "a text with places",
			o:    SendOptions{Body: Body{Content: []byte("{n} of {device}, {other}"), Template: true}},
			want: "text/plain 3 of d-7, {other}",
		},
		{
			name: "bytes as they are",
			o:    SendOptions{Body: Body{Content: []byte("\xff{n}")}},
			want: "application/octet-stream \xff{n}",
		},
		{
			name: "a type that was asked for",
			o:    SendOptions{ContentType: "application/cbor", Body: Body{Content: []byte("{}")}},
			want: "application/cbor {}",
		},
		{
			name: "an empty notification has no body section",
			o:    SendOptions{ContentType: hono.ContentTypeEmpty},
			want: hono.ContentTypeEmpty + " (none)",
			kind: hono.EmptyNotification,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.o.Tenant, tt.o.TTL = "acme", 90*time.Second
			created := time.UnixMilli(1700000000123)
			b, err := tt.o.message(event{n: 3, device: "d-7", created: created}).MarshalBinary()
			if err != nil {
				t.Fatal(err)
			}
			m, err := wire.ParseMessage(b)
			if err != nil {
				t.Fatal(err)
			}
			e, v := hono.Check(&m, 0, "acme")
			if v != nil {
				t.Fatal(v)
			}
			if e.Warnings != 0 || e.Device != "d-7" || e.TTL != 90*time.Second || e.Type != tt.kind {
				t.Errorf("the rules read %+v", e)
			}
			if got := show(&m); got != tt.want {
				t.Errorf("the message has\n%s\nand not\n%s", got, tt.want)
			}
		})
	}
}

// show is a message's body, its type, and whatever is the same in all messages here.
func show(m *wire.Message) string {
	body, ok := m.Data()
	if !ok {
		body = []byte("(none)")
	}
	p := func(field int) wire.Raw { return m.PropertiesField(field) }
	return fmt.Sprintf("%s %s", p(6), body)
}

// The fields that are the same in all messages.
func TestSentMessagesNameTenantAndDeviceWhereHonoDoes(t *testing.T) {
	created := time.UnixMilli(1700000000123)
	b, err := SendOptions{Tenant: "acme"}.message(event{n: 3, device: "d-7", created: created}).MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	m, err := wire.ParseMessage(b)
	if err != nil {
		t.Fatal(err)
	}
	const (
		messageID    = 0
		to           = 2
		creationTime = 8 + 1
	)
	for _, tt := range []struct {
		what string
		got  wire.Raw
		want any
	}{
		{"annotation tenant_id", m.Annotation("tenant_id"), "acme"},
		{"annotation device_id", m.Annotation("device_id"), "d-7"},
		{"annotation resource", m.Annotation("resource"), "event/acme/d-7"},
		{"message-id", m.PropertiesField(messageID), "hibachi-send-3"},
		{"to", m.PropertiesField(to), "event/acme"},
		{"creation-time", m.PropertiesField(creationTime), created},
		{"property device_id", m.ApplicationProperty("device_id"), "d-7"},
		{"property orig_adapter", m.ApplicationProperty("orig_adapter"), "hibachi-send"},
		{"property orig_address", m.ApplicationProperty("orig_address"), "event"},
		{"property qos", m.ApplicationProperty("qos"), int32(1)},
	} {
		if want := wire.Make(tt.want); !bytes.Equal(tt.got, want) {
			t.Errorf("%s is %v, not %v", tt.what, tt.got, want)
		}
	}
	for key := range m.Annotations().Map() {
		if _, ok := key.Symbol(); !ok {
			t.Errorf("the annotation key %v is no symbol", key)
		}
	}
}
