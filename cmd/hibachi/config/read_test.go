package config

import (
	"flag"
	"os"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write golden files and the table of docs/configuration.md anew")

// Each case of testdata/bad.txt is a line that says what it is about, a file, ----, and everything that is said about it.
func TestWhatIsWrongIsToldWithItsPlace(t *testing.T) {
	const golden = "testdata/bad.txt"
	var out []string
	for _, c := range strings.Split(readFile(t, golden), "====\n") {
		about, rest, _ := strings.Cut(c, "\n")
		file, want, found := strings.Cut(rest, "----\n")
		if !found {
			t.Fatalf("%q has no ----", about)
		}
		got := ""
		if err := Parse("bad.yaml", []byte(file), nil).Err(); err != nil {
			got = err.Error() + "\n"
		}
		if got != want && !*update {
			t.Errorf("%s:\n%s---- got\n%s---- want\n%s", about, file, got, want)
		}
		out = append(out, about+"\n"+file+"----\n"+got)
	}
	if *update {
		writeFile(t, golden, strings.Join(out, "====\n"))
	}
}

func TestABrokenFileIsRefusedWhole(t *testing.T) {
	for _, tt := range []struct{ text, want string }{
		{"listen: \xff", "f:1:9: expected text in UTF-8, not a control character or anything else\n    1 | listen: \ufffd\n      |         ^"},
		{"a\x00b", "f:1:2: expected text in UTF-8, not a control character or anything else\n    1 | a\ufffdb\n      |  ^"},
		{"a: 1\rb: 2", "f:1:5: expected text in UTF-8"},
		{"log:\r\n  level: x\r\n", "f:2:10: log.level: expected debug, info, warn or error, not \"x\"\n    2 |   level: x\n      |          ^"},
		{"\ufefflisten: x", "f:1:9: listen: expected an address such as 127.0.0.1:5672 or \"[::1]:5672\", not \"x\"\n    1 | listen: x\n      |         ^"},
		{"data: " + strings.Repeat("{", 100_000), "f:1:8: this is not YAML: "},
	} {
		err := Parse("f", []byte(tt.text), nil).Err()
		if err == nil || !strings.HasPrefix(err.Error(), tt.want) {
			t.Errorf("%.40q: %.400v", tt.text, err)
		}
	}
}

func TestALongValueIsToldShortly(t *testing.T) {
	err := Parse("f", []byte("listen: "+strings.Repeat("x", 10_000)), nil).Err()
	if err == nil || len(err.Error()) > 300 || !strings.Contains(err.Error(), "xxx…") {
		t.Errorf("it says %v", err)
	}
}

func TestAFileThatCannotBeRead(t *testing.T) {
	large := t.TempDir() + "/large"
	writeFile(t, large, strings.Repeat("#", largestFile+1))
	for name, want := range map[string]string{
		"testdata/none": "read the configuration: open testdata/none: no such file",
		"testdata":      "read the configuration: read testdata: is a directory",
		large:           "larger than 1MiB",
	} {
		if _, err := Read(name, nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Whatever is in a file: no panic, each problem has its place in it, and what is taken is the same when it is written and read again.
func FuzzRead(f *testing.F) {
	f.Add(readFile(f, "testdata/every-key.yaml"))
	for _, c := range strings.Split(readFile(f, "testdata/bad.txt"), "====\n") {
		_, c, _ = strings.Cut(c, "\n")
		file, _, _ := strings.Cut(c, "----\n")
		f.Add(file)
	}
	f.Fuzz(func(t *testing.T, file string) {
		s := Parse("f", []byte(file), nil)
		lines := strings.Count(file, "\n") + 1
		for _, p := range s.problems {
			if p.At.File != "f" || p.At.Line < 1 || p.At.Line > lines || p.At.Column < 1 {
				t.Errorf("%s is nowhere", p)
			}
		}
		if s.Err() != nil {
			return
		}
		again := Parse("again", []byte(s.Show()), nil)
		if again.Err() != nil || again.Config != s.Config {
			t.Errorf("shown it is not the same: %v\n%s", again.Err(), s.Show())
		}
	})
}

func readFile(t testing.TB, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func writeFile(t testing.TB, name, text string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}
