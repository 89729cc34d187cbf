package mutants

import (
	"go/format"
	"os"
	"path/filepath"
	"testing"

	"hibachi/conformance/checks"
	"hibachi/conformance/suite"
)

// root is the project's directory, from here.
const root = "../.."

// TestTextsAreThere fails as soon as the code has moved on from under a mutant.
func TestTextsAreThere(t *testing.T) {
	names := map[string]bool{}
	for _, m := range all {
		if names[m.name] {
			t.Errorf("%q is there twice", m.name)
		}
		names[m.name] = true
		if _, err := suite.Select(checks.Groups, m.groups); err != nil || len(m.groups) == 0 {
			t.Errorf("%s: groups %v: %v", m.name, m.groups, err)
		}
		for _, file := range m.files() {
			mutated, err := m.mutated(file)
			if err != nil {
				t.Error(err)
				continue
			}
			if _, err := format.Source([]byte(mutated)); err != nil {
				t.Errorf("mutant %q does not parse: %v", m.name, err)
			}
		}
	}
	if len(all) < 25 {
		t.Errorf("there are %d mutants; 25 were promised", len(all))
	}
}

// TestApplyIsStrict proves that a mutant whose text is gone, or is not unique, says so.
func TestApplyIsStrict(t *testing.T) {
	m := mutant{"m", one("f.go", "a = 1", "a = 2"), nil}
	for text, ok := range map[string]bool{"x; a = 1; y": true, "a = 3": false, "a = 1; a = 1": false} {
		got, err := m.apply("f.go", text)
		if (err == nil) != ok {
			t.Errorf("apply to %q: %q, %v", text, got, err)
		}
		if ok && got != "x; a = 2; y" {
			t.Errorf("apply to %q: %q", text, got)
		}
	}
}

// mutated is a file of the project with the fault in it.
func (m *mutant) mutated(file string) (string, error) {
	b, err := os.ReadFile(filepath.Join(root, file))
	if err != nil {
		return "", err
	}
	return m.apply(file, string(b))
}
