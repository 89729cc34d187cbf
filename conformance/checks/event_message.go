package checks

import (
	"bytes"
	"fmt"
	"strings"

	"hibachi/conformance/suite"
	"hibachi/conformance/wire"
)

// eventMessage: what an event looks like, and that it arrives as it was sent.
var eventMessage = []suite.Check{
	{
		ID: "message.well-formed", Section: pageFormat, Level: suite.Must, Needs: on(suite.EventRules, suite.MessageChecks),
		Title: "what is no AMQP message is rejected, and the link goes on",
		Run: func(t *suite.T) {
			n := t.Tenant()
			l := eventSender(t, n)
			good := eventMessageOf(t, n, "4711", 0)
			t.Twin("well-formed", func(t *suite.T) { eventSender(t, n).Put(good) })
			header := wire.Header.With(wire.F{"durable": true}).Raw()
			device := wire.Section(wire.CodeApplicationProperties, wire.Map(wire.Str("device_id"), wire.Str("4711")))
			cases(t, map[string][]byte{
				"no section":                          wire.Str("an event"),
				"cut off":                             good[:len(good)-1],
				"header behind body":                  wire.Message(device, wire.Data([]byte("x")), header),
				"two headers":                         wire.Message(header, header, device, wire.Data([]byte("x"))),
				"unknown section":                     wire.Message(header, device, wire.Section(0x7f, wire.Bin([]byte("x")))),
				"durable not boolean":                 wire.Message(wire.Section(wire.CodeHeader, wire.List(wire.Str("true"))), device, wire.Data(nil)),
				"two kinds of a body":                 wire.Message(header, device, wire.Data([]byte("x")), wire.Section(wire.CodeValue, wire.Str("x"))),
				"octets behind":                       append(bytes.Clone(good), 0, 0),
				"properties not a map":                wire.Message(header, wire.Section(wire.CodeApplicationProperties, wire.Str("x")), wire.Data(nil)),
				"message-id a boolean":                wire.Message(header, wire.Section(wire.CodeProperties, wire.List(wire.Bool(true))), device, wire.Data(nil)),
				"annotation keys":                     wire.Message(header, wire.Section(wire.CodeMessageAnnotations, wire.Map(wire.Str("device_id"), wire.Str("x"))), device, wire.Data(nil)),
				"footer keys":                         wire.Message(header, device, wire.Data(nil), wire.Section(wire.CodeFooter, wire.Map(wire.Int(1), wire.Null))),
				"property keys":                       wire.Message(header, wire.Section(wire.CodeApplicationProperties, wire.Map(wire.Str("device_id"), wire.Str("4711"), wire.Sym("x"), wire.Null)), wire.Data(nil)),
				"a list as property":                  wire.Message(header, wire.Section(wire.CodeApplicationProperties, wire.Map(wire.Str("device_id"), wire.Str("4711"), wire.Str("x"), wire.List())), wire.Data(nil)),
				"a string not UTF-8":                  wire.Message(header, device, wire.Section(wire.CodeValue, wire.Str("\xff"))),
				"a list in the body that is too long": wire.Message(header, device, wire.Section(wire.CodeValue, wire.List8(wire.Compound8(0xc0, 3, 9, []byte{0x40, 0x40})))),
			}, func(t *suite.T, message []byte) {
				rejected(t, l, message, "message.well-formed", wire.DecodeError, wire.InvalidField)
			})
			t.Case("message-format 1", func(t *suite.T) {
				l.Send(good, wire.F{"message-format": 1})
				saysWhy(t, l.Session().Conn().Refused(suite.Rejects(wire.NotImplemented, wire.InvalidField, wire.DecodeError)), "message.well-formed")
			})
			t.Case("the link goes on", func(t *suite.T) { l.Put(good) })
		},
	},
	{
		ID: "message.device", Section: pageFormat, Level: suite.Must, Needs: on(suite.EventRules),
		Title: "an event names its device, as application property or as message annotation, by a string",
		Run: func(t *suite.T) {
			n := t.Tenant()
			l := eventSender(t, n)
			make := func(annotation, property wire.Raw) []byte {
				p := suite.Parts{Header: wire.F{"durable": true}, Body: []wire.Raw{wire.Data([]byte("x"))}}
				if annotation != nil {
					p.Annotations = []wire.Raw{wire.Sym("device_id"), annotation}
				}
				if property != nil {
					p.Application = []wire.Raw{wire.Str("device_id"), property}
				}
				return bareMessage(p)
			}
			id := wire.Str("4711")
			t.Twin("both", func(t *suite.T) { eventSender(t, n).Put(make(id, id)) })
			t.Case("the property only", func(t *suite.T) { l.Put(make(nil, id)) })
			t.Case("the annotation only", func(t *suite.T) { l.Put(make(id, nil)) })
			t.Case("255 octets", func(t *suite.T) { l.Put(make(nil, wire.Str(strings.Repeat("d", 255)))) })
			t.Case("letters of any language", func(t *suite.T) { l.Put(make(nil, wire.Str("Gerät:№=7"))) })
			cases(t, map[string][]byte{
				"neither":             make(nil, nil),
				"an empty string":     make(nil, wire.Str("")),
				"a number":            make(nil, wire.Int(4711)),
				"null":                make(nil, wire.Null),
				"256 octets":          make(nil, wire.Str(strings.Repeat("d", 256))),
				"octets":              make(wire.Bin([]byte("4711")), nil),
				"an empty annotation": make(wire.Str(""), id),
			}, func(t *suite.T, message []byte) {
				rejected(t, l, message, "message.device", wire.InvalidField, wire.DecodeError, wire.PreconditionFailed)
			})
			t.Case("the link goes on", func(t *suite.T) { l.Put(make(id, id)) })
		},
	},
	takenAnyway("message.to", "the property to is event/<tenant>; an event that says otherwise is taken nevertheless, since the link says where it goes",
		func(n suite.Tenant, p *suite.Parts) map[string]wire.F {
			return map[string]wire.F{
				"as it should be": {"to": "event/" + n.Name, "content-type": "text/plain"},
				"absent":          {"content-type": "text/plain"},
				"the device's":    {"to": "event/" + n.Name + "/4711", "content-type": "text/plain"},
				"another tenant":  {"to": "event/another", "content-type": "text/plain"},
				"telemetry":       {"to": "telemetry/" + n.Name, "content-type": "text/plain"},
			}
		}),
	takenAnyway("message.content-type", "an event with a body has a content-type; one without is taken nevertheless, and gets none on the way",
		func(n suite.Tenant, p *suite.Parts) map[string]wire.F {
			return map[string]wire.F{"as it should be": {"content-type": "application/octet-stream"}, "absent": {}, "unknown": {"content-type": "x/y; z=1"}}
		}),
	takenAnyway("message.creation-time", "an event has a creation-time; one without is taken nevertheless, and gets none on the way",
		func(n suite.Tenant, p *suite.Parts) map[string]wire.F {
			return map[string]wire.F{"as it should be": {"creation-time": int64(1700000000000)}, "absent": {"content-type": "text/plain"}}
		}),
	{
		ID: "message.body", Section: pageFormat, Level: suite.Must, Needs: on(),
		Title: "an event's body is one data section or none; other bodies of AMQP are taken nevertheless. No body stays none",
		Run: func(t *suite.T) {
			n := t.Tenant()
			cases(t, map[string][]wire.Raw{
				"one data section":   {wire.Data([]byte("x"))},
				"an empty one":       {wire.Data(nil)},
				"none":               {},
				"several":            {wire.Data([]byte("x")), wire.Data(nil), wire.Data([]byte("y"))},
				"a value":            {wire.Section(wire.CodeValue, wire.Str("x"))},
				"a null value":       {wire.Section(wire.CodeValue, wire.Null)},
				"a sequence":         {wire.Section(wire.CodeSequence, wire.List(wire.Str("x"), wire.Int(1)))},
				"several sequences":  {wire.Section(wire.CodeSequence, wire.List()), wire.Section(wire.CodeSequence, wire.List(wire.Null))},
				"70,000 octets":      {wire.Data(bytes.Repeat([]byte("x"), 70_000))},
				"a value in long":    {wire.Section(wire.CodeValue, wire.Str32("x"))},
				"a longer data size": {wire.Section(wire.CodeData, wire.Bin32([]byte("x")))},
			}, func(t *suite.T, body []wire.Raw) {
				p := eventParts(n, t.Name("device"), 0)
				p.Body = body
				unchanged(t, n, p)
			})
		},
	},
	{
		ID: "message.unchanged", Section: pageFormat, Level: suite.Must, Needs: on(),
		Title: "an application gets an event as it was sent: ttl and durable, annotations, properties, body and footer",
		Run: func(t *suite.T) {
			n := t.Tenant()
			rich := func() suite.Parts {
				p := eventParts(n, t.Name("device"), 0)
				p.Annotations = append(p.Annotations, wire.Sym("x-opt-retain"), wire.Bool(true),
					wire.Sym("x-opt-trace-context"), wire.Map(wire.Sym("traceparent"), wire.Str("00-1-2-01")))
				p.Application = append(p.Application, wire.Str("wide"), wire.Int4(7), wire.Str("long"), wire.Str32("x"), wire.Str("nothing"), wire.Null,
					wire.Str("uuid"), wire.UUID([16]byte{1, 2}), wire.Str("decimal"), wire.Decimal64([8]byte{3}), wire.Str("double"), wire.Double(1.5),
					wire.Str("char"), wire.Char('ß'), wire.Str("ttd"), wire.Int(-1))
				p.Properties = p.Properties.Plus(wire.F{"user-id": []byte{0, 1}, "subject": "s", "reply-to": "r", "correlation-id": []byte{9},
					"content-encoding": "gzip", "absolute-expiry-time": int64(4102444800000), "group-id": "g", "group-sequence": 5, "reply-to-group-id": "h"})
				p.Footer = []wire.Raw{wire.Sym("x-opt-sum"), wire.Uint4(1)}
				return p
			}
			t.Case("all sections", func(t *suite.T) { unchanged(t, n, rich()) })
			t.Case("ttl, after a while", func(t *suite.T) {
				p := rich()
				p.Header = wire.F{"durable": true, "ttl": 60_000}
				unchanged(t, n, p)
			})
			t.Case("ttl 0", func(t *suite.T) {
				p := rich()
				p.Header = wire.F{"durable": true, "ttl": 0}
				unchanged(t, n, p)
			})
			t.Case("priority", func(t *suite.T) {
				p := rich()
				p.Header = wire.F{"durable": true, "priority": 7}
				unchanged(t, n, p)
			})
			t.Case("in frames of 512 octets", func(t *suite.T) {
				p := rich()
				p.Body = []wire.Raw{wire.Data(bytes.Repeat([]byte("0123456789"), 500))}
				message := t.MessageOf(p)
				r := t.Open(wire.F{"max-frame-size": 512}).Begin(nil).Receiver(n.Default(), nil)
				r.Grant(1)
				l := eventSender(t, n)
				l.Session().Outcome(l.SendIn(300, message), wire.Accepted)
				d := r.Receive()
				same(t, message, d)
				accept(r, d)
			})
		},
	},
}

// eventTypes: the event types that Hono defines itself.
var eventTypes = []suite.Check{
	{
		ID: "empty-notification.body", Section: pageTypes, Level: suite.Must, Needs: on(),
		Title: "an empty notification has an empty body, which stays as it is; one with a body is taken nevertheless",
		Run: func(t *suite.T) {
			typed(t, "application/vnd.eclipse-hono-empty-notification", []wire.Raw{wire.Str("ttd"), wire.Int(30)}, map[string][]wire.Raw{
				"no body": {}, "an empty data section, as from MQTT": {wire.Data(nil)}, "a body": {wire.Data([]byte("x"))},
			})
		},
	},
	{
		ID: "empty-notification.ttd", Section: pageTypes, Level: suite.Should, Needs: on(),
		Title: "ttd is an int: -1, 0, seconds; whatever it is arrives as it was sent",
		Run: func(t *suite.T) {
			for name, ttd := range map[string]wire.Raw{"-1": wire.Int(-1), "0": wire.Int(0), "60": wire.Int4(60), "a string": wire.Str("60")} {
				t.Case(name, func(t *suite.T) {
					typed(t, "application/vnd.eclipse-hono-empty-notification", []wire.Raw{wire.Str("ttd"), ttd}, map[string][]wire.Raw{"": {}})
				})
			}
		},
	},
	{
		ID: "connection-event.device", Section: pageTypes, Level: suite.Must, Needs: on(suite.EventRules),
		Title: "a connection event names its device; without, it is rejected as any event",
		Run: func(t *suite.T) {
			n := t.Tenant()
			p := eventParts(n, "4711", 0)
			p.Properties = p.Properties.Plus(wire.F{"content-type": connectionEvent})
			p.Body = []wire.Raw{wire.Data([]byte(connectedBody))}
			l := eventSender(t, n)
			t.Twin("with its device", func(t *suite.T) { eventSender(t, n).Put(t.MessageOf(p)) })
			bare := p
			bare.Device, bare.Annotations, bare.Application = "", nil, nil
			rejected(t, l, bareMessage(bare), "message.device", wire.InvalidField, wire.DecodeError, wire.PreconditionFailed)
		},
	},
	{
		ID: "connection-event.body", Section: pageTypes, Level: suite.Must, Needs: on(),
		Title: "a connection event's body is JSON with cause, remote-id and source; it arrives as it was sent",
		Run: func(t *suite.T) {
			typed(t, connectionEvent, nil, map[string][]wire.Raw{
				"connected": {wire.Data([]byte(connectedBody))}, "not JSON": {wire.Data([]byte("{"))},
				"with data": {wire.Data([]byte(`{"cause":"disconnected","remote-id":"x","source":"hono-mqtt","data":{"a":[1,2]}}`))},
			})
		},
	},
	{
		ID: "provisioning.body", Section: pageTypes, Level: suite.Must, Needs: on(),
		Title: "a device provisioning notification has an empty body, which stays as it is",
		Run: func(t *suite.T) {
			typed(t, provisioningEvent, []wire.Raw{wire.Str("hono_registration_status"), wire.Str("NEW"), wire.Str("tenant_id"), wire.Str("t")},
				map[string][]wire.Raw{"no body": {}, "an empty data section": {wire.Data(nil)}})
		},
	},
	{
		ID: "provisioning.properties", Section: pageTypes, Level: suite.Must, Needs: on(),
		Title: "a device provisioning notification's application properties arrive as they were sent, gateway_id too",
		Run: func(t *suite.T) {
			properties := []wire.Raw{wire.Str("hono_registration_status"), wire.Str("NEW"), wire.Str("tenant_id"), wire.Str("t")}
			for name, more := range map[string][]wire.Raw{"without a gateway": nil, "with a gateway": {wire.Str("gateway_id"), wire.Str("gw-1")}} {
				t.Case(name, func(t *suite.T) {
					typed(t, provisioningEvent, append(properties[:len(properties):len(properties)], more...), map[string][]wire.Raw{"": {}})
				})
			}
		},
	},
}

const (
	connectionEvent   = "application/vnd.eclipse-hono-dc-notification+json"
	provisioningEvent = "application/vnd.eclipse-hono-device-provisioning-notification"
	connectedBody     = `{"cause":"connected","remote-id":"mqtt-client-7","source":"hono-mqtt"}`
)

// takenAnyway is a check of properties that the page asks for and that a broker need not refuse: the event is accepted and unchanged.
func takenAnyway(id, title string, properties func(n suite.Tenant, p *suite.Parts) map[string]wire.F) suite.Check {
	return suite.Check{
		ID: id, Section: pageFormat, Level: suite.Should, Needs: on(), Title: title,
		Run: func(t *suite.T) {
			n := t.Tenant()
			var p suite.Parts
			cases(t, properties(n, &p), func(t *suite.T, f wire.F) {
				p := eventParts(n, t.Name("device"), 0)
				p.Properties = f
				unchanged(t, n, p)
			})
		},
	}
}

// typed sends an event of a type with each body, and wants it as it was.
func typed(t *suite.T, contentType string, properties []wire.Raw, bodies map[string][]wire.Raw) {
	n := t.Tenant()
	cases(t, bodies, func(t *suite.T, body []wire.Raw) {
		p := eventParts(n, t.Name("device"), 0)
		p.Properties = p.Properties.Plus(wire.F{"content-type": contentType})
		p.Application = append(p.Application, properties...)
		p.Body = body
		unchanged(t, n, p)
	})
}

// unchanged sends an event and wants it as it was.
func unchanged(t *suite.T, n suite.Tenant, p suite.Parts) {
	message := t.MessageOf(p)
	l := eventReceiver(t, n.Default(), 1)
	eventSender(t, n).Put(message)
	d := l.Receive()
	same(t, message, d)
	accept(l, d)
	l.Session().Conn().Alive()
}

// same compares what came with what was sent: octet by octet but for the header, of which who had the event before is the broker's to say.
func same(t *suite.T, sent []byte, d *suite.Delivery) {
	want, err := wire.Sections(sent)
	if err != nil {
		panic(err) // the check's own message
	}
	if d.Sections == nil {
		t.Fail("what came is no message: %x", d.Message)
	}
	if d.Format != 0 {
		t.Errorf("message-format %d came", d.Format)
	}
	for _, s := range d.Sections {
		if s.Code == wire.CodeDeliveryAnnotations {
			t.Note("delivery annotations came: %s", fmt.Sprintf("%x", s.Octets))
		}
	}
	sameHeader(t, want, d)
	for _, part := range []struct {
		name string
		code uint64
	}{{"message annotations", wire.CodeMessageAnnotations}, {"properties", wire.CodeProperties},
		{"application properties", wire.CodeApplicationProperties}, {"footer", wire.CodeFooter}} {
		w, g := octetsOf(want, part.code), octetsOf(d.Sections, part.code)
		if !bytes.Equal(w, g) {
			t.FailWant(fmt.Sprintf("%s as sent: %x", part.name, w), fmt.Sprintf("%x", g))
		}
	}
	if w, g := wire.BareOctets(want), wire.BareOctets(d.Sections); !bytes.Equal(w, g) {
		t.FailWant(fmt.Sprintf("the bare message as sent, %d octets", len(w)), fmt.Sprintf("%d octets that differ: %x", len(g), g[:min(len(g), 200)]))
	}
}

func octetsOf(sections []wire.ReceivedSection, code uint64) []byte {
	if s := wire.FindSection(sections, code); s != nil {
		return s.Octets
	}
	return nil
}

// sameHeader compares what the sender says in the header.
func sameHeader(t *suite.T, want []wire.ReceivedSection, d *suite.Delivery) {
	w, err := wire.ParseComposite(wire.FindSection(want, wire.CodeHeader).Octets)
	if err != nil {
		panic(err)
	}
	g := headerOf(t, d)
	if !g.Bool("durable") {
		t.Fail("durable=true was sent; %s came", g)
	}
	for _, f := range []string{"ttl", "priority"} {
		if g.Uint(f) != w.Uint(f) && !(f == "priority" && !w.Has(f) && g.Uint(f) == 4) {
			t.FailWant(fmt.Sprintf("header field %s as sent: %d", f, w.Uint(f)), fmt.Sprint(g.Uint(f)))
		}
	}
	if w.Has("ttl") != g.Has("ttl") {
		t.FailWant(fmt.Sprintf("ttl present: %t, as sent", w.Has("ttl")), g.String())
	}
}
