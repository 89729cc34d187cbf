package amqp

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
)

// section is one whole section of a message.
func section(code uint64, v any) []byte { return AppendSection(nil, code, Make(v)) }

var (
	aHeader      = section(CodeHeader, []any{true})
	aDelivery    = section(CodeDeliveryAnnotations, MakeMap(Symbol("x-d"), 1))
	aMessage     = section(CodeMessageAnnotations, MakeMap(Symbol("device_id"), "4711", uint64(3), 4))
	aProperties  = section(CodeProperties, []any{"id", nil, "event/t", nil, nil, nil, Symbol("text/plain")})
	aApplication = section(CodeApplicationProperties, MakeMap("orig", true, "n", 7))
	aData        = AppendData(nil, []byte("payload"))
	aSequence    = section(CodeSequence, []any{1, 2})
	aValue       = section(CodeValue, "value")
	aFooter      = section(CodeFooter, MakeMap(Symbol("x-f"), 1))
)

func join(sections ...[]byte) []byte { return bytes.Join(sections, nil) }

func TestMessageLayout(t *testing.T) {
	b := join(aHeader, aDelivery, aMessage, aProperties, aApplication, aData, aData, aFooter)
	m, err := ParseMessage(b)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		got  Section
		want []byte
	}{
		"header":                 {m.Header, aHeader},
		"delivery-annotations":   {m.DeliveryAnnotations, aDelivery},
		"message-annotations":    {m.MessageAnnotations, aMessage},
		"properties":             {m.Properties, aProperties},
		"application-properties": {m.ApplicationProperties, aApplication},
		"body":                   {m.Body, join(aData, aData)},
		"footer":                 {m.Footer, aFooter},
	} {
		if got := b[c.got.Start:c.got.End]; !bytes.Equal(got, c.want) {
			t.Errorf("%s: %x, want %x", name, got, c.want)
		}
	}
	if m.BodyKind != BodyData || m.BodySections != 2 {
		t.Errorf("body of %d sections of %v", m.BodySections, m.BodyKind)
	}
	if !bytes.Equal(m.Kept(), join(aMessage, aProperties, aApplication, aData, aData, aFooter)) {
		t.Errorf("kept: %x", m.Kept())
	}
	if err := m.Validate(); err != nil {
		t.Error(err)
	}
}

// TestSectionOrder: every pair of sections is allowed in the one order that the specification gives, and in no other.
// [messaging 3.2] Only data and sequence may be repeated, and only one kind of body may be there.
func TestSectionOrder(t *testing.T) {
	sections := [][]byte{aHeader, aDelivery, aMessage, aProperties, aApplication, aData, aSequence, aValue, aFooter}
	const data, sequence, value = 5, 6, 7
	body := func(i int) bool { return i >= data && i <= value }
	for i, first := range sections {
		for k, second := range sections {
			allowed := i < k && !(body(i) && body(k)) || i == k && (i == data || i == sequence)
			_, err := ParseMessage(join(first, second))
			var e *DecodeError
			switch {
			case allowed && err != nil:
				t.Errorf("%s, %s: %v", sectionNames[i], sectionNames[k], err)
			case !allowed && !errors.As(err, &e):
				t.Errorf("%s, %s: no error", sectionNames[i], sectionNames[k])
			case !allowed && (e.Condition != ErrDecode || e.Offset != len(first)):
				t.Errorf("%s, %s: %v", sectionNames[i], sectionNames[k], e)
			}
		}
	}
	if m, err := ParseMessage(nil); err != nil || m.BodyKind != BodyNone {
		t.Errorf("no bytes: %v %v", m.BodyKind, err)
	}
}

func TestSectionDescriptors(t *testing.T) {
	for i, name := range []string{
		"amqp:header:list", "amqp:delivery-annotations:map", "amqp:message-annotations:map", "amqp:properties:list",
		"amqp:application-properties:map", "amqp:data:binary", "amqp:amqp-sequence:list", "amqp:amqp-value:*", "amqp:footer:map",
	} {
		code := uint64(CodeHeader + i)
		value := []any{[]any{}, MakeMap(), MakeMap(), []any{}, MakeMap(), []byte{}, []any{}, nil, MakeMap()}[i]
		wide := append(Raw{ctorDescribed, ctorUlong, 0, 0, 0, 0, 0, 0, 0, byte(code)}, Make(value)...)
		for _, b := range []Raw{section(code, value), MakeDescribed(Symbol(name), value), wide} {
			m, err := ParseMessage(b)
			if err != nil {
				t.Errorf("%s as %x: %v", name, []byte(b), err)
			}
			if err := m.Validate(); err != nil {
				t.Errorf("%s as %x: %v", name, []byte(b), err)
			}
			if got := presentSections(&m); got != sectionNames[i] {
				t.Errorf("%s as %x is laid out as %s", name, []byte(b), got)
			}
		}
	}
}

// presentSections names the sections of a message.
func presentSections(m *Message) string {
	var names []string
	for i, s := range []Section{m.Header, m.DeliveryAnnotations, m.MessageAnnotations, m.Properties, m.ApplicationProperties} {
		if s.Present() {
			names = append(names, sectionNames[i])
		}
	}
	if m.BodySections > 0 {
		names = append(names, m.BodyKind.String())
	}
	if m.Footer.Present() {
		names = append(names, "footer")
	}
	return strings.Join(names, " ")
}

func TestMalformedMessages(t *testing.T) {
	for _, c := range []struct {
		hex, what string
		offset    int
	}{
		{"ff", "no section begins with 0xff", 0},
		{"6162", "no section begins with 0x61", 0},
		{"00", "goes on behind", 1},
		{"0053", "goes on behind", 2},
		{"005379 40", "no section has descriptor 0x79", 0},
		{"005324 45", "no section has descriptor 0x24", 0},
		{"00a10175 a000", `no section has descriptor "u"`, 0},
		{"005375", "goes on behind", 3},
		{"005375 a005 6162", "goes on behind", 4},
		{"005375 b0ffffffff 61", "goes on behind", 4},
		{"005375 a100", "data: binary expected, string found", 3},
		{"005370 c100", "header: list expected, map found", 3},
		{"005370 c0", "goes on behind", 4},
		{"005370 c003 00", "goes on behind", 4},
		{"005374 45", "application-properties: map expected, list found", 3},
		{"005376 c10100", "amqp-sequence: list expected, map found", 3},
		{"005377 3f", "0x3f is no constructor", 3},
		{"005377 0040", "goes on behind", 5},
		{"005370 45 005375 a000 41", "no section begins with 0x41", 9},
	} {
		_, err := ParseMessage(unhex(t, c.hex))
		checkError(t, c.hex, err, ErrDecode, c.what, c.offset)
	}
	deep := append(AppendDescriptor(nil, CodeValue), bytes.Repeat([]byte{ctorDescribed}, 10000)...)
	if _, err := ParseMessage(deep); err == nil || !strings.Contains(err.Error(), "nested deeper") {
		t.Errorf("10000 descriptors: %v", err)
	}
}

// TestValidate: what ParseMessage does not look at, Validate does. Each case is laid out well, and wrong inside.
func TestValidate(t *testing.T) {
	for _, c := range []struct {
		hex, what string
		offset    int
	}{
		{"005370 c00100", "", 0},
		{"005370 c00201 41", "", 0},
		{"005370 c00201 43", "header: durable: boolean expected, uint found", 6},
		{"005370 c00302 41 43", "header: priority: ubyte expected, uint found", 7},
		{"005370 c00706 404040404040", "header: more fields", 11},
		{"005370 c00202 41", "header: priority: fewer fields", 7},
		{"005370 c000", "header: list's size", 3},
		{"005373 c00201 43", "properties: message-id: ulong, uuid, binary or string expected, uint found", 6},
		{"005373 c00301 5301", "", 0},
		{"005373 c00401 a10161", "", 0},
		{"005373 c00401 a101ff", "string is not UTF-8", 7},
		{"005373 c00704 40 40 40 a30161", "properties: subject: string expected, symbol found", 9},
		{"005371 c10502 a10161 40", "annotations: symbol or ulong expected as a key, string found", 6},
		{"005372 c10502 a30161 40", "", 0},
		{"005372 c10402 5301 40", "", 0},
		{"005372 c10302 43 40", "annotations: symbol or ulong expected as a key, uint found", 6},
		{"005372 c10504 4441 4341", "annotations: symbol or ulong expected as a key, uint found", 8},
		{"005372 c10101", "key without a value", 4},
		{"005372 c10202 44", "2 elements said, 1 found", 7},
		{"005378 c10502 a10161 40", "annotations: symbol or ulong", 6},
		{"005374 c10502 a10161 40", "", 0},
		{"005374 c10502 a30161 40", "application-properties: string expected as a key, symbol found", 6},
		{"005374 c10302 40 40", "application-properties: string expected as a key, null found", 6},
		{"005374 c10502 a10161 45", "application-properties: simple value expected, list found", 6},
		{"005374 c10702 a10161 c10100", "application-properties: simple value expected, map found", 6},
		{"005374 c10802 a10161 e00200a3", "application-properties: simple value expected, array found", 6},
		{"005374 c10802 a10161 00530145", "application-properties: simple value expected, list found", 6},
		{"005374 c10802 a10161 00530140", "", 0},
		{"005376 c00302 41 3f", "0x3f is no constructor", 7},
		{"005376 45 005376 c00202 41", "2 elements said, 1 found", 11},
		{"005377 c00202 41", "2 elements said, 1 found", 7},
		{"005377 a101ff", "string is not UTF-8", 4},
		{"005375 a001ff", "", 0},
		{"005375 a001ff 005375 a0 00", "", 0},
	} {
		m, err := ParseMessage(unhex(t, c.hex))
		if err != nil {
			t.Errorf("%s: %v", c.hex, err)
			continue
		}
		if err = m.Validate(); c.what != "" {
			checkError(t, c.hex, err, ErrDecode, c.what, c.offset)
		} else if err != nil {
			t.Errorf("%s: %v", c.hex, err)
		}
	}
}

func TestMessageLookups(t *testing.T) {
	annotations := MakeMap(Symbol("device_id"), "4711", "string", 2, uint64(3), 4)
	m, err := ParseMessage(join(section(CodeMessageAnnotations, annotations), aProperties, aApplication, aData))
	if err != nil {
		t.Fatal(err)
	}
	for what, c := range map[string]struct{ got, want fmt.Stringer }{
		"annotation of symbol":   {m.Annotation("device_id"), Make("4711")},
		"annotation of string":   {m.Annotation("string"), Make(2)},
		"no annotation":          {m.Annotation("orig"), Raw(nil)},
		"application property":   {m.ApplicationProperty("n"), Make(7)},
		"no app property":        {m.ApplicationProperty("device_id"), Raw(nil)},
		"message-id":             {m.PropertiesField(PropertyMessageID), Make("id")},
		"user-id, null":          {m.PropertiesField(PropertyUserID), Make(nil)},
		"to":                     {m.PropertiesField(PropertyTo), Make("event/t")},
		"content-type":           {m.PropertiesField(PropertyContentType), Make(Symbol("text/plain"))},
		"creation-time":          {m.PropertiesField(PropertyCreationTime), Raw(nil)},
		"field that there is no": {m.PropertiesField(99), Raw(nil)},
		"field below the first":  {m.PropertiesField(-1), Raw(nil)},
		"annotations":            {m.Annotations(), annotations},
		"application properties": {m.AllApplicationProperties(), MakeMap("orig", true, "n", 7)},
	} {
		if c.got.String() != c.want.String() {
			t.Errorf("%s: %v, want %v", what, c.got, c.want)
		}
	}
	if b, ok := m.Data(); !ok || string(b) != "payload" {
		t.Errorf("data: %q %v", b, ok)
	}
	if _, ok := m.Value(); ok {
		t.Error("a data body has a value")
	}
	for _, body := range [][]byte{nil, join(aData, aData), aSequence, aValue} {
		m, err := ParseMessage(body)
		if b, ok := m.Data(); ok || err != nil {
			t.Errorf("data of %x: %q %v", body, b, err)
		}
	}
	if m, err = ParseMessage(aValue); err != nil {
		t.Fatal(err)
	}
	if v, ok := m.Value(); !ok || v.String() != `"value"` {
		t.Errorf("value: %v %v", v, ok)
	}
}

// TestLookupsInMalformedSections: nothing is found, nothing breaks.
func TestLookupsInMalformedSections(t *testing.T) {
	m, err := ParseMessage(unhex(t, "005370c00501a103 6162 005372c10804a30161a3ff6162 005373c00302a1ff 005374c10301a101"))
	if err != nil {
		t.Fatal(err)
	}
	if v := m.Annotation("a"); v != nil {
		t.Errorf("annotation: %v", v)
	}
	if v := m.ApplicationProperty("a"); v != nil {
		t.Errorf("application property: %v", v)
	}
	if v := m.PropertiesField(0); v != nil {
		t.Errorf("message-id: %v", v)
	}
	if h, err := m.ParseHeader(); err == nil || h != (MessageHeader{}) {
		t.Errorf("header: %v %v", h, err)
	}
	if _, err := m.ParseProperties(); err == nil {
		t.Error("properties: no error")
	}
	if err := m.Validate(); err == nil {
		t.Error("Validate: no error")
	}
}

func TestMessageHeader(t *testing.T) {
	for _, c := range []struct {
		h    MessageHeader
		hex  string
		text string
	}{
		{MessageHeader{}, "00537045", "header"},
		{MessageHeader{Durable: true}, "005370c0020141", "header durable=true"},
		{MessageHeader{Priority: Some(uint8(4))}, "005370c00402405004", "header priority=4"},
		{MessageHeader{TTL: Some(uint32(0)), FirstAcquirer: true}, "005370c0050440404341", "header ttl=0 first-acquirer=true"},
		{MessageHeader{true, Some(uint8(9)), Some(^uint32(0)), true, ^uint32(0)}, "005370c00f05" + "41" + "5009" + "70ffffffff" + "41" + "70ffffffff",
			"header durable=true priority=9 ttl=4294967295 first-acquirer=true delivery-count=4294967295"},
	} {
		b := c.h.Append(nil)
		if !bytes.Equal(b, unhex(t, c.hex)) || len(b) > MaxHeaderSize {
			t.Errorf("%v: %x, want %s", &c.h, b, c.hex)
		}
		m, err := ParseMessage(b)
		if err != nil {
			t.Fatal(err)
		}
		if h, err := m.ParseHeader(); err != nil || h != c.h || h.String() != c.text {
			t.Errorf("%x: %v %v, want %s", b, &h, err, c.text)
		}
	}
	var m Message
	if h, err := m.ParseHeader(); err != nil || h != (MessageHeader{}) {
		t.Errorf("no header: %v %v", h, err)
	}
}

func TestMessageProperties(t *testing.T) {
	full := MessageProperties{
		MessageID: Make("id"), UserID: []byte("me"), To: "event/t", Subject: "s", ReplyTo: "r", CorrelationID: Make(uint64(7)),
		ContentType: "text/plain", ContentEncoding: "gzip", AbsoluteExpiryTime: Some(int64(1)), CreationTime: Some(int64(-1)),
		GroupID: "g", GroupSequence: Some(SequenceNo(5)), ReplyToGroupID: "rg",
	}
	const text = `properties message-id="id" user-id=me to=event/t subject=s reply-to=r correlation-id=7 content-type=text/plain ` +
		`content-encoding=gzip absolute-expiry-time=1970-01-01T00:00:00.001Z creation-time=1969-12-31T23:59:59.999Z group-id=g ` +
		`group-sequence=5 reply-to-group-id=rg`
	for want, p := range map[string]*MessageProperties{text: &full, "properties": {}, "properties to=x": {To: "x"}} {
		m, err := ParseMessage(p.Append(nil))
		if err != nil {
			t.Fatal(err)
		}
		got, err := m.ParseProperties()
		if err != nil || got.String() != want {
			t.Errorf("%v %v, want %s", &got, err, want)
		}
		if err := m.Validate(); err != nil {
			t.Error(err)
		}
	}
}
