package client

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/Azure/go-amqp"

	"hibachi/spec/hono"
)

// Body makes the payloads of a run of events. The zero Body is a small JSON document with a counter.
type Body struct {
	Content  []byte // nil: the JSON document
	Template bool   // {n} and {device} in Content are filled in
}

// of gives the payload of an event, and the content type that fits it.
func (b Body) of(e event) ([]byte, string) {
	switch {
	case b.Content == nil:
		return e.counter(), "application/json"
	case b.Template:
		filled := []byte(strings.NewReplacer("{n}", strconv.Itoa(e.n), "{device}", e.device).Replace(string(b.Content)))
		return filled, contentType(filled)
	}
	return b.Content, contentType(b.Content)
}

// counter is the payload of an event of which nobody said what is in it.
func (e event) counter() []byte {
	device, err := json.Marshal(e.device)
	if err != nil {
		panic(err) // a string always marshals
	}
	return fmt.Appendf(nil, `{"device":%s,"n":%d}`, device, e.n)
}

func contentType(body []byte) string {
	switch {
	case json.Valid(body):
		return "application/json"
	case utf8.Valid(body):
		return "text/plain"
	}
	return "application/octet-stream"
}

// event is what makes one message differ from the next.
type event struct {
	n       int // from 1
	device  string
	created time.Time
}

// message builds what Hono's adapters put on the wire. [Event API, Forward Event; Telemetry API, message format]
func (o SendOptions) message(e event) *amqp.Message {
	payload, kind := o.Body.of(e)
	if o.ContentType != "" {
		kind = o.ContentType
	}
	to := eventAddress(o.Tenant, "")
	m := &amqp.Message{
		Header: &amqp.MessageHeader{Durable: true, TTL: o.TTL, Priority: 4},
		Annotations: amqp.Annotations{
			"tenant_id": o.Tenant,
			"device_id": e.device,
			"resource":  to + "/" + e.device,
		},
		Properties: &amqp.MessageProperties{
			MessageID:    fmt.Sprintf("hibachi-send-%d", e.n),
			To:           &to,
			ContentType:  &kind,
			CreationTime: &e.created,
		},
		ApplicationProperties: map[string]any{
			"device_id":    e.device,
			"orig_adapter": "hibachi-send",
			"orig_address": "event",
			"qos":          int32(1),
		},
		Data: [][]byte{payload},
	}
	if kind == hono.ContentTypeEmpty {
		m.Data = nil // no body section at all [Event API, Empty Notification]
	}
	return m
}

// eventAddress is the address of a tenant's events, or of one application's share in them.
func eventAddress(tenant, application string) string {
	if application == hono.DefaultApplication {
		application = "" // the plain address works with brokers, too, that know nothing else
	}
	return hono.Address{Tenant: tenant, Application: application}.String()
}

// checkNames says what is wrong with the names in an address.
func checkNames(tenant, application string) error {
	address, v := hono.ParseAddress(eventAddress(tenant, application))
	switch {
	case v != nil:
		return v
	case address.Tenant != tenant:
		return fmt.Errorf("the tenant %q has something in it that belongs to an address, not to a name", tenant)
	}
	return nil
}
