// Package plan holds the plan of the house: which package may import which, what the top level is made of, and why there is each
// library. It is data; its tests hold the working tree against it. To change the house, change the plan first.
package plan

import (
	"path"
	"strings"
)

// Module is the module's path.
const Module = "hibachi"

// Room is a directory and all directories below it that have no room of their own.
type Room struct {
	Dir     string
	Is      string   // what it is, in a few words
	Ours    []string // directories of ours it may import from, besides its own
	Outside []string // libraries, by the beginning of their import path
	Never   []string // packages of the standard library it stays clear of, those below them too
	But     []string // names in those packages that it may use nevertheless
	Tests   []string // what only its test files import in addition, ours or not
}

// Rooms is the plan. Arrows run downward only: broker and links do not see each other, nodes joins them.
var Rooms = []Room{
	{
		Dir: "cmd",
		Is:  "starts and stops what is below",
		Ours: []string{"broker", "broker/nodes", "conformance/checks", "conformance/report", "conformance/suite",
			"links", "links/amqp", "links/engine", "persistence", "persistence/pebble", "spec"},
		Outside: []string{"github.com/Azure/go-amqp", "github.com/HdrHistogram/hdrhistogram-go", "github.com/prometheus/client_golang",
			"github.com/goccy/go-yaml", "github.com/spf13/cobra", "golang.org/x/term"},
		Tests: []string{"github.com/prometheus/client_model", "github.com/prometheus/common"},
	},
	{
		Dir:   "broker/nodes",
		Is:    "an address becomes a node, an outcome becomes a verb",
		Ours:  []string{"broker", "links", "links/amqp", "links/engine", "persistence", "spec"},
		Never: []string{"net", "os", "log"},
		Tests: []string{"net", "os", "log", "persistence/pebble", "github.com/Azure/go-amqp", "github.com/cockroachdb/pebble/v2/vfs"},
	},
	{
		Dir:     "broker",
		Is:      "decides who gets which event, when; does not know that there is a wire",
		Ours:    []string{"persistence"},
		Outside: []string{"github.com/cespare/xxhash/v2", "github.com/vmihailenco/msgpack/v5"},
		Never:   []string{"net", "os", "log"},
		Tests:   []string{"os", "log", "persistence/pebble", "github.com/cockroachdb/pebble/v2"},
	},
	{
		Dir:     "links",
		Is:      "speaks AMQP on sockets; does not know that anything is stored",
		Ours:    []string{"links/amqp", "links/engine"},
		Outside: []string{"github.com/coder/websocket", "github.com/xdg-go/scram", "github.com/xdg-go/stringprep"},
		Tests:   []string{"github.com/Azure/go-amqp"},
	},
	{
		Dir:   "links/engine",
		Is:    "one connection's protocol, bytes in and bytes out; no goroutine, no socket, no clock",
		Ours:  []string{"links/amqp"},
		Never: []string{"net", "os", "log", "sync", "context", "reflect"},
		But:   []string{"sync.Pool"}, // memory that idle connections share, no coordination
		Tests: []string{"os", "sync"},
	},
	{
		Dir:   "links/amqp",
		Is:    "the wire vocabulary",
		Never: []string{"net", "os", "log", "sync", "context", "reflect"},
		Tests: []string{"os", "reflect"},
	},
	{
		Dir:   "persistence",
		Is:    "the contract of a store; does not know that anything is AMQP",
		Never: []string{"net", "os", "log"},
		Tests: []string{"os"},
	},
	{
		Dir:     "persistence/pebble",
		Is:      "the embedded store",
		Ours:    []string{"persistence"},
		Outside: []string{"github.com/cockroachdb/pebble/v2", "github.com/cockroachdb/errors", "github.com/vmihailenco/msgpack/v5"},
		Never:   []string{"net"},
	},
	{
		Dir:   "spec",
		Is:    "what we promise, as pure code",
		Ours:  []string{"links/amqp"},
		Never: []string{"net", "os", "log", "sync", "context", "reflect"},
		Tests: []string{"os"},
	},
	{
		Dir:     "conformance",
		Is:      "proves it from outside, over sockets, with a codec that is not ours",
		Outside: []string{"github.com/Azure/go-amqp"},
	},
	{
		Dir:   "conformance/wire",
		Is:    "the suite's own codec",
		Never: []string{"net", "os", "log", "sync", "context", "reflect"},
		Tests: []string{"os", "reflect"},
	},
	{
		Dir:     "conformance/suite",
		Is:      "runs checks against a broker and judges what comes back",
		Ours:    []string{"conformance/wire"},
		Outside: []string{"github.com/goccy/go-yaml"},
	},
	{
		Dir:   "conformance/checks",
		Is:    "the requirements, a group a file",
		Ours:  []string{"conformance/suite", "conformance/wire"},
		Tests: []string{"conformance/target"},
	},
	{
		Dir:   "conformance/mutants",
		Is:    "plants faults in the broker and has the suite catch them",
		Tests: []string{"conformance/checks", "conformance/suite", "conformance/target"},
	},
	{
		Dir: "conformance/target",
		Is:  "a broker that can be killed and started again",
	},
	{
		Dir:   "conformance/statement",
		Is:    "holds docs/event-api.md against the suite and the requirements",
		Tests: []string{"conformance/checks", "conformance/suite", "spec"},
	},
	{
		Dir:  "conformance/report",
		Is:   "shows what was found",
		Ours: []string{"conformance/suite"},
	},
}

// TopLevel is what the project's directory holds, besides what .gitignore names.
var TopLevel = []string{
	".ci", ".gitignore", "LICENSE", "Makefile", "README.md", "docs", "go.mod", "go.sum",
	"broker", "cmd", "conformance", "links", "persistence", "spec",
}

// RoomOf finds the room of a directory: the one with the longest Dir that holds it.
func RoomOf(dir string) (Room, bool) {
	var best Room
	for _, r := range Rooms {
		if below(dir, r.Dir) && len(r.Dir) > len(best.Dir) {
			best = r
		}
	}
	return best, best.Dir != ""
}

// Allows tells whether a file of the room may import the package.
func (r Room) Allows(imported string, test bool) bool {
	if test && r.named(r.Tests, imported) {
		return true
	}
	if dir, ours := strings.CutPrefix(imported, Module+"/"); ours {
		to, found := RoomOf(dir)
		return found && (to.Dir == r.Dir || r.named(r.Ours, imported))
	}
	if first, _, _ := strings.Cut(imported, "/"); strings.Contains(first, ".") {
		return r.named(r.Outside, imported)
	}
	return !r.named(r.Never, imported) || len(r.Names(imported)) > 0
}

// Names are the only names of a package that the room's files, but for tests, may use; none says that there is no such rule.
func (r Room) Names(imported string) []string {
	var names []string
	for _, b := range r.But {
		if i := strings.LastIndexByte(b, '.'); b[:i] == imported {
			names = append(names, b[i+1:])
		}
	}
	return names
}

// named tells whether the package is one of the names or below one; of ours, the room has to be the very one.
func (r Room) named(names []string, imported string) bool {
	dir, ours := strings.CutPrefix(imported, Module+"/")
	for _, name := range names {
		if !ours && below(imported, name) {
			return true
		}
		if to, found := RoomOf(dir); ours && found && to.Dir == path.Clean(name) {
			return true
		}
	}
	return false
}

// String says who may import whom, for the one who ran into it.
func (r Room) String() string {
	list := func(names []string) string {
		if len(names) == 0 {
			return "nothing"
		}
		return strings.Join(names, ", ")
	}
	s := r.Dir + " (" + r.Is + ") may import of ours: " + list(r.Ours) + "; libraries: " + list(r.Outside)
	if len(r.Never) > 0 {
		s += "; never of the standard library: " + list(r.Never)
	}
	if len(r.But) > 0 {
		s += " (but " + list(r.But) + ")"
	}
	if len(r.Tests) > 0 {
		s += "; its tests also: " + list(r.Tests)
	}
	return s
}

func below(name, dir string) bool {
	return name == dir || strings.HasPrefix(name, dir+"/")
}
