package nodes

import (
	"bytes"
	"testing"
	"time"

	"hibachi/broker"
	"hibachi/links/amqp"
)

// Only the message annotations differ, whatever sections there are; and a label replaces an older one.
func TestLabelChangesNothingElse(t *testing.T) {
	section := func(code uint64, v any) []byte { return amqp.AppendSection(nil, code, amqp.Make(v)) }
	header := section(amqp.CodeHeader, []any{true})
	properties := section(amqp.CodeProperties, []any{"id", nil, "event/acme"})
	body := amqp.AppendData(nil, []byte("t=21"))
	annotated := section(amqp.CodeMessageAnnotations, amqp.MakeMap(amqp.Symbol("device_id"), "4711"))
	letter := broker.DeadLetter{Application: "billing", Reason: "attempts", Description: "it failed", Attempts: 10, Time: time.UnixMilli(1_700_000_000_000), Source: 77}
	for name, message := range map[string][]byte{
		"all":              bytes.Join([][]byte{header, annotated, properties, body}, nil),
		"no annotations":   bytes.Join([][]byte{header, properties, body}, nil),
		"annotations only": annotated,
		"header only":      header,
		"no header":        bytes.Join([][]byte{annotated, body}, nil),
	} {
		before := bytes.Clone(message)
		once := Label(message, broker.DeadLetter{Reason: "rejected", Application: "other"})
		twice := Label(once, letter)
		if !bytes.Equal(message, before) {
			t.Errorf("%s: the event was changed", name)
		}
		old, err1 := amqp.ParseMessage(message)
		m, err2 := amqp.ParseMessage(twice)
		if err1 != nil || err2 != nil {
			t.Fatalf("%s: %v, %v", name, err1, err2)
		}
		without := func(m *amqp.Message) []byte {
			return append(bytes.Clone(m.Raw[:m.MessageAnnotations.Start]), m.Raw[m.MessageAnnotations.End:]...)
		}
		m.MessageAnnotations.Start = max(m.MessageAnnotations.Start, m.Header.End)
		if !bytes.Equal(without(&m), without(&old)) {
			t.Errorf("%s: got %x from %x", name, twice, message)
		}
		device, _ := m.Annotation("device_id").Str()
		if had := old.Annotation("device_id") != nil; had != (device == "4711") {
			t.Errorf("%s: the device is %q", name, device)
		}
		reason, _ := m.Annotation("x-opt-deadletter-reason").Str()
		position, _ := m.Annotation("x-opt-deadletter-source-position").Uint()
		want := 12
		if device != "" {
			want += 2
		}
		if n := m.Annotations().Len(); reason != "attempts" || position != 77 || n != want && n != want/2 {
			t.Errorf("%s: reason %q, position %d, %d annotations", name, reason, position, n)
		}
	}
	if got := Label([]byte("nonsense"), letter); string(got) != "nonsense" {
		t.Errorf("what is no message became %q", got)
	}
}
