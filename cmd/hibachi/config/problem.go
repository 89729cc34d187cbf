package config

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Origin is where a value comes from. The zero Origin is the default.
type Origin struct {
	Flag   string // given with --Flag
	File   string // else given in File
	Line   int    // from 1
	Column int    // from 1, in characters; 0: none in particular
}

// String is short: default, file:line, --flag.
func (o Origin) String() string {
	switch {
	case o.Flag != "":
		return "--" + o.Flag
	case o.File != "":
		return fmt.Sprintf("%s:%d", o.File, o.Line)
	}
	return "default"
}

// Problem is one thing that is wrong.
type Problem struct {
	At   Origin
	Key  string // empty: none in particular
	Text string // what is wrong and what was expected
	Line string // the line that it is in, when it is in a file
}

// Error is Short, and below it the line with a mark under the place.
func (p Problem) Error() string { return p.Short() + p.excerpt() }

// Short is "file:line:column: key: text", on one line.
func (p Problem) Short() string {
	var s strings.Builder
	switch {
	case p.At.File != "":
		fmt.Fprintf(&s, "%s:%d:%d: ", p.At.File, p.At.Line, p.At.Column)
	case p.At.Flag != "":
		fmt.Fprintf(&s, "--%s: ", p.At.Flag)
	}
	if p.Key != "" && p.At.Flag == "" {
		s.WriteString(p.Key + ": ")
	}
	s.WriteString(p.Text)
	return s.String()
}

// longestExcerpt is how many characters a line may have to be shown.
const longestExcerpt = 160

func (p Problem) excerpt() string {
	if p.Line == "" || p.At.Column < 1 || p.At.Column > utf8.RuneCountInString(p.Line)+1 || utf8.RuneCountInString(p.Line) > longestExcerpt {
		return ""
	}
	number := fmt.Sprintf("%5d", p.At.Line)
	before := []rune(p.Line)[:p.At.Column-1]
	for i, r := range before {
		if r != '\t' { // which keeps its width
			before[i] = ' '
		}
	}
	return fmt.Sprintf("\n%s | %s\n%5s | %s^", number, visible(p.Line), "", string(before))
}

// visible keeps what would steer a terminal out of it.
func visible(line string) string {
	return strings.Map(func(r rune) rune {
		if r != '\t' && !unicode.IsPrint(r) {
			return unicode.ReplacementChar
		}
		return r
	}, line)
}

// Problems is everything that is wrong with a configuration, in the order of the file; what is wrong with flags comes last.
type Problems []Problem

func (p Problems) Error() string {
	all := make([]string, len(p))
	for i := range p {
		all[i] = p[i].Error()
	}
	return strings.Join(all, "\n")
}

// OfFlags tells whether nothing is wrong but flags.
func (p Problems) OfFlags() bool {
	return !slices.ContainsFunc(p, func(p Problem) bool { return p.At.Flag == "" })
}

func (p Problems) sort() {
	slices.SortStableFunc(p, func(a, b Problem) int {
		if flag := cmp.Compare(min(len(a.At.Flag), 1), min(len(b.At.Flag), 1)); flag != 0 {
			return flag
		}
		return cmp.Or(cmp.Compare(a.At.Line, b.At.Line), cmp.Compare(a.At.Column, b.At.Column))
	})
}
