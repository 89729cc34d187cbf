package wire

import (
	"bytes"
	"encoding/hex"
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"
)

// vectors reads testdata/vectors.txt.
func vectors(t *testing.T) map[string][]byte {
	t.Helper()
	b, err := os.ReadFile("testdata/vectors.txt")
	if err != nil {
		t.Fatal(err)
	}
	all := map[string][]byte{}
	for _, m := range regexp.MustCompile(`(?m)^([^#\s].*?)\s{2,}([0-9a-f]+)$`).FindAllStringSubmatch(string(b), -1) {
		octets, err := hex.DecodeString(m[2])
		if err != nil {
			t.Fatalf("%s: %v", m[1], err)
		}
		all[m[1]] = octets
	}
	if len(all) < 80 {
		t.Fatalf("only %d vectors", len(all))
	}
	return all
}

// What is said by hand here has to come out as the vectors, octet by octet.
func TestBuildersMakeTheVectors(t *testing.T) {
	want := vectors(t)
	flow := F{"next-incoming-id": 0, "incoming-window": 2048, "next-outgoing-id": 0, "outgoing-window": 2048}
	begin := F{"next-outgoing-id": 0, "incoming-window": 2048, "outgoing-window": 2048}
	for name, got := range map[string][]byte{
		"amqp-header": AMQPHeader[:], "sasl-header": SASLHeader[:], "tls-header": TLSHeader[:], "heartbeat": Empty(0),
		"sasl-init ANONYMOUS":         SASL(SASLInit.With(F{"mechanism": "ANONYMOUS"})),
		"sasl-init PLAIN guest/guest": SASL(SASLInit.With(F{"mechanism": "PLAIN", "initial-response": []byte("\x00guest\x00guest")})),
		"open c1":                     AMQP(0, Open.With(F{"container-id": "c1"}), nil),
		"begin ch0 noi=0 2048/2048":   AMQP(0, Begin.With(begin), nil),
		"begin noi=0xfffffffe":        AMQP(0, Begin.With(begin, F{"next-outgoing-id": uint32(0xfffffffe)}), nil),
		"begin handle-max=0":          AMQP(0, Begin.With(begin, F{"handle-max": 0}), nil),
		"flow session echo":           AMQP(0, Flow.With(flow, F{"drain": false, "echo": true}), nil),
		"flow h1 dc=0 credit=10":      AMQP(0, Flow.With(flow, F{"handle": 1, "delivery-count": 0, "link-credit": 10}), nil),
		"transfer aborted":            AMQP(0, Transfer.With(F{"handle": 0, "aborted": true}), nil),
		"disposition rcv 0..9 settled acc": AMQP(0, Disposition.With(F{
			"role": true, "first": 0, "last": 9, "settled": true, "state": Accepted.With(),
		}), nil),
		"disposition modified df uh": AMQP(0, Disposition.With(F{
			"role": true, "first": 0, "settled": true, "state": Modified.With(F{"delivery-failed": true, "undeliverable-here": true}),
		}), nil),
		"detach h0 closed":            AMQP(0, Detach.With(F{"handle": 0, "closed": true}), nil),
		"end":                         AMQP(0, End.With(), nil),
		"close":                       AMQP(0, Close.With(), nil),
		"ext header doff=3 begin":     RawFrame(3, 0, 0, Begin.With(begin).Raw()),
		"open symbolic descriptor":    RawFrame(2, 0, 0, Described(Sym("amqp:open:list"), List(Str("c1")))),
		"sasl-mechanisms array":       SASL(SASLMechanisms.With(F{"sasl-server-mechanisms": []string{"PLAIN", "ANONYMOUS"}})),
		"empty array as capabilities": AMQP(0, Open.With(F{"container-id": "c1", "desired-capabilities": Raw{0xe0, 2, 0, 0xa3}}), nil),
	} {
		v, ok := want[name]
		if !ok {
			t.Errorf("there is no vector %q", name)
			continue
		}
		if !bytes.Equal(got, v) {
			t.Errorf("%s:\n got %x\nwant %x", name, got, v)
		}
	}
}

// Vectors that are called bad are refused by whoever reads strictly, but for those whose badness is in the meaning.
func TestTheVectorsAreReadStrictly(t *testing.T) {
	meant := map[string]bool{
		"flow handle 99 (bad)": true, "disposition first>last (bad)": true,
	}
	// Brokers may read these, and nobody has a reason to write them.
	unwritten := map[string]bool{"disposition unknown state": true, "disposition state of string descriptor": true,
		"open properties with 2^31 nulls in an array": true, "open one-byte empty array": true}
	for name, octets := range vectors(t) {
		if bytes.HasPrefix(octets, []byte("AMQP")) || bytes.HasPrefix(octets, []byte{0x7f}) {
			continue
		}
		f, err := ParseFrame(octets)
		bad := strings.Contains(name, "(bad") || unwritten[name] || strings.HasPrefix(name, "bad ") || strings.HasPrefix(name, "array bomb")
		switch {
		case meant[name]:
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
		case !bad && err != nil:
			t.Errorf("%s: %v", name, err)
		case bad && err == nil:
			t.Errorf("%s was read as %s", name, f)
		}
	}
}

func TestFieldsAreReadByName(t *testing.T) {
	v := vectors(t)
	f, err := ParseFrame(v["open c1 mfs=512 chmax=0 idle=1000"])
	if err != nil {
		t.Fatal(err)
	}
	if f.Body.Text("container-id") != "c1" || f.Body.Uint("max-frame-size") != 512 || !f.Body.Has("channel-max") ||
		f.Body.Uint("idle-time-out") != 1000 || f.Body.Has("hostname") {
		t.Error(f)
	}
	f, err = ParseFrame(v["attach receiver r h1 <- q1"])
	if err != nil {
		t.Fatal(err)
	}
	if !f.Body.Bool("role") || f.Body.Composite("source").Text("address") != "q1" || f.Body.Composite("target") == nil || f.Body.Uint("handle") != 1 {
		t.Error(f)
	}
	f, err = ParseFrame(v["detach with error"])
	if err != nil {
		t.Fatal(err)
	}
	if f.Body.Condition() != NotFound {
		t.Errorf("%s has the condition %q", f, f.Body.Condition())
	}
	f, err = ParseFrame(v["transfer h0 id0 tag t1 data 'one'"])
	if err != nil {
		t.Fatal(err)
	}
	sections, err := Sections(f.Payload)
	if err != nil || len(sections) != 1 || sections[0].Code != CodeData || !bytes.Equal(BareOctets(sections), f.Payload) {
		t.Errorf("%v %v", sections, err)
	}
}

func TestValues(t *testing.T) {
	for _, tt := range []struct {
		raw  Raw
		want any
	}{
		{Null, nil}, {Bool(true), true}, {BoolLong(false), false}, {Ubyte(7), uint8(7)}, {Ushort(700), uint16(700)}, {Uint(0), uint32(0)},
		{Uint(255), uint32(255)}, {Uint(256), uint32(256)}, {Uint4(1), uint32(1)}, {Ulong(0), uint64(0)}, {Ulong(255), uint64(255)},
		{Ulong8(1 << 40), uint64(1 << 40)}, {Byte(-1), int8(-1)}, {Short(-2), int16(-2)}, {Int(-128), int32(-128)}, {Int(-129), int32(-129)},
		{Long(127), int64(127)}, {Long(128), int64(128)}, {Float(1.5), float32(1.5)}, {Double(1.5), 1.5}, {Char('x'), Character('x')},
		{Timestamp(-1), Time(-1)}, {Str("ü"), "ü"}, {Str(strings.Repeat("x", 256)), strings.Repeat("x", 256)}, {Sym32("s"), Symbol("s")},
		{Bin([]byte{1}), []byte{1}}, {List(), []any{}}, {List8(Null), []any{nil}}, {List32(Uint(1), List()), []any{uint32(1), []any{}}},
		{Map(Sym("a"), Uint(1)), Dict{{Symbol("a"), uint32(1)}}}, {Symbols("a", "b"), Array{Symbol("a"), Symbol("b")}},
		{Array32Of(Raw{0x43}, nil, nil), Array{uint32(0), uint32(0)}}, {Described(Sym("d"), Null), &DescribedValue{Symbol("d"), nil}},
		{UUID([16]byte{1}), ID{1}}, {Decimal32([4]byte{1}), Decimal{1, 0, 0, 0}},
	} {
		got, err := DecodeAll(tt.raw)
		if err != nil || !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%x: %#v, %v; want %#v", []byte(tt.raw), got, err, tt.want)
		}
		for cut := range tt.raw {
			if v, err := DecodeAll(tt.raw[:cut]); err == nil {
				t.Errorf("%x cut at %d was read as %#v", []byte(tt.raw), cut, v)
			}
		}
	}
}

func TestMalformedValues(t *testing.T) {
	for name, raw := range map[string]Raw{
		"no such constructor":      {0x46},
		"boolean 2":                {0x56, 2},
		"string that is not UTF-8": {0xa1, 1, 0xff},
		"symbol that is not ASCII": {0xa3, 1, 0x80},
		"odd map":                  Map(Sym("a")),
		"a key twice":              Map(Sym("a"), Null, Sym("a"), Null),
		"count above":              Compound8(0xc0, 2, 2, Null),
		"count below":              Compound8(0xc0, 2, 0, Null),
		"2^31 nulls in an array":   Compound32(0xf0, 5, 0x7fffffff, []byte{0x40}),
		"2^31 items in a list":     Compound32(0xd0, 5, 0x7fffffff, []byte{0x40}),
		"an array of nothing":      {0xe0, 1, 0},
		"too deep":                 bytes.Repeat([]byte{0}, 200),
	} {
		if v, err := DecodeAll(raw); err == nil {
			t.Errorf("%s was read as %s", name, Show(v))
		}
	}
}

func TestShownInOneLine(t *testing.T) {
	v := vectors(t)
	for name, want := range map[string]string{
		"open c1":                   `[0] open(container-id="c1")`,
		"heartbeat":                 `[0] empty frame`,
		"sasl-init ANONYMOUS":       `sasl-init(mechanism=:ANONYMOUS)`,
		"bad size 4":                `octets x0000000402000000`,
		"amqp-header":               `header AMQP 0 1.0.0`,
		"detach h0 closed":          `[0] detach(handle=0 closed=true)`,
		"disposition declared":      `[0] disposition(role=true first=0 settled=true state=declared(txn-id=x01))`,
		"begin ch0 noi=0 2048/2048": `[0] begin(next-outgoing-id=0 incoming-window=2048 outgoing-window=2048)`,
	} {
		if got := ShowOctets(v[name]); len(got) != 1 || got[0] != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}

func FuzzParseFrame(f *testing.F) {
	f.Add(AMQP(0, Open.With(F{"container-id": "c1", "desired-capabilities": []string{"a"}}), nil))
	f.Add(AMQP(3, Attach.With(F{"name": "x", "handle": 1, "role": true, "source": Source.With(F{"address": "a"})}), nil))
	f.Add(AMQP(0, Transfer.With(F{"handle": 0}), Message(Data([]byte("x")), Section(CodeValue, Map(Str("k"), Array32Of(Raw{0x45}, nil))))))
	f.Fuzz(func(_ *testing.T, octets []byte) {
		ShowOctets(octets)
		if frame, err := ParseFrame(octets); err == nil && frame.Body != nil {
			_, _ = Sections(frame.Payload) // it may be anything; it must not panic
			_ = frame.Body.Raw()
		}
	})
}
