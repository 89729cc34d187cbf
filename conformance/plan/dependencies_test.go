package plan

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// Three lists say which libraries we stand on: the code's imports, go.mod, and docs/dependencies.md with the reasons. They are to agree.

func TestEveryLibraryHasAReason(t *testing.T) {
	required, direct := requirements(t)
	imported := importedModules(t, required)
	explained := explainedModules(t)
	for _, m := range slices.Sorted(maps.Keys(direct)) {
		if !explained[m] {
			t.Errorf("go.mod requires %s directly, and docs/dependencies.md does not say why", m)
		}
	}
	for _, m := range slices.Sorted(maps.Keys(imported)) {
		if !explained[m] {
			t.Errorf("%s imports %s, and docs/dependencies.md does not say why", imported[m], m)
		}
		if !direct[m] {
			t.Errorf("%s imports %s, which go.mod calls indirect: run go mod tidy", imported[m], m)
		}
	}
	for _, m := range slices.Sorted(maps.Keys(explained)) {
		if imported[m] == "" {
			t.Errorf("docs/dependencies.md explains %s, which nothing imports", m)
		}
	}
}

// requirements reads go.mod: all required modules, and those that are not marked indirect.
func requirements(t *testing.T) (all []string, direct map[string]bool) {
	t.Helper()
	line := regexp.MustCompile(`(?m)^\s*(?:require\s+)?([a-z0-9.-]+\.[a-z]+/\S+)\s+v\S+(\s*// indirect)?\s*$`)
	direct = map[string]bool{}
	for _, m := range line.FindAllStringSubmatch(read(t, "go.mod"), -1) {
		all = append(all, m[1])
		if m[2] == "" {
			direct[m[1]] = true
		}
	}
	if len(all) == 0 {
		t.Fatal("found no requirement in go.mod")
	}
	return all, direct
}

// importedModules maps the modules that our files import to one such file.
func importedModules(t *testing.T, required []string) map[string]string {
	t.Helper()
	by := map[string]string{}
	for _, s := range sources(t) {
		for _, i := range s.imports {
			if first, _, _ := strings.Cut(i, "/"); !strings.Contains(first, ".") {
				continue
			}
			best := ""
			for _, m := range required {
				if below(i, m) && len(m) > len(best) {
					best = m
				}
			}
			if best == "" {
				t.Errorf("%s imports %s, which go.mod does not require", s.file, i)
				continue
			}
			by[best] = s.file
		}
	}
	return by
}

// explainedModules reads the rows of the table: | `module` | reason |
func explainedModules(t *testing.T) map[string]bool {
	t.Helper()
	row := regexp.MustCompile("(?m)^\\| `([^`]+)` +\\| *([^|]*\\S) *\\|")
	found := map[string]bool{}
	for _, m := range row.FindAllStringSubmatch(read(t, "docs/dependencies.md"), -1) {
		if len(m[2]) < 20 {
			t.Errorf("docs/dependencies.md: %q is no reason for %s", m[2], m[1])
		}
		found[m[1]] = true
	}
	return found
}

func read(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(name)))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
