package amqp

// MessageHeader is the header section. [messaging 3.2.1]
type MessageHeader struct {
	Durable       bool
	Priority      Opt[uint8]  // 4 if absent
	TTL           Opt[uint32] // milliseconds
	FirstAcquirer bool
	DeliveryCount uint32
}

// MaxHeaderSize bounds what MessageHeader.Append adds.
const MaxHeaderSize = 24

// Append puts the whole section behind dst, at most MaxHeaderSize bytes.
func (h *MessageHeader) Append(dst []byte) []byte {
	w := beginComposite(dst, CodeHeader)
	w.flag(h.Durable)
	if h.Priority.Set {
		w.ubyte(h.Priority.Value)
	} else {
		w.null()
	}
	w.optUint(h.TTL)
	w.flag(h.FirstAcquirer)
	w.uintNot(0, h.DeliveryCount)
	return w.end()
}

func (h *MessageHeader) parse(r *reader) error {
	h.Durable = r.boolOr("durable", false)
	h.Priority = r.optUbyte("priority")
	h.TTL = r.optUint("ttl")
	h.FirstAcquirer = r.boolOr("first-acquirer", false)
	h.DeliveryCount = r.uintOr("delivery-count", 0)
	r.done()
	return r.err
}

// ParseHeader reads the header section; absent, it has all defaults. The error is a *DecodeError with offsets in m.Raw.
func (m *Message) ParseHeader() (MessageHeader, error) {
	var h MessageHeader
	r, ok := m.fields(m.Header)
	if !ok {
		return h, nil
	}
	if err := h.parse(&r); err != nil {
		return MessageHeader{}, err
	}
	return h, nil
}

// fields reads a section that is a list; ok is false if it is absent.
func (m *Message) fields(s Section) (r reader, ok bool) {
	if !s.Present() {
		return r, false
	}
	code, value, err := descriptor(m.Raw, s.Start, s.End, 0)
	if err != nil {
		return reader{err: err}, true
	}
	return listReader(code, m.Raw, value, s.End, 1), true
}

// String shows it for people.
func (h *MessageHeader) String() string {
	p := newPrinter("header")
	p.flag("durable", h.Durable)
	if h.Priority.Set {
		p.uint("priority", uint64(h.Priority.Value))
	}
	p.optUint("ttl", h.TTL)
	p.flag("first-acquirer", h.FirstAcquirer)
	p.uintNot("delivery-count", 0, uint64(h.DeliveryCount))
	return p.String()
}
