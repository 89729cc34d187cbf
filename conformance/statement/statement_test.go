package statement

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"hibachi/conformance/checks"
	"hibachi/conformance/suite"
	"hibachi/spec/hono"
)

const root = "../.."

// row is a line of a table, cut into its cells.
type row []string

func rows(t *testing.T) []row {
	t.Helper()
	page, err := os.ReadFile(filepath.Join(root, "docs/event-api.md"))
	if err != nil {
		t.Fatal(err)
	}
	var all []row
	for line := range strings.Lines(string(page)) {
		line = strings.TrimSpace(line)
		if !strings.HasPrefix(line, "| `") {
			continue
		}
		cells := strings.Split(strings.Trim(line, "|"), "|")
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		all = append(all, cells)
	}
	if len(all) == 0 {
		t.Fatal("the page has no tables")
	}
	return all
}

var code = regexp.MustCompile("`([^`]+)`")

// coded are the words in code type.
func coded(cell string) []string {
	var words []string
	for _, m := range code.FindAllStringSubmatch(cell, -1) {
		words = append(words, m[1])
	}
	return words
}

// id is the first cell.
func (r row) id() string { return strings.Trim(r[0], "`") }

// checkIDs are those of the group, each false until it is seen.
func checkIDs(t *testing.T) map[string]bool {
	t.Helper()
	groups, err := suite.Select(checks.Groups, []string{"event"})
	if err != nil {
		t.Fatal(err)
	}
	ids := map[string]bool{}
	for _, c := range groups[0].Checks {
		ids[c.ID] = false
	}
	return ids
}

// TestEverySentenceIsOnThePage compares the page's rows with the requirements: same ids, versions, parties, in the same order.
func TestEverySentenceIsOnThePage(t *testing.T) {
	var sentences []row
	for _, r := range rows(t) {
		if len(r) == 6 {
			sentences = append(sentences, r)
		}
	}
	requirements := hono.Requirements()
	if len(sentences) != len(requirements) {
		t.Errorf("the page has %d sentences, spec/hono %d", len(sentences), len(requirements))
	}
	for i, r := range sentences[:min(len(sentences), len(requirements))] {
		want := requirements[i].Text()
		if want.Versions == "" {
			want.Versions = "ours"
		}
		if r.id() != want.ID || r[2] != want.Versions || r[3] != string(want.Binds) {
			t.Errorf("sentence %d on the page is %s, %s, %s; in spec/hono it is %s, %s, %s", i+1, r.id(), r[2], r[3], want.ID, want.Versions, want.Binds)
		}
	}
}

// TestEverySentenceIsProved wants for each what a broker can show: a check of its own, and the checks and tests that are named to exist.
func TestEverySentenceIsProved(t *testing.T) {
	ids := checkIDs(t)
	place := map[string]hono.Place{}
	for _, r := range hono.Requirements() {
		place[r.String()] = r.Text().Place
	}
	for _, r := range rows(t) {
		if len(r) != 6 {
			continue
		}
		_, own := ids[r.id()]
		proof := coded(r[5])
		if named := slices.Contains(proof, r.id()); named != own {
			t.Errorf("%s: the page names its check: %t; there is one: %t", r.id(), named, own)
		}
		if !own && place[r.id()] != hono.Elsewhere {
			t.Errorf("%s can be seen at the broker, and has no check", r.id())
		}
		file := ""
		for _, word := range proof {
			switch {
			case strings.HasSuffix(word, "_test.go"):
				file = word
			case strings.HasPrefix(word, "Test"), strings.HasPrefix(word, "Fuzz"):
				if !hasFunc(t, file, word) {
					t.Errorf("%s: %s has no %s", r.id(), file, word)
				}
			case strings.HasPrefix(word, "make "):
			default:
				if _, ok := ids[word]; !ok {
					t.Errorf("%s: there is no check %s", r.id(), word)
				}
			}
		}
	}
}

// TestEveryCheckIsOnThePage wants each check of the group in a row of its own.
func TestEveryCheckIsOnThePage(t *testing.T) {
	ids := checkIDs(t)
	for _, r := range rows(t) {
		seen, ok := ids[r.id()]
		switch {
		case len(r) == 3 && !ok:
			t.Errorf("the page has a check %s, the suite has not", r.id())
		case ok && seen:
			t.Errorf("%s is on the page twice", r.id())
		case ok:
			ids[r.id()] = true
		}
	}
	for id, seen := range ids {
		if !seen {
			t.Errorf("the check %s is not on the page", id)
		}
	}
}

func hasFunc(t *testing.T, file, name string) bool {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(root, file))
	if err != nil {
		t.Errorf("%v", err)
		return false
	}
	return strings.Contains(string(b), "\nfunc "+name+"(")
}
