package amqp

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// performative is a described list of fields that are encoded already.
func performative(code byte, fields ...Raw) []byte {
	return AppendList(AppendDescriptor(nil, uint64(code)), fields)
}

// decode decodes b as the kind of body that its descriptor, in the smallest encoding, says.
func decode(b []byte) (Body, error) {
	var d Decoder
	body, _, err := d.Decode(b, len(b) > 2 && b[2] >= codeSASLMechanisms)
	return body, err
}

// fieldTypes are all performatives and SASL bodies as the specification's tables have them: name, type, * for mandatory.
var fieldTypes = []struct {
	name   string
	code   byte
	fields string
}{
	{"open", codeOpen, "container-id:string* hostname:string max-frame-size:uint channel-max:ushort idle-time-out:uint outgoing-locales:symbols incoming-locales:symbols offered-capabilities:symbols desired-capabilities:symbols properties:map"},
	{"begin", codeBegin, "remote-channel:ushort next-outgoing-id:uint* incoming-window:uint* outgoing-window:uint* handle-max:uint offered-capabilities:symbols desired-capabilities:symbols properties:map"},
	{"attach", codeAttach, "name:string* handle:uint* role:boolean* snd-settle-mode:ubyte rcv-settle-mode:ubyte source:source target:target unsettled:map incomplete-unsettled:boolean initial-delivery-count:uint max-message-size:ulong offered-capabilities:symbols desired-capabilities:symbols properties:map"},
	{"flow", codeFlow, "next-incoming-id:uint incoming-window:uint* next-outgoing-id:uint* outgoing-window:uint* handle:uint delivery-count:uint link-credit:uint available:uint drain:boolean echo:boolean properties:map"},
	{"transfer", codeTransfer, "handle:uint* delivery-id:uint delivery-tag:binary message-format:uint settled:boolean more:boolean rcv-settle-mode:ubyte state:state resume:boolean aborted:boolean batchable:boolean"},
	{"disposition", codeDisposition, "role:boolean* first:uint* last:uint settled:boolean state:state batchable:boolean"},
	{"detach", codeDetach, "handle:uint* closed:boolean error:error"},
	{"end", codeEnd, "error:error"},
	{"close", codeClose, "error:error"},
	{"sasl-mechanisms", codeSASLMechanisms, "sasl-server-mechanisms:symbols*"},
	{"sasl-init", codeSASLInit, "mechanism:symbol* initial-response:binary hostname:string"},
	{"sasl-challenge", codeSASLChallenge, "challenge:binary*"},
	{"sasl-response", codeSASLResponse, "response:binary*"},
	{"sasl-outcome", codeSASLOutcome, "code:ubyte* additional-data:binary"},
}

// ofType has, for each type, the same value in all its encodings. The first is the smallest.
var ofType = map[string][]Raw{
	"string":  {Make("x"), {ctorString32, 0, 0, 0, 1, 'x'}},
	"symbol":  {Make(Symbol("x")), {ctorSymbol32, 0, 0, 0, 1, 'x'}},
	"binary":  {Make([]byte("x")), {ctorBinary32, 0, 0, 0, 1, 'x'}},
	"boolean": {{ctorTrue}, {ctorBool, 1}},
	"ubyte":   {{ctorUbyte, 1}},
	"ushort":  {{ctorUshort, 0, 1}},
	"uint":    {{ctorSmallUint, 1}, {ctorUint, 0, 0, 0, 1}},
	"ulong":   {{ctorSmallUlong, 1}, {ctorUlong, 0, 0, 0, 0, 0, 0, 0, 1}},
	"map":     {MakeMap(Symbol("k"), 1)},
	"symbols": {Make([]Symbol{"x"}), Make(Symbol("x")), {ctorArray32, 0, 0, 0, 7, 0, 0, 0, 1, ctorSymbol8, 1, 'x'},
		{ctorArray8, 7, 1, ctorSymbol32, 0, 0, 0, 1, 'x'}},
	"source": {Raw(performative(codeSource)), MakeDescribed(Symbol("amqp:source:list"), []any{}),
		{ctorDescribed, ctorUlong, 0, 0, 0, 0, 0, 0, 0, codeSource, ctorList32, 0, 0, 0, 4, 0, 0, 0, 0}},
	"target": {Raw(performative(codeTarget))},
	"state":  {Raw(performative(codeAccepted))},
	"error":  {Raw(performative(codeError, Make(ErrInternal)))},
}

// wrong is, for each type, a value of another.
func wrong(typ string) Raw {
	if typ == "uint" {
		return Make(int32(1))
	}
	return Make(uint32(1))
}

type field struct {
	name, typ string
	mandatory bool
}

func fieldsOf(table string) (fs []field) {
	for f := range strings.FieldsSeq(table) {
		name, typ, _ := strings.Cut(f, ":")
		fs = append(fs, field{name, strings.TrimSuffix(typ, "*"), strings.HasSuffix(typ, "*")})
	}
	return fs
}

// smallest are all the fields present.
func smallest(fs []field) (values []Raw) {
	for _, f := range fs {
		values = append(values, ofType[f.typ][0])
	}
	return values
}

func wantError(t *testing.T, what string, b []byte, condition Symbol, parts ...string) {
	t.Helper()
	_, err := decode(b)
	var e *DecodeError
	if !errors.As(err, &e) {
		t.Errorf("%s: error %v, want %s", what, err, condition)
		return
	}
	if e.Condition != condition || e.Offset < 0 || e.Offset > len(b) {
		t.Errorf("%s: %v, want %s", what, err, condition)
	}
	for _, p := range parts {
		if !strings.Contains(e.What, p) {
			t.Errorf("%s: %v does not name %s", what, err, p)
		}
	}
}

// TestFields goes over every field of every body: mandatory ones may not be missing, none may be of another type, all
// widths of a type are the same, one field more than there are is an error.
func TestFields(t *testing.T) {
	for _, p := range fieldTypes {
		t.Run(p.name, func(t *testing.T) {
			fs := fieldsOf(p.fields)
			full := smallest(fs)
			want, err := decode(performative(p.code, full...))
			if err != nil {
				t.Fatal(err)
			}
			if want.Name() != p.name || !strings.HasPrefix(want.String(), p.name) {
				t.Errorf("it calls itself %s: %v", want.Name(), want)
			}
			for i, f := range fs {
				testField(t, p.code, p.name, f, full, i, want.String())
			}
			wantError(t, "one field more", performative(p.code, append(slices.Clone(full), Raw{ctorNull})...), ErrDecode, p.name, "more fields")
			wantError(t, "fields in a map", append(AppendDescriptor(nil, uint64(p.code)), MakeMap()...), ErrDecode, p.name, "list expected, map found")
			testTrailing(t, p.code, p.name, fs, full)
		})
	}
}

func testField(t *testing.T, code byte, name string, f field, full []Raw, i int, want string) {
	with := func(v Raw) []byte {
		fields := slices.Clone(full)
		fields[i] = v
		return performative(code, fields...)
	}
	if f.mandatory {
		wantError(t, f.name+" null", with(Raw{ctorNull}), ErrInvalidField, name+": "+f.name+" is missing")
	} else if body, err := decode(with(Raw{ctorNull})); err != nil || strings.Contains(body.String(), " "+f.name+"=") {
		t.Errorf("%s null: %v %v", f.name, body, err)
	}
	wantError(t, f.name+" of another type", with(wrong(f.typ)), ErrDecode, name+": "+f.name+": ", "expected", "found")
	if !strings.Contains(want, " "+f.name+"=") {
		t.Errorf("%s is not in %s", f.name, want)
	}
	for _, v := range ofType[f.typ] {
		if body, err := decode(with(v)); err != nil || body.String() != want {
			t.Errorf("%s as %x: %v %v, want %s", f.name, []byte(v), body, err, want)
		}
	}
}

// testTrailing leaves out more and more of the fields at the end.
func testTrailing(t *testing.T, code byte, name string, fs []field, full []Raw) {
	for n := len(fs) - 1; n >= 0; n-- {
		var nulls []Raw
		missing := ""
		for _, f := range fs[n:] {
			nulls = append(nulls, Raw{ctorNull})
			if f.mandatory && missing == "" {
				missing = f.name
			}
		}
		short := performative(code, full[:n]...)
		if missing != "" {
			wantError(t, fmt.Sprintf("%d fields", n), short, ErrInvalidField, name, missing)
			continue
		}
		left, err := decode(short)
		if err != nil {
			t.Errorf("%d fields: %v", n, err)
			continue
		}
		filled, err := decode(performative(code, append(slices.Clone(full[:n]), nulls...)...))
		if err != nil || left.String() != filled.String() {
			t.Errorf("%d fields are %v, filled with nulls %v %v", n, left, filled, err)
		}
	}
}

// TestMultiple: null, an empty array of any kind, and nothing at all mean the same. [types 1.4]
func TestMultiple(t *testing.T) {
	open := func(v Raw) (*Open, error) {
		b, err := decode(performative(codeOpen, Make("c"), nil, nil, nil, nil, v))
		o, _ := b.(*Open)
		return o, err
	}
	for _, v := range []string{"40", "e0 02 00 a3", "e0 01 00", "f0 00000004 00000000", "f0 00000005 00000000 b3", "e0 02 00 40"} {
		if o, err := open(unhex(t, v)); err != nil || o.OutgoingLocales != nil {
			t.Errorf("%s: %v %v", v, o, err)
		}
	}
	if o, err := open(Make([]Symbol{"b", "a", "queue"})); err != nil || !slices.Equal(o.OutgoingLocales, []Symbol{"b", "a", "queue"}) {
		t.Errorf("three symbols: %v %v", o, err)
	}
	for _, v := range []string{"a1 01 61", "c0 01 00", "e0 04 01 a1 01 61", "e0 04 02 a3 01 61", "e0 04 01 a3 01 80", "e0 07 01 00 53 01 a3 01 61"} {
		if o, err := open(unhex(t, v)); err == nil {
			t.Errorf("%s: %v, want an error", v, o)
		}
	}
	// The number of elements is a claim until they are there.
	huge := performative(codeOpen, Make("c"), nil, nil, nil, nil, unhex(t, "f0 00000007 7fffffff a3 01 61"))
	if n := testing.AllocsPerRun(10, func() { decode(huge) }); n > 30 {
		t.Errorf("an array that claims 2^31 symbols: %v allocations", n)
	}
}

func TestTexts(t *testing.T) {
	wantError(t, "container-id not UTF-8", performative(codeOpen, Raw{ctorString8, 1, 0xff}), ErrDecode, "open: container-id", "may not have")
	wantError(t, "mechanism not ASCII", performative(codeSASLInit, Raw{ctorSymbol8, 1, 0x80}), ErrDecode, "sasl-init: mechanism", "may not have")
	body, err := decode(performative(codeOpen, Make("ключ"), Make("")))
	if err != nil || body.(*Open).ContainerID != "ключ" {
		t.Errorf("%v %v", body, err)
	}
}

func TestTerminiOfAttach(t *testing.T) {
	attach := func(source, target Raw) (*Attach, error) {
		b, err := decode(performative(codeAttach, Make("l"), Make(uint32(0)), Make(false), nil, nil, source, target))
		a, _ := b.(*Attach)
		return a, err
	}
	a, err := attach(nil, performative(codeTarget))
	if err != nil || a.Source != nil || a.Target == nil || a.Target.HasAddress || a.Coordinator {
		t.Errorf("null source and empty target: %+v %v", a, err)
	}
	if a.Target.ExpiryPolicy != ExpirySessionEnd || a.SndSettleMode != SenderMixed {
		t.Errorf("defaults are not filled in: %+v", a.Target)
	}
	a, err = attach(performative(codeSource, Make("")), performative(codeCoordinator, Make([]Symbol{"amqp:local-transactions"})))
	if err != nil || !a.Source.HasAddress || a.Target != nil || !a.Coordinator || len(a.CoordinatorCapabilities) != 1 {
		t.Errorf("empty address and coordinator: %+v %v", a, err)
	}
	for what, b := range map[string][2]Raw{
		"source: durable has none":               {performative(codeSource, nil, Make(uint32(3))), nil},
		"target: durable has none":               {nil, performative(codeTarget, nil, Make(uint32(3)))},
		"source: more fields":                    {performative(codeSource, make([]Raw, 12)...), nil},
		"target: more fields":                    {nil, performative(codeTarget, make([]Raw, 8)...)},
		"coordinator: more fields":               {nil, performative(codeCoordinator, nil, nil)},
		"source: address: string":                {performative(codeSource, Make(Symbol("a"))), nil},
		"source: filter: map":                    {performative(codeSource, nil, nil, nil, nil, nil, nil, nil, Make([]any{})), nil},
		"source: default-outcome: delivery":      {performative(codeSource, nil, nil, nil, nil, nil, nil, nil, nil, Make(1)), nil},
		"source: modified: more fields":          {performative(codeSource, nil, nil, nil, nil, nil, nil, nil, nil, performative(codeModified, nil, nil, nil, nil)), nil},
		"target: dynamic-node-properties: map o": {nil, performative(codeTarget, nil, nil, nil, nil, nil, unhex(t, "c1 02 01 40"))},
	} {
		if _, err := attach(b[0], b[1]); err == nil || !strings.Contains(err.Error(), "attach: "+what) {
			t.Errorf("want %s: %v", what, err)
		}
	}
}

// TestTruncated: every prefix of a body is refused or, where the payload has begun, is the same body.
func TestTruncated(t *testing.T) {
	for _, p := range fieldTypes {
		b := performative(p.code, smallest(fieldsOf(p.fields))...)
		for n := 1; n < len(b); n++ {
			wantError(t, fmt.Sprintf("%s cut at %d", p.name, n), b[:n:n], ErrDecode)
		}
		want, err := decode(b)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := decode(append(b, 1, 2, 3)); err != nil || got.String() != want.String() {
			t.Errorf("%s with a payload: %v %v", p.name, got, err)
		}
	}
}

// TestDeepFields: nesting is counted from the frame on, through composites.
func TestDeepFields(t *testing.T) {
	list := func(v Raw) Raw { return AppendList(nil, []Raw{v}) }
	for depth, ok := range map[int]bool{MaxDepth - 3: true, MaxDepth - 2: false} {
		b := performative(codeFlow, nil, Make(uint32(1)), Make(uint32(1)), Make(uint32(1)), nil, nil, nil, nil, nil, nil, MakeMap("k", nested(depth, list)))
		if _, err := decode(b); (err == nil) != ok {
			t.Errorf("%d lists in the properties: %v", depth, err)
		}
	}
}

func TestBodyIsTheDecodersOwn(t *testing.T) {
	var d Decoder
	first := performative(codeOpen, Make("one"), nil, nil, nil, nil, nil, nil, nil, nil, MakeMap("k", "v"))
	body, _, err := d.Decode(first, false)
	if err != nil {
		t.Fatal(err)
	}
	kept := body.(*Open).Clone()
	clear(first)
	again, _, err := d.Decode(performative(codeOpen, Make("two")), false)
	if err != nil || again != body || again.String() != "open container-id=two" {
		t.Errorf("second open: %v %v", again, err)
	}
	if kept.String() != `open container-id=one properties={"k": "v"}` {
		t.Errorf("clone of the first: %v", kept)
	}
}

func TestForPeer(t *testing.T) {
	_, err := decode(performative(codeFlow))
	var e *DecodeError
	if !errors.As(err, &e) {
		t.Fatal(err)
	}
	if got := e.ForPeer().String(); got != `amqp:invalid-field("flow: incoming-window is missing (at byte 4)")` {
		t.Error(got)
	}
}

// TestFieldsStayInTheirList: a list that ends early never reaches into the payload behind it, though the bytes there would
// fit, nor behind the end of all bytes.
func TestFieldsStayInTheirList(t *testing.T) {
	for _, p := range fieldTypes {
		fs := fieldsOf(p.fields)
		for wide := range 2 {
			var content []byte
			for _, f := range fs {
				forms := ofType[f.typ]
				content = append(content, forms[min(wide, len(forms)-1)]...)
			}
			for size := range content {
				b := append(AppendDescriptor(nil, uint64(p.code)), ctorList8, byte(size+1), byte(len(fs)))
				what := fmt.Sprintf("%s of %d bytes of %d", p.name, size, len(content))
				wantError(t, what, append(b[:len(b):len(b)], content...), ErrDecode)
				wantError(t, what+", no payload", append(b[:len(b):len(b)], content[:size]...), ErrDecode)
			}
		}
	}
}

// TestNothingStays: a body has nothing of the one that its decoder held before.
func TestNothingStays(t *testing.T) {
	for _, p := range fieldTypes {
		fs := fieldsOf(p.fields)
		full := smallest(fs)
		if p.code == codeTransfer || p.code == codeDisposition {
			full[slices.IndexFunc(fs, func(f field) bool { return f.typ == "state" })] = performative(codeModified, Make(true), Make(true), MakeMap("k", 1))
		}
		var least []Raw
		for i, f := range fs {
			if f.mandatory {
				least = append(least, full[i])
			} else {
				least = append(least, nil)
			}
		}
		var used, fresh Decoder
		sasl := p.code >= codeSASLMechanisms
		if _, _, err := used.Decode(performative(p.code, full...), sasl); err != nil {
			t.Fatal(err)
		}
		got, _, err := used.Decode(performative(p.code, least...), sasl)
		if err != nil {
			t.Fatal(err)
		}
		want, _, err := fresh.Decode(performative(p.code, least...), sasl)
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%#v\nwant %#v", got, want)
		}
	}
}

// TestClonesAliasNothing: what was cloned does not change when the buffer is used again.
func TestClonesAliasNothing(t *testing.T) {
	m := MakeMap(Symbol("k"), "v")
	source := performative(codeSource, Make("a"), nil, nil, nil, Make(true), m, nil, m, performative(codeModified, Make(true), nil, m))
	target := performative(codeTarget, Make("b"), nil, nil, nil, Make(true), m)
	for _, b := range [][]byte{
		performative(codeOpen, Make("c"), nil, nil, nil, nil, nil, nil, nil, nil, m),
		performative(codeBegin, nil, Make(uint32(0)), Make(uint32(0)), Make(uint32(0)), nil, nil, nil, m),
		performative(codeAttach, Make("l"), Make(uint32(0)), Make(true), nil, nil, source, target, m, nil, nil, nil, nil, nil, m),
		performative(codeAttach, Make("l"), Make(uint32(0)), Make(true)),
		performative(codeClose, performative(codeError, Make(ErrInternal), nil, m)),
	} {
		body, err := decode(b)
		if err != nil {
			t.Fatal(err)
		}
		want := body.String()
		var clone fmt.Stringer
		switch body := body.(type) {
		case *Open:
			clone = body.Clone()
		case *Begin:
			clone = body.Clone()
		case *Attach:
			clone = body.Clone()
		case *Close:
			clone = &Close{body.Err.Clone()}
		}
		clear(b)
		if clone.String() != want {
			t.Errorf("clone is %v, was %s", clone, want)
		}
	}
}

func TestSymbolicDescriptors(t *testing.T) {
	n := 0
	for code, name := range compositeNames {
		if name == "" {
			continue
		}
		n++
		if got := descriptorOf([]byte("amqp:" + name + ":list")); got != uint64(code) {
			t.Errorf("%s is %#x, want %#x", name, got, code)
		}
	}
	if n != 25 {
		t.Errorf("%d composites", n)
	}
}
