package config

import (
	"errors"
	"strings"
	"testing"
)

func TestFlagsWinOverTheFile(t *testing.T) {
	file := []byte("listen: 127.0.0.1:1\nhttp: 127.0.0.1:2\nlog:\n  level: debug\n")
	s := Parse("f", file, map[string]string{"listen": "127.0.0.1:3", "http": "", "insecure": "true"})
	if err := s.Err(); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]struct{ text, from string }{
		"listen":     {"127.0.0.1:3", "--listen"},
		"http":       {"", "--http"},
		"insecure":   {"true", "--insecure"},
		"log.level":  {"debug", "f:4"},
		"log.format": {"text", "default"},
	} {
		k := byName[name]
		if s.Text(k) != want.text || s.Origin(k).String() != want.from {
			t.Errorf("%s is %q from %s", name, s.Text(k), s.Origin(k))
		}
	}
}

// A flag's mistake comes after the file's, and only when there is none in the file are the flags to blame.
func TestWhoIsToBlame(t *testing.T) {
	flags := map[string]string{"log-level": "loud"}
	const ofFlag = `--log-level: expected debug, info, warn or error, not "loud"`
	for _, tt := range []struct {
		file  string
		want  []string
		flags bool
	}{
		{"", []string{ofFlag}, true},
		{"log: {level: debug}", []string{ofFlag}, true},
		{"log: {level: shy}", []string{`f:1:14: log.level: expected debug, info, warn or error, not "shy"`, ofFlag}, false},
	} {
		err := Parse("f", []byte(tt.file), flags).Err()
		var p Problems
		if !errors.As(err, &p) || len(p) != len(tt.want) || p.OfFlags() != tt.flags {
			t.Errorf("%q: %v", tt.file, err)
			continue
		}
		for i := range p {
			if p[i].Short() != tt.want[i] {
				t.Errorf("%q: %s, not %s", tt.file, p[i].Short(), tt.want[i])
			}
		}
	}
}

func TestRefuseFindsThePlace(t *testing.T) {
	file := "users: u\nlog: {level: shy}\n"
	for _, tt := range []struct {
		keys []string
		want string
	}{
		{[]string{"listen", "users"}, "f:1:8: no"},
		{[]string{"data", "users"}, "--data: no"},
		{[]string{"listen", "http"}, "no"},
		{[]string{"users", "log.level"}, ""},
	} {
		s := Parse("f", []byte(file), map[string]string{"data": "d"})
		s.Refuse("no", tt.keys...)
		var said []string
		for _, p := range s.problems[1:] {
			said = append(said, p.Short())
		}
		if got := strings.Join(said, " "); got != tt.want {
			t.Errorf("%v: %q, not %q", tt.keys, got, tt.want)
		}
	}
}

func TestShow(t *testing.T) {
	s, err := Read("testdata/every-key.yaml", map[string]string{"log-level": "warn", "data": "a \"b\": c"})
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "testdata/show.txt", s.Show())
	again := Parse("shown", []byte(s.Show()), nil)
	if again.Err() != nil || again.Config != s.Config {
		t.Errorf("what is shown is not what it was: %v", again.Err())
	}
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	if *update {
		writeFile(t, name, got)
	}
	if want := readFile(t, name); got != want {
		t.Errorf("%s has another text than this:\n%s", name, got)
	}
}

func TestAnyTextIsWrittenSoThatItIsReadAgain(t *testing.T) {
	for _, text := range []string{"", "a", "null", "~", "true", "0x1", "a: b", "a #b", "'", `"`, `\`, "[", "{", "&a", "*a", "!a", "|", "- a", "a:", "ä", "\t", " a ", "\u200b", "%", "@", "`"} {
		s := Parse("f", []byte("users: "+Scalar(text)), nil)
		if err := s.Err(); err != nil || s.Users != text {
			t.Errorf("%q is written %s, and read %q: %v", text, Scalar(text), s.Users, err)
		}
	}
}

func TestReloadedTakesWhatItCan(t *testing.T) {
	old, next := Parse("", nil, nil).Config, everyKey(t).Config
	now, taken, waiting := old.Reloaded(next)
	if len(taken)+len(waiting) != len(keys) {
		t.Errorf("%d taken and %d waiting of %d keys that differ", len(taken), len(waiting), len(keys))
	}
	for _, k := range keys {
		want := old.Text(k)
		if k.Live {
			want = next.Text(k)
		}
		if now.Text(k) != want {
			t.Errorf("%s is %s, not %s", k.Name, now.Text(k), want)
		}
	}
	if _, taken, waiting := now.Reloaded(now); len(taken)+len(waiting) > 0 {
		t.Error("the same again changes something")
	}
}

func TestMemoryIsSummedUp(t *testing.T) {
	c := Parse("f", []byte("memory: {receive: 16GiB, ring: none, memtable: 1GiB, block-cache: 2GiB, ledgers: 1GiB, output: 1MiB}\nconnections: {max: 1024}"), nil).Config
	if got := Sum(c.Budget()); got != 23*gib {
		t.Errorf("together %s", Bytes(got))
	}
	if got := c.StoreCache(); got != 6*gib {
		t.Errorf("the store's cache is %s", Bytes(got))
	}
	idle, output := c.ConnectionMemory()
	if idle.Bytes != 40*mib || output.Bytes != gib {
		t.Errorf("connections take %s and %s", Bytes(idle.Bytes), Bytes(output.Bytes))
	}
}
