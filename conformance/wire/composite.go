package wire

import (
	"errors"
	"fmt"
	"maps"
	"slices"
)

// F are fields by name. A value is nil (absent), Raw (goes out as it is), a *Composite, or a Go value that is encoded as the field's type
// asks: any integer, bool, string, []string, []byte, Symbol.
type F map[string]any

// Plus is a copy with the fields of more laid over it.
func (f F) Plus(more ...F) F {
	all := maps.Clone(f)
	if all == nil {
		all = F{}
	}
	for _, m := range more {
		maps.Copy(all, m)
	}
	return all
}

// Composite is a composite value.
type Composite struct {
	Kind       *Kind
	Descriptor Raw   // as it was on the wire, or as it is to be
	Fields     []Raw // nil is absent; may be longer than Kind.Fields
}

// With builds a composite. A name that the kind does not have, or a value that cannot be of the field's type, is a mistake in the check
// and panics.
func (k *Kind) With(fields ...F) *Composite {
	c := &Composite{Kind: k, Descriptor: Ulong(k.Code), Fields: make([]Raw, len(k.Fields))}
	for name, v := range (F{}).Plus(fields...) {
		i := k.index(name)
		c.Fields[i] = encodeField(k, k.Fields[i], v)
	}
	return c
}

// Set puts one field and returns c.
func (c *Composite) Set(name string, v any) *Composite {
	i := c.Kind.index(name)
	for len(c.Fields) <= i {
		c.Fields = append(c.Fields, nil)
	}
	c.Fields[i] = encodeField(c.Kind, c.Kind.Fields[i], v)
	return c
}

// Items are the list's items: absent fields are null, those at the end are left out.
func (c *Composite) Items() []Raw {
	last := len(c.Fields)
	for last > 0 && c.Fields[last-1] == nil {
		last--
	}
	items := slices.Clone(c.Fields[:last])
	for i := range items {
		if items[i] == nil {
			items[i] = Null
		}
	}
	return items
}

// Raw is the composite encoded: compact, the descriptor as a number.
func (c *Composite) Raw() Raw { return Described(c.Descriptor, List(c.Items()...)) }

func encodeField(k *Kind, f Field, v any) Raw {
	switch v := v.(type) {
	case nil:
		return nil
	case Raw:
		return v
	case *Composite:
		return v.Raw()
	case Symbol:
		return Sym(string(v))
	case []string:
		return Symbols(v...)
	}
	if r := encodeAs(f.Type, v); r != nil {
		return r
	}
	panic(fmt.Sprintf("wire: %s field %s is %s, not %T", k.Name, f.Name, f.Type, v))
}

// encodeAs encodes a Go value as a primitive type, or returns nil.
func encodeAs(typ string, v any) Raw {
	switch v := v.(type) {
	case bool:
		return Bool(v)
	case []byte:
		return Bin(v)
	case string:
		if typ == "symbol" {
			return Sym(v)
		}
		return Str(v)
	}
	n, ok := integer(v)
	if !ok {
		return nil
	}
	switch typ {
	case "ubyte":
		return Ubyte(uint8(n))
	case "ushort":
		return Ushort(uint16(n))
	case "uint":
		return Uint(uint32(n))
	case "ulong", "*":
		return Ulong(n)
	case "timestamp":
		return Timestamp(int64(n))
	}
	return nil
}

func integer(v any) (uint64, bool) {
	switch v := v.(type) {
	case int:
		return uint64(v), true
	case int64:
		return uint64(v), true
	case uint8:
		return uint64(v), true
	case uint16:
		return uint64(v), true
	case uint32:
		return uint64(v), true
	case uint64:
		return v, true
	}
	return 0, false
}

// ParseComposite reads a described list of a known kind, strictly: fields have their types, mandatory ones are there.
func ParseComposite(b Raw) (*Composite, error) {
	if len(b) == 0 || b[0] != 0 {
		return nil, fmt.Errorf("not a described value")
	}
	descriptor, list, err := Split(b[1:])
	if err != nil {
		return nil, err
	}
	d, err := DecodeAll(descriptor)
	if err != nil {
		return nil, err
	}
	k := KindOf(d)
	if k == nil {
		return nil, fmt.Errorf("no type has descriptor %v", d)
	}
	if _, err := DecodeAll(list); err != nil {
		return nil, fmt.Errorf("%s: %w", k.Name, err)
	}
	items, err := Items(Raw(list))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", k.Name, err)
	}
	c := &Composite{Kind: k, Descriptor: descriptor, Fields: items}
	for i := range c.Fields {
		if c.Fields[i][0] == 0x40 {
			c.Fields[i] = nil
		}
	}
	return c, c.validate()
}

// validate holds the fields against the table.
func (c *Composite) validate() error {
	if len(c.Fields) > len(c.Kind.Fields) {
		return fmt.Errorf("%s has %d fields, which is too many", c.Kind.Name, len(c.Fields))
	}
	for i, f := range c.Kind.Fields {
		if i >= len(c.Fields) || c.Fields[i] == nil {
			if f.Mandatory {
				return fmt.Errorf("%s: mandatory field %s is missing", c.Kind.Name, f.Name)
			}
			continue
		}
		v, err := DecodeAll(c.Fields[i])
		if err != nil {
			return fmt.Errorf("%s field %s: %w", c.Kind.Name, f.Name, err)
		}
		if !isOf(f, v) {
			return fmt.Errorf("%s field %s is no %s: %s", c.Kind.Name, f.Name, f.Type, Show(v))
		}
		if a, ok := v.(Array); ok && f.Mandatory && len(a) == 0 {
			return fmt.Errorf("%s: mandatory field %s has no value", c.Kind.Name, f.Name)
		}
		if n, ok := integer(v); ok && f.Max > 0 && n > f.Max {
			return fmt.Errorf("%s field %s is %d, which is above %d", c.Kind.Name, f.Name, n, f.Max)
		}
		if d, ok := v.(*DescribedValue); ok && KindOf(d.Descriptor) != nil {
			if _, err := ParseComposite(c.Fields[i]); err != nil {
				return fmt.Errorf("%s field %s: %w", c.Kind.Name, f.Name, err)
			}
		}
	}
	if c.Kind == Attach && c.Has("role") && !c.Bool("role") && !c.Has("initial-delivery-count") {
		return errors.New("attach of a sender without initial-delivery-count")
	}
	return nil
}

// described are the kinds that a field's type stands for.
var described = map[string][]*Kind{
	"error": {Error}, "source": {Source}, "target": {Target, Coordinator},
	"state": {Received, Accepted, Rejected, Released, Modified, Declared, TransactionalState},
}

// isOf tells whether a decoded value is of the field's type.
func isOf(f Field, v any) bool {
	if a, ok := v.(Array); ok && f.Multiple {
		return !slices.ContainsFunc(a, func(e any) bool { return !isOf(Field{Type: f.Type}, e) })
	}
	switch v := v.(type) {
	case string:
		return f.Type == "string" || f.Type == "*"
	case Symbol:
		return f.Type == "symbol"
	case bool:
		return f.Type == "boolean"
	case uint8:
		return f.Type == "ubyte"
	case uint16:
		return f.Type == "ushort"
	case uint32:
		return f.Type == "uint"
	case uint64:
		return f.Type == "ulong" || f.Type == "*"
	case []byte:
		return f.Type == "binary" || f.Type == "*"
	case Time:
		return f.Type == "timestamp"
	case Dict:
		return f.Type == "map"
	case *DescribedValue:
		return slices.Contains(described[f.Type], KindOf(v.Descriptor))
	}
	return f.Type == "*"
}

// Get is a field's decoded value; nil if it is absent or cannot be read.
func (c *Composite) Get(name string) any {
	if c == nil {
		return nil
	}
	i := c.Kind.index(name)
	if i >= len(c.Fields) || c.Fields[i] == nil {
		return nil
	}
	v, err := DecodeAll(c.Fields[i])
	if err != nil {
		return nil
	}
	return v
}

// Has tells whether a field is there and not null.
func (c *Composite) Has(name string) bool { return c.Get(name) != nil }

// Uint is any unsigned integer field; 0 if it is absent.
func (c *Composite) Uint(name string) uint64 {
	switch v := c.Get(name).(type) {
	case uint8:
		return uint64(v)
	case uint16:
		return uint64(v)
	case uint32:
		return uint64(v)
	case uint64:
		return v
	}
	return 0
}

// Bool is a boolean field; false if it is absent.
func (c *Composite) Bool(name string) bool { v, _ := c.Get(name).(bool); return v }

// Text is a string or symbol field; "" if it is absent.
func (c *Composite) Text(name string) string {
	switch v := c.Get(name).(type) {
	case string:
		return v
	case Symbol:
		return string(v)
	}
	return ""
}

// Binary is a binary field; nil if it is absent.
func (c *Composite) Binary(name string) []byte { v, _ := c.Get(name).([]byte); return v }

// Symbols is a multiple field of symbols: one, an array, or none.
func (c *Composite) Symbols(name string) []string {
	switch v := c.Get(name).(type) {
	case Symbol:
		return []string{string(v)}
	case Array:
		var all []string
		for _, e := range v {
			if s, ok := e.(Symbol); ok {
				all = append(all, string(s))
			}
		}
		return all
	}
	return nil
}

// Map is a map field; nil if it is absent.
func (c *Composite) Map(name string) Dict { v, _ := c.Get(name).(Dict); return v }

// Composite is a described field of a known kind; nil if it is absent.
func (c *Composite) Composite(name string) *Composite {
	if c == nil {
		return nil
	}
	i := c.Kind.index(name)
	if i >= len(c.Fields) || c.Fields[i] == nil {
		return nil
	}
	inner, err := ParseComposite(c.Fields[i])
	if err != nil {
		return nil
	}
	return inner
}

// Condition is the condition of the field "error", or "".
func (c *Composite) Condition() string { return c.Composite("error").Text("condition") }
