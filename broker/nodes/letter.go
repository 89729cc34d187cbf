package nodes

import (
	"strings"

	"hibachi/broker"
	"hibachi/links/amqp"
)

// letterPrefix begins the message annotations of a dead letter. What begins so in the event (it was a dead letter once, and somebody sent it
// again) is replaced.
const letterPrefix = "x-opt-deadletter-"

// Label makes the message of a dead letter: the event's, with message annotations that tell of its end. All other bytes are as they were
// sent. It is for broker.Options.
//
//	x-opt-deadletter-reason           string: rejected, attempts or undeliverable
//	x-opt-deadletter-description      string: the application's words, or the broker's
//	x-opt-deadletter-application      string
//	x-opt-deadletter-attempts         uint: returns that spoke against the event, a rejection included
//	x-opt-deadletter-time             timestamp
//	x-opt-deadletter-source-position  ulong: the event's position in the log of its tenant
func Label(message []byte, d broker.DeadLetter) []byte {
	m, err := amqp.ParseMessage(message)
	if err != nil {
		return message // Not a message of ours: it goes out as it is.
	}
	var entries []amqp.Raw
	for k, v := range m.Annotations().Map() {
		if key, _ := k.Text(); !strings.HasPrefix(key, letterPrefix) {
			entries = append(entries, k, v)
		}
	}
	add := func(key string, value amqp.Raw) {
		entries = append(entries, amqp.AppendSymbol(nil, amqp.Symbol(letterPrefix+key)), value)
	}
	add("reason", amqp.AppendString(nil, d.Reason))
	add("description", amqp.AppendString(nil, d.Description))
	add("application", amqp.AppendString(nil, d.Application))
	add("attempts", amqp.AppendUint(nil, d.Attempts))
	add("time", amqp.AppendTimestamp(nil, d.Time.UnixMilli()))
	add("source-position", amqp.AppendUlong(nil, uint64(d.Source)))

	return withAnnotations(&m, entries)
}
