package client

import (
	"testing"
	"time"

	"github.com/Azure/go-amqp"
)

func received(change func(*amqp.Message)) *amqp.Message {
	m := SendOptions{Tenant: "acme", TTL: time.Second}.message(event{n: 1, device: "d-1", created: time.UnixMilli(1700000000123).In(time.FixedZone("", 3600))})
	change(m)
	return m
}

func TestEventsAreShownAsText(t *testing.T) {
	local := time.UnixMilli(1700000000123).Local().Format(time.RFC3339)
	for _, tt := range []struct {
		name   string
		change func(*amqp.Message)
		want   string
	}{
		{"a JSON body", func(*amqp.Message) {}, "d-1  " + local + "  application/json  {\"device\":\"d-1\",\"n\":1}\n"},
		{"lines of text stay lines", func(m *amqp.Message) { m.Data = [][]byte{[]byte("a\n\tb")} }, "d-1  " + local + "  application/json  a\n\tb\n"},
		{"escape sequences do not reach the terminal", func(m *amqp.Message) { m.Data = [][]byte{[]byte("\x1b[2Jä")} }, "d-1  " + local + "  application/json  \"\\x1b[2Jä\"\n"},
		{"nor do they in a device id", func(m *amqp.Message) { m.Annotations["device_id"] = "\x1bd" }, "\"\\x1bd\"  " + local + "  application/json  {\"device\":\"d-1\",\"n\":1}\n"},
		{"bytes", func(m *amqp.Message) { m.Data = [][]byte{{0xff}, {0x00}} }, "d-1  " + local + "  application/json  0xff00\n"},
		{"a value", func(m *amqp.Message) { m.Data, m.Value = nil, int64(7) }, "d-1  " + local + "  application/json  7\n"},
		{"a sequence", func(m *amqp.Message) { m.Data, m.Sequence = nil, [][]any{{int64(7)}} }, "d-1  " + local + "  application/json  [[7]]\n"},
		{"no body", func(m *amqp.Message) { m.Data = nil }, "d-1  " + local + "  application/json  (no body)\n"},
		{"an empty body", func(m *amqp.Message) { m.Data = [][]byte{{}} }, "d-1  " + local + "  application/json  \n"},
		{"no annotation", func(m *amqp.Message) { m.Annotations = nil }, "d-1  " + local + "  application/json  {\"device\":\"d-1\",\"n\":1}\n"},
		{"nothing at all", func(m *amqp.Message) { *m = amqp.Message{} }, "-  -  -  (no body)\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := ReceiveOptions{}.render(received(tt.change))
			if err != nil || string(got) != tt.want {
				t.Errorf("shown as %q (%v), not %q", got, err, tt.want)
			}
		})
	}
}

func TestEventsAreShownAsJSON(t *testing.T) {
	const (
		front = `{"device":"d-1","time":"2023-11-14T22:13:20.123Z","content-type":"application/json",`
		back  = `"header":{"delivery-count":0,"durable":true,"first-acquirer":false,"priority":4,"ttl":1000},` +
			`"message-annotations":{"device_id":"d-1","resource":"event/acme/d-1","tenant_id":"acme"},` +
			`"properties":{"content-type":"application/json","creation-time":"2023-11-14T22:13:20.123Z","message-id":"hibachi-send-1","to":"event/acme"},` +
			`"application-properties":{"device_id":"d-1","orig_adapter":"hibachi-send","orig_address":"event","qos":1}}` + "\n"
	)
	for _, tt := range []struct {
		name   string
		change func(*amqp.Message)
		want   string
	}{
		{"a text", func(*amqp.Message) {}, front + `"body":"{\"device\":\"d-1\",\"n\":1}",` + back},
		{"an empty text", func(m *amqp.Message) { m.Data = [][]byte{{}} }, front + `"body":"",` + back},
		{"bytes", func(m *amqp.Message) { m.Data = [][]byte{{0xff, 0}} }, front + `"body-base64":"/wA=",` + back},
		{"no body", func(m *amqp.Message) { m.Data = nil }, front + back},
		{"a value that JSON does not have", func(m *amqp.Message) {
			m.Data = nil
			m.Value = map[any]any{int64(1): []any{amqp.UUID{1}, amqp.Symbol("s"), []byte{1}}, "nan": nan()}
		}, front + `"body-value":{"1":["01000000-0000-0000-0000-000000000000","s","AQ=="],"nan":"NaN"},` + back},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := ReceiveOptions{JSON: true}.render(received(tt.change))
			if err != nil || string(got) != tt.want {
				t.Errorf("shown as\n%s (%v), not\n%s", got, err, tt.want)
			}
		})
	}
}

func nan() float64 {
	zero := 0.0
	return zero / zero
}
