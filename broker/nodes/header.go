package nodes

import (
	"hibachi/broker"
	"hibachi/links/amqp"
	"hibachi/links/engine"
)

// withoutDeliveryAnnotations is the message without that section, which was meant for this hop only. [messaging 3.2.2] It works in place: the
// header, which stands before, moves up. Everything else keeps its bytes.
func withoutDeliveryAnnotations(m *amqp.Message) []byte {
	cut := m.DeliveryAnnotations
	if cut.Start == cut.End {
		return m.Raw
	}
	header := m.Raw[:cut.Start]
	rest := m.Raw[cut.End-len(header):]
	copy(rest, header)
	return rest
}

// encode makes the message of a delivery: a header of this hop's, and the stored bytes after the stored header as they are. durable,
// priority and ttl are as they were sent (Hono's applications compare the ttl, so it is not counted down); who had the event before is
// ours to say: delivery-count, and first-acquirer. [messaging 3.2.1] What applications said in modified goes into the message annotations.
func encode(m *engine.Message, d *broker.Delivery) {
	message := d.Message
	if len(d.Remarks) > 0 {
		message = remarked(message, d.Remarks)
	}
	h, rest, ok := cutHeader(message)
	m.Ref = uint64(d.Position)
	m.Body = rest
	if !ok {
		return
	}
	h.FirstAcquirer = !d.Redelivered
	h.DeliveryCount = d.Attempts
	m.HeadLen = uint8(len(h.Append(m.Head[:0])))
}

// cutHeader reads the header in front of a stored message. Nothing is stored without one, so ok is false only for what somebody else put
// into the store; that goes out as it is.
func cutHeader(message []byte) (h amqp.MessageHeader, rest []byte, ok bool) {
	section, rest, err := amqp.ParseValue(message)
	if err != nil {
		return h, message, false
	}
	m := amqp.Message{Raw: message, Header: amqp.Section{End: len(section)}}
	h, err = m.ParseHeader()
	if err != nil {
		return h, message, false
	}
	return h, rest, true
}
