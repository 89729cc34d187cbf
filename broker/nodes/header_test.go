package nodes

import (
	"bytes"
	"testing"

	"hibachi/broker"
	"hibachi/links/amqp"
	"hibachi/links/engine"
)

// Sections written by hand, in encodings that a smaller encoder would not choose: what passes has to pass to the byte.
var (
	headerDurableTTL    = []byte{0x00, 0x53, 0x70, 0xc0, 0x08, 0x03, 0x41, 0x40, 0x70, 0x00, 0x00, 0xea, 0x60} // durable, no priority, ttl 60000
	headerWide          = []byte{0x00, 0x80, 0, 0, 0, 0, 0, 0, 0, 0x70, 0xd0, 0, 0, 0, 6, 0, 0, 0, 1, 0x56, 0x01}
	deliveryAnnotations = []byte{0x00, 0x53, 0x71, 0xc1, 0x07, 0x02, 0xa3, 0x01, 'x', 0xa1, 0x01, 'y'}
	messageAnnotations  = []byte{0x00, 0x53, 0x72, 0xd1, 0, 0, 0, 0x13, 0, 0, 0, 2, 0xa3, 0x09, 'd', 'e', 'v', 'i', 'c', 'e', '_', 'i', 'd', 0xa1, 0x02, '4', '7'}
	bodyWide            = []byte{0x00, 0x53, 0x75, 0xb0, 0, 0, 0, 4, 't', '=', '2', '1'}
)

func join(parts ...[]byte) []byte { return bytes.Join(parts, nil) }

func TestDeliveryAnnotationsStayOnTheirHop(t *testing.T) {
	for _, header := range [][]byte{headerDurableTTL, headerWide, nil} {
		b := join(header, deliveryAnnotations, messageAnnotations, bodyWide)
		m, err := amqp.ParseMessage(b)
		if err != nil {
			t.Fatal(err)
		}
		if got, want := withoutDeliveryAnnotations(&m), join(header, messageAnnotations, bodyWide); !bytes.Equal(got, want) {
			t.Errorf("with header % x:\n got % x\nwant % x", header, got, want)
		}
	}
}

func TestWithoutDeliveryAnnotationsNothingMoves(t *testing.T) {
	b := join(headerDurableTTL, messageAnnotations, bodyWide)
	m, err := amqp.ParseMessage(b)
	if err != nil {
		t.Fatal(err)
	}
	if got := withoutDeliveryAnnotations(&m); &got[0] != &b[0] || len(got) != len(b) {
		t.Error("the message was moved or copied")
	}
}

func TestADeliverysHeaderIsOurs(t *testing.T) {
	ttl := amqp.Some(uint32(60000))
	for _, tt := range []struct {
		name   string
		stored []byte
		d      broker.Delivery
		want   amqp.MessageHeader
	}{
		{"first", headerDurableTTL, broker.Delivery{}, amqp.MessageHeader{Durable: true, TTL: ttl, FirstAcquirer: true}},
		{"released before", headerDurableTTL, broker.Delivery{Redelivered: true}, amqp.MessageHeader{Durable: true, TTL: ttl}},
		{"failed twice", headerDurableTTL, broker.Delivery{Redelivered: true, Attempts: 2}, amqp.MessageHeader{Durable: true, TTL: ttl, DeliveryCount: 2}},
		{"wide encodings", headerWide, broker.Delivery{}, amqp.MessageHeader{Durable: true, FirstAcquirer: true}},
		{
			"the sender's delivery-count and first-acquirer do not count",
			(&amqp.MessageHeader{Durable: true, Priority: amqp.Some(uint8(9)), FirstAcquirer: true, DeliveryCount: 7}).Append(nil),
			broker.Delivery{Redelivered: true},
			amqp.MessageHeader{Durable: true, Priority: amqp.Some(uint8(9))},
		},
	} {
		tt.d.Message = join(tt.stored, messageAnnotations, bodyWide)
		before := bytes.Clone(tt.d.Message)
		var out engine.Message
		encode(&out, &tt.d)
		if !bytes.Equal(tt.d.Message, before) {
			t.Errorf("%s: the stored bytes were changed", tt.name)
		}
		if !bytes.Equal(out.Body, join(messageAnnotations, bodyWide)) {
			t.Errorf("%s: after the header comes % x", tt.name, out.Body)
		}
		m, err := amqp.ParseMessage(join(out.Head[:out.HeadLen], out.Body))
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		if h, err := m.ParseHeader(); err != nil || h != tt.want {
			t.Errorf("%s: header %+v, %v; want %+v", tt.name, h, err, tt.want)
		}
	}
}

func TestTheLargestHeaderFits(t *testing.T) {
	h := amqp.MessageHeader{Durable: true, Priority: amqp.Some(uint8(255)), TTL: amqp.Some(^uint32(0)), FirstAcquirer: true, DeliveryCount: ^uint32(0)}
	if n := len(h.Append(nil)); n > amqp.MaxHeaderSize {
		t.Errorf("%d bytes, and there is room for %d", n, amqp.MaxHeaderSize)
	}
}

func TestWhatHasNoHeaderGoesOutAsItIs(t *testing.T) {
	for _, stored := range [][]byte{join(messageAnnotations, bodyWide), []byte("rubbish"), {}} {
		var out engine.Message
		encode(&out, &broker.Delivery{Position: 7, Message: stored})
		if out.Ref != 7 || out.HeadLen != 0 || !bytes.Equal(out.Body, stored) {
			t.Errorf("% x: ref %d, head % x, body % x", stored, out.Ref, out.Head[:out.HeadLen], out.Body)
		}
	}
}

func BenchmarkEncode(b *testing.B) {
	d := broker.Delivery{Message: join(headerDurableTTL, messageAnnotations, bodyWide)}
	var out engine.Message
	b.ReportAllocs()
	for b.Loop() {
		encode(&out, &d)
	}
}
