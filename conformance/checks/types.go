package checks

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"time"

	"hibachi/conformance/suite"
	"hibachi/conformance/wire"
)

// types: [types 1.2 to 1.6]. What a target has to decode is in performatives; what it must not touch is in a message's body.
var types = suite.Group{
	ID: "TY", Title: "Types and composites",
	Checks: []suite.Check{
		{
			ID: "TY1", Section: "types 1.6", Level: suite.Must, Needs: []suite.Feature{suite.Queues}, Takes: 20 * time.Second,
			Title: "every constructor is taken: in bodies, whose octets stay as they are, and in the widths of performatives' fields",
			Run: func(t *suite.T) {
				cases(t, primitives(), func(t *suite.T, v wire.Raw) { returned(t, v) })
				cases(t, map[string]wire.F{
					"handle as uint0":           {"handle": wire.Raw{0x43}},
					"handle as smalluint":       {"handle": wire.Uint1(0)},
					"handle as uint":            {"handle": wire.Uint4(0)},
					"role as boolean false":     {"role": wire.BoolLong(false)},
					"name as str32":             {"name": wire.Str32(t.Name("wide"))},
					"max-message-size 0":        {"max-message-size": wire.Raw{0x44}},
					"max-message-size small":    {"max-message-size": wire.Raw{0x53, 0}},
					"max-message-size long":     {"max-message-size": wire.Ulong8(0)},
					"source as list32":          {"source": wire.Described(wire.Ulong8(0x28), wire.List32())},
					"source as list8":           {"source": wire.Described(wire.Ulong(0x28), wire.List8())},
					"source, symbolic":          {"source": wire.Described(wire.Sym("amqp:source:list"), wire.List())},
					"properties as map32":       {"properties": wire.Map32(wire.Sym32("example"), wire.Str32("x"))},
					"capabilities as array32":   {"desired-capabilities": wire.Array32Of(wire.Raw{0xb3}, []byte{0, 0, 0, 1, 'x'})},
					"initial-count as uint":     {"initial-delivery-count": wire.Uint4(0)},
					"incomplete-unsettled 0x42": {"incomplete-unsettled": wire.Bool(false)},
				}, func(t *suite.T, f wire.F) {
					t.Open(nil).Begin(nil).Sender(t.Queue().Send, f).Put(t.Message("x"))
				})
			},
		},
		{
			ID: "TY2", Section: "types 1.6", Level: suite.Must, Needs: []suite.Feature{suite.Queues},
			Title: "arrays have one constructor, which may be described, and elements that may have no octets",
			Run: func(t *suite.T) {
				cases(t, map[string]wire.Raw{
					"of nulls":     wire.ArrayOf(wire.Raw{0x40}, nil, nil, nil),
					"of trues":     wire.ArrayOf(wire.Raw{0x41}, nil, nil),
					"of uint0":     wire.ArrayOf(wire.Raw{0x43}, nil),
					"of ulong0":    wire.ArrayOf(wire.Raw{0x44}, nil),
					"of lists":     wire.ArrayOf(wire.Raw{0xc0}, []byte{1, 0}, []byte{2, 1, 0x40}),
					"of list0":     wire.ArrayOf(wire.Raw{0x45}, nil, nil),
					"described":    wire.ArrayOf(wire.Described(wire.Sym("example:thing"), wire.Raw{0xa1}), []byte{1, 'x'}, []byte{0}),
					"empty":        wire.ArrayOf(wire.Raw{0xa3}),
					"of arrays":    wire.ArrayOf(wire.Raw{0xe0}, []byte{3, 1, 0x50, 7}),
					"of maps":      wire.ArrayOf(wire.Raw{0xc1}, []byte{1, 0}),
					"with array32": wire.Array32Of(wire.Raw{0xb1}, []byte{0, 0, 0, 1, 'x'}),
				}, func(t *suite.T, v wire.Raw) { returned(t, v) })
			},
		},
		{
			ID: "TY3", Section: "types 1.4", Level: suite.Must,
			Title: "null, an empty array, a single value and an array of it are the same for a field that may have several values",
			Run: func(t *suite.T) {
				cases(t, map[string]wire.Raw{
					"null": wire.Null, "empty array": {0xe0, 2, 0, 0xa3}, "one symbol": wire.Sym("example"), "array of one": wire.Symbols("example"),
					"array of two": wire.Symbols("example", "other"),
				}, func(t *suite.T, v wire.Raw) {
					t.Open(wire.F{"offered-capabilities": v, "desired-capabilities": v}).Begin(wire.F{"desired-capabilities": v}).
						Sender(t.Queue().Send, wire.F{"desired-capabilities": v, "source": wire.Source.With(wire.F{"outcomes": nil, "capabilities": v})})
				})
			},
		},
		{
			ID: "TY4", Section: "types 1.4", Level: suite.Must, Needs: []suite.Feature{suite.SASL},
			Title: "a mandatory field with several values has one at least: sasl-server-mechanisms",
			Run: func(t *suite.T) {
				if len(t.Dial().StartSASL()) == 0 {
					t.Fail("no mechanism is offered")
				}
			},
		},
		{
			ID: "TY5", Section: "types 1.4", Level: suite.Must,
			Title: "nulls at the end of a composite may be there or not",
			Run: func(t *suite.T) {
				for n := 1; n <= 10; n++ {
					t.Case(fmt.Sprintf("open with %d fields", n), func(t *suite.T) {
						items := []wire.Raw{wire.Str(t.Name("fields"))}
						for len(items) < n {
							items = append(items, wire.Null)
						}
						openRaw(t, wire.List(items...)).Alive()
					})
				}
			},
		},
		{
			ID: "TY6", Section: "types 1.4", Level: suite.Extra, Twin: "TY5",
			Title: "more fields than are defined are refused or ignored",
			Run: func(t *suite.T) {
				c := t.Connect()
				c.Permit(0xffffffff, 0xffff)
				items := append([]wire.Raw{wire.Str(t.Name("fields"))}, slices.Repeat([]wire.Raw{wire.Null}, 9)...)
				c.Write(wire.RawFrame(2, 0, 0, wire.Described(wire.Ulong(0x10), wire.List(append(items, wire.Str("an eleventh"))...))))
				e := c.Next()
				if e.Kind == suite.GotFrame && e.Frame.Is(wire.Open) {
					c.Open = e.Frame.Body
				}
				c.Refused(suite.Closes(wire.DecodeError, wire.InvalidField).Or(suite.Ignores, "what is not known may be skipped"))
			},
		},
		{
			ID: "TY7", Section: "types 1.4", Level: suite.Must, Twin: "TY1",
			Title: "a mandatory field that is null or absent is refused, in every performative",
			Run: func(t *suite.T) {
				for _, m := range mandatory() {
					t.Case(m.kind.Name+"."+m.field, func(t *suite.T) { mutated(t, m.kind, m.field, wire.Null) })
				}
			},
		},
		{
			ID: "TY8", Section: "types 1.4", Level: suite.Must, Twin: "TY1",
			Title: "a field of another type is refused",
			Run: func(t *suite.T) {
				for _, m := range mandatory() {
					t.Case(m.kind.Name+"."+m.field, func(t *suite.T) { mutated(t, m.kind, m.field, wire.Double(1)) })
				}
				t.Case("open.container-id as a number", func(t *suite.T) { openRefused(t, wire.F{"container-id": wire.Uint(7)}) })
				t.Case("open.hostname as a symbol", func(t *suite.T) { openRefused(t, wire.F{"hostname": wire.Sym("x")}) })
				t.Case("open.channel-max as uint", func(t *suite.T) { openRefused(t, wire.F{"channel-max": wire.Uint(7)}) })
				t.Case("begin.properties as a string", func(t *suite.T) {
					c := t.Open(nil)
					c.Send(0, suite.BeginFrame(wire.F{"properties": wire.Str("x")}))
					c.Refused(undecodable())
				})
			},
		},
		{
			ID: "TY9", Section: "types 1.6.23", Level: suite.Must, Twin: "OP17",
			Title: "a map with an odd number of items, or a key twice, is refused",
			Run: func(t *suite.T) {
				t.Case("odd", func(t *suite.T) {
					openRefused(t, wire.F{"properties": wire.Map(wire.Sym("a"), wire.Str("x"), wire.Sym("b"))})
				})
				t.Case("a key twice", func(t *suite.T) {
					lenient(t, wire.F{"properties": wire.Map(wire.Sym("a"), wire.Str("x"), wire.Sym("a"), wire.Str("y"))},
						"the map is of no interest to the target, and who does not read it cannot see it")
				})
			},
		},
		{
			ID: "TY10", Section: "types 1.6.21", Level: suite.Must, Twin: "OP17",
			Title: "symbols are ASCII and strings are UTF-8",
			Run: func(t *suite.T) {
				t.Case("0x80 in a symbol", func(t *suite.T) {
					lenient(t, wire.F{"desired-capabilities": wire.Raw{0xa3, 1, 0x80}}, "no capability that is known looks like it: it is ignored")
				})
				cases(t, map[string]wire.Raw{
					"a lone continuation": {0xa1, 2, 'a', 0x80}, "an overlong slash": {0xa1, 2, 0xc0, 0xaf}, "a surrogate": {0xa1, 3, 0xed, 0xa0, 0x80},
				}, func(t *suite.T, id wire.Raw) {
					lenient(t, wire.F{"container-id": id}, "the container-id is octets to compare, and nothing is made of the characters")
				})
			},
		},
		{
			ID: "TY11", Section: "types 1.2", Level: suite.Must, Twin: "TY5",
			Title: "sizes and counts have to agree with what is in a compound",
			Run: func(t *suite.T) {
				id := wire.Str(t.Name("counted"))
				cases(t, map[string]wire.Raw{
					"count above the items":  wire.Compound8(0xc0, len(id)+2, 3, append(slices.Clone(id), 0x40)),
					"count below the items":  wire.Compound8(0xc0, len(id)+2, 1, append(slices.Clone(id), 0x40)),
					"size one short":         wire.Compound8(0xc0, len(id), 1, id),
					"size beyond the frame":  wire.Compound32(0xd0, 1000, 1, id),
					"list32 without a count": {0xd0, 0, 0, 0, 2, 0, 0},
					"list8 of size 0":        {0xc0, 0},
					"string beyond its list": wire.Compound8(0xc0, 3, 1, []byte{0xa1, 200}),
				}, func(t *suite.T, list wire.Raw) {
					c := t.Connect()
					c.Permit(0xffffffff, 0xffff)
					c.Write(wire.RawFrame(2, 0, 0, wire.Described(wire.Ulong(0x10), list)))
					if e := c.Next(); e.Kind == suite.GotFrame && e.Frame.Is(wire.Open) {
						c.Open = e.Frame.Body
					} else if e.Kind == suite.GotEOF || e.Kind == suite.GotReset {
						t.Tolerate("close with "+wire.DecodeError, e.String(), "there is no connection yet")
						return
					}
					c.Refused(suite.Closes(wire.DecodeError, wire.InvalidField, wire.FramingError).Or(suite.Drops, "there is no connection yet"))
				})
			},
		},
		{
			ID: "TY12", Section: "types 1.5", Level: suite.Must, Needs: []suite.Feature{suite.Queues},
			Title: "described values of any descriptor pass in a body unchanged",
			Run: func(t *suite.T) {
				cases(t, map[string]wire.Raw{
					"symbol":           wire.Described(wire.Sym("example:thing"), wire.Str("x")),
					"large ulong":      wire.Described(wire.Ulong8(0x1122334455667788), wire.List(wire.Int(1))),
					"string":           wire.Described(wire.Str("reserved"), wire.Str("x")),
					"described twice":  wire.Described(wire.Sym("outer"), wire.Described(wire.Sym("inner"), wire.Uint(1))),
					"described within": wire.Described(wire.Described(wire.Sym("a"), wire.Str("b")), wire.Str("x")),
					"in a list":        wire.List(wire.Described(wire.Sym("a"), wire.Null), wire.Null),
				}, func(t *suite.T, v wire.Raw) { returned(t, v) })
			},
		},
		{
			ID: "TY13", Section: "types 1.6", Level: suite.Extra, Twin: "OP17",
			Title: "what a value claims to hold costs nothing: large counts and deep nesting are refused or taken at once",
			Run: func(t *suite.T) {
				deep := wire.Raw{0x45}
				for range 400 {
					deep = wire.List32(deep)
				}
				cases(t, map[string]wire.Raw{
					"array of 2^31-1 nulls":   {0xf0, 0, 0, 0, 5, 0x7f, 0xff, 0xff, 0xff, 0x40},
					"list of 2^31-1 items":    {0xd0, 0, 0, 0, 5, 0x7f, 0xff, 0xff, 0xff, 0x40},
					"map of 2^32-2 items":     {0xd1, 0, 0, 0, 5, 0xff, 0xff, 0xff, 0xfe, 0x40},
					"string of 2^31-1":        {0xb1, 0x7f, 0xff, 0xff, 0xff},
					"array of 2^31-1 list0":   {0xf0, 0, 0, 0, 5, 0x7f, 0xff, 0xff, 0xff, 0x45},
					"400 lists in each other": wire.Map32(wire.Sym("x"), deep),
				}, func(t *suite.T, v wire.Raw) { bomb(t, v) })
			},
		},
		{
			ID: "TY14", Section: "types 1.6", Level: suite.Should, Needs: []suite.Feature{suite.Queues},
			Title: "the target's performatives have numeric descriptors",
			Run:   numericDescriptors,
		},
	},
}

// primitives are one value for each constructor.
func primitives() map[string]wire.Raw {
	return map[string]wire.Raw{
		"null": wire.Null, "true": wire.Bool(true), "false": wire.Bool(false), "boolean 56": wire.BoolLong(true),
		"ubyte": wire.Ubyte(200), "ushort": wire.Ushort(60000), "uint0": {0x43}, "smalluint": wire.Uint1(7), "uint": wire.Uint4(7),
		"ulong0": {0x44}, "smallulong": {0x53, 9}, "ulong": wire.Ulong8(9), "byte": wire.Byte(-3), "short": wire.Short(-300),
		"smallint": wire.Int(-5), "int": wire.Int4(-5), "smalllong": wire.Long(-6), "long": wire.Long8(-6), "float": wire.Float(1.5),
		"double": wire.Double(-2.5), "decimal32": wire.Decimal32([4]byte{0x22, 0x50, 0, 1}), "decimal64": wire.Decimal64([8]byte{0x22, 7: 1}),
		"decimal128": wire.Decimal128([16]byte{0x22, 15: 1}), "char": wire.Char('界'), "timestamp": wire.Timestamp(1700000000123),
		"uuid": wire.UUID([16]byte{1, 2, 3, 15: 16}), "vbin8": wire.Bin([]byte{0, 255}), "vbin32": wire.Bin32([]byte{0, 255}),
		"str8": wire.Str("grüß"), "str32": wire.Str32("grüß"), "sym8": wire.Sym("s"), "sym32": wire.Sym32("s"), "list0": {0x45},
		"list8": wire.List8(wire.Int(1), wire.Null), "list32": wire.List32(wire.Int(1), wire.Null), "map8": wire.Map(wire.Str("k"), wire.Int4(1)),
		"map32": wire.Map32(wire.Str32("k"), wire.Long8(1)), "array8": wire.ArrayOf(wire.Raw{0x50}, []byte{1}, []byte{2}),
		"array32": wire.Array32Of(wire.Raw{0x71}, []byte{0, 0, 0, 1}),
	}
}

// returned sends a value as a body and wants the same octets back.
func returned(t *suite.T, v wire.Raw) {
	q := t.Queue()
	s := t.Open(nil).Begin(nil)
	body := wire.Section(wire.CodeValue, v)
	s.Sender(q.Send, nil).Put(t.MessageOf(suite.Parts{Body: []wire.Raw{body}}))
	r := s.Receiver(q.Receive, nil)
	r.Grant(1)
	d := r.Receive()
	r.Settle(d, wire.Accepted.With())
	if d.Sections == nil {
		t.Fail("the message that came back cannot be read: %x", d.Message)
	}
	if got := wire.FindSection(d.Sections, wire.CodeValue); got == nil || !bytes.Equal(got.Octets, body) {
		t.FailWant(fmt.Sprintf("the body %x", []byte(body)), fmt.Sprintf("the message %x", d.Message))
	}
}

// openRaw opens with any list as open's fields.
func openRaw(t *suite.T, fields wire.Raw) *suite.Conn {
	c := t.Connect()
	c.Permit(0xffffffff, 0xffff)
	c.Write(wire.RawFrame(2, 0, 0, wire.Described(wire.Ulong(0x10), fields)))
	c.Opened()
	return c
}

// undecodable is how a performative is refused that cannot be understood.
func undecodable() suite.Refusal {
	return suite.Closes(wire.DecodeError, wire.InvalidField).Or(suite.EndScope, "the frame was a session's, and the connection is none the worse").
		Or(suite.DetachScope, "the frame was a link's, and the session is none the worse").
		Or(suite.Drops, "nothing can be relied on any more").
		OrCondition(wire.FramingError, "the frame's body is malformed").
		OrCondition(wire.NotAllowed, "it is not allowed to leave the field out").
		OrCondition(wire.UnattachedHandle, "no link has that handle")
}

// openRefused sends an open with wrong fields.
func openRefused(t *suite.T, f wire.F) {
	c := t.Connect()
	c.SendOpen(f)
	c.Refused(undecodable())
}

// lenient sends an open that is wrong where a target may not look.
func lenient(t *suite.T, f wire.F, reading string) {
	c := t.Connect()
	c.Permit(0xffffffff, 0xffff)
	c.Send(0, wire.Open.With(t.OpenFields(), f))
	switch e := c.Next(); {
	case e.Kind == suite.GotEOF:
		t.Tolerate("close with "+wire.DecodeError, e.String(), "there is no connection yet")
		return
	case e.Kind != suite.GotFrame || !e.Frame.Is(wire.Open):
		t.FailWant("open", e.String())
	default:
		c.Open = e.Frame.Body
	}
	c.Refused(undecodable().Or(suite.Ignores, reading))
}

// bomb has a value in an open that claims more than there is.
func bomb(t *suite.T, v wire.Raw) {
	c := t.Connect()
	c.Permit(0xffffffff, 0xffff)
	began := time.Now()
	c.Send(0, wire.Open.With(t.OpenFields(), wire.F{"properties": v}))
	switch e := c.Next(); e.Kind {
	case suite.GotFrame, suite.GotEOF, suite.GotReset:
	default:
		t.FailWant("an answer", e.String())
	}
	if took := time.Since(began); took > time.Second {
		t.Fail("the answer took %v", took)
	}
	t.Open(nil).Alive() // the target lives
}

// numericDescriptors talks a while and looks at how the frames' types are written.
func numericDescriptors(t *suite.T) {
	q := t.Queue()
	c := t.Open(nil)
	look := func(b *wire.Composite) {
		if b != nil && b.Descriptor[0] != 0x53 && b.Descriptor[0] != 0x80 {
			t.FailWant("a ulong as descriptor of "+b.Kind.Name, strings.ToLower(fmt.Sprintf("%x", []byte(b.Descriptor))))
		}
	}
	look(c.Open)
	s := c.Begin(nil)
	look(s.Begin)
	l := s.Sender(q.Send, nil)
	look(l.Attach)
	look(l.Attach.Composite("target"))
	l.AwaitCredit(1)
	look(l.LastFlow)
	state, _ := s.State(l.Send(t.Message("x")))
	look(state)
	r := s.Receiver(q.Receive, nil)
	look(r.Attach)
	r.Grant(1)
	look(r.Receive().First)
	s.Send(wire.End.With())
	look(c.Expect(wire.End).Body)
	c.Send(0, wire.Close.With())
	look(c.Expect(wire.Close).Body)
}

// mandatoryField is one.
type mandatoryField struct {
	kind  *wire.Kind
	field string
}

// mandatory are the mandatory fields of what a client sends within a session.
func mandatory() []mandatoryField {
	var all []mandatoryField
	for _, k := range []*wire.Kind{wire.Open, wire.Begin, wire.Attach, wire.Flow, wire.Transfer, wire.Disposition, wire.Detach} {
		for _, f := range k.Fields {
			if f.Mandatory {
				all = append(all, mandatoryField{k, f.Name})
			}
		}
	}
	return all
}

// mutated sends a performative that would be right but for one field.
func mutated(t *suite.T, k *wire.Kind, field string, v wire.Raw) {
	switch k {
	case wire.Open:
		openRefused(t, wire.F{field: v})
		return
	case wire.Begin:
		c := t.Open(nil)
		c.Send(0, suite.BeginFrame(wire.F{field: v}))
		c.Refused(undecodable())
		return
	}
	q := t.Queue()
	s := t.Open(nil).Begin(nil)
	body := wire.Attach.With(s.SenderFields(q.Send))
	if k != wire.Attach {
		l := s.Sender(q.Send, nil)
		l.AwaitCredit(1)
		switch k {
		case wire.Flow:
			body = wire.Flow.With(s.FlowFields())
		case wire.Transfer:
			body = wire.Transfer.With(wire.F{"handle": l.Handle, "delivery-id": 0, "delivery-tag": []byte{1}, "message-format": 0})
		case wire.Disposition:
			body = wire.Disposition.With(wire.F{"role": false, "first": 0, "settled": true})
		case wire.Detach:
			body = wire.Detach.With(wire.F{"handle": l.Handle, "closed": true})
		}
	}
	body.Set(field, v)
	var payload []byte
	if k == wire.Transfer {
		payload = t.Message("x")
	}
	s.Conn().SendTransfer(s.Channel, body, payload)
	s.Conn().Refused(undecodable())
}
