package config

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// Show is a file with every value in it, and behind each, as a comment, where it comes from; at its end the memory that it allows.
func (s *Settings) Show() string {
	var b strings.Builder
	b.WriteString("# What this broker would run with, and behind # where that comes from.\n")
	section := ""
	for _, k := range keys {
		of, leaf := k.split()
		if of != section {
			section = of
			fmt.Fprintf(&b, "\n%s:\n", of)
		}
		line := leaf + ": " + Scalar(s.Text(k))
		if of != "" {
			line = "  " + line
		}
		fmt.Fprintf(&b, "%s%s # %s\n", line, strings.Repeat(" ", max(0, 40-utf8.RuneCountInString(line))), visible(s.comment(k)))
	}
	b.WriteString(s.showMemory())
	return b.String()
}

func (s *Settings) comment(k *Key) string {
	at := s.Origin(k)
	if at == (Origin{}) && k.Derived != "" {
		return "default: " + k.Derived
	}
	return at.String()
}

func (s *Settings) showMemory() string {
	var b strings.Builder
	shares := s.Budget()
	idle, output := s.ConnectionMemory()
	b.WriteString("\n# Memory, at most:\n")
	for _, x := range slices.Concat(shares, []Share{{Sum(shares), "together"}, idle, output}) {
		fmt.Fprintf(&b, "# %9.1f MiB  %s\n", float64(x.Bytes)/mib, x.For)
	}
	fmt.Fprintf(&b, "# and %s for each application in use\n", Bytes(application))
	return b.String()
}

// plain are texts that YAML takes as they are, without quotes and for text or for what they should be.
var plain = regexp.MustCompile(`^[A-Za-z0-9./_][A-Za-z0-9./_+@:-]*$`)

// Scalar writes a value for a YAML file, in quotes where it has to be.
func Scalar(text string) string {
	if plain.MatchString(text) && !strings.HasSuffix(text, ":") && !slices.Contains([]string{"null", "Null", "NULL"}, text) {
		return text
	}
	return fmt.Sprintf("%q", text)
}
