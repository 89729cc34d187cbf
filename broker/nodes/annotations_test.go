package nodes

import (
	"bytes"
	"testing"

	"hibachi/broker"
	"hibachi/links/amqp"
	"hibachi/links/engine"
)

// [messaging 3.4.5] The annotations of modified are combined with the message's; all other bytes stay.
func TestRemarksBecomeMessageAnnotations(t *testing.T) {
	header := (&amqp.MessageHeader{Durable: true}).Append(nil)
	rest := amqp.AppendData((&amqp.MessageProperties{To: "event/t"}).Append(nil), []byte("body"))
	annotated := func(m amqp.Raw) []byte { return amqp.AppendSection(nil, amqp.CodeMessageAnnotations, m) }
	sym := func(s string) amqp.Symbol { return amqp.Symbol(s) }
	for _, tt := range []struct {
		name    string
		stored  []byte
		remarks []amqp.Raw
		want    amqp.Raw
	}{
		{"added", annotated(amqp.MakeMap(sym("device_id"), "d")), []amqp.Raw{amqp.MakeMap(sym("x-opt-a"), 1)},
			amqp.MakeMap(sym("device_id"), "d", sym("x-opt-a"), 1)},
		{"replaced", annotated(amqp.MakeMap(sym("x-opt-a"), "old", sym("b"), true)), []amqp.Raw{amqp.MakeMap(sym("x-opt-a"), "new")},
			amqp.MakeMap(sym("x-opt-a"), "new", sym("b"), true)},
		{"the latest of two", annotated(amqp.MakeMap(sym("b"), true)), []amqp.Raw{amqp.MakeMap(sym("x"), 1), amqp.MakeMap(sym("x"), 2)},
			amqp.MakeMap(sym("b"), true, sym("x"), 2)},
		{"where there were none", nil, []amqp.Raw{amqp.MakeMap(sym("x"), 1)}, amqp.MakeMap(sym("x"), 1)},
	} {
		message := append(append(bytes.Clone(header), tt.stored...), rest...)
		d := broker.Delivery{Message: message, Redelivered: true}
		for _, r := range tt.remarks {
			d.Remarks = append(d.Remarks, r)
		}
		before := bytes.Clone(message)
		var m engine.Message
		encode(&m, &d)
		if want := append(annotated(tt.want), rest...); !bytes.Equal(m.Body, want) {
			t.Errorf("%s: delivered %x, want %x", tt.name, m.Body, want)
		}
		if !bytes.Equal(message, before) {
			t.Errorf("%s: the stored message was changed", tt.name)
		}
	}
}
