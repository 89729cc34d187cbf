package checks

import (
	"bufio"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"hibachi/conformance/suite"
)

// The tables are in order: no id twice, every twin exists.
func TestTables(t *testing.T) {
	if err := suite.Validate(Groups); err != nil {
		t.Error(err)
	}
}

// Hibachi conforms: the whole suite against the built binary, without users and, what has to do with logging in, with them.
func TestHibachiConforms(t *testing.T) {
	binary := filepath.Join(t.TempDir(), "hibachi")
	if out, err := exec.Command("go", "build", "-o", binary, "hibachi/cmd/hibachi").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	users := filepath.Join(t.TempDir(), "users")
	add := exec.Command(binary, "user", "add", users, "conformance", "--password-stdin")
	add.Stdin = strings.NewReader("conformance\n")
	if out, err := add.CombinedOutput(); err != nil {
		t.Fatalf("user add: %v\n%s", err, out)
	}
	for _, tt := range []struct {
		profile string
		only    []string
		flags   []string
	}{
		{"hibachi", nil, nil},
		{"hibachi-users", []string{"PH", "OP18", "SA", "SL1", "SL2"}, []string{"--users", users}},
	} {
		t.Run(tt.profile, func(t *testing.T) {
			t.Parallel()
			conforms(t, startBroker(t, binary, tt.flags...), tt.profile, tt.only)
		})
	}
}

// startBroker starts the binary on any port and returns its URL.
func startBroker(t *testing.T, binary string, flags ...string) string {
	t.Helper()
	cmd := exec.Command(binary, append([]string{"serve", "--listen", "127.0.0.1:0", "--http", "", "--data", t.TempDir()}, flags...)...)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
			t.Errorf("stop the broker: %v", err)
		}
		if err := cmd.Wait(); err != nil {
			t.Errorf("the broker ended with %v", err)
		}
	})
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if url := regexp.MustCompile(`amqp://\S+:\d+`).FindString(lines.Text()); url != "" {
			go func() {
				for lines.Scan() { // so that it never waits for a reader
				}
			}()
			return url
		}
	}
	t.Fatalf("the broker did not say where it listens: %v", lines.Err())
	return ""
}

func conforms(t *testing.T, url, profile string, only []string) {
	t.Helper()
	p, err := suite.LoadProfile(profile)
	if err != nil {
		t.Fatal(err)
	}
	target, err := suite.NewTarget(url, p)
	if err != nil {
		t.Fatal(err)
	}
	groups, err := suite.Select(Groups, only)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	run, err := target.Execute(ctx, groups, Groups, suite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, g := range run.Groups {
		for _, r := range g.Results {
			if r.Verdict != suite.Fail {
				continue
			}
			t.Errorf("%s %s", r.ID, r.Title)
			for _, f := range r.Findings {
				t.Logf("  %s: %s", f.Verdict, f)
			}
			for _, l := range r.Trace {
				t.Logf("    %d %s %s", l.Conn, l.Dir, l.Text)
			}
		}
	}
	t.Logf("%d pass, %d tolerated, %d skipped", run.Count(suite.Pass), run.Count(suite.Tolerated), run.Count(suite.Skip))
}
