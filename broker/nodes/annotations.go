package nodes

import (
	"bytes"

	"hibachi/links/amqp"
)

// withAnnotations is a message with other message annotations, given as keys and values in turn. All other bytes are as they were.
func withAnnotations(m *amqp.Message, entries []amqp.Raw) []byte {
	before := max(m.Header.End, m.DeliveryAnnotations.End)
	after := max(before, m.MessageAnnotations.End)
	size := 16
	for _, e := range entries {
		size += len(e)
	}
	out := make([]byte, 0, len(m.Raw)+size)
	out = append(out, m.Raw[:before]...)
	out = amqp.AppendSection(out, amqp.CodeMessageAnnotations, amqp.AppendMap(nil, entries))
	return append(out, m.Raw[after:]...)
}

// remarked is a message with what modified outcomes said combined with its message annotations: a key that is there already gets the new
// value. [messaging 3.4.5]
func remarked(message []byte, remarks [][]byte) []byte {
	m, err := amqp.ParseMessage(message)
	if err != nil {
		return message // Not a message of ours: it goes out as it is.
	}
	var entries []amqp.Raw
	for k, v := range m.Annotations().Map() {
		entries = append(entries, k, v)
	}
	for _, r := range remarks {
		for k, v := range amqp.Raw(r).Map() {
			entries = combine(entries, k, v)
		}
	}
	return withAnnotations(&m, entries)
}

func combine(entries []amqp.Raw, key, value amqp.Raw) []amqp.Raw {
	for i := 0; i < len(entries); i += 2 {
		if sameKey(entries[i], key) {
			entries[i+1] = value
			return entries
		}
	}
	return append(entries, key, value)
}

// sameKey: one symbol may be encoded in two widths.
func sameKey(a, b amqp.Raw) bool {
	if s, ok := a.Symbol(); ok {
		t, ok := b.Symbol()
		return ok && s == t
	}
	return bytes.Equal(a, b)
}
