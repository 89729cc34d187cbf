package amqp

// Validate walks all of the message: everything well-formed, header and properties of the right types, keys of annotations
// symbols or ulongs [messaging 3.2.10], application properties simple values under strings [messaging 3.2.5]. For use at
// ingress; no allocation but for the error, a *DecodeError with offsets in m.Raw. It costs a look at every byte but those
// of binaries.
func (m *Message) Validate() error {
	if err := m.validateLists(); err != nil {
		return err
	}
	for _, s := range [...]Section{m.DeliveryAnnotations, m.MessageAnnotations, m.Footer} {
		if err := m.validateMap(s, annotationEntry); err != nil {
			return err
		}
	}
	if err := m.validateMap(m.ApplicationProperties, propertyEntry); err != nil {
		return err
	}
	return m.validateBody()
}

func (m *Message) validateLists() error {
	var h MessageHeader
	if r, ok := m.fields(m.Header); ok {
		if err := h.parse(&r); err != nil {
			return err
		}
	}
	if r, ok := m.fields(m.Properties); ok {
		return checkProperties(&r)
	}
	return nil
}

// validateBody walks the body's sections; that each is of its kind, ParseMessage has seen.
func (m *Message) validateBody() error {
	if m.BodyKind == BodyData {
		return nil // binaries: nothing is below them
	}
	for off := m.Body.Start; off < m.Body.End; {
		end, err := walk(m.Raw, off, m.Body.End, 0)
		if err != nil {
			return err
		}
		off = end
	}
	return nil
}

// validateMap walks a section that is a map and asks entry about each entry.
func (m *Message) validateMap(s Section, entry func(off int, k, v Raw) error) error {
	if !s.Present() {
		return nil
	}
	if _, err := walk(m.Raw, s.Start, s.End, 0); err != nil {
		return err
	}
	for e := elementsOf(m.value(s), KindMap); e.left > 0; {
		off := s.End - len(e.b) // what is left reaches to the end of the section
		k, _ := e.next()
		v, _ := e.next()
		if err := entry(off, k, v); err != nil {
			return err
		}
	}
	return nil
}

func annotationEntry(off int, k, _ Raw) error {
	switch k.Kind() {
	case KindSymbol, KindUlong:
		return nil
	}
	return malformed(off, "annotations: symbol or ulong expected as a key, %v found", k.Kind())
}

func propertyEntry(off int, k, v Raw) error {
	if k.Kind() != KindString {
		return malformed(off, "application-properties: string expected as a key, %v found", k.Kind())
	}
	for v.Kind() == KindDescribed {
		_, v, _ = v.Described()
	}
	switch v.Kind() {
	case KindList, KindMap, KindArray:
		return malformed(off, "application-properties: simple value expected, %v found", v.Kind())
	}
	return nil
}
