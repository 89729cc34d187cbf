package config

import (
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"
)

// kind is how a value is written. parse gives a string, bool, int64 or time.Duration; format is its inverse, in the one form that
// everything shows. A number of 0 means the default, which parse does not know: see Settings.set.
type kind interface {
	parse(text string) (value any, ok bool)
	format(value any) string
	expects() string // completes "expected …"
}

// text is what all kinds of strings have in common.
type text struct{}

func (text) format(v any) string { return v.(string) }

// address is host:port.
type address struct {
	text
	orEmpty bool
}

func (a address) parse(s string) (any, bool) {
	if s == "" {
		return s, a.orEmpty
	}
	_, port, err := net.SplitHostPort(s)
	n, bad := strconv.ParseUint(port, 10, 16)
	return s, err == nil && bad == nil && port == strconv.FormatUint(n, 10)
}

func (a address) expects() string {
	if a.orEmpty {
		return `an address such as 127.0.0.1:8080 or "[::1]:8080", or ""`
	}
	return `an address such as 127.0.0.1:5672 or "[::1]:5672"`
}

// path is a file's name. A relative one is seen from where the process was started.
type path struct {
	text
	orEmpty bool
}

func (p path) parse(s string) (any, bool) {
	return s, (p.orEmpty || s != "") && !strings.ContainsAny(s, "\x00\n\r")
}

func (p path) expects() string {
	if p.orEmpty {
		return `the name of a file, or ""`
	}
	return "the name of a directory"
}

// choice is one of some words.
type choice []string

func (c choice) parse(s string) (any, bool) { return s, slices.Contains(c, s) }
func (c choice) format(v any) string        { return v.(string) }
func (c choice) expects() string            { return either(c) }

// yesNo is true or false.
type yesNo struct{}

func (yesNo) parse(s string) (any, bool) { return s == "true", s == "true" || s == "false" }
func (yesNo) format(v any) string        { return strconv.FormatBool(v.(bool)) }
func (yesNo) expects() string            { return "true or false" }

// number counts things.
type number struct{ min, max int64 }

func (n number) parse(s string) (any, bool) {
	v, ok := digits(s)
	return v, ok && (v == 0 || n.min <= v && v <= n.max)
}

func (n number) format(v any) string { return strconv.FormatInt(v.(int64), 10) }
func (n number) expects() string     { return fmt.Sprintf("a number from %d to %d", n.min, n.max) }

// digits reads a number that is written plainly: no sign, nothing in front of it, and at most 18 digits.
func digits(s string) (int64, bool) {
	v, err := strconv.ParseUint(s, 10, 60)
	return int64(v), err == nil && s == strconv.FormatUint(v, 10)
}

// size is a number of bytes. off, if there is one, is the word for having none: it is -1.
type size struct {
	min, max int64
	off      string
}

var units = []struct {
	name  string
	bytes int64
}{{"TiB", tib}, {"GiB", gib}, {"MiB", mib}, {"KiB", kib}, {"B", 1}}

func (z size) parse(s string) (any, bool) {
	switch {
	case z.off != "" && s == z.off:
		return int64(-1), true
	case s == "0":
		return int64(0), true
	}
	for _, u := range units {
		if count, found := strings.CutSuffix(s, u.name); found {
			n, ok := digits(strings.TrimSuffix(count, " "))
			return n * u.bytes, ok && n <= z.max/u.bytes && (n == 0 || n*u.bytes >= z.min)
		}
	}
	return nil, false
}

func (z size) format(v any) string {
	if n := v.(int64); n >= 0 {
		return Bytes(n)
	}
	return z.off
}

func (z size) expects() string {
	s := fmt.Sprintf("a size from %s to %s with its unit (B, KiB, MiB, GiB or TiB)", Bytes(z.min), Bytes(z.max))
	return orWord(s, z.off)
}

// Bytes writes a size as a file has it: exactly, in the largest unit that does.
func Bytes(n int64) string {
	for _, u := range units {
		if n != 0 && n%u.bytes == 0 {
			return strconv.FormatInt(n/u.bytes, 10) + u.name
		}
	}
	return "0"
}

// span is a length of time. off, if there is one, is the word for having none: it is -1.
type span struct {
	min, max time.Duration
	off      string
}

const day = 24 * time.Hour

func (p span) parse(s string) (any, bool) {
	if p.off != "" && s == p.off {
		return time.Duration(-1), true
	}
	if count, found := strings.CutSuffix(s, "d"); found {
		n, ok := digits(count)
		return time.Duration(n) * day, ok && n <= int64(p.max/day) && (n == 0 || time.Duration(n)*day >= p.min)
	}
	v, err := time.ParseDuration(s)
	return v, err == nil && (v == 0 || p.min <= v && v <= p.max)
}

func (p span) format(v any) string {
	if d := v.(time.Duration); d >= 0 {
		return duration(d)
	}
	return p.off
}

func (p span) expects() string {
	s := fmt.Sprintf("a time from %s to %s with its unit (ms, s, m, h or d)", duration(p.min), duration(p.max))
	return orWord(s, p.off)
}

// duration leaves away the zeros that time.Duration ends in.
func duration(d time.Duration) string {
	if d >= day && d%day == 0 {
		return strconv.FormatInt(int64(d/day), 10) + "d"
	}
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

func orWord(s, word string) string {
	if word == "" {
		return s
	}
	return s + ", or " + word
}

// either lists words: "a, b or c".
func either(words []string) string {
	last := len(words) - 1
	if last < 1 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:last], ", ") + " or " + words[last]
}
