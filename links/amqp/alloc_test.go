package amqp

import (
	"bytes"
	"testing"
)

// What goes by with each event.
var (
	hotTransfer = Transfer{Handle: 1, DeliveryID: Some(SequenceNo(70000)), DeliveryTag: []byte{0, 0, 0, 9}, MessageFormat: Some(uint32(0)),
		Settled: Some(false), More: true}
	hotFlow = Flow{NextIncomingID: Some(SequenceNo(70000)), IncomingWindow: 2048, NextOutgoingID: 80000, OutgoingWindow: 2048,
		Handle: Some(uint32(1)), DeliveryCount: Some(SequenceNo(9)), LinkCredit: Some(uint32(1000)), Properties: MakeMap("k", "v")}
	hotDisposition = Disposition{Role: RoleReceiver, First: 70000, Last: Some(SequenceNo(70099)), Settled: true, State: DeliveryState{Kind: Accepted}}
	hotVerdict     = Disposition{Role: RoleReceiver, First: 7, Settled: true, State: DeliveryState{Kind: Modified, DeliveryFailed: true, Annotations: MakeMap("k", 1)}}
	hotMessage     = join(aHeader, aMessage, aProperties, aApplication, AppendData(nil, bytes.Repeat([]byte("x"), 1024)))
)

func hotFrames() map[string]Body {
	return map[string]Body{"transfer": &hotTransfer, "flow": &hotFlow, "disposition": &hotDisposition, "verdict": &hotVerdict}
}

// TestHotPathAllocatesNothing: in neither direction, with states, tags and properties present.
func TestHotPathAllocatesNothing(t *testing.T) {
	none := func(what string, f func()) {
		t.Helper()
		if n := testing.AllocsPerRun(100, f); n != 0 {
			t.Errorf("%s: %v allocations", what, n)
		}
	}
	var d Decoder
	dst := make([]byte, 0, 4096)
	payload := make([]byte, 1024)
	for name, body := range hotFrames() {
		b := body.Append(nil)
		none("decode "+name, func() {
			if _, _, err := d.Decode(b, false); err != nil {
				t.Fatal(err)
			}
		})
		none("append "+name, func() { AppendFrame(dst, TypeAMQP, 1, body, payload) })
	}
	none("parse and check a message", func() {
		m, err := ParseMessage(hotMessage)
		if err != nil {
			t.Fatal(err)
		}
		if err := m.Validate(); err != nil {
			t.Fatal(err)
		}
		if h, err := m.ParseHeader(); err != nil || !h.Durable {
			t.Fatal(h, err)
		}
		if m.Annotation("device_id") == nil || m.ApplicationProperty("n") == nil || m.PropertiesField(PropertyTo) == nil {
			t.Fatal("not found")
		}
	})
	h := MessageHeader{Durable: true, DeliveryCount: 3}
	none("append a header", func() { h.Append(dst) })
}

func BenchmarkDecode(b *testing.B) {
	for name, body := range hotFrames() {
		b.Run(name, func(b *testing.B) {
			var d Decoder
			frame := body.Append(nil)
			b.ReportAllocs()
			for b.Loop() {
				if _, _, err := d.Decode(frame, false); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkAppendFrame(b *testing.B) {
	for name, body := range hotFrames() {
		b.Run(name, func(b *testing.B) {
			dst := make([]byte, 0, 4096)
			b.ReportAllocs()
			for b.Loop() {
				AppendFrame(dst, TypeAMQP, 1, body, nil)
			}
		})
	}
}

func BenchmarkMessage(b *testing.B) {
	b.Run("parse", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := ParseMessage(hotMessage); err != nil {
				b.Fatal(err)
			}
		}
	})
	m, err := ParseMessage(hotMessage)
	if err != nil {
		b.Fatal(err)
	}
	b.Run("validate", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if err := m.Validate(); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("lookup", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			m.Annotation("device_id")
		}
	})
}
