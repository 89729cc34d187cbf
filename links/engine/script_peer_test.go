package engine

import (
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"hibachi/links/amqp"
)

// splitWords cuts a line at blanks; "..." is one word.
func splitWords(t *testing.T, line string) (words []string) {
	for line = strings.TrimSpace(line); line != ""; line = strings.TrimLeft(line, " ") {
		end, quoted := 0, false
		for end < len(line) && (quoted || line[end] != ' ') {
			if line[end] == '"' {
				quoted = !quoted
			}
			end++
		}
		if quoted {
			t.Fatalf("a quote without end: %q", line)
		}
		words = append(words, strings.ReplaceAll(line[:end], `"`, ""))
		line = line[end:]
	}
	return words
}

// fields are the key=value of a command; a key alone has the value "".
type fields map[string]string

func parseFields(words []string) fields {
	f := fields{}
	for _, w := range words {
		k, v, _ := strings.Cut(w, "=")
		f[k] = v
	}
	return f
}

func (f fields) has(k string) bool { _, ok := f[k]; return ok }

func (f fields) number(k string, def uint64) uint64 {
	v, ok := f[k]
	if !ok {
		return def
	}
	n, err := strconv.ParseUint(v, 0, 64)
	if err != nil {
		panic(fmt.Sprintf("%s=%s: %v", k, v, err))
	}
	return n
}

func (f fields) u32(k string, def uint32) uint32 { return uint32(f.number(k, uint64(def))) }

func optional[T any](f fields, k string, convert func(uint64) T) (o amqp.Opt[T]) {
	if f.has(k) && f[k] != "none" {
		return amqp.Some(convert(f.number(k, 0)))
	}
	return o
}

func toU32(n uint64) uint32             { return uint32(n) }
func toSerial(n uint64) amqp.SequenceNo { return amqp.SequenceNo(n) }

func serial(t *testing.T, s string) amqp.SequenceNo {
	n, err := strconv.ParseUint(s, 0, 32)
	if err != nil {
		t.Fatal(err)
	}
	return amqp.SequenceNo(n)
}

func (e *scripted) config(f fields) {
	for k, v := range f {
		switch k {
		case "max-frame-size":
			e.cfg.MaxFrameSize = f.u32(k, 0)
		case "channel-max":
			e.cfg.ChannelMax = uint16(f.number(k, 0))
		case "handle-max":
			e.cfg.HandleMax = f.u32(k, 0)
		case "credit":
			e.cfg.Credit = f.u32(k, 0)
		case "incoming-window":
			e.cfg.IncomingWindow = f.u32(k, 0)
		case "max-message-size":
			e.cfg.MaxMessageSize = f.number(k, 0)
		case "max-unsettled":
			e.cfg.MaxUnsettled = int(f.number(k, 0))
		case "max-unsettled-bytes":
			e.cfg.MaxUnsettledBytes = int(f.number(k, 0))
		case "output-limit":
			e.cfg.OutputLimit = int(f.number(k, 0))
		case "start-id":
			e.cfg.startID = amqp.SequenceNo(f.number(k, 0))
		case "idle-timeout":
			d, err := time.ParseDuration(v)
			if err != nil {
				e.t.Fatal(err)
			}
			e.cfg.IdleTimeout = d
		case "properties":
			e.cfg.Properties = amqp.MakeMap(amqp.Symbol("product"), v)
		case "auth":
			e.cfg.Authenticator = scriptAuth{}
		default:
			e.t.Fatalf("no limit %q", k)
		}
	}
}

// scriptAuth requires SASL: PLAIN with the password "secret", and TWO, which asks once.
type scriptAuth struct{}

func (scriptAuth) Mechanisms() []amqp.Symbol { return []amqp.Symbol{"TWO", "PLAIN"} }
func (scriptAuth) Required() bool            { return true }
func (scriptAuth) Begin(m amqp.Symbol) Exchange {
	switch m {
	case "TWO":
		return &twoSteps{}
	case "PLAIN":
		return plainStep{}
	}
	return nil
}

type plainStep struct{}

func (plainStep) Step(response []byte) ([]byte, bool, Outcome) {
	parts := strings.Split(string(response), "\x00")
	if len(parts) != 3 || parts[2] != "secret" {
		return nil, true, Outcome{Code: amqp.SASLAuth}
	}
	return nil, true, Outcome{Code: amqp.SASLOK, Identity: parts[1]}
}

// twoSteps asks "who" until it is told something, and for ever if that is "again".
type twoSteps struct{ asked bool }

func (x *twoSteps) Step(response []byte) ([]byte, bool, Outcome) {
	if !x.asked || string(response) == "again" {
		x.asked = true
		return []byte("who"), false, Outcome{}
	}
	return nil, true, Outcome{Code: amqp.SASLOK, Identity: string(response), AdditionalData: []byte("bye")}
}

// frame makes one frame of the peer's.
func (e *scripted) frame(name string, f fields) []byte {
	channel := uint16(f.number("ch", 0))
	switch name {
	case "header":
		return e.header(f)
	case "raw":
		return e.hex(f)
	case "empty":
		return amqp.AppendFrame(nil, amqp.TypeAMQP, channel, nil, nil)
	case "sasl-empty":
		return amqp.AppendFrame(nil, amqp.TypeSASL, 0, nil, nil)
	}
	if body := saslBody(name, f); body != nil {
		return amqp.AppendFrame(nil, amqp.TypeSASL, channel, body, nil)
	}
	body := e.performative(name, f)
	if body == nil {
		e.t.Fatalf("no frame %q", name)
	}
	var payload []byte
	if v, ok := f["payload"]; ok {
		payload = []byte(v)
	}
	if n := f.number("size", 0); n > 0 {
		payload = []byte(strings.Repeat("x", int(n)))
	}
	return amqp.AppendFrame(nil, amqp.TypeAMQP, channel, body, payload)
}

func (e *scripted) header(f fields) []byte {
	for k := range f {
		switch k {
		case "amqp":
			return amqp.HeaderAMQP[:]
		case "sasl":
			return amqp.HeaderSASL[:]
		}
	}
	return e.hex(f)
}

func (e *scripted) hex(f fields) []byte {
	for k := range f {
		b, err := hex.DecodeString(k)
		if err != nil {
			e.t.Fatal(err)
		}
		return b
	}
	e.t.Fatal("no octets")
	return nil
}

func saslBody(name string, f fields) amqp.Body {
	text := func(k string) []byte {
		if !f.has(k) {
			return nil
		}
		return []byte(strings.ReplaceAll(f[k], `\0`, "\x00"))
	}
	switch name {
	case "sasl-mechanisms":
		return &amqp.SASLMechanisms{Mechanisms: []amqp.Symbol{"PLAIN"}}
	case "sasl-init":
		b := text("response")
		if n := f.number("size", 0); n > 0 {
			b = []byte(strings.Repeat("x", int(n)))
		}
		return &amqp.SASLInit{Mechanism: amqp.Symbol(f["mechanism"]), InitialResponse: b, Hostname: f["hostname"]}
	case "sasl-challenge":
		return &amqp.SASLChallenge{Challenge: text("challenge")}
	case "sasl-response":
		return &amqp.SASLResponse{Response: text("response")}
	case "sasl-outcome":
		return &amqp.SASLOutcome{}
	}
	return nil
}

func (e *scripted) performative(name string, f fields) amqp.Body {
	switch name {
	case "open":
		o := &amqp.Open{
			ContainerID:  f["container-id"],
			Hostname:     f["hostname"],
			MaxFrameSize: f.u32("max-frame-size", 1<<32-1),
			ChannelMax:   uint16(f.number("channel-max", 65535)),
			IdleTimeout:  f.u32("idle-time-out", 0),
		}
		if f.has("product") {
			o.Properties = amqp.MakeMap(amqp.Symbol("product"), f["product"])
		}
		if f.has("desired-capabilities") {
			o.DesiredCapabilities = symbols(f["desired-capabilities"])
		}
		return o
	case "begin":
		return &amqp.Begin{
			RemoteChannel:  optional(f, "remote-channel", func(n uint64) uint16 { return uint16(n) }),
			NextOutgoingID: amqp.SequenceNo(f.u32("next-outgoing-id", 0)),
			IncomingWindow: f.u32("incoming-window", 2048),
			OutgoingWindow: f.u32("outgoing-window", 2048),
			HandleMax:      f.u32("handle-max", 1<<32-1),
		}
	case "attach":
		return e.attach(f)
	case "flow":
		return &amqp.Flow{
			NextIncomingID: optional(f, "next-incoming-id", toSerial),
			IncomingWindow: f.u32("incoming-window", 2048),
			NextOutgoingID: amqp.SequenceNo(f.u32("next-outgoing-id", 0)),
			OutgoingWindow: f.u32("outgoing-window", 2048),
			Handle:         optional(f, "handle", toU32),
			DeliveryCount:  optional(f, "delivery-count", toSerial),
			LinkCredit:     optional(f, "credit", toU32),
			Available:      optional(f, "available", toU32),
			Drain:          f.has("drain"),
			Echo:           f.has("echo"),
		}
	case "transfer":
		return e.transfer(f)
	case "disposition":
		role := amqp.RoleReceiver
		if f["role"] == "sender" {
			role = amqp.RoleSender
		}
		return &amqp.Disposition{
			Role:    role,
			First:   amqp.SequenceNo(f.u32("first", 0)),
			Last:    optional(f, "last", toSerial),
			Settled: f.has("settled"),
			State:   fieldState(e.t, f),
		}
	case "detach":
		return &amqp.Detach{Handle: f.u32("handle", 0), Closed: f.has("closed"), Err: fieldError(f)}
	case "end":
		return &amqp.End{Err: fieldError(f)}
	case "close":
		return &amqp.Close{Err: fieldError(f)}
	}
	return nil
}

func (e *scripted) attach(f fields) *amqp.Attach {
	a := &amqp.Attach{
		LinkName:       f["name"],
		Handle:         f.u32("handle", 0),
		Role:           f["role"] == "receiver",
		SndSettleMode:  amqp.SenderSettleMode(f.number("snd", 2)),
		RcvSettleMode:  amqp.ReceiverSettleMode(f.number("rcv", 0)),
		Coordinator:    f.has("coordinator"),
		MaxMessageSize: f.number("max-message-size", 0),
	}
	if f["source"] != "null" {
		a.Source = &amqp.Source{Address: f["source"], HasAddress: f.has("source"), ExpiryPolicy: "session-end"}
	}
	if n := f.number("filter-size", 0); n > 0 {
		a.Source.Filter = amqp.MakeMap(amqp.Symbol("f"), strings.Repeat("x", int(n)))
	}
	if f["target"] != "null" && !a.Coordinator {
		a.Target = &amqp.Target{Address: f["target"], HasAddress: f.has("target"), ExpiryPolicy: "session-end"}
	}
	if f.has("unsettled") {
		a.Unsettled = amqp.MakeMap()
	}
	if a.Role == amqp.RoleSender && f["idc"] != "none" || f.has("idc") && f["idc"] != "none" {
		a.InitialDeliveryCount = amqp.Some(amqp.SequenceNo(f.u32("idc", 0)))
	}
	return a
}

func (e *scripted) transfer(f fields) *amqp.Transfer {
	t := &amqp.Transfer{
		Handle:        f.u32("handle", 0),
		DeliveryID:    optional(f, "id", toSerial),
		MessageFormat: optional(f, "format", toU32),
		Settled:       optional(f, "settled", func(n uint64) bool { return n != 0 }),
		More:          f.has("more"),
		RcvSettleMode: optional(f, "rcv", func(n uint64) amqp.ReceiverSettleMode { return amqp.ReceiverSettleMode(n) }),
		State:         fieldState(e.t, f),
		Resume:        f.has("resume"),
		Aborted:       f.has("aborted"),
	}
	switch {
	case f.has("tag"):
		t.DeliveryTag = []byte(f["tag"])
	case f.has("id"):
		t.DeliveryTag = []byte("t" + f["id"])
	}
	if f["tag"] == "none" {
		t.DeliveryTag = nil
	}
	return t
}

func symbols(s string) (out []amqp.Symbol) {
	for w := range strings.SplitSeq(s, ",") {
		out = append(out, amqp.Symbol(w))
	}
	return out
}

func fieldError(f fields) *amqp.Error {
	if !f.has("error") {
		return nil
	}
	return &amqp.Error{Condition: amqp.Symbol(f["error"]), Description: f["description"]}
}

func fieldState(t *testing.T, f fields) amqp.DeliveryState {
	if !f.has("state") {
		return amqp.DeliveryState{}
	}
	return scriptState(t, strings.Split(f["state"], ","))
}

// scriptState is accepted, released, received, "rejected condition text", "modified [failed] [here]" or unknown.
func scriptState(t *testing.T, words []string) amqp.DeliveryState {
	switch words[0] {
	case "accepted":
		return amqp.DeliveryState{Kind: amqp.Accepted}
	case "released":
		return amqp.DeliveryState{Kind: amqp.Released}
	case "received":
		return amqp.DeliveryState{Kind: amqp.Received}
	case "rejected":
		return amqp.DeliveryState{Kind: amqp.Rejected, Err: scriptError(words[1:])}
	case "modified":
		s := amqp.DeliveryState{Kind: amqp.Modified}
		for _, w := range words[1:] {
			s.DeliveryFailed = s.DeliveryFailed || w == "failed"
			s.UndeliverableHere = s.UndeliverableHere || w == "here"
		}
		return s
	case "transactional":
		return amqp.DeliveryState{Kind: amqp.Transactional, Raw: amqp.MakeDescribed(uint64(0x34), amqp.Make([]byte("txn")))}
	case "unknown":
		return amqp.DeliveryState{Kind: amqp.StateUnknown, Raw: amqp.MakeDescribed(uint64(0x99), amqp.Make(true))}
	}
	t.Fatalf("no state %q", words[0])
	return amqp.DeliveryState{}
}

// scriptError is "condition text..."; a text of *N is N letters.
func scriptError(words []string) *amqp.Error {
	if len(words) == 0 {
		return nil
	}
	text := strings.Join(words[1:], " ")
	if n, err := strconv.Atoi(strings.TrimPrefix(text, "*")); err == nil && strings.HasPrefix(text, "*") {
		text = strings.Repeat("ü", n/2)
	}
	return &amqp.Error{Condition: amqp.Symbol(words[0]), Description: text}
}
