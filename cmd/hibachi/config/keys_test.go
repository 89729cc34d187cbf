package config

import (
	"strings"
	"testing"
	"time"
)

// everyKey is the file that has another value than the default for each key.
func everyKey(t *testing.T) *Settings {
	t.Helper()
	s, err := Read("testdata/every-key.yaml", nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Err(); err != nil {
		t.Fatal(err)
	}
	return s
}

// alone is a file with one key.
func alone(k *Key, text string) string {
	section, leaf := k.split()
	if section == "" {
		return leaf + ": " + Scalar(text) + "\n"
	}
	return section + ":\n  " + leaf + ": " + Scalar(text) + "\n"
}

func TestEachKeyAloneSetsItsOwnValue(t *testing.T) {
	all, standard := everyKey(t), Parse("", nil, nil)
	for _, k := range Keys() {
		want := all.Text(k)
		if want == standard.Text(k) {
			t.Errorf("every-key.yaml has the default of %s", k.Name)
		}
		s := Parse("f", []byte(alone(k, want)), nil)
		if err := s.Err(); err != nil {
			t.Errorf("%s: %v", k.Name, err)
			continue
		}
		for _, other := range Keys() {
			expect, origin := standard.Text(other), Origin{}
			if other == k {
				expect, origin = want, s.Origin(k)
			}
			if k.Name == "memory.receive" && other.Name == "memory.receive-per-tenant" {
				expect = "256MiB" // a quarter of 1GiB
			}
			if got := s.Text(other); got != expect || s.Origin(other) != origin {
				t.Errorf("%s set: %s is %s, from %s", k.Name, other.Name, got, s.Origin(other))
			}
		}
		if got := s.Origin(k).String(); got != "f:1" && got != "f:2" {
			t.Errorf("%s comes from %s", k.Name, got)
		}
	}
}

func TestZeroIsTheDefault(t *testing.T) {
	standard := Parse("", nil, nil)
	for _, k := range Keys() {
		switch standard.value(k).(type) {
		case int64, time.Duration:
		default:
			continue
		}
		for _, zero := range []string{"0", `"0"`} {
			section, leaf := k.split()
			file := leaf + ": " + zero
			if section != "" {
				file = section + ": {" + file + "}"
			}
			s := Parse("f", []byte(file), nil)
			if err := s.Err(); err != nil || s.Config != standard.Config {
				t.Errorf("%s: %v; it is %s", file, err, s.Text(k))
			}
		}
	}
}

// What lies right within a bound is taken, what lies right outside of it is not; and so a value that was taken fits where it goes.
func TestBoundsHold(t *testing.T) {
	for _, k := range Keys() {
		var in, out []string
		switch b := k.kind.(type) {
		case number:
			in = []string{b.format(b.min), b.format(b.max)}
			out = []string{b.format(b.max + 1), "-1", "+1", "01", "1.0", "1e1", "", " 1", "9999999999999999999"}
			if b.min > 1 {
				out = append(out, b.format(b.min-1))
			}
		case size:
			in = []string{Bytes(b.min), Bytes(b.max), strings.Replace(Bytes(b.min), "K", " K", 1)}
			out = []string{Bytes(b.min - 1), Bytes(b.max + 1), "65536", "-1KiB", "1.5MiB", "1kib", "1M", "KiB", "", "9223372036854775807KiB"}
			in, out = orOut(b.off, in, out)
		case span:
			in = []string{b.min.String(), b.max.String(), duration(b.max)}
			out = []string{(b.min - 1).String(), (b.max + 1).String(), "-1s", "30", "1.5d", "-1d", "d", "s", "", "106752d", "9223372036854775807d"}
			in, out = orOut(b.off, in, out)
		default:
			continue
		}
		for _, text := range in {
			if v, ok := k.kind.parse(text); !ok {
				t.Errorf("%s: %q is not taken", k.Name, text)
			} else if again, ok := k.kind.parse(k.kind.format(v)); !ok || again != v {
				t.Errorf("%s: %q is written as %q, which is read as %v", k.Name, text, k.kind.format(v), again)
			}
		}
		for _, text := range out {
			if v, ok := k.kind.parse(text); ok {
				t.Errorf("%s: %q is taken, as %v", k.Name, text, v)
			}
		}
	}
}

func orOut(off string, in, out []string) (_, _ []string) {
	if off != "" {
		return append(in, off), append(out, "off")
	}
	return in, append(out, "none", "never")
}

func TestAddresses(t *testing.T) {
	for text, want := range map[string]bool{
		"127.0.0.1:0": true, "[::1]:5672": true, ":5672": true, "host.example:65535": true,
		"127.0.0.1": false, "127.0.0.1:": false, "::1:5672": false, "h:65536": false, "h:amqp": false, "h:+1": false, "h:01": false, "": false,
	} {
		if _, ok := (address{}).parse(text); ok != want {
			t.Errorf("%q: %t", text, ok)
		}
	}
	if _, ok := (address{orEmpty: true}).parse(""); !ok {
		t.Error("nowhere is not taken")
	}
}

func TestNumbersAreWrittenAsPeopleDo(t *testing.T) {
	for d, want := range map[time.Duration]string{
		time.Hour: "1h", 90 * time.Minute: "1h30m", time.Minute: "1m", 61 * time.Second: "1m1s", 10 * time.Second: "10s", time.Millisecond: "1ms",
		3600*time.Second + time.Second: "1h0m1s", 7 * day: "7d", 25 * time.Hour: "25h", 20 * time.Minute: "20m", 10 * time.Hour: "10h",
	} {
		if got := duration(d); got != want {
			t.Errorf("%s, not %s", got, want)
		}
	}
	for n, want := range map[int64]string{0: "0", 1: "1B", 1024: "1KiB", 1536: "1536B", 3 * mib / 2: "1536KiB", tib: "1TiB", 2000: "2000B"} {
		if got := Bytes(n); got != want {
			t.Errorf("%s, not %s", got, want)
		}
	}
}

func TestTheKeysAreInOrder(t *testing.T) {
	seen, section := map[string]bool{}, ""
	for _, k := range Keys() {
		if seen[k.Name] {
			t.Errorf("%s is there twice", k.Name)
		}
		seen[k.Name] = true
		of, _ := k.split()
		if of != section && seen[of+"."] {
			t.Errorf("%s is apart from its section", k.Name)
		}
		section = of
		seen[section+"."] = true
	}
}

// The two files are started with by a test of the command: events pass with any value that is taken.
func TestTheFilesOfBoundsHaveThemAll(t *testing.T) {
	for _, tt := range []struct {
		file  string
		bound func(kind) any
	}{
		{"testdata/least.yaml", func(k kind) any {
			switch b := k.(type) {
			case number:
				return b.min
			case size:
				return b.min
			case span:
				return b.min
			}
			return nil
		}},
		{"testdata/most.yaml", func(k kind) any {
			switch b := k.(type) {
			case number:
				return b.max
			case size:
				return b.max
			case span:
				return b.max
			}
			return nil
		}},
	} {
		s, err := Read(tt.file, nil)
		if err != nil || s.Err() != nil {
			t.Fatal(err, s.Err())
		}
		for _, k := range Keys() {
			if want := tt.bound(k.kind); want != nil && s.value(k) != want {
				t.Errorf("%s has %s for %s", tt.file, s.Text(k), k.Name)
			}
		}
	}
}
