package bench

import (
	"bytes"
	"testing"

	"hibachi/links/amqp"
)

func TestEventsAreHonoEvents(t *testing.T) {
	w, err := newEventWriter(7, "acme", 3, 100)
	if err != nil {
		t.Fatal(err)
	}
	w.next(1, 1, 0, 0)
	b := w.next(1234567, 42, 99, 1_700_000_000_000)
	m, err := amqp.ParseMessage(b)
	if err != nil {
		t.Fatal(err)
	}
	h, err := m.ParseHeader()
	if err != nil || !h.Durable {
		t.Errorf("header %+v, error %v", h, err)
	}
	p, err := m.ParseProperties()
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name string
		raw  amqp.Raw
		want string
	}{
		{"annotation device_id", m.Annotation("device_id"), "device-1234567"},
		{"annotation tenant_id", m.Annotation("tenant_id"), "acme"},
		{"annotation resource", m.Annotation("resource"), "event/acme/device-1234567"},
		{"application property device_id", m.ApplicationProperty("device_id"), "device-1234567"},
		{"message-id", p.MessageID, "GenericSenderLink-0000000002"},
	} {
		if got, ok := tt.raw.Str(); !ok || got != tt.want {
			t.Errorf("%s is %s, want %q", tt.name, tt.raw, tt.want)
		}
	}
	if p.To != "event/acme" || p.CreationTime.Value != 1_700_000_000_000 {
		t.Errorf("to %q, creation-time %d", p.To, p.CreationTime.Value)
	}
	data, ok := m.Data()
	if s, stamped := parseStamp(data); !ok || !stamped || len(data) != 100 || s != (stamp{7, 99, 3, 1234567, 42}) {
		t.Errorf("body of %d bytes with %+v", len(data), s)
	}
}

func TestBodiesDiffer(t *testing.T) {
	w, err := newEventWriter(7, "acme", 3, 200)
	if err != nil {
		t.Fatal(err)
	}
	a := bytes.Clone(w.next(1, 1, 0, 0)[w.body+bodyHead:])
	if b := w.next(1, 2, 0, 0)[w.body+bodyHead:]; bytes.Equal(a, b) {
		t.Error("two events have the same filling: a store that compresses would shine")
	}
}

func TestStampsAreFoundWhateverStandsAround(t *testing.T) {
	w, err := newEventWriter(7, "acme", 3, 64)
	if err != nil {
		t.Fatal(err)
	}
	plain := bytes.Clone(w.next(5, 6, 1, 1))
	footer := amqp.AppendSection(bytes.Clone(plain), 0x78, amqp.MakeMap(amqp.Symbol("x"), true))
	want := stamp{7, 1, 3, 5, 6}
	for name, b := range map[string][]byte{"plain": plain, "with a footer": footer} {
		if s, ok := readEvent(b, 64); !ok || s != want {
			t.Errorf("%s: %+v, %t", name, s, ok)
		}
	}
	if _, ok := readEvent(amqp.AppendData(nil, []byte("something else altogether, long enough for a stamp")), 64); ok {
		t.Error("a stamp in a message that has none")
	}
	if _, err := newEventWriter(1, "t", 0, bodyHead-1); err == nil {
		t.Error("a body too small for its stamp")
	}
}

func TestAnEventIsMadeWithoutAllocation(t *testing.T) {
	w, err := newEventWriter(7, "acme", 3, 1024)
	if err != nil {
		t.Fatal(err)
	}
	c, n := NewCheck(4, 10), uint32(0)
	allocs := testing.AllocsPerRun(100, func() {
		n++
		s, ok := readEvent(w.next(5, n, 1, 1), 1024)
		if !ok || !c.Received(s.Tenant, s.Device, s.Seq) {
			t.Fatal("not the event that was sent")
		}
	})
	if allocs != 0 {
		t.Errorf("%.0f allocations an event", allocs)
	}
}
