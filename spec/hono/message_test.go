package hono

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"hibachi/links/amqp"
)

// message is what the tests send: fields left at their zero value are as Hono's clients set them.
type message struct {
	header      *amqp.MessageHeader // nil: durable
	noHeader    bool
	annotations amqp.Raw // nil: device_id=4711
	properties  *amqp.MessageProperties
	application amqp.Raw // nil: device_id=4711
	body        []byte   // encoded sections; nil: one data section "t=21"
}

func (m message) encode() []byte {
	var b []byte
	if m.header == nil {
		m.header = &amqp.MessageHeader{Durable: true}
	}
	if !m.noHeader {
		b = m.header.Append(b)
	}
	if m.annotations == nil {
		m.annotations = amqp.MakeMap(amqp.Symbol("device_id"), "4711")
	}
	b = amqp.AppendSection(b, 0x72, m.annotations)
	if m.properties == nil {
		m.properties = properties("event/acme", "text/plain")
	}
	b = m.properties.Append(b)
	if m.application == nil {
		m.application = amqp.MakeMap("device_id", "4711", "orig_adapter", "hono-mqtt")
	}
	b = amqp.AppendSection(b, 0x74, m.application)
	if m.body == nil {
		m.body = amqp.AppendData(nil, []byte("t=21"))
	}
	return append(b, m.body...)
}

func properties(to, contentType string) *amqp.MessageProperties {
	return &amqp.MessageProperties{To: to, ContentType: amqp.Symbol(contentType), CreationTime: amqp.Some(int64(1700000000000))}
}

func noMap() amqp.Raw { return amqp.MakeMap() }

func check(t *testing.T, b []byte, format uint32) (Event, *Violation) {
	t.Helper()
	m, err := amqp.ParseMessage(b)
	if err != nil {
		return Event{}, Malformed(err)
	}
	return Check(&m, format, "acme")
}

func TestHonosOwnMessagesPassWithoutWarning(t *testing.T) {
	for name, m := range map[string]message{
		"adapter":                 {},
		"empty notification":      {properties: properties("event/acme", ContentTypeEmpty), body: []byte{}},
		"empty notification MQTT": {properties: properties("event/acme", ContentTypeEmpty), body: amqp.AppendData(nil, nil)},
		"connection event":        {properties: properties("event/acme", ContentTypeConnection)},
		"provisioning":            {properties: properties("event/acme", ContentTypeProvisioning), body: []byte{}},
		"to names the device":     {properties: properties("event/acme/4711", "text/plain")},
		"no to":                   {properties: properties("", "text/plain")},
		"device annotation only":  {application: noMap()},
		"device property only":    {annotations: noMap()},
		"no body, no type":        {properties: properties("event/acme", ""), body: []byte{}},
	} {
		e, v := check(t, m.encode(), 0)
		if v != nil {
			t.Errorf("%s: %v", name, v)
			continue
		}
		if e.Device != "4711" {
			t.Errorf("%s: device %q, want 4711", name, e.Device)
		}
		if ws := slices.Collect(e.Warnings.All()); len(ws) > 0 {
			t.Errorf("%s: warnings %v, want none", name, ws)
		}
	}
}

// broken holds one message for each way to break a rule.
var broken = []struct {
	name        string
	message     message
	raw         []byte // instead of message
	format      uint32
	requirement Requirement
	condition   amqp.Symbol // "": a warning
	says        string
}{
	{name: "no bytes", raw: []byte{}, requirement: ForwardDurable, condition: amqp.ErrPreconditionFailed, says: "durable"},
	{name: "rubbish", raw: []byte("rubbish"), requirement: MessageWellFormed, condition: amqp.ErrDecode, says: "message"},
	{name: "header is a map", raw: amqp.AppendSection(nil, 0x70, noMap()), requirement: MessageWellFormed, condition: amqp.ErrDecode, says: "message"},
	{name: "durable is a string", raw: amqp.AppendSection(nil, 0x70, amqp.AppendList(nil, []amqp.Raw{amqp.Make("yes")})), requirement: MessageWellFormed, condition: amqp.ErrDecode, says: "message"},
	{name: "annotation under a string", message: message{annotations: amqp.MakeMap("device_id", "4711")}, requirement: MessageWellFormed, condition: amqp.ErrDecode, says: "message"},
	{name: "a map among the application properties", message: message{application: amqp.MakeMap("device_id", "4711", "more", noMap())}, requirement: MessageWellFormed, condition: amqp.ErrDecode, says: "message"},
	{name: "sections out of order", raw: amqp.AppendData((&amqp.MessageHeader{Durable: true}).Append(amqp.AppendData(nil, nil)), nil), requirement: MessageWellFormed, condition: amqp.ErrDecode, says: "message"},
	{name: "another format", format: 0x10, requirement: MessageWellFormed, condition: amqp.ErrNotImplemented, says: "message-format is 0x10"},
	{name: "not durable", message: message{header: &amqp.MessageHeader{}}, requirement: ForwardDurable, condition: amqp.ErrPreconditionFailed, says: "header field durable"},
	{name: "no header", message: message{noHeader: true}, requirement: ForwardDurable, condition: amqp.ErrPreconditionFailed, says: "header field durable"},
	{name: "no device", message: message{annotations: noMap(), application: noMap()}, requirement: MessageDevice, condition: amqp.ErrInvalidField, says: "application property device_id is missing"},
	{name: "device null", message: message{annotations: noMap(), application: amqp.MakeMap("device_id", nil)}, requirement: MessageDevice, condition: amqp.ErrInvalidField, says: "missing"},
	{name: "device empty", message: message{annotations: noMap(), application: amqp.MakeMap("device_id", "")}, requirement: MessageDevice, condition: amqp.ErrInvalidField, says: "application property device_id is empty"},
	{name: "device annotation empty", message: message{annotations: amqp.MakeMap(amqp.Symbol("device_id"), "")}, requirement: MessageDevice, condition: amqp.ErrInvalidField, says: "message annotation device_id is empty"},
	{name: "device a number", message: message{annotations: noMap(), application: amqp.MakeMap("device_id", uint32(4711))}, requirement: MessageDevice, condition: amqp.ErrInvalidField, says: "has to be a string"},
	{name: "device long", message: message{annotations: noMap(), application: amqp.MakeMap("device_id", strings.Repeat("x", 256))}, requirement: MessageDevice, condition: amqp.ErrInvalidField, says: "256 bytes"},

	{name: "two devices", message: message{application: amqp.MakeMap("device_id", "4712")}, requirement: MessageDevice},
	{name: "another tenant in to", message: message{properties: properties("event/other", "text/plain")}, requirement: MessageTo},
	{name: "a longer tenant in to", message: message{properties: properties("event/acme2", "text/plain")}, requirement: MessageTo},
	{name: "telemetry in to", message: message{properties: properties("telemetry/acme", "text/plain")}, requirement: MessageTo},
	{name: "no content type", message: message{properties: properties("event/acme", "")}, requirement: MessageContentType},
	{name: "no creation time", message: message{properties: &amqp.MessageProperties{To: "event/acme", ContentType: "text/plain"}}, requirement: MessageCreationTime},
	{name: "two data sections", message: message{body: amqp.AppendData(amqp.AppendData(nil, []byte("a")), []byte("b"))}, requirement: MessageBody},
	{name: "a value body", message: message{body: amqp.AppendSection(nil, 0x77, amqp.Make("t=21"))}, requirement: MessageBody},
	{name: "empty notification, not empty", message: message{properties: properties("event/acme", ContentTypeEmpty)}, requirement: EmptyBody},
	{name: "provisioning with a body", message: message{properties: properties("event/acme", ContentTypeProvisioning)}, requirement: ProvisioningBody},
}

func TestEveryBrokenRuleIsNamed(t *testing.T) {
	for _, tt := range broken {
		b := tt.raw
		if b == nil {
			b = tt.message.encode()
		}
		e, v := check(t, b, tt.format)
		if tt.condition == "" {
			if v != nil || !slices.Equal(slices.Collect(e.Warnings.All()), []Requirement{tt.requirement}) {
				t.Errorf("%s: warnings %v, violation %v; want the warning %s alone", tt.name, slices.Collect(e.Warnings.All()), v, tt.requirement)
			}
			continue
		}
		if v == nil {
			t.Errorf("%s: no violation", tt.name)
			continue
		}
		if v.Requirement != tt.requirement || v.Condition != tt.condition || !strings.Contains(v.Description, tt.says) {
			t.Errorf("%s: %s, %s: %s; want %s, %s: …%s…", tt.name, v.Requirement, v.Condition, v.Description, tt.requirement, tt.condition, tt.says)
		}
		if a := v.AMQP(); a.Condition != tt.condition || !strings.HasSuffix(a.Description, "["+tt.requirement.String()+"]") {
			t.Errorf("%s: the peer is told %v, want the id at its end", tt.name, a)
		}
	}
}

func TestEventTypes(t *testing.T) {
	for contentType, want := range map[string]EventType{
		"":                                  Plain,
		"application/json":                  Plain,
		ContentTypeEmpty:                    EmptyNotification,
		ContentTypeEmpty + ";charset=utf-8": Plain,
		ContentTypeConnection:               ConnectionEvent,
		ContentTypeProvisioning:             ProvisioningEvent,
		"application/vnd.eclipse-device-provisioning-notification":        ProvisioningEvent,
		"application/vnd.eclipse-hono-delivery-success-notification+json": Plain,
	} {
		if e, v := check(t, message{properties: properties("event/acme", contentType)}.encode(), 0); v != nil || e.Type != want {
			t.Errorf("%q: %s, %v; want %s", contentType, e.Type, v, want)
		}
	}
}

func TestExpiry(t *testing.T) {
	arrived := time.UnixMilli(1700000000000)
	for _, tt := range []struct {
		name     string
		ttl      amqp.Opt[uint32]
		deadline amqp.Opt[int64]
		want     time.Time
	}{
		{name: "none"},
		{name: "ttl 0 is none", ttl: amqp.Some(uint32(0))},
		{name: "ttl", ttl: amqp.Some(uint32(60000)), want: arrived.Add(time.Minute)},
		{name: "longest ttl", ttl: amqp.Some(uint32(1<<32 - 1)), want: arrived.Add((1<<32 - 1) * time.Millisecond)},
		{name: "deadline", deadline: amqp.Some(int64(1700000001000)), want: arrived.Add(time.Second)},
		{name: "deadline passed", deadline: amqp.Some(int64(1600000000000)), want: time.UnixMilli(1600000000000)},
		{name: "deadline first", ttl: amqp.Some(uint32(60000)), deadline: amqp.Some(int64(1700000001000)), want: arrived.Add(time.Second)},
		{name: "ttl first", ttl: amqp.Some(uint32(1000)), deadline: amqp.Some(int64(1700000060000)), want: arrived.Add(time.Second)},
	} {
		p := properties("event/acme", "text/plain")
		p.AbsoluteExpiryTime = tt.deadline
		e, v := check(t, message{header: &amqp.MessageHeader{Durable: true, TTL: tt.ttl}, properties: p}.encode(), 0)
		if v != nil {
			t.Errorf("%s: %v", tt.name, v)
			continue
		}
		if got := e.Expires(arrived); !got.Equal(tt.want) {
			t.Errorf("%s: expires %v, want %v", tt.name, got, tt.want)
		}
	}
}

func TestRequirementsAreWholeAndTested(t *testing.T) {
	tested := map[Requirement]bool{
		// Judged by broker/nodes, which has the tests.
		ForwardAddress: true, ForwardLinkModes: true, ForwardUnsettled: true, ReceiveAddress: true, ReceiveLinkModes: true,
	}
	for _, tt := range broken {
		tested[tt.requirement] = true
	}
	for _, tt := range badAddresses {
		tested[tt.requirement] = true
	}
	ids := map[string]bool{}
	for _, r := range Requirements() {
		x := r.Text()
		if x.ID == "" || x.Page == "" || x.Binds == "" || x.Says == "" || x.Place == "" || (x.Versions == "" && x.Page != pageOurs) {
			t.Errorf("requirement %d: %+v lacks something", r, x)
		}
		if ids[x.ID] {
			t.Errorf("two requirements have the id %s", x.ID)
		}
		ids[x.ID] = true
		judged := x.Place == AtAttach || x.Place == AtTransfer || x.Place == AtWarning
		if judged && !tested[r] {
			t.Errorf("%s is judged at %s and no test breaks it", r, x.Place)
		}
	}
}

func TestCheckAllocatesTheDeviceOnly(t *testing.T) {
	m, err := amqp.ParseMessage(message{}.encode())
	if err != nil {
		t.Fatal(err)
	}
	allocs := testing.AllocsPerRun(100, func() {
		if _, v := Check(&m, 0, "acme"); v != nil {
			t.Fatal(v)
		}
	})
	if allocs > 1 {
		t.Errorf("%v allocations, want 1: the device", allocs)
	}
}

func BenchmarkCheck(b *testing.B) {
	raw := message{body: amqp.AppendData(nil, make([]byte, 1024))}.encode()
	b.ReportAllocs()
	for b.Loop() {
		m, err := amqp.ParseMessage(raw)
		if err != nil {
			b.Fatal(err)
		}
		if _, v := Check(&m, 0, "acme"); v != nil {
			b.Fatal(v)
		}
	}
}

func FuzzCheck(f *testing.F) {
	for _, tt := range broken {
		if tt.raw != nil {
			f.Add(tt.raw)
		} else {
			f.Add(tt.message.encode())
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := amqp.ParseMessage(b)
		if err != nil {
			return
		}
		e, v := Check(&m, 0, "acme")
		if v == nil && (e.Device == "" || len(e.Device) > MaxDevice) {
			t.Errorf("taken with the device %q", e.Device)
		}
		if v != nil && len(fmt.Sprint(v)) > 600 {
			t.Errorf("a description of %d bytes", len(fmt.Sprint(v)))
		}
	})
}
