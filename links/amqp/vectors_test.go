package amqp

import (
	"bytes"
	"encoding/hex"
	"flag"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the golden files anew")

// vector is a line of testdata/vectors.txt.
type vector struct {
	name  string
	bytes []byte
}

var vectorLine = regexp.MustCompile(`^(.*\S) {2,}([0-9a-f]+)$`)

func vectors(t testing.TB) []vector {
	text, err := os.ReadFile("testdata/vectors.txt")
	if err != nil {
		t.Fatal(err)
	}
	var vs []vector
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		m := vectorLine.FindStringSubmatch(line)
		if m == nil {
			t.Fatalf("testdata/vectors.txt: %q is no vector", line)
		}
		b, err := hex.DecodeString(m[2])
		if err != nil {
			t.Fatalf("testdata/vectors.txt: %s: %v", m[1], err)
		}
		vs = append(vs, vector{m[1], b})
	}
	return vs
}

// golden compares got with the file, or writes it.
func golden(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got == string(want) {
		return
	}
	g, w := strings.Split(got, "\n"), strings.Split(string(want), "\n")
	for i := range max(len(g), len(w)) {
		if i >= len(g) || i >= len(w) || g[i] != w[i] {
			t.Fatalf("%s: line %d differs (-update writes it)\n got %s\nwant %s", file, i+1, at(g, i), at(w, i))
		}
	}
}

func at(lines []string, i int) string {
	if i < len(lines) {
		return lines[i]
	}
	return "(end)"
}

// TestVectors decodes whole frames and encodes again what came of them. In the golden file stands what each is, and
// whether it came out with the same bytes. Those that did not were encoded larger than need be, or hold a symbol without
// its array, or a modified without its booleans.
func TestVectors(t *testing.T) {
	var out strings.Builder
	for _, v := range vectors(t) {
		fmt.Fprintf(&out, "%s\n", v.name)
		describe(t, &out, v)
	}
	golden(t, "testdata/vectors.golden", out.String())
}

func describe(t *testing.T, out *strings.Builder, v vector) {
	if len(v.bytes) == 8 && string(v.bytes[:4]) == "AMQP" {
		for name, h := range map[string][8]byte{"AMQP": HeaderAMQP, "TLS": HeaderTLS, "SASL": HeaderSASL} {
			if [8]byte(v.bytes) == h {
				fmt.Fprintf(out, "  header %s\n", name)
			}
		}
		return
	}
	h, err := ParseFrameHeader(v.bytes)
	if err != nil {
		fmt.Fprintf(out, "  %v\n", err)
		return
	}
	if int(h.Size) != len(v.bytes) {
		fmt.Fprintf(out, "  size=%d, %d bytes here\n", h.Size, len(v.bytes))
		return
	}
	var d Decoder
	body, payload, err := d.Decode(v.bytes[4*int(h.DataOffset):], h.Type == TypeSASL)
	if err != nil {
		fmt.Fprintf(out, "  %v\n", err)
		return
	}
	if body == nil {
		fmt.Fprintf(out, "  empty\n")
	} else {
		fmt.Fprintf(out, "  %v\n", body)
	}
	if len(payload) > 0 {
		fmt.Fprintf(out, "  payload %x\n", payload)
	}
	again := AppendFrame([]byte("before"), h.Type, h.Channel, body, payload)
	if !bytes.HasPrefix(again, []byte("before")) {
		t.Errorf("%s: AppendFrame wrote over what was there", v.name)
	}
	if again = again[len("before"):]; bytes.Equal(again, v.bytes) {
		fmt.Fprintf(out, "  = same bytes\n")
	} else {
		fmt.Fprintf(out, "  -> %x\n", again)
	}
}
