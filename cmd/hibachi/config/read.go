package config

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// reader goes through a YAML file and hands each value to set, which says what was expected if it is none. It knows which names there are,
// and not what becomes of the values.
type reader struct {
	file     string
	lines    []string
	set      func(k *Key, text string, at Origin) (expected string)
	refuse   func(k *Key) // told of a key whose value is not even a text
	problems Problems
}

// read reports what is wrong with text in r.problems.
func (r *reader) read(text []byte) {
	text = bytes.TrimPrefix(text, []byte("\ufeff")) // what some editors begin a file with
	text = bytes.ReplaceAll(text, []byte("\r\n"), []byte("\n"))
	r.lines = strings.Split(string(text), "\n")
	if !r.plain() {
		return
	}
	file, err := parser.ParseBytes(text, 0, parser.AllowDuplicateMapKey())
	var syntax *yaml.SyntaxError
	switch {
	case errors.As(err, &syntax) && syntax.Token != nil:
		r.complain(syntax.Token, "", "this is not YAML: %s", r.explain(syntax))
		return
	case err != nil:
		r.problems = append(r.problems, Problem{At: Origin{File: r.file, Line: 1, Column: 1}, Text: fmt.Sprintf("this is not YAML: %v", err)})
		return
	}
	for i, d := range file.Docs {
		switch {
		case d.Body == nil:
		case i > 0:
			r.complain(start(d.Body), "", "a second document: one file is one configuration, so leave the line --- away")
		default:
			r.section("", d.Body)
		}
	}
}

// explain says it in plainer words where the parser's are hard to understand.
func (r *reader) explain(e *yaml.SyntaxError) string {
	if e.Token.Position == nil {
		return e.Message
	}
	line := r.line(e.Token.Position.Line)
	if indent := line[:len(line)-len(strings.TrimLeft(line, " \t"))]; strings.Contains(indent, "\t") {
		return "indent with spaces, not with tabs"
	}
	return e.Message
}

// start is the token that n begins with.
func start(n ast.Node) *token.Token {
	if m, ok := n.(*ast.MappingNode); ok && !m.IsFlowStyle && len(m.Values) > 0 {
		return keyToken(m.Values[0].Key)
	}
	return n.GetToken()
}

// section reads the keys of one section, or of the top.
func (r *reader) section(name string, n ast.Node) {
	m, ok := n.(*ast.MappingNode)
	if !ok {
		if name == "" {
			r.complain(start(n), "", "expected lines such as \"listen: 127.0.0.1:5672\", not %s", kindOf(n))
			return
		}
		r.complain(start(n), name, "it is a section: expected its keys below it (%s), not %s", either(siblings(name)), kindOf(n))
		return
	}
	first := map[string]int{}
	for _, v := range m.Values {
		t := keyToken(v.Key)
		if line, twice := first[t.Value]; twice {
			r.complain(t, "", "%s is there twice, first on line %d", quoted(t.Value), line)
			continue
		}
		first[t.Value] = t.Position.Line
		r.entry(name, t, v.Value)
	}
}

// keyToken is where the name stands, also when it is written as "? name".
func keyToken(n ast.MapKeyNode) *token.Token {
	if q, ok := n.(*ast.MappingKeyNode); ok && q.Value != nil {
		return q.Value.GetToken()
	}
	return n.GetToken()
}

// entry reads one line: a key, or the head of a section.
func (r *reader) entry(section string, name *token.Token, value ast.Node) {
	full := name.Value
	if section != "" {
		full = section + "." + name.Value
	}
	if k, ok := byName[full]; ok && !strings.Contains(name.Value, ".") {
		r.value(k, name, value)
		return
	}
	if section == "" && isSection(name.Value) {
		if _, empty := value.(*ast.NullNode); !empty { // all of it may be commented out
			r.section(name.Value, value)
		}
		return
	}
	r.complain(name, "", "%s", unknown(section, name.Value))
}

func isSection(name string) bool {
	for _, k := range keys {
		if of, _ := k.split(); of == name && of != "" {
			return true
		}
	}
	return false
}

// unknown says what there is instead.
func unknown(section, name string) string {
	s := "unknown key " + quoted(name)
	if section != "" {
		s += " in " + section
	}
	if k, ok := byName[name]; ok && strings.Contains(name, ".") {
		of, leaf := k.split()
		return fmt.Sprintf("%s: write %s, and below it, indented, %s", s, quoted(of+":"), quoted(leaf+": …"))
	}
	if meant := nearest(section, name); meant != "" {
		return s + "; did you mean " + quoted(meant) + "?"
	}
	if section == "" {
		return s + "; expected " + either(siblings(""))
	}
	return s + "; it has " + strings.Join(siblings(section), ", ")
}

// value hands on what is written behind a key.
func (r *reader) value(k *Key, name *token.Token, n ast.Node) {
	text, ok := scalar(n)
	if !ok {
		r.refuse(k)
		at := start(n)
		if _, missing := n.(*ast.NullNode); missing && at.Position.Line != name.Position.Line {
			at = name
		}
		r.complain(at, k.Name, "expected %s, not %s", k.Expects(), kindOf(n))
		return
	}
	t := n.GetToken()
	at := Origin{File: r.file, Line: t.Position.Line, Column: t.Position.Column}
	if expected := r.set(k, text, at); expected != "" {
		r.complain(t, k.Name, "expected %s, not %s", expected, quoted(text))
	}
}

// scalar is the text of a plain value. Whether it is quoted makes no difference: the key says what it has to be.
func scalar(n ast.Node) (text string, ok bool) {
	switch n.(type) {
	case *ast.StringNode, *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.InfinityNode, *ast.NanNode:
		return n.GetToken().Value, true
	}
	return "", false
}

// kindOf names what stands where something else should.
func kindOf(n ast.Node) string {
	switch n.(type) {
	case *ast.NullNode:
		return "nothing (without the line it is the default)"
	case *ast.MappingNode:
		return "a section"
	case *ast.SequenceNode:
		return "a list"
	case *ast.LiteralNode:
		return "a block of text"
	case *ast.AnchorNode, *ast.AliasNode:
		return "an anchor or alias: write the value itself"
	case *ast.TagNode:
		return "a tag"
	}
	return quoted(n.GetToken().Value)
}

// plain refuses what no editor shows, before the parser goes astray in it.
func (r *reader) plain() bool {
	for i, line := range r.lines {
		column := 1
		for _, c := range line {
			if c == '\ufffd' || c < ' ' && c != '\t' {
				r.problems = append(r.problems, Problem{At: Origin{File: r.file, Line: i + 1, Column: column}, Line: line,
					Text: "expected text in UTF-8, not a control character or anything else"})
				return false
			}
			column++
		}
	}
	return true
}

func (r *reader) complain(t *token.Token, key, format string, args ...any) {
	p := Problem{At: Origin{File: r.file, Line: 1, Column: 1}, Key: key, Text: fmt.Sprintf(format, args...)}
	if t != nil && t.Position != nil {
		p.At.Line, p.At.Column = t.Position.Line, max(t.Position.Column, 1)
	}
	p.Line = r.line(p.At.Line)
	r.problems = append(r.problems, p)
}

// line is a line of the file.
func (r *reader) line(n int) string {
	if n < 1 || n > len(r.lines) {
		return ""
	}
	return r.lines[n-1]
}

// quoted keeps a long value short.
func quoted(s string) string {
	const most = 60
	if runes := []rune(s); len(runes) > most {
		s = string(runes[:most]) + "…"
	}
	return fmt.Sprintf("%q", s)
}
