package checks

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"hibachi/conformance/suite"
	"hibachi/conformance/wire"
)

// event is Hono's Event API. Checks that have the id of a requirement of spec/hono prove that sentence; those that begin with "event."
// look at what the page implies, or at what Hono's clients need without the page saying so. docs/event-api.md puts them side by side.
var event = suite.Group{
	ID: "event", Title: "Hono's Event API",
	Checks: slices.Concat(eventForward, eventTiming, eventReceive, eventOutcomes, eventOrder, eventMessage, eventTypes, eventAddress),
}

// What the checks cite.
const (
	pageForward = "Event API, Forward Event"
	pageReceive = "Event API, Receive Events"
	pageFormat  = "Event API, Message Format"
	pageTypes   = "Event API, Well-known Event Message Types"
	pageClients = "Hono's clients, 0.5 to 2.7"
)

// on is what a check of events needs, and what else it names.
func on(more ...suite.Feature) []suite.Feature { return append([]suite.Feature{suite.Events}, more...) }

// eventSender sends to the tenant from a connection of its own.
func eventSender(t *suite.T, n suite.Tenant) *suite.Link {
	return t.Open(nil).Begin(nil).Sender(n.Event(), nil)
}

// eventReceiver receives from the address on a connection of its own.
func eventReceiver(t *suite.T, address string, credit uint32) *suite.Link {
	l := t.Open(nil).Begin(nil).Receiver(address, nil)
	if credit > 0 {
		l.Grant(credit)
	}
	return l
}

// eventParts is an event as Hono's adapters make it. Its body tells the device and the number.
func eventParts(n suite.Tenant, device string, number int) suite.Parts {
	return suite.Parts{
		Header:      wire.F{"durable": true},
		Device:      device,
		Annotations: []wire.Raw{wire.Sym("tenant_id"), wire.Str(n.Name), wire.Sym("resource"), wire.Str("event/" + n.Name + "/" + device)},
		Properties: wire.F{"message-id": "GenericSenderLink-" + strconv.Itoa(number), "to": "event/" + n.Name,
			"content-type": "text/plain", "creation-time": int64(1700000000000)},
		Application: []wire.Raw{wire.Str("device_id"), wire.Str(device), wire.Str("orig_adapter"), wire.Str("hono-http"), wire.Str("qos"), wire.Int(1)},
		Body:        []wire.Raw{wire.Data(fmt.Appendf(nil, "%s#%d", device, number))},
	}
}

func eventMessageOf(t *suite.T, n suite.Tenant, device string, number int) []byte {
	return t.MessageOf(eventParts(n, device, number))
}

// putEvents sends the numbers from 0 to count-1 of each device, by turns, and wants all accepted.
func putEvents(t *suite.T, l *suite.Link, n suite.Tenant, count int, devices ...string) {
	var ids []uint32
	for i := range count {
		for _, d := range devices {
			ids = append(ids, l.Send(eventMessageOf(t, n, d, i)))
		}
	}
	for _, id := range ids {
		l.Session().Outcome(id, wire.Accepted)
	}
}

// eventBody is what eventParts wrote.
func eventBody(t *suite.T, d *suite.Delivery) (device string, number int) {
	s := wire.FindSection(d.Sections, wire.CodeData)
	if s == nil {
		t.Fail("an event came whose body is no data section: %x", d.Message)
	}
	v, _ := wire.DecodeAll(s.Value)
	b, _ := v.([]byte)
	device, digits, _ := strings.Cut(string(b), "#")
	number, err := strconv.Atoi(digits)
	if err != nil {
		t.Fail("an event came that nobody sent: %q", b)
	}
	return device, number
}

// wantEvent ends the case unless the delivery is that event.
func wantEvent(t *suite.T, d *suite.Delivery, device string, number int) {
	if gotDevice, got := eventBody(t, d); gotDevice != device || got != number {
		t.FailWant(fmt.Sprintf("event %d of %s", number, device), fmt.Sprintf("event %d of %s", got, gotDevice))
	}
}

func accept(l *suite.Link, d *suite.Delivery)  { l.Settle(d, wire.Accepted.With()) }
func release(l *suite.Link, d *suite.Delivery) { l.Settle(d, wire.Released.With()) }

// nothingFor wants no delivery while the connection goes on: what was due is there when the echo is.
func nothingFor(t *suite.T, l *suite.Link, why string) {
	l.Session().Conn().Alive()
	if d := l.TryReceive(absence); d != nil {
		device, number := eventBody(t, d)
		t.FailWant("nothing: "+why, fmt.Sprintf("event %d of %s", number, device))
	}
}

// header is a delivery's.
func headerOf(t *suite.T, d *suite.Delivery) *wire.Composite {
	s := wire.FindSection(d.Sections, wire.CodeHeader)
	if s == nil {
		t.Fail("an event came without a header, so without durable=true")
	}
	h, err := wire.ParseComposite(s.Octets)
	if err != nil {
		t.Fail("the header of an event: %v", err)
	}
	return h
}
