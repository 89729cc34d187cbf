package plan

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const root = "../.."

// source is one Go file of the project and what it imports.
type source struct {
	file    string // from the root, with slashes
	imports []string
}

func (s source) dir() string { return path.Dir(s.file) }
func (s source) test() bool  { return strings.HasSuffix(s.file, "_test.go") }

// sources reads the files themselves, not the answer of a child process: the test's cached result then falls with any of them.
func sources(t *testing.T) []source {
	t.Helper()
	var all []source
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, name)
		if err != nil {
			return err
		}
		rel = filepath.ToSlash(rel)
		if d.IsDir() {
			if outOfSight(rel) {
				return filepath.SkipDir
			}
			return nil
		}
		if path.Ext(rel) != ".go" {
			return nil
		}
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		s := source{file: rel}
		for _, i := range f.Imports {
			p, err := strconv.Unquote(i.Path.Value)
			if err != nil {
				return err
			}
			s.imports = append(s.imports, p)
		}
		all = append(all, s)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// outOfSight: directories that the go command does not look into either, and what .gitignore keeps at the top.
func outOfSight(dir string) bool {
	base := path.Base(dir)
	return dir != "." && (base == "testdata" || base == "node_modules" || base[0] == '_' || base[0] == '.' || dir == "bin" || dir == "data")
}

// namesUsed lists what a file uses of a package that it imports under its own name.
func namesUsed(t *testing.T, file, imported string) []string {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), filepath.Join(root, filepath.FromSlash(file)), nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	ast.Inspect(f, func(n ast.Node) bool {
		if s, ok := n.(*ast.SelectorExpr); ok {
			if x, ok := s.X.(*ast.Ident); ok && x.Name == path.Base(imported) {
				names = append(names, s.Sel.Name)
			}
		}
		return true
	})
	if len(names) == 0 {
		t.Errorf("%s imports %s under another name", file, imported)
	}
	return names
}

func TestImportsFollowThePlan(t *testing.T) {
	used := map[string]bool{}
	for _, s := range sources(t) {
		room, ok := RoomOf(s.dir())
		if !ok {
			t.Errorf("%s: no room in the plan for %s", s.file, s.dir())
			continue
		}
		used[room.Dir] = true
		for _, i := range s.imports {
			if !room.Allows(i, s.test()) {
				t.Errorf("%s imports %s, which the plan does not have.\n%s", s.file, i, room)
			}
			names := room.Names(i)
			if len(names) == 0 || s.test() {
				continue
			}
			for _, used := range namesUsed(t, s.file, i) {
				if !slices.Contains(names, used) {
					t.Errorf("%s uses %s of %s, which the plan does not have.\n%s", s.file, used, i, room)
				}
			}
		}
	}
	for _, r := range Rooms {
		if !used[r.Dir] {
			t.Errorf("the plan has a room %s, and no file is in it", r.Dir)
		}
	}
}

// The table is only as good as Allows: what must not be is held against it, whatever the tree looks like today.
func TestThePlanForbids(t *testing.T) {
	for _, tt := range []struct {
		dir, imports string
		test, want   bool
	}{
		{"broker", "hibachi/links", false, false},
		{"broker", "hibachi/links/amqp", false, false},
		{"broker", "hibachi/links/amqp", true, false},
		{"broker", "hibachi/spec/hono", false, false},
		{"broker", "hibachi/persistence", false, true},
		{"broker", "hibachi/persistence/pebble", false, false},
		{"broker", "hibachi/persistence/pebble", true, true},
		{"broker", "hibachi/broker/nodes", false, false},
		{"broker", "net/http", false, false},
		{"links", "hibachi/broker", false, false},
		{"links", "hibachi/broker", true, false},
		{"links", "hibachi/persistence", false, false},
		{"links", "hibachi/links/engine", false, true},
		{"links/sasl", "hibachi/links/engine", false, true},
		{"links/sasl", "hibachi/links", false, true},
		{"links", "github.com/spf13/cobra", false, false},
		{"links/engine", "hibachi/links", false, false},
		{"links/engine", "hibachi/links/amqp", false, true},
		{"links/engine", "net", false, false},
		{"links/engine", "sync", false, true}, // sync.Pool of it
		{"links/engine", "sync/atomic", false, false},
		{"links/engine", "os", false, false},
		{"links/engine", "log/slog", false, false},
		{"links/engine", "time", false, true},
		{"links/amqp", "hibachi/links/engine", false, false},
		{"links/amqp", "reflect", false, false},
		{"persistence", "hibachi/persistence/pebble", false, false},
		{"persistence", "github.com/cockroachdb/pebble/v2", false, false},
		{"persistence/pebble", "hibachi/broker", false, false},
		{"persistence/pebble", "hibachi/links/amqp", false, false},
		{"persistence/pebble", "github.com/cockroachdb/pebble/v2/vfs", false, true},
		{"spec/hono", "hibachi/links/amqp", false, true},
		{"spec/hono", "hibachi/links", false, false},
		{"spec/hono", "net", false, false},
		{"conformance/suite", "hibachi/links/amqp", false, false},
		{"conformance/suite", "hibachi/broker", false, false},
		{"cmd/hibachi", "hibachi/broker/nodes", false, true},
		{"cmd/hibachi", "hibachi/conformance/plan", false, false},
		{"cmd/hibachi", "github.com/spf13/cobra", false, true},
		{"cmd/hibachi", "github.com/cockroachdb/pebble/v2", false, false},
		{"broker/nodes", "hibachi/persistence/pebble", false, false},
		{"broker/nodes", "hibachi/elsewhere", false, false},
	} {
		room, ok := RoomOf(tt.dir)
		if !ok {
			t.Errorf("no room for %s", tt.dir)
			continue
		}
		if got := room.Allows(tt.imports, tt.test); got != tt.want {
			t.Errorf("%s (test %t) imports %s: allowed %t, want %t", tt.dir, tt.test, tt.imports, got, tt.want)
		}
	}
	if r, ok := RoomOf("elsewhere"); ok {
		t.Errorf("a directory outside of the plan is in room %s", r.Dir)
	}
}

func TestTopLevelIsThePlans(t *testing.T) {
	ignored := ignoredNames(t)
	entries, err := os.ReadDir(root)
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]bool{}
	for _, e := range entries {
		found[e.Name()] = true
		if e.Name() == ".git" || slices.Contains(TopLevel, e.Name()) || ignored(e.Name()) {
			continue
		}
		t.Errorf("%s is not of the top level, which is exactly: %s", e.Name(), strings.Join(TopLevel, " "))
	}
	for _, name := range TopLevel {
		if !found[name] {
			t.Errorf("%s is missing from the top level", name)
		}
	}
}

func ignoredNames(t *testing.T) func(name string) bool {
	b, err := os.ReadFile(filepath.Join(root, ".gitignore"))
	if err != nil {
		t.Fatal(err)
	}
	patterns := strings.Fields(string(b))
	return func(name string) bool {
		return slices.ContainsFunc(patterns, func(p string) bool {
			ok, err := path.Match(strings.Trim(p, "/"), name)
			if err != nil {
				t.Fatalf(".gitignore: %s: %v", p, err)
			}
			return ok
		})
	}
}
