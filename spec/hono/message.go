package hono

import (
	"bytes"
	"time"

	"hibachi/links/amqp"
)

// MaxDevice bounds a device's id, in bytes.
const MaxDevice = 255

const (
	keyDevice = "device_id"

	// fields of the properties section [messaging 3.2.4]
	fieldTo             = 2
	fieldContentType    = 6
	fieldAbsoluteExpiry = 8
	fieldCreationTime   = 9
)

// Event is what a broker has to know of a message.
type Event struct {
	Device   string // a copy
	TTL      time.Duration
	Deadline amqp.Opt[int64] // absolute-expiry-time, milliseconds since the epoch
	Type     EventType
	Warnings Warnings
}

// Expires is when an event that arrived then is no longer to be delivered: the earlier of arrival + ttl and absolute-expiry-time. Zero:
// never. A ttl of 0 is none.
func (e *Event) Expires(arrived time.Time) time.Time {
	var t time.Time
	if e.TTL > 0 {
		t = arrived.Add(e.TTL)
	}
	if e.Deadline.Set {
		if d := time.UnixMilli(e.Deadline.Value); t.IsZero() || d.Before(t) {
			t = d
		}
	}
	return t
}

// Check holds a message that came for tenant against the rules. format is the transfer's message-format. It allocates nothing but the
// device's id, unless it finds a violation.
func Check(m *amqp.Message, format uint32, tenant string) (Event, *Violation) {
	var e Event
	if format != 0 {
		return e, Violate(MessageWellFormed, amqp.ErrNotImplemented, "transfer field message-format is %#x: only AMQP messages (0) are taken", format)
	}
	if err := m.Validate(); err != nil {
		return e, Malformed(err)
	}
	h, err := m.ParseHeader()
	if err != nil {
		return e, Malformed(err)
	}
	if !h.Durable {
		return e, Violate(ForwardDurable, amqp.ErrPreconditionFailed, "header field durable is not true: an event has to be durable")
	}
	if h.TTL.Set {
		e.TTL = time.Duration(h.TTL.Value) * time.Millisecond
	}
	if v := e.readDevice(m); v != nil {
		return e, v
	}
	e.readProperties(m, tenant)
	e.readBody(m)
	return e, nil
}

// Malformed is the violation of a message in which the wire vocabulary found err.
func Malformed(err error) *Violation {
	return Violate(MessageWellFormed, amqp.ErrDecode, "message: %v", err)
}

func (e *Event) readDevice(m *amqp.Message) *Violation {
	property := m.ApplicationProperty(keyDevice)
	id, where := m.Annotation(keyDevice), "message annotation"
	switch {
	case id.IsNull():
		id, where = property, "application property"
	case differ(id, property):
		e.Warnings.add(MessageDevice)
	}
	if id.IsNull() {
		return Violate(MessageDevice, amqp.ErrInvalidField, "application property device_id is missing (and so is the message annotation)")
	}
	b, _ := id.Bytes()
	if len(b) > MaxDevice {
		return Violate(MessageDevice, amqp.ErrInvalidField, "%s device_id has %d bytes: at most %d", where, len(b), MaxDevice)
	}
	device, ok := id.Str()
	if !ok {
		return Violate(MessageDevice, amqp.ErrInvalidField, "%s device_id is %s: it has to be a string", where, excerpt(id.String()))
	}
	if device == "" {
		return Violate(MessageDevice, amqp.ErrInvalidField, "%s device_id is empty", where)
	}
	e.Device = device
	return nil
}

// differ tells whether both are there and not the same text.
func differ(annotation, property amqp.Raw) bool {
	if property.IsNull() {
		return false
	}
	a, _ := annotation.Bytes()
	p, _ := property.Bytes()
	return !bytes.Equal(a, p)
}

func (e *Event) readProperties(m *amqp.Message, tenant string) {
	if to := m.PropertiesField(fieldTo); !to.IsNull() {
		if b, _ := to.Bytes(); !meansTenant(b, tenant) {
			e.Warnings.add(MessageTo)
		}
	}
	contentType := m.PropertiesField(fieldContentType)
	e.Type = Classify(contentType)
	if contentType.IsNull() && !emptyBody(m) {
		e.Warnings.add(MessageContentType)
	}
	if ms, ok := m.PropertiesField(fieldAbsoluteExpiry).Int(); ok {
		e.Deadline = amqp.Some(ms)
	}
	if m.PropertiesField(fieldCreationTime).IsNull() {
		e.Warnings.add(MessageCreationTime)
	}
}

func (e *Event) readBody(m *amqp.Message) {
	if _, one := m.Data(); !one && m.BodyKind != amqp.BodyNone {
		e.Warnings.add(MessageBody)
	}
	if emptyBody(m) {
		return
	}
	switch e.Type {
	case EmptyNotification:
		e.Warnings.add(EmptyBody)
	case ProvisioningEvent:
		e.Warnings.add(ProvisioningBody)
	}
}

// emptyBody: the MQTT adapter sends a data section of no bytes where others send no section.
func emptyBody(m *amqp.Message) bool {
	if m.BodyKind == amqp.BodyNone {
		return true
	}
	b, one := m.Data()
	return one && len(b) == 0
}

// meansTenant: to is event/<tenant>, or begins event/<tenant>/.
func meansTenant(to []byte, tenant string) bool {
	n := len(prefix) + len(tenant)
	return len(to) >= n && string(to[:len(prefix)]) == prefix && string(to[len(prefix):n]) == tenant &&
		(len(to) == n || to[n] == '/')
}
