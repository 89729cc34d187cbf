//go:build mutants

package mutants

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"hibachi/conformance/checks"
	"hibachi/conformance/suite"
	"hibachi/conformance/target"
)

var parallel = flag.Int("at-once", 2, "mutants that are built and run at once")

// TestMutantsAreCaught builds Hibachi with each fault and runs the groups that have to catch it. What the sound one does not pass either
// counts for nothing.
func TestMutantsAreCaught(t *testing.T) {
	sound := start(t, build(t, "sound", nil))
	baseline := verdicts(t, sound, groupsOf(all))
	for check, v := range baseline {
		if v == suite.Fail {
			t.Logf("sound: %s fails, so it cannot catch anything", check)
		}
	}
	slots := make(chan struct{}, *parallel)
	t.Run("all", func(t *testing.T) {
		for _, m := range all {
			t.Run(strings.ReplaceAll(m.name, " ", "-"), func(t *testing.T) {
				t.Parallel()
				slots <- struct{}{}
				defer func() { <-slots }()
				broken := start(t, build(t, "broken", overlay(t, &m)))
				for _, group := range m.groups {
					if caught := worse(baseline, verdicts(t, broken, []string{group})); len(caught) == 0 {
						t.Errorf("group %s did not notice: %s", group, m.name)
					} else {
						t.Logf("%s: caught by %s", group, strings.Join(caught, " "))
					}
				}
			})
		}
	})
}

func groupsOf(ms []mutant) []string {
	var groups []string
	seen := map[string]bool{}
	for _, m := range ms {
		for _, g := range m.groups {
			if !seen[g] {
				seen[g] = true
				groups = append(groups, g)
			}
		}
	}
	return groups
}

// badness orders verdicts. Of our own broker a tolerated check that was passed before is a fault as well.
var badness = map[suite.Verdict]int{suite.Skip: 0, suite.Pass: 0, suite.Tolerated: 1, suite.Fail: 2}

// worse lists the checks whose verdict is worse than it was, in order.
func worse(baseline, now map[string]suite.Verdict) []string {
	var caught []string
	for check, v := range now {
		if badness[v] > badness[baseline[check]] {
			caught = append(caught, check)
		}
	}
	slices.Sort(caught)
	return caught
}

// overlay writes the files of a mutant and what the compiler has to know of them.
func overlay(t *testing.T, m *mutant) []string {
	dir := t.TempDir()
	replace := map[string]string{}
	for i, file := range m.files() {
		text, err := m.mutated(file)
		if err != nil {
			t.Fatal(err)
		}
		original, err := filepath.Abs(filepath.Join(root, file))
		if err != nil {
			t.Fatal(err)
		}
		replace[original] = filepath.Join(dir, fmt.Sprintf("%d.go", i))
		write(t, replace[original], text, 0o600)
	}
	b, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(dir, "overlay.json")
	write(t, name, string(b), 0o600)
	return []string{"-overlay", name}
}

func write(t *testing.T, name, text string, mode os.FileMode) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
}

func build(t *testing.T, name string, flags []string) string {
	t.Helper()
	binary := filepath.Join(t.TempDir(), name)
	args := append([]string{"build", "-ldflags=-s -w", "-o", binary}, flags...)
	cmd := exec.Command("go", append(args, "./cmd/hibachi")...)
	cmd.Dir = root
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return binary
}

func start(t *testing.T, binary string) *target.Broker {
	t.Helper()
	b, err := target.Start(t.TempDir(), binary)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Stop(); err != nil {
			t.Error(err)
		}
	})
	return b
}

// verdicts runs groups of checks.
func verdicts(t *testing.T, b *target.Broker, only []string) map[string]suite.Verdict {
	t.Helper()
	p, err := suite.LoadProfile("hibachi")
	if err != nil {
		t.Fatal(err)
	}
	p.Commands.Restart = b.Restart
	p.Features = append(p.Features, suite.Restart)
	g, err := suite.NewTarget("amqp://"+b.Address, p)
	if err != nil {
		t.Fatal(err)
	}
	groups, err := suite.Select(checks.Groups, only)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	run, err := g.Execute(ctx, groups, checks.Groups, suite.Options{Parallel: 8})
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]suite.Verdict{}
	for _, group := range run.Groups {
		for _, r := range group.Results {
			all[r.ID] = r.Verdict
		}
	}
	return all
}
