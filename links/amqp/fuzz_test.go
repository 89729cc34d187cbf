package amqp

import (
	"bytes"
	"errors"
	"reflect"
	"testing"
)

// FuzzDecode: whatever a frame's body is, it is refused with a reason and a place, or it is a body that comes back from its
// own encoding as it was.
func FuzzDecode(f *testing.F) {
	for _, v := range vectors(f) {
		if len(v.bytes) > FrameHeaderSize {
			f.Add(v.bytes[FrameHeaderSize:], v.bytes[5] == TypeSASL)
		}
	}
	for _, p := range fieldTypes {
		f.Add(performative(p.code, smallest(fieldsOf(p.fields))...), p.code >= codeSASLMechanisms)
	}
	f.Fuzz(func(t *testing.T, b []byte, sasl bool) {
		var d, again Decoder
		body, payload, err := d.Decode(b, sasl)
		if err != nil {
			mustPointInto(t, b, err)
			return
		}
		if body == nil {
			return
		}
		if !bytes.HasSuffix(b, payload) {
			t.Fatalf("payload %x is not the end of %x", payload, b)
		}
		encoded := body.Append(nil)
		second, rest, err := again.Decode(encoded, sasl)
		if err != nil || len(rest) != 0 {
			t.Fatalf("%v was encoded as %x: %d bytes left, %v", body, encoded, len(rest), err)
		}
		if !reflect.DeepEqual(body, second) {
			t.Fatalf("%v came back as %v", body, second)
		}
		if body.String() != second.String() || !bytes.Equal(second.Append(nil), encoded) {
			t.Fatalf("%v and %v have different texts or encodings", body, second)
		}
	})
}

// mustPointInto checks an error for bytes b.
func mustPointInto(t *testing.T, b []byte, err error) {
	t.Helper()
	var e *DecodeError
	if !errors.As(err, &e) || e.Condition == "" || e.What == "" || e.Offset < 0 || e.Offset > len(b) {
		t.Fatalf("error %#v for %d bytes", err, len(b))
	}
}

// FuzzMessage: whatever is sent as a message, it is refused with a reason and a place, or its sections lie side by side over all
// of it; no look into them breaks, and what Validate has seen can be read.
func FuzzMessage(f *testing.F) {
	f.Add([]byte{})
	f.Add(join(aHeader, aDelivery, aMessage, aProperties, aApplication, aData, aData, aFooter))
	f.Add(join(aMessage, aSequence, aSequence))
	f.Add(join((&MessageHeader{true, Some(uint8(9)), Some(^uint32(0)), true, 7}).Append(nil), aValue))
	f.Add(AppendSection(nil, CodeValue, nested(MaxDepth, func(v Raw) Raw { return AppendList(nil, []Raw{v}) })))
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := ParseMessage(b)
		if err != nil {
			mustPointInto(t, b, err)
			return
		}
		end := 0
		for _, s := range []Section{m.Header, m.DeliveryAnnotations, m.MessageAnnotations, m.Properties, m.ApplicationProperties, m.Body, m.Footer} {
			if s.Present() && s.Start != end || s.End < s.Start {
				t.Fatalf("section at %v, the one before ended at %d", s, end)
			}
			end = max(end, s.End)
		}
		if end != len(b) {
			t.Fatalf("sections end at %d of %d", end, len(b))
		}
		lookAtAll(&m)
		h, errHeader := m.ParseHeader()
		p, errProperties := m.ParseProperties()
		if err := m.Validate(); err != nil {
			mustPointInto(t, b, err)
			return
		}
		if errHeader != nil || errProperties != nil {
			t.Fatalf("valid, but %v and %v", errHeader, errProperties)
		}
		mustComeBack(t, &h, &p)
	})
}

func lookAtAll(m *Message) {
	for _, key := range []string{"device_id", "n", ""} {
		_, _ = m.Annotation(key).String(), m.ApplicationProperty(key).String()
	}
	for i := range PropertyReplyToGroupID + 2 {
		_ = m.PropertiesField(i).String()
	}
	_, _, _ = m.Annotations().String(), m.AllApplicationProperties().String(), m.Kept()
	if v, ok := m.Value(); ok {
		_ = v.String()
	}
	m.Data()
}

func mustComeBack(t *testing.T, h *MessageHeader, p *MessageProperties) {
	m, err := ParseMessage(p.Append(h.Append(nil)))
	if err != nil {
		t.Fatal(err)
	}
	if again, err := m.ParseHeader(); err != nil || again != *h {
		t.Fatalf("%v came back as %v, %v", h, &again, err)
	}
	if again, err := m.ParseProperties(); err != nil || !reflect.DeepEqual(&again, p) {
		t.Fatalf("%v came back as %v, %v", p, &again, err)
	}
}

// FuzzValue: any bytes can be looked at as a Raw; a value that is well-formed ends where its sizes say, and what can be
// read from it can be written and read again.
func FuzzValue(f *testing.F) {
	for _, c := range wellFormed {
		f.Add(unhex(f, c.hex))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		lookAtRaw(Raw(b))
		v, rest, err := ParseValue(b)
		if err != nil {
			mustPointInto(t, b, err)
			return
		}
		if len(v)+len(rest) != len(b) {
			t.Fatalf("%d and %d bytes of %d", len(v), len(rest), len(b))
		}
		if end, err := skip(b, 0, len(b), 0); err != nil || end != len(v) {
			t.Fatalf("skipped to %d, walked to %d, %v", end, len(v), err)
		}
		again := encodeAgain(v)
		parsed, rest, err := ParseValue(again)
		if err != nil || len(rest) != 0 || parsed.String() != v.String() {
			t.Fatalf("%v was encoded again as %v, %v", v, again, err)
		}
	})
}

// lookAtRaw asks r for everything that it might be.
func lookAtRaw(r Raw) {
	r.Symbol()
	r.Str()
	r.Text()
	r.Bytes()
	r.Bool()
	r.Uint()
	r.Int()
	r.Float()
	r.UUID()
	r.Code()
	r.Described()
	r.Lookup("a")
	r.Len()
	_ = r.String()
	for range r.Map() {
	}
	n := 0
	for range r.List() {
		if n++; n > 1000 {
			break
		}
	}
}

// encodeAgain takes v apart and writes it with the Append functions, arrays as lists.
func encodeAgain(v Raw) Raw {
	switch v.Kind() {
	case KindDescribed:
		d, inner, _ := v.Described()
		return append(append(Raw{ctorDescribed}, encodeAgain(d)...), encodeAgain(inner)...)
	case KindArray:
		if _, contents, count, ok := v.arrayParts(); ok && len(contents) == 0 && count > 0 {
			return v
		}
		fallthrough
	case KindList:
		var elements []Raw
		for e := range v.List() {
			elements = append(elements, encodeAgain(e))
		}
		return AppendList(nil, elements)
	case KindMap:
		var entries []Raw
		for k, e := range v.Map() {
			entries = append(entries, encodeAgain(k), encodeAgain(e))
		}
		return AppendMap(nil, entries)
	}
	return scalarAgain(v)
}

func scalarAgain(v Raw) Raw {
	u, _ := v.Uint()
	i, _ := v.Int()
	x, _ := v.Float()
	b, _ := v.Bytes()
	switch v.Kind() {
	case KindNull:
		return AppendNull(nil)
	case KindBool:
		b, _ := v.Bool()
		return AppendBool(nil, b)
	case KindUbyte:
		return AppendUbyte(nil, uint8(u))
	case KindUshort:
		return AppendUshort(nil, uint16(u))
	case KindUint:
		return AppendUint(nil, uint32(u))
	case KindUlong:
		return AppendUlong(nil, u)
	case KindByte:
		return AppendByte(nil, int8(i))
	case KindShort:
		return AppendShort(nil, int16(i))
	case KindInt:
		return AppendInt(nil, int32(i))
	case KindLong:
		return AppendLong(nil, i)
	case KindFloat:
		return AppendFloat(nil, float32(x))
	case KindDouble:
		return AppendDouble(nil, x)
	case KindTimestamp:
		return AppendTimestamp(nil, i)
	case KindUUID:
		id, _ := v.UUID()
		return AppendUUID(nil, id)
	case KindString:
		return AppendString(nil, string(b))
	case KindSymbol:
		return AppendSymbol(nil, Symbol(b))
	case KindBinary:
		return AppendBinary(nil, b)
	}
	return v // char, decimals
}
