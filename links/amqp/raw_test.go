package amqp

import (
	"bytes"
	"math"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestRawScalars(t *testing.T) {
	id := [16]byte{0: 1, 15: 2}
	now := time.UnixMilli(1700000000123)
	for _, c := range []struct {
		v         Raw
		isUint    bool
		isInt     bool
		u         uint64
		i         int64
		text      string // of a string or symbol
		isStr     bool
		isSymbol  bool
		isPresent bool
	}{
		{v: nil},
		{v: Raw{ctorNull}},
		{v: Make(uint8(7)), isUint: true, u: 7, isInt: true, i: 7, isPresent: true},
		{v: Make(uint16(700)), isUint: true, u: 700, isInt: true, i: 700, isPresent: true},
		{v: Make(uint32(0)), isUint: true, isInt: true, isPresent: true},
		{v: Make(uint64(math.MaxUint64)), isUint: true, u: math.MaxUint64, isPresent: true},
		{v: Make(int8(-7)), isInt: true, i: -7, isPresent: true},
		{v: Make(int16(-700)), isInt: true, i: -700, isPresent: true},
		{v: Make(int32(-70000)), isInt: true, i: -70000, isPresent: true},
		{v: Make(int64(math.MinInt64)), isInt: true, i: math.MinInt64, isPresent: true},
		{v: Make(now), isInt: true, i: 1700000000123, isPresent: true},
		{v: Make("é"), text: "é", isStr: true, isPresent: true},
		{v: Make(Symbol("x-a")), text: "x-a", isSymbol: true, isPresent: true},
		{v: Make(id), isPresent: true},
		{v: Make([]byte("b")), isPresent: true},
		{v: Make([]any{1}), isPresent: true},
	} {
		if u, ok := c.v.Uint(); ok != c.isUint || ok && u != c.u {
			t.Errorf("%v.Uint() = %d %v", c.v, u, ok)
		}
		if i, ok := c.v.Int(); ok != c.isInt || ok && i != c.i {
			t.Errorf("%v.Int() = %d %v", c.v, i, ok)
		}
		if s, ok := c.v.Str(); ok != c.isStr || ok && s != c.text {
			t.Errorf("%v.Str() = %q %v", c.v, s, ok)
		}
		if s, ok := c.v.Symbol(); ok != c.isSymbol || ok && string(s) != c.text {
			t.Errorf("%v.Symbol() = %q %v", c.v, s, ok)
		}
		if s, ok := c.v.Text(); ok != (c.isStr || c.isSymbol) || s != c.text {
			t.Errorf("%v.Text() = %q %v", c.v, s, ok)
		}
		if c.v.IsNull() == c.isPresent {
			t.Errorf("%v.IsNull() = %v", c.v, c.v.IsNull())
		}
	}
	if got, ok := Make(id).UUID(); !ok || got != id {
		t.Errorf("UUID() = %x %v", got, ok)
	}
	if b, ok := Make([]byte{1, 2}).Bytes(); !ok || !bytes.Equal(b, []byte{1, 2}) {
		t.Errorf("Bytes() = %x %v", b, ok)
	}
	for v, want := range map[float64]Raw{1.5: Make(float32(1.5)), -0.1: Make(-0.1)} {
		if got, ok := want.Float(); !ok || got != v {
			t.Errorf("%v.Float() = %v %v", want, got, ok)
		}
	}
	for _, v := range []Raw{{ctorTrue}, {ctorBool, 1}} {
		if b, ok := v.Bool(); !b || !ok {
			t.Errorf("%v.Bool() = %v %v", v, b, ok)
		}
	}
}

func TestLookup(t *testing.T) {
	m := MakeMap("string", 1, Symbol("symbol"), "two", []byte("binary"), 3, uint64(4), 4, "null", nil, "string", 5)
	for key, want := range map[string]string{"string": "1", "symbol": `"two"`, "binary": "absent", "": "absent", "null": "null", "strin": "absent"} {
		if got := m.Lookup(key).String(); got != want {
			t.Errorf("Lookup(%q) = %s, want %s", key, got, want)
		}
	}
	if v := Make("string").Lookup("string"); v != nil {
		t.Errorf("Lookup in a string = %v", v)
	}
	if n := testing.AllocsPerRun(100, func() { m.Lookup("symbol") }); n != 0 {
		t.Errorf("Lookup allocates %v times", n)
	}
	// A map that is cut off after its first entry has that entry and nothing more.
	broken := Raw{ctorMap8, 6, 4, ctorSymbol8, 1, 'a', ctorTrue, ctorSymbol8}
	if v := broken.Lookup("a"); v.String() != "true" {
		t.Errorf("Lookup before the malformed place = %v", v)
	}
	if v := broken.Lookup("b"); v != nil {
		t.Errorf("Lookup behind the malformed place = %v", v)
	}
}

func TestMapAndListIterate(t *testing.T) {
	var got []string
	for k, v := range MakeMap("b", 1, "a", 2).Map() {
		got = append(got, k.String()+v.String())
	}
	for _, l := range []Raw{Make([]any{1, "x"}), Make([]Symbol{"p", "q"}), MakeMap("no", "list"), nil} {
		for v := range l.List() {
			got = append(got, v.String())
		}
	}
	if want := []string{`"b"1`, `"a"2`, "1", `"x"`, "p", "q"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	// An array without contents may have any number of elements: stopping early is up to the caller, and possible.
	n := 0
	for range Raw(unhex(t, "f0 00000005 7fffffff 40")).List() {
		if n++; n == 3 {
			break
		}
	}
	if n != 3 {
		t.Errorf("%d elements, want 3", n)
	}
}

func TestDescribedValues(t *testing.T) {
	v := MakeDescribed(Symbol("apache.org:selector-filter:string"), "a = 1")
	d, inner, ok := v.Described()
	if !ok || d.String() != "apache.org:selector-filter:string" || inner.String() != `"a = 1"` {
		t.Errorf("%v %v %v", d, inner, ok)
	}
	if _, ok := v.Code(); ok {
		t.Error("a symbol that the specification does not define has a code")
	}
	for _, d := range []any{uint64(0x2b), Symbol("amqp:accepted:list")} {
		if code, ok := MakeDescribed(d, nil).Code(); !ok || code != 0x2b && code != codeAccepted {
			t.Errorf("code of %v = %#x %v", d, code, ok)
		}
	}
	if _, _, ok := Make("x").Described(); ok {
		t.Error("a string is described")
	}
}

// TestShownValuesAreBounded: what a peer sends does not fill a log.
func TestShownValuesAreBounded(t *testing.T) {
	long := strings.Repeat("x", 1<<20)
	many := make([]any, 10000)
	for _, v := range []Raw{Make(long), Make(Symbol(long)), Make([]byte(long)), Make(many), MakeMap("k", many, "l", long), Make([]any{long, long})} {
		if s := v.String(); len(s) > 3*maxShown || !strings.Contains(s, "...") {
			t.Errorf("%v shown in %d bytes", v.Kind(), len(s))
		}
	}
}

func TestCloneAliasesNothing(t *testing.T) {
	b := Make("abc")
	c := b.Clone()
	b[2] = 'x'
	if c.String() != `"abc"` || Raw(nil).Clone() != nil {
		t.Errorf("clone is %v", c)
	}
}

func TestMalformedValuesAreShown(t *testing.T) {
	for want, v := range map[string]Raw{
		"absent":                nil,
		"malformed(0xa10261)":   {ctorString8, 2, 'a'},
		"[]":                    {ctorList8, 1, 2}, // two elements said, none there
		"malformed(0x00532499)": {ctorDescribed, ctorSmallUlong, codeAccepted, 0x99},
	} {
		if got := v.String(); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}
