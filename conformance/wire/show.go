package wire

import (
	"encoding/hex"
	"fmt"
	"strings"
)

// maxShown bounds the octets of one value in the readable form.
const maxShown = 48

// Show is a decoded value in readable form.
func Show(v any) string {
	switch v := v.(type) {
	case nil:
		return "null"
	case string:
		return shorten(fmt.Sprintf("%q", v))
	case Symbol:
		return shorten(":" + string(v))
	case []byte:
		return binary8(v)
	case Decimal:
		return "decimal " + hex.EncodeToString(v)
	case ID:
		return fmt.Sprintf("%x-%x-%x-%x-%x", v[:4], v[4:6], v[6:8], v[8:10], v[10:])
	case Time:
		return fmt.Sprintf("@%d", int64(v))
	case Character:
		return fmt.Sprintf("%q", rune(v))
	case []any:
		return "[" + join(v) + "]"
	case Array:
		return "array[" + join(v) + "]"
	case Dict:
		return showDict(v)
	case *DescribedValue:
		return showDescribed(v)
	}
	return fmt.Sprint(v)
}

func showDict(d Dict) string {
	parts := make([]string, len(d))
	for i, p := range d {
		parts[i] = Show(p.Key) + "=" + Show(p.Value)
	}
	return "{" + strings.Join(parts, ", ") + "}"
}

func showDescribed(d *DescribedValue) string {
	k := KindOf(d.Descriptor)
	items, list := d.Value.([]any)
	if k == nil || !list {
		return Show(d.Descriptor) + "@" + Show(d.Value)
	}
	return k.Name + showFields(k, items)
}

func showFields(k *Kind, items []any) string {
	var parts []string
	for i, v := range items {
		switch {
		case i >= len(k.Fields):
			parts = append(parts, "?="+Show(v))
		case v != nil:
			parts = append(parts, k.Fields[i].Name+"="+Show(v))
		}
	}
	return "(" + strings.Join(parts, " ") + ")"
}

func join(items []any) string {
	parts := make([]string, len(items))
	for i, v := range items {
		parts[i] = Show(v)
	}
	return shorten(strings.Join(parts, " "))
}

func shorten(s string) string {
	if len(s) > 4*maxShown {
		return s[:4*maxShown] + "…"
	}
	return s
}

func binary8(b []byte) string {
	if len(b) > maxShown {
		return fmt.Sprintf("x%x… (%d octets)", b[:maxShown], len(b))
	}
	return fmt.Sprintf("x%x", b)
}

// ShowOctets is what went over the wire in readable form: a header, a frame, or hexadecimal. Octets behind a frame are shown likewise,
// the first few frames of them.
func ShowOctets(b []byte) []string {
	var lines []string
	for len(b) > 0 && len(lines) < 12 {
		var line string
		line, b = showOne(b)
		lines = append(lines, line)
	}
	if len(b) > 0 {
		lines = append(lines, fmt.Sprintf("… and %d octets more", len(b)))
	}
	return lines
}

func showOne(b []byte) (string, []byte) {
	if len(b) >= 8 && string(b[:4]) == "AMQP" {
		return fmt.Sprintf("header AMQP %d %d.%d.%d", b[4], b[5], b[6], b[7]), b[8:]
	}
	if len(b) >= 8 {
		size := int(b[0])<<24 | int(b[1])<<16 | int(b[2])<<8 | int(b[3])
		if size >= 8 && size <= len(b) {
			if f, err := ParseFrame(b[:size]); err == nil {
				return f.String(), b[size:]
			} else if f.Body != nil {
				return f.String() + "   bad: " + err.Error() + "   octets " + binary8(b[:size]), b[size:]
			}
			return "octets " + binary8(b[:size]), b[size:]
		}
	}
	return "octets " + binary8(b), nil
}

// String is the frame on one line.
func (f *Frame) String() string {
	where := fmt.Sprintf("[%d] ", f.Channel)
	if f.Type == TypeSASL {
		where = ""
	}
	if f.Body == nil {
		return where + "empty frame"
	}
	s := where + f.Body.String()
	if len(f.Payload) > 0 {
		s += fmt.Sprintf(" + %d octets", len(f.Payload))
	}
	return s
}

// String is the composite on one line.
func (c *Composite) String() string {
	var items []any
	for _, r := range c.Items() {
		v, err := DecodeAll(r)
		if err != nil {
			v = "bad " + binary8(r)
		}
		items = append(items, v)
	}
	return c.Kind.Name + showFields(c.Kind, items)
}
