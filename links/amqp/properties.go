package amqp

// MessageProperties is the properties section; ids stay Raw: ulong, uuid, binary or string. [messaging 3.2.4]
type MessageProperties struct {
	MessageID          Raw
	UserID             []byte
	To                 string
	Subject            string
	ReplyTo            string
	CorrelationID      Raw
	ContentType        Symbol
	ContentEncoding    Symbol
	AbsoluteExpiryTime Opt[int64] // milliseconds since the epoch
	CreationTime       Opt[int64] // milliseconds since the epoch
	GroupID            string
	GroupSequence      Opt[SequenceNo]
	ReplyToGroupID     string
}

// Fields of the properties section, for Message.PropertiesField.
const (
	PropertyMessageID = iota
	PropertyUserID
	PropertyTo
	PropertySubject
	PropertyReplyTo
	PropertyCorrelationID
	PropertyContentType
	PropertyContentEncoding
	PropertyAbsoluteExpiryTime
	PropertyCreationTime
	PropertyGroupID
	PropertyGroupSequence
	PropertyReplyToGroupID
)

// Append puts the whole section behind dst.
func (p *MessageProperties) Append(dst []byte) []byte {
	w := beginComposite(dst, CodeProperties)
	w.raw(p.MessageID)
	w.bin(p.UserID)
	w.str(p.To)
	w.str(p.Subject)
	w.str(p.ReplyTo)
	w.raw(p.CorrelationID)
	w.symbol(p.ContentType)
	w.symbol(p.ContentEncoding)
	w.optTimestamp(p.AbsoluteExpiryTime)
	w.optTimestamp(p.CreationTime)
	w.str(p.GroupID)
	w.optSeq(p.GroupSequence)
	w.str(p.ReplyToGroupID)
	return w.end()
}

func (p *MessageProperties) parse(r *reader) error {
	p.MessageID = r.messageID("message-id")
	p.UserID = r.binOr("user-id")
	p.To = r.strOr("to")
	p.Subject = r.strOr("subject")
	p.ReplyTo = r.strOr("reply-to")
	p.CorrelationID = r.messageID("correlation-id")
	p.ContentType = r.symbolOr("content-type", "")
	p.ContentEncoding = r.symbolOr("content-encoding", "")
	p.AbsoluteExpiryTime = r.optTimestamp("absolute-expiry-time")
	p.CreationTime = r.optTimestamp("creation-time")
	p.GroupID = r.strOr("group-id")
	p.GroupSequence = r.optSeq("group-sequence")
	p.ReplyToGroupID = r.strOr("reply-to-group-id")
	r.done()
	return r.err
}

// checkProperties is parse without the copies.
func checkProperties(r *reader) error {
	r.messageID("message-id")
	r.text("user-id", KindBinary)
	r.text("to", KindString)
	r.text("subject", KindString)
	r.text("reply-to", KindString)
	r.messageID("correlation-id")
	r.text("content-type", KindSymbol)
	r.text("content-encoding", KindSymbol)
	r.optTimestamp("absolute-expiry-time")
	r.optTimestamp("creation-time")
	r.text("group-id", KindString)
	r.optSeq("group-sequence")
	r.text("reply-to-group-id", KindString)
	r.done()
	return r.err
}

// messageID takes a value of one of the four types of message ids. [messaging 3.2.11-14]
func (r *reader) messageID(field string) Raw {
	c, ok := r.next(field)
	if !ok {
		return nil
	}
	switch kinds[c] {
	case KindUlong, KindUUID, KindBinary, KindString:
		return r.value(field)
	}
	r.unexpected(field, "ulong, uuid, binary or string")
	return nil
}

// ParseProperties reads the properties section and copies its strings; absent, it is empty. The error is a *DecodeError
// with offsets in m.Raw.
func (m *Message) ParseProperties() (MessageProperties, error) {
	var p MessageProperties
	r, ok := m.fields(m.Properties)
	if !ok {
		return p, nil
	}
	if err := p.parse(&r); err != nil {
		return MessageProperties{}, err
	}
	return p, nil
}

// PropertiesField is field i (PropertyMessageID, PropertyTo, ...) of the properties section, nil if it is left out. No allocation.
func (m *Message) PropertiesField(i int) Raw {
	e := elementsOf(m.value(m.Properties), KindList)
	for {
		v, ok := e.next()
		if !ok {
			return nil
		}
		if i == 0 {
			return v
		}
		i--
	}
}

// String shows them for people.
func (p *MessageProperties) String() string {
	s := newPrinter("properties")
	s.raw("message-id", p.MessageID)
	s.bin("user-id", p.UserID)
	s.strSet("to", p.To)
	s.strSet("subject", p.Subject)
	s.strSet("reply-to", p.ReplyTo)
	s.raw("correlation-id", p.CorrelationID)
	s.strSet("content-type", string(p.ContentType))
	s.strSet("content-encoding", string(p.ContentEncoding))
	s.optTimestamp("absolute-expiry-time", p.AbsoluteExpiryTime)
	s.optTimestamp("creation-time", p.CreationTime)
	s.strSet("group-id", p.GroupID)
	s.optSeq("group-sequence", p.GroupSequence)
	s.strSet("reply-to-group-id", p.ReplyToGroupID)
	return s.String()
}
