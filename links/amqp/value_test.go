package amqp

import (
	"bytes"
	"encoding/hex"
	"errors"
	"strings"
	"testing"
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// wellFormed has every constructor of [types 1.6] at least once, with what String makes of it.
var wellFormed = []struct {
	hex  string
	kind Kind
	text string
}{
	{"40", KindNull, "null"},
	{"41", KindBool, "true"},
	{"42", KindBool, "false"},
	{"56 00", KindBool, "false"},
	{"56 01", KindBool, "true"},
	{"50 ff", KindUbyte, "255"},
	{"60 ffff", KindUshort, "65535"},
	{"43", KindUint, "0"},
	{"52 ff", KindUint, "255"},
	{"70 ffffffff", KindUint, "4294967295"},
	{"44", KindUlong, "0"},
	{"53 ff", KindUlong, "255"},
	{"80 ffffffffffffffff", KindUlong, "18446744073709551615"},
	{"51 ff", KindByte, "-1"},
	{"61 8000", KindShort, "-32768"},
	{"54 80", KindInt, "-128"},
	{"71 80000000", KindInt, "-2147483648"},
	{"55 80", KindLong, "-128"},
	{"81 8000000000000000", KindLong, "-9223372036854775808"},
	{"72 3fc00000", KindFloat, "1.5"},
	{"82 bfb999999999999a", KindDouble, "-0.1"},
	{"74 22500000", KindDecimal32, "decimal32(0x22500000)"},
	{"84 2238000000000000", KindDecimal64, "decimal64(0x2238000000000000)"},
	{"94 22080000000000000000000000000000", KindDecimal128, "decimal128(0x22080000000000000000000000000000)"},
	{"73 0001f525", KindChar, "'🔥'"},
	{"83 0000000000000000", KindTimestamp, "1970-01-01T00:00:00.000Z"},
	{"83 ffffffffffffffff", KindTimestamp, "1969-12-31T23:59:59.999Z"},
	{"98 00112233445566778899aabbccddeeff", KindUUID, "00112233-4455-6677-8899-aabbccddeeff"},
	{"a0 00", KindBinary, "0x"},
	{"a0 02 00ff", KindBinary, "0x00ff"},
	{"b0 00000001 41", KindBinary, "0x41"},
	{"a1 00", KindString, `""`},
	{"a1 04 c3a90a22", KindString, `"é\n\""`},
	{"b1 00000001 41", KindString, `"A"`},
	{"a3 03 782d61", KindSymbol, "x-a"},
	{"b3 00000001 41", KindSymbol, "A"},
	{"a3 03 612062", KindSymbol, `symbol("a b")`},
	{"a3 00", KindSymbol, `symbol("")`},
	{"45", KindList, "[]"},
	{"c0 01 00", KindList, "[]"},
	{"c0 04 02 5401 40", KindList, "[1, null]"},
	{"d0 00000004 00000000", KindList, "[]"},
	{"d0 00000006 00000002 4142", KindList, "[true, false]"},
	{"c1 01 00", KindMap, "{}"},
	{"c1 06 02 a10161 5401", KindMap, `{"a": 1}`},
	{"d1 00000008 00000002 a30161 40", KindMap, "{a: null}"},
	{"e0 02 00 a3", KindArray, "[]"},
	{"e0 01 00", KindArray, "[]"},
	{"f0 00000004 00000000", KindArray, "[]"},
	{"e0 06 02 a3 0161 0162", KindArray, "[a, b]"},
	{"f0 00000008 00000003 54 01 02 ff", KindArray, "[1, 2, -1]"},
	{"e0 02 03 40", KindArray, "[3 x null]"},
	{"e0 02 02 41", KindArray, "[2 x true]"},
	{"e0 02 02 43", KindArray, "[2 x 0]"},
	{"e0 02 02 45", KindArray, "[2 x []]"},
	{"f0 00000005 7fffffff 40", KindArray, "[2147483647 x null]"},
	{"e0 04 02 56 01 00", KindArray, "[true, false]"},
	{"e0 08 02 c0 01 00 03 02 41 42", KindArray, "[[], [true, false]]"},
	{"e0 0a 02 e0 02 00 40 04 02 54 01 02", KindArray, "[[], [1, 2]]"},
	{"e0 09 02 00 53 24 c0 01 00 01 00", KindArray, "[0x24([]), 0x24([])]"},
	{"e0 09 02 00 a3 01 78 a1 01 61 00", KindArray, `[x("a"), x("")]`},
	{"e0 05 02 00 53 24 45", KindArray, "[2 x 0x24([])]"},
	{"00 53 24 45", KindDescribed, "0x24([])"},
	{"00 a3 01 78 a1 01 79", KindDescribed, `x("y")`},
	{"00 00 53 01 53 02 00 53 03 40", KindDescribed, "0x1(2)(0x3(null))"},
}

// TestEveryConstructor: parsed to its end and no further, shown, and its type known.
func TestEveryConstructor(t *testing.T) {
	for _, c := range wellFormed {
		b := append(unhex(t, c.hex), 0xee)
		v, rest, err := ParseValue(b)
		if err != nil {
			t.Errorf("%s: %v", c.hex, err)
			continue
		}
		if !bytes.Equal(rest, []byte{0xee}) {
			t.Errorf("%s: left %x of what follows", c.hex, rest)
		}
		if v.Kind() != c.kind || v.String() != c.text {
			t.Errorf("%s: %v %s, want %v %s", c.hex, v.Kind(), v, c.kind, c.text)
		}
		if cap(v) != len(v) {
			t.Errorf("%s: appending to the value would write over what follows", c.hex)
		}
	}
}

// TestMalformedValues: what is wrong, and at which byte.
func TestMalformedValues(t *testing.T) {
	for _, c := range []struct {
		hex, what string
		offset    int
	}{
		{"", "goes on behind the end", 0},
		{"3f", "0x3f is no constructor", 0},
		{"ff", "0xff is no constructor", 0},
		{"50", "goes on behind the end", 1},
		{"70 000000", "goes on behind the end", 1},
		{"98 00", "goes on behind the end", 1},
		{"56 02", "boolean is neither", 1},
		{"a1", "goes on behind the end", 1},
		{"a1 02 61", "goes on behind the end", 1},
		{"b1 000001", "goes on behind the end", 1},
		{"b1 ffffffff 61", "goes on behind the end", 1},
		{"a1 01 ff", "string is not UTF-8", 1},
		{"a3 01 80", "symbol is not ASCII", 1},
		{"c0 00", "no room for its count", 1},
		{"d0 00000003 000000", "no room for its count", 1},
		{"c0 02 00 40", "1 bytes behind the last of 0 elements", 3},
		{"c0 02 02 40", "2 elements said, 1 found", 4},
		{"c0 05 02 40 a1 05 61", "goes on behind the end", 5},
		{"c1 02 01 40", "key without a value", 1},
		{"c1 03 02 40 3f", "0x3f is no constructor", 4},
		{"d0 00000005 ffffffff 40", "4294967295 elements said, 1 found", 10},
		{"e0 01 01", "goes on behind the end", 3},
		{"e0 02 00 3f", "0x3f is no constructor", 3},
		{"e0 03 02 50 01", "array of 2 elements of 1 bytes takes 1", 4},
		{"e0 03 00 50 01", "array of 0 elements of 1 bytes takes 1", 4},
		{"e0 03 01 40 40", "array of 1 elements of 0 bytes takes 1", 4},
		{"e0 03 01 56 02", "boolean is neither", 4},
		{"e0 04 02 a1 01 61", "2 elements said, 1 found", 6},
		{"e0 04 02 a1 05 61", "goes on behind the end", 4},
		{"e0 05 03 a1 01 61 00", "3 elements said, 2 found", 7},
		{"e0 05 01 a1 01 61 00", "1 bytes behind the last of 1 elements", 6},
		{"e0 03 01 00 40", "goes on behind the end", 5},
		{"e0 02 01 00", "goes on behind the end", 4},
		{"00", "goes on behind the end", 1},
		{"00 40", "goes on behind the end", 2},
		{"00 53 24 3f", "0x3f is no constructor", 3},
	} {
		_, _, err := ParseValue(unhex(t, c.hex))
		checkError(t, c.hex, err, ErrDecode, c.what, c.offset)
	}
}

func checkError(t *testing.T, name string, err error, condition Symbol, what string, offset int) {
	t.Helper()
	var e *DecodeError
	if !errors.As(err, &e) {
		t.Errorf("%s: error %v, want a DecodeError of %q", name, err, what)
		return
	}
	if e.Condition != condition || !strings.Contains(e.What, what) || e.Offset != offset {
		t.Errorf("%s: %v, want %s of %q at byte %d", name, e, condition, what, offset)
	}
}

// nested is a null inside of n values, each made by wrap from the one inside.
func nested(n int, wrap func(Raw) Raw) Raw {
	v := Raw{ctorNull}
	for range n {
		v = wrap(v)
	}
	return v
}

// TestDepthIsBounded: MaxDepth values in each other are fine, one more is not, and a great many are refused as fast.
func TestDepthIsBounded(t *testing.T) {
	wraps := map[string]func(Raw) Raw{
		"list":       func(v Raw) Raw { return AppendList(nil, []Raw{v}) },
		"map":        func(v Raw) Raw { return AppendMap(nil, []Raw{{ctorNull}, v}) },
		"described":  func(v Raw) Raw { return append(Raw{ctorDescribed, ctorSmallUlong, 1}, v...) },
		"descriptor": func(v Raw) Raw { return append(append(Raw{ctorDescribed}, v...), ctorNull) },
		"array":      func(v Raw) Raw { return append(appendCompound(nil, ctorArray8, len(v), 1), v...) },
	}
	for name, wrap := range wraps {
		if _, _, err := ParseValue(nested(MaxDepth, wrap)); err != nil {
			t.Errorf("%s: %d deep: %v", name, MaxDepth, err)
		}
		for _, depth := range []int{MaxDepth + 1, 2000} {
			_, _, err := ParseValue(nested(depth, wrap))
			if err == nil || !strings.Contains(err.Error(), "nested deeper than 32") {
				t.Errorf("%s: %d deep: %v", name, depth, err)
			}
		}
	}
	bomb := bytes.Repeat([]byte{ctorDescribed}, 10000)
	if _, _, err := ParseValue(bomb); err == nil {
		t.Error("10000 descriptors in each other: no error")
	}
	if _, err := skip(bomb, 0, len(bomb), 0); err == nil {
		t.Error("10000 descriptors in each other: skip has no error")
	}
}
