package checks

import (
	"bytes"
	"fmt"
	"slices"
	"time"

	"hibachi/conformance/suite"
	"hibachi/conformance/wire"
)

// messages: [messaging 3.2].
var messages = suite.Group{
	ID: "MS", Title: "Messages: sections, and what may be changed on the way",
	Checks: []suite.Check{
		{
			ID: "MS1", Section: "messaging 3.2", Level: suite.Must, Needs: storing,
			Title: "the bare message comes out octet by octet as it went in",
			Run: func(t *suite.T) {
				cases(t, oddMessages(), func(t *suite.T, bare []wire.Raw) {
					d := through(t, suite.Parts{Body: bare})
					if want := wire.Message(bare...); !bytes.HasSuffix(d.Message, want) {
						t.FailWant(fmt.Sprintf("%x at the end", want), fmt.Sprintf("%x", d.Message))
					}
				})
			},
		},
		{
			ID: "MS2", Section: "messaging 3.2", Level: suite.Must, Needs: storing,
			Title: "no section of the bare message appears that was not there",
			Run: func(t *suite.T) {
				d := through(t, suite.Parts{Body: []wire.Raw{wire.Data([]byte("alone"))}})
				if d.Sections == nil {
					t.Fail("the message cannot be cut into sections: %x", d.Message)
				}
				for _, s := range d.Sections {
					if s.Code >= wire.CodeProperties && s.Code != wire.CodeData {
						t.Errorf("section %#x came, which was not sent", s.Code)
					}
				}
			},
		},
		{
			ID: "MS3", Section: "messaging 3.2", Level: suite.Must, Needs: []suite.Feature{suite.Queues, suite.MessageChecks}, Takes: 20 * time.Second,
			Title: "sections in another order or number than the standard's are refused",
			Run:   disorder,
		},
		{
			ID: "MS4", Section: "messaging 3.2.1", Level: suite.Must, Needs: []suite.Feature{suite.Queues, suite.Restart}, Alone: true, Takes: time.Minute,
			Title: "a durable message that was accepted is there after a restart",
			Run: func(t *suite.T) {
				q := t.Queue()
				l := sender(t, q, nil)
				state, _ := l.Session().State(l.Send(t.MessageOf(suite.Parts{Header: wire.F{"durable": true}, Body: []wire.Raw{wire.Data([]byte("durable"))}})))
				if state != nil && state.Kind == wire.Rejected && state.Condition() == wire.PreconditionFailed {
					return
				}
				if state == nil || state.Kind != wire.Accepted {
					t.FailWant("accepted, or rejected with "+wire.PreconditionFailed, fmt.Sprint(state))
				}
				t.Restart()
				holds(t, receiver(t, q, nil), "durable")
			},
		},
		{
			ID: "MS5", Section: "messaging 3.2.1", Level: suite.Must, Needs: []suite.Feature{suite.Queues, suite.Priority},
			Title: "a higher priority comes first, and more than 9 is 9",
			Run: func(t *suite.T) {
				q := t.Queue()
				l := sender(t, q, nil)
				for _, priority := range []int{0, 4, 9, 200} {
					l.Put(t.MessageOf(suite.Parts{Header: wire.F{"priority": priority}, Body: []wire.Raw{wire.Data(fmt.Append(nil, priority))}}))
				}
				r := receiver(t, q, nil)
				r.Grant(4)
				var got []string
				for range 4 {
					got = append(got, text(r.Receive()))
				}
				if got[3] != "0" || got[2] != "4" {
					t.FailWant("9 and 200, then 4, then 0", fmt.Sprint(got))
				}
			},
		},
		{
			ID: "MS6", Section: "messaging 3.2.1", Level: suite.Must, Needs: []suite.Feature{suite.Queues, suite.Expiry},
			Title: "ttl counts from the arrival: what is left of it goes on with the message, and then the message is gone",
			Run: func(t *suite.T) {
				t.Case("what is left", func(t *suite.T) {
					q := t.Queue()
					put(t, q, t.MessageOf(suite.Parts{Header: wire.F{"ttl": 60000}}))
					t.Sleep(400 * time.Millisecond)
					h := messageHeader(t, one(receiver(t, q, nil)))
					switch ttl := h.Uint("ttl"); {
					case ttl == 60000:
						t.Tolerate("a ttl below 59,700", "60000", "the ttl as the producer set it")
					case ttl < 50000 || ttl > 59700:
						t.FailWant("a ttl below 59,700", fmt.Sprint(h.Get("ttl")))
					}
				})
				t.Case("gone", func(t *suite.T) {
					q := t.Queue()
					put(t, q, t.MessageOf(suite.Parts{Header: wire.F{"ttl": 200}}))
					t.Sleep(800 * time.Millisecond)
					empty(t, q)
				})
			},
		},
		{
			ID: "MS7", Section: "messaging 3.2.1", Level: suite.Must, Needs: storing,
			Title: "first-acquirer is true for the first acquisition only",
			Run: func(t *suite.T) {
				q, r, all := holding(t, 1)
				if h := messageHeader(t, all[0]); !h.Bool("first-acquirer") {
					t.Note("it is not even true for the first: false says nothing, so that is no error")
				}
				r.Session().Conn().Drop()
				again := receiver(t, q, nil)
				d := one(again)
				if messageHeader(t, d).Bool("first-acquirer") {
					t.Fail("it is true after the first receiver has gone")
				}
				again.Settle(d, wire.Modified.With(wire.F{"delivery-failed": true}))
				if messageHeader(t, one(again)).Bool("first-acquirer") {
					t.Fail("it is true after modified")
				}
			},
		},
		{
			ID: "MS8", Section: "messaging 3.2.1", Level: suite.Must, Needs: storing,
			Title: "delivery-count is the target's, from 0 on, not the producer's",
			Run: func(t *suite.T) {
				q := t.Queue()
				put(t, q, t.MessageOf(suite.Parts{Header: wire.F{"delivery-count": 9}}))
				switch got := deliveryCount(t, one(receiver(t, q, nil))); got {
				case 0:
				case 9:
					t.Tolerate("delivery-count 0", "9", "a message that came from elsewhere may have failed there before")
				default:
					t.FailWant("delivery-count 0", fmt.Sprint(got))
				}
			},
		},
		{
			ID: "MS9", Section: "messaging 3.2.2", Level: suite.Must, Needs: storing,
			Title: "delivery annotations end with the hop that they were for",
			Run: func(t *suite.T) {
				d := through(t, suite.Parts{Delivery: []wire.Raw{wire.Sym("x-opt-hop"), wire.Str("this one")}})
				if _, ok := section(t, d, wire.CodeDeliveryAnnotations).Get(wire.Symbol("x-opt-hop")); ok {
					t.Fail("the annotation came out at the other side")
				}
			},
		},
		{
			ID: "MS10", Section: "messaging 3.2.3", Level: suite.Must, Needs: storing,
			Title: "message annotations go on as they are, of every type",
			Run: func(t *suite.T) {
				values := annotations()
				var pairs []wire.Raw
				for i, v := range values {
					pairs = append(pairs, wire.Sym(fmt.Sprintf("x-opt-%02d", i)), v)
				}
				got := section(t, through(t, suite.Parts{Annotations: pairs}), wire.CodeMessageAnnotations)
				for i, v := range values {
					want, err := wire.DecodeAll(v)
					if err != nil {
						t.Fail("the check's own value: %v", err)
					}
					if is, ok := got.Get(wire.Symbol(fmt.Sprintf("x-opt-%02d", i))); !ok || wire.Show(is) != wire.Show(want) {
						t.Errorf("x-opt-%02d was %s and is %s", i, wire.Show(want), wire.Show(is))
					}
				}
			},
		},
		{
			ID: "MS11", Section: "messaging 3.2.10", Level: suite.Must, Twin: "MS10", Needs: storing,
			Title: "annotations with reserved keys are refused",
			Run: func(t *suite.T) {
				cases(t, map[string]wire.Raw{"a symbol without x-": wire.Sym("reserved-key"), "a number": wire.Ulong(4711)}, func(t *suite.T, key wire.Raw) {
					l := ready(t)
					l.raw(nil, t.MessageOf(suite.Parts{Annotations: []wire.Raw{key, wire.Str("x")}}))
					l.Session().Conn().Refused(badContent().Or(suite.Ignores,
						"Hono's own annotations have such keys (device_id), and an intermediary that understands none of them harms nobody by passing them on"))
				})
			},
		},
		{
			ID: "MS12", Section: "messaging 3.2.5", Level: suite.Must, Needs: storing,
			Title: "application properties have strings for keys and simple values",
			Run: func(t *suite.T) {
				t.Twin("a string", func(t *suite.T) {
					through(t, suite.Parts{Application: []wire.Raw{wire.Str("key"), wire.Str("value")}})
				})
				cases(t, map[string][]wire.Raw{
					"a symbol as key":   {wire.Sym("key"), wire.Str("value")},
					"a number as key":   {wire.Uint(7), wire.Str("value")},
					"a map as value":    {wire.Str("key"), wire.Map(wire.Str("a"), wire.Str("b"))},
					"a list as value":   {wire.Str("key"), wire.List(wire.Uint(1))},
					"an array as value": {wire.Str("key"), wire.Symbols("a", "b")},
				}, func(t *suite.T, pairs []wire.Raw) {
					l := ready(t)
					l.raw(nil, t.MessageOf(suite.Parts{Application: pairs}))
					l.Session().Conn().Refused(badContent().Or(suite.Ignores, "the section is the receiver's to read; who passes it on need not"))
				})
			},
		},
		{
			ID: "MS13", Section: "messaging 3.2.4", Level: suite.Must, Needs: storing,
			Title: "message-id and correlation-id keep their value and its type",
			Run: func(t *suite.T) {
				cases(t, map[string]wire.Raw{
					"ulong": wire.Ulong(4711), "uuid": wire.UUID([16]byte{1, 2, 3, 15: 9}), "binary": wire.Bin([]byte{0, 255}), "string": wire.Str("äö"),
				}, func(t *suite.T, id wire.Raw) {
					d := through(t, suite.Parts{Properties: wire.F{"message-id": id, "correlation-id": id}})
					s := wire.FindSection(d.Sections, wire.CodeProperties)
					if s == nil || bytes.Count(s.Octets, id) != 2 {
						t.FailWant(fmt.Sprintf("%x twice in the properties", []byte(id)), fmt.Sprintf("%x", d.Message))
					}
				})
			},
		},
		{
			ID: "MS14", Section: "messaging 3.2.6", Level: suite.Must, Needs: storing,
			Title: "bodies of data, of sequences and of a value come out as such",
			Run: func(t *suite.T) {
				sequence := wire.Section(wire.CodeSequence, wire.List(wire.Uint(1), wire.Str("two")))
				cases(t, map[string][]wire.Raw{
					"one data": {wire.Data([]byte("x"))}, "three data": {wire.Data([]byte("a")), wire.Data(nil), wire.Data([]byte("c"))},
					"one sequence": {sequence}, "two sequences": {sequence, sequence},
					"a value": {wire.Section(wire.CodeValue, wire.Str("x"))}, "null": {wire.Section(wire.CodeValue, wire.Null)},
					"a map": {wire.Section(wire.CodeValue, wire.Map(wire.Str("k"), wire.Long(-1)))},
				}, func(t *suite.T, body []wire.Raw) {
					d := through(t, suite.Parts{Body: body})
					if !bytes.HasSuffix(d.Message, wire.Message(body...)) {
						t.FailWant(fmt.Sprintf("the body %x", wire.Message(body...)), fmt.Sprintf("%x", d.Message))
					}
				})
			},
		},
		{
			ID: "MS15", Section: "messaging 3.2.4", Level: suite.May, Twin: "MS13", Needs: storing,
			Title: "a user-id that is not the login's is refused as such, or kept",
			Run: func(t *suite.T) {
				q := t.Queue()
				l := rawLink{sender(t, q, nil)}
				l.AwaitCredit(1)
				id := l.raw(nil, t.MessageOf(suite.Parts{Properties: wire.F{"user-id": []byte("somebody-else")}}))
				state, _ := l.Session().State(id)
				if state != nil && state.Kind == wire.Rejected {
					if c := state.Condition(); c != wire.UnauthorizedAccess {
						t.FailWant(wire.UnauthorizedAccess, c)
					}
					return
				}
				if d := one(receiver(t, q, nil)); !bytes.Contains(d.Message, []byte("somebody-else")) {
					t.Fail("the user-id is gone")
				}
			},
		},
		{
			ID: "MS16", Section: "messaging 3.2.9", Level: suite.Must, Needs: storing,
			Title: "a footer goes on, once",
			Run: func(t *suite.T) {
				d := through(t, suite.Parts{Footer: []wire.Raw{wire.Sym("x-opt-crc"), wire.Uint4(7)}})
				if v, _ := section(t, d, wire.CodeFooter).Get(wire.Symbol("x-opt-crc")); v != uint32(7) {
					t.Fail("the footer is %s", wire.Show(section(t, d, wire.CodeFooter)))
				}
				n := 0
				for _, s := range d.Sections {
					if s.Code == wire.CodeFooter {
						n++
					}
				}
				if last := d.Sections[len(d.Sections)-1]; n != 1 || last.Code != wire.CodeFooter {
					t.Fail("%d footers came, and section %#x is the last", n, last.Code)
				}
			},
		},
	},
}

// through sends a message and receives it.
func through(t *suite.T, p suite.Parts) *suite.Delivery {
	q := t.Queue()
	put(t, q, t.MessageOf(p))
	return one(receiver(t, q, nil))
}

// oddMessages are bare messages as no client would write them, and as any may.
func oddMessages() map[string][]wire.Raw {
	data := wire.Data([]byte("x"))
	symbolic := func(name string, v wire.Raw) wire.Raw { return wire.Described(wire.Sym(name), v) }
	return map[string][]wire.Raw{
		"long forms of short values": {
			wire.Described(wire.Ulong8(wire.CodeProperties), wire.List32(wire.Str32("id"), wire.Bin32([]byte("u")), wire.Str32("to"))),
			wire.Described(wire.Ulong8(wire.CodeApplicationProperties), wire.Map32(wire.Str32("k"), wire.Uint4(1), wire.Str32("b"), wire.BoolLong(true))),
			wire.Described(wire.Ulong8(wire.CodeData), wire.Bin32([]byte("x"))),
		},
		"symbolic descriptors": {
			symbolic("amqp:properties:list", wire.List(wire.Str("id"))),
			symbolic("amqp:application-properties:map", wire.Map(wire.Str("k"), wire.Str("v"))),
			symbolic("amqp:data:binary", wire.Bin([]byte("x"))),
		},
		"nulls at the end of properties": {wire.Section(wire.CodeProperties, wire.List(wire.Str("id"), wire.Null, wire.Null, wire.Null)), data},
		"empty sections":                 {wire.Section(wire.CodeProperties, wire.List8()), wire.Section(wire.CodeApplicationProperties, wire.Map()), wire.Data(nil)},
		"keys in no order":               {wire.Section(wire.CodeApplicationProperties, wire.Map(wire.Str("z"), wire.Int4(1), wire.Str("a"), wire.Long8(2), wire.Str("m"), wire.Null)), data},
		"three data sections":            {wire.Data([]byte("a")), wire.Data(nil), wire.Described(wire.Ulong8(wire.CodeData), wire.Bin32([]byte("c")))},
		"a value of everything":          {wire.Section(wire.CodeValue, wire.List32(annotations()...))},
	}
}

// annotations are values of every primitive type.
func annotations() []wire.Raw {
	return []wire.Raw{
		wire.Bool(true), wire.BoolLong(false), wire.Ubyte(200), wire.Ushort(60000), wire.Uint(0), wire.Uint4(7), wire.Ulong(0), wire.Ulong8(1 << 40),
		wire.Byte(-3), wire.Short(-300), wire.Int4(-70000), wire.Long8(-1 << 40), wire.Float(1.5), wire.Double(-2.25), wire.Decimal32([4]byte{1, 2, 3, 4}),
		wire.Decimal64([8]byte{1, 7: 2}), wire.Decimal128([16]byte{1, 15: 2}), wire.Char('ß'), wire.Timestamp(1700000000000), wire.UUID([16]byte{1, 15: 2}),
		wire.Bin([]byte{0, 1}), wire.Str("grün"), wire.Sym("symbol"), wire.List(wire.Uint(1), wire.Str("x")), wire.Map(wire.Str("k"), wire.Uint(1)), wire.Symbols("a", "b"),
	}
}

// disorder sends every section where it must not be.
func disorder(t *suite.T) {
	device := wire.Section(wire.CodeMessageAnnotations, wire.Map(wire.Sym("device_id"), wire.Str(t.Name("device"))))
	parts := map[byte]wire.Raw{
		'h': wire.Header.With(wire.F{"durable": true}).Raw(),
		'd': wire.Section(wire.CodeDeliveryAnnotations, wire.Map(wire.Sym("x-opt-d"), wire.Str("x"))),
		'm': device,
		'p': wire.Properties.With(wire.F{"message-id": "id"}).Raw(),
		'a': wire.Section(wire.CodeApplicationProperties, wire.Map(wire.Str("k"), wire.Str("v"))),
		'b': wire.Data([]byte("x")),
		's': wire.Section(wire.CodeSequence, wire.List(wire.Uint(1))),
		'v': wire.Section(wire.CodeValue, wire.Str("x")),
		'f': wire.Section(wire.CodeFooter, wire.Map(wire.Sym("x-opt-f"), wire.Str("x"))),
		'?': wire.Section(0x6f, wire.Map()),
	}
	build := func(order string) []byte {
		var all []wire.Raw
		for i := range len(order) {
			all = append(all, parts[order[i]])
		}
		return wire.Message(all...)
	}
	for _, order := range []string{"hdmpabf", "hmb", "hmbb", "hmssf", "hmpv"} {
		t.Twin(order, func(t *suite.T) {
			l := ready(t)
			l.accepted(l.raw(nil, build(order)))
		})
	}
	wrong := []string{"mhb", "hmdb", "hpmb", "hmapb", "hmbp", "hmba", "hmfb", "hhmb", "hmmb", "hmppb", "hmaab", "hmvv", "hmbv", "hmvb", "hmbs", "hmbff", "hm", "hmpa", "hm?b", "hmb?"}
	slices.Sort(wrong)
	for _, order := range wrong {
		t.Case(order, func(t *suite.T) {
			l := ready(t)
			l.raw(nil, build(order))
			want := badContent(wire.PreconditionFailed)
			if order == "hm" || order == "hmpa" {
				want = want.Or(suite.Ignores, "a message without a body is what some clients send for an empty one")
			}
			l.Session().Conn().Refused(want)
		})
	}
}
