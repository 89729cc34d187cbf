package client

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/Azure/go-amqp"
)

// render gives the line (or lines) that show an event.
func (o ReceiveOptions) render(m *amqp.Message) ([]byte, error) {
	if o.JSON {
		return renderJSON(m)
	}
	return renderText(m), nil
}

// renderText is device, time, content type, body.
func renderText(m *amqp.Message) []byte {
	created, kind := "-", "-"
	if p := m.Properties; p != nil {
		if p.CreationTime != nil {
			created = p.CreationTime.Local().Format(time.RFC3339)
		}
		if p.ContentType != nil {
			kind = printable(*p.ContentType)
		}
	}
	device := printable(deviceOf(m))
	if device == "" {
		device = "-"
	}
	return fmt.Appendf(nil, "%s  %s  %s  %s\n", device, created, kind, showBody(m))
}

// deviceOf is the device an event is from: message annotation before application property, as the broker reads it.
func deviceOf(m *amqp.Message) string {
	if id, ok := m.Annotations["device_id"].(string); ok {
		return id
	}
	id, _ := m.ApplicationProperties["device_id"].(string)
	return id
}

// showBody is text as it is, unless it would play tricks on a terminal, and anything else in hexadecimal.
func showBody(m *amqp.Message) string {
	body, ok := bodyBytes(m)
	switch {
	case !ok && m.Sequence != nil:
		return printable(fmt.Sprint(plain(m.Sequence)))
	case !ok && m.Value != nil:
		return printable(fmt.Sprint(plain(m.Value)))
	case !ok:
		return "(no body)"
	case !utf8.Valid(body):
		return "0x" + hex.EncodeToString(body)
	}
	return printable(string(body))
}

// bodyBytes is a body of Data sections, or of a string or binary value. ok is false for any other, and for none.
func bodyBytes(m *amqp.Message) (_ []byte, ok bool) {
	switch v := m.Value.(type) {
	case string:
		return []byte(v), true
	case []byte:
		return v, true
	}
	return bytes.Join(m.Data, nil), m.Data != nil
}

// printable gives s as it is, or quoted if it has control characters other than line breaks and tabs.
func printable(s string) string {
	for _, c := range s {
		if unicode.IsControl(c) && c != '\n' && c != '\t' && c != '\r' {
			return strconv.Quote(s)
		}
	}
	return s
}

// eventJSON is an event as `receive --json` shows it.
type eventJSON struct {
	Device          string         `json:"device,omitempty"`
	Time            *time.Time     `json:"time,omitempty"`
	ContentType     string         `json:"content-type,omitempty"`
	Body            *string        `json:"body,omitempty"`        // a text
	BodyBase64      string         `json:"body-base64,omitempty"` // any other bytes
	BodyValue       any            `json:"body-value,omitempty"`  // an AMQP value or sequence
	Header          map[string]any `json:"header,omitempty"`
	Annotations     map[string]any `json:"message-annotations,omitempty"`
	Properties      map[string]any `json:"properties,omitempty"`
	ApplicationProp map[string]any `json:"application-properties,omitempty"`
	Footer          map[string]any `json:"footer,omitempty"`
}

func renderJSON(m *amqp.Message) ([]byte, error) {
	e := eventJSON{
		Device:      deviceOf(m),
		Header:      headerJSON(m.Header),
		Annotations: annotationsJSON(m.Annotations),
		Properties:  propertiesJSON(m.Properties),
		Footer:      annotationsJSON(m.Footer),
	}
	if p := m.Properties; p != nil {
		e.Time = utc(p.CreationTime)
		e.ContentType = value(p.ContentType)
	}
	if m.ApplicationProperties != nil {
		e.ApplicationProp = plain(m.ApplicationProperties).(map[string]any)
	}
	switch body, ok := bodyBytes(m); {
	case !ok && m.Sequence != nil:
		e.BodyValue = plain(m.Sequence)
	case !ok:
		e.BodyValue = plain(m.Value)
	case utf8.Valid(body):
		text := string(body)
		e.Body = &text
	default:
		e.BodyBase64 = base64.StdEncoding.EncodeToString(body)
	}
	line, err := json.Marshal(e)
	if err != nil {
		return nil, fmt.Errorf("show an event of %s as JSON: %w", e.Device, err)
	}
	return append(line, '\n'), nil
}

func value[T any](p *T) (v T) {
	if p != nil {
		v = *p
	}
	return v
}

func headerJSON(h *amqp.MessageHeader) map[string]any {
	if h == nil {
		return nil
	}
	m := map[string]any{"durable": h.Durable, "priority": h.Priority, "first-acquirer": h.FirstAcquirer, "delivery-count": h.DeliveryCount}
	if h.TTL != 0 {
		m["ttl"] = h.TTL.Milliseconds()
	}
	return m
}

func annotationsJSON(a amqp.Annotations) map[string]any {
	if a == nil {
		return nil
	}
	return plain(map[any]any(a)).(map[string]any)
}

// propertiesJSON has the fields that are set, by their names in the specification. [messaging 3.2.4]
func propertiesJSON(p *amqp.MessageProperties) map[string]any {
	if p == nil {
		return nil
	}
	m := map[string]any{}
	set(m, "to", p.To)
	set(m, "subject", p.Subject)
	set(m, "reply-to", p.ReplyTo)
	set(m, "content-type", p.ContentType)
	set(m, "content-encoding", p.ContentEncoding)
	set(m, "absolute-expiry-time", utc(p.AbsoluteExpiryTime))
	set(m, "creation-time", utc(p.CreationTime))
	set(m, "group-id", p.GroupID)
	set(m, "group-sequence", p.GroupSequence)
	set(m, "reply-to-group-id", p.ReplyToGroupID)
	if p.MessageID != nil {
		m["message-id"] = plain(p.MessageID)
	}
	if p.CorrelationID != nil {
		m["correlation-id"] = plain(p.CorrelationID)
	}
	if p.UserID != nil {
		m["user-id"] = plain(p.UserID)
	}
	return m
}

// utc is for programs, which do not care where we are.
func utc(t *time.Time) *time.Time {
	if t == nil {
		return nil
	}
	u := t.UTC()
	return &u
}

func set[T any](m map[string]any, name string, p *T) {
	if p != nil {
		m[name] = *p
	}
}

// plain turns an AMQP value into one that JSON can carry: binary becomes base64, keys become text.
func plain(v any) any {
	switch v := v.(type) {
	case map[any]any:
		m := make(map[string]any, len(v))
		for k, e := range v {
			m[fmt.Sprint(plain(k))] = plain(e)
		}
		return m
	case map[string]any:
		m := make(map[string]any, len(v))
		for k, e := range v {
			m[k] = plain(e)
		}
		return m
	case []any:
		l := make([]any, len(v))
		for i, e := range v {
			l[i] = plain(e)
		}
		return l
	case [][]any:
		l := make([]any, len(v))
		for i, e := range v {
			l[i] = plain(e)
		}
		return l
	case amqp.UUID:
		return v.String()
	case time.Time:
		return v.UTC()
	case float32:
		return plain(float64(v))
	case float64:
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return fmt.Sprint(v) // NaN and infinities have no number in JSON
		}
	}
	return v
}
