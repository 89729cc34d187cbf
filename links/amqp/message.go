package amqp

// BodyKind is the kind of a message's body. [messaging 3.2]
type BodyKind uint8

const (
	BodyNone BodyKind = iota // no body section at all
	BodyData
	BodySequence
	BodyValue
)

// String is the specification's word.
func (k BodyKind) String() string { return word(k, "none", "data", "amqp-sequence", "amqp-value") }

// Section is one section's place in the encoded message: Raw[Start:End] with its descriptor. Start == End: absent.
type Section struct{ Start, End int }

// Present tells whether there is such a section.
func (s Section) Present() bool { return s.Start != s.End }

// Message is the layout of one encoded message, found without decoding the contents of its sections. It aliases Raw.
//
// ParseMessage goes over sizes only, so that a message costs the same however much is in it. What is inside a section may
// still be malformed: lookups then find nothing, ParseHeader and ParseProperties return an error, and Validate says what it is.
type Message struct {
	Raw                   []byte
	Header                Section
	DeliveryAnnotations   Section
	MessageAnnotations    Section
	Properties            Section
	ApplicationProperties Section
	Body                  Section // all body sections
	Footer                Section
	BodyKind              BodyKind
	BodySections          int
}

// ParseMessage finds the sections and checks their order, their multiplicity and the type of what each holds. No
// allocation but for the error, a *DecodeError. A message without a body, even one without bytes, is none: BodyNone. [messaging 3.2]
func ParseMessage(b []byte) (Message, error) {
	m := Message{Raw: b}
	last := uint64(0)
	for off := 0; off < len(b); {
		code, end, err := sectionAt(b, off)
		if err != nil {
			return Message{}, err
		}
		if code < last || code == last && code != CodeData && code != CodeSequence {
			return Message{}, malformed(off, "%s behind %s", sectionName(code), sectionName(last))
		}
		if m.BodySections > 0 && code != last && code <= CodeValue {
			return Message{}, malformed(off, "%s in a body of %s", sectionName(code), sectionName(last))
		}
		m.place(code, Section{off, end})
		last, off = code, end
	}
	return m, nil
}

func (m *Message) place(code uint64, s Section) {
	switch code {
	case CodeHeader:
		m.Header = s
	case CodeDeliveryAnnotations:
		m.DeliveryAnnotations = s
	case CodeMessageAnnotations:
		m.MessageAnnotations = s
	case CodeProperties:
		m.Properties = s
	case CodeApplicationProperties:
		m.ApplicationProperties = s
	case CodeFooter:
		m.Footer = s
	default:
		m.BodyKind = BodyData + BodyKind(code-CodeData)
		if m.BodySections == 0 {
			m.Body.Start = s.Start
		}
		m.Body.End = s.End
		m.BodySections++
	}
}

var sectionNames = [...]string{
	"header", "delivery-annotations", "message-annotations", "properties", "application-properties",
	"data", "amqp-sequence", "amqp-value", "footer",
}

func sectionName(code uint64) string { return sectionNames[code-CodeHeader] }

// sectionKinds is what each section holds; KindInvalid is anything.
var sectionKinds = [...]Kind{
	KindList, KindMap, KindMap, KindList, KindMap,
	KindBinary, KindList, KindInvalid, KindMap,
}

// sectionAt reads what section begins at off and where it ends.
func sectionAt(b []byte, off int) (code uint64, end int, err error) {
	if b[off] != ctorDescribed {
		return 0, 0, malformed(off, "no section begins with 0x%02x", b[off])
	}
	code, value, err := descriptor(b, off, len(b), 0)
	if err != nil {
		return 0, 0, err
	}
	if code < CodeHeader || code > CodeFooter {
		return 0, 0, malformed(off, "no section has descriptor %s", showDescriptor(b[off+1:value]))
	}
	if end, err = skip(b, value, len(b), 1); err != nil {
		return 0, 0, err
	}
	want := sectionKinds[code-CodeHeader]
	if found := kinds[b[value]]; want != KindInvalid && found != want {
		return 0, 0, malformed(value, "%s: %v expected, %v found", sectionName(code), want, found)
	}
	return code, end, nil
}

// value is what a section holds, nil if it is absent.
func (m *Message) value(s Section) Raw {
	if !s.Present() {
		return nil
	}
	_, v, _ := Raw(m.Raw[s.Start:s.End:s.End]).Described()
	return v
}

// Annotation is the message annotation under key, nil if there is none. No allocation. The key is a symbol by the
// specification; a string is found too.
func (m *Message) Annotation(key string) Raw { return m.value(m.MessageAnnotations).Lookup(key) }

// ApplicationProperty is the application property under key, nil if there is none. No allocation. The key is a string by
// the specification; a symbol is found too.
func (m *Message) ApplicationProperty(key string) Raw {
	return m.value(m.ApplicationProperties).Lookup(key)
}

// Annotations are all message annotations, a map; nil if there are none.
func (m *Message) Annotations() Raw { return m.value(m.MessageAnnotations) }

// AllApplicationProperties are the application properties, a map; nil if there are none.
func (m *Message) AllApplicationProperties() Raw { return m.value(m.ApplicationProperties) }

// Data is the content of a body of exactly one data section, aliasing; ok is false for any other body.
func (m *Message) Data() (b []byte, ok bool) {
	if m.BodyKind != BodyData || m.BodySections != 1 {
		return nil, false
	}
	return m.value(m.Body).Bytes()
}

// Value is the content of an amqp-value body, aliasing; ok is false for any other body.
func (m *Message) Value() (v Raw, ok bool) {
	if m.BodyKind != BodyValue {
		return nil, false
	}
	return m.value(m.Body), true
}

// Kept is what an intermediary passes on unchanged: all that follows the header, which it writes anew, and the delivery
// annotations, which were for itself. [messaging 3.2.1-2]
func (m *Message) Kept() []byte {
	return m.Raw[max(m.Header.End, m.DeliveryAnnotations.End):]
}

// AppendSection puts a described section (CodeMessageAnnotations, CodeApplicationProperties, ...) holding value behind
// dst; without a value it appends nothing.
func AppendSection(dst []byte, code uint64, value Raw) []byte {
	if value == nil {
		return dst
	}
	return append(AppendDescriptor(dst, code), value...)
}

// AppendData puts a data section behind dst.
func AppendData(dst, data []byte) []byte {
	return AppendBinary(AppendDescriptor(dst, CodeData), data)
}
