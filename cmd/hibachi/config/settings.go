package config

import (
	"fmt"
	"io"
	"os"
	"slices"
	"time"
)

// Settings are a Config and where each of its values comes from. One goroutine uses it.
type Settings struct {
	Config

	origins  map[string]Origin // of keys that are given
	refused  map[string]bool   // keys whose value is wrong: they have their default, and nothing that follows from it is told
	lines    []string          // of the file
	problems Problems
}

// largestFile is how many bytes of configuration are read; nobody writes more by hand.
const largestFile = 1 << 20

// Read makes Settings of a file (empty: none) and of flags by their names, which win. The error says that the file cannot be read; what is
// wrong in it is in Problems.
func Read(file string, flags map[string]string) (*Settings, error) {
	if file == "" {
		return Parse("", nil, flags), nil
	}
	f, err := os.Open(file)
	if err != nil {
		return nil, fmt.Errorf("read the configuration: %w", err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, largestFile+1))
	if err != nil {
		return nil, fmt.Errorf("read the configuration: %w", err)
	}
	if len(text) > largestFile {
		return nil, fmt.Errorf("read the configuration: %s is larger than %s", file, Bytes(largestFile))
	}
	return Parse(file, text, flags), nil
}

// Parse is Read for text that is there already.
func Parse(file string, text []byte, flags map[string]string) *Settings {
	s := &Settings{Config: defaults(), origins: map[string]Origin{}, refused: map[string]bool{}}
	r := reader{file: file, set: s.set, refuse: s.refuse}
	r.read(text)
	s.lines, s.problems = r.lines, r.problems
	for _, k := range keys {
		value, given := flags[k.Flag]
		if k.Flag == "" || !given {
			continue
		}
		if expected := s.set(k, value, Origin{Flag: k.Flag}); expected != "" {
			s.problems = append(s.problems, Problem{At: Origin{Flag: k.Flag}, Key: k.Name, Text: fmt.Sprintf("expected %s, not %s", expected, quoted(value))})
		}
	}
	s.derive()
	s.check()
	return s
}

// defaults has a value for each key but the derived ones.
func defaults() (c Config) {
	for _, k := range keys {
		if k.Derived == "" {
			assign(k.field(&c), k.standard())
		}
	}
	return c
}

// standard is the default.
func (k *Key) standard() any {
	v, ok := k.kind.parse(k.Default)
	if !ok {
		panic(fmt.Sprintf("config: the default of %s is %q, but expected is %s", k.Name, k.Default, k.Expects()))
	}
	return v
}

// set takes a value over, or says what was expected.
func (s *Settings) set(k *Key, text string, at Origin) (expected string) {
	v, ok := k.kind.parse(text)
	if !ok {
		s.refuse(k)
		return k.Expects()
	}
	if isZero(v) && k.Derived == "" {
		v = k.standard()
	}
	assign(k.field(&s.Config), v)
	s.origins[k.Name] = at
	return ""
}

func (s *Settings) refuse(k *Key) { s.refused[k.Name] = true }

// isZero tells whether v is a number that means the default.
func isZero(v any) bool { return v == int64(0) || v == time.Duration(0) }

func assign(field, v any) {
	switch f := field.(type) {
	case *string:
		*f = v.(string)
	case *bool:
		*f = v.(bool)
	case *int64:
		*f = v.(int64)
	case *time.Duration:
		*f = v.(time.Duration)
	}
}

// value is what c has for k.
func (c *Config) value(k *Key) any {
	switch f := k.field(c).(type) {
	case *string:
		return *f
	case *bool:
		return *f
	case *int64:
		return *f
	case *time.Duration:
		return *f
	}
	panic("config: the type of " + k.Name)
}

// Text is the value of a key as a file has it, without quotes.
func (c *Config) Text(k *Key) string { return k.kind.format(c.value(k)) }

// derive fills in what follows from other keys.
func (s *Settings) derive() {
	if s.Memory.ReceivePerTenant == 0 {
		s.Memory.ReceivePerTenant = max(s.Memory.Receive/4, 1)
	}
}

// check holds the values against each other.
func (s *Settings) check() {
	for _, c := range []struct {
		small, large string
		why          string
	}{
		{"links.max-message-size", "memory.receive-per-tenant", "an event of that size could never be taken"},
		{"memory.receive-per-tenant", "memory.receive", "one tenant cannot have more than there is"},
		{"memory.read-ahead", "memory.ledgers", "one application cannot have more than there is"},
		{"connections.max-frame-size", "memory.output", "one frame has to fit"},
	} {
		small, large := byName[c.small], byName[c.large]
		if s.value(small).(int64) <= s.value(large).(int64) {
			continue
		}
		text := fmt.Sprintf("%s is %s, more than %s, which is %s: %s", c.small, s.Text(small), c.large, s.textAndWhy(large), c.why)
		s.Refuse(text, c.large, c.small, "memory.receive")
	}
}

func (s *Settings) textAndWhy(k *Key) string {
	if _, given := s.origins[k.Name]; !given && k.Derived != "" {
		return s.Text(k) + " (" + k.Derived + ")"
	}
	return s.Text(k)
}

// Refuse notes that keys do not go together; text names them. The problem's place is the first of them that was given. If one of them has a value that was
// refused before, nothing is noted: the mistake may be no more than that.
func (s *Settings) Refuse(text string, keys ...string) {
	if slices.ContainsFunc(keys, func(k string) bool { return s.refused[k] }) {
		return
	}
	p := Problem{Text: text}
	for _, k := range keys {
		if at, given := s.origins[k]; given {
			p.At = at
			break
		}
	}
	if p.At.File != "" {
		p.Line = (&reader{lines: s.lines}).line(p.At.Line)
	}
	s.problems = append(s.problems, p)
}

// Err is what is wrong, as Problems, or nil.
func (s *Settings) Err() error {
	if len(s.problems) == 0 {
		return nil
	}
	s.problems.sort()
	return s.problems
}

// Origin says where the value of a key comes from.
func (s *Settings) Origin(k *Key) Origin { return s.origins[k.Name] }
