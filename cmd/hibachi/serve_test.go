package main

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"hibachi/links/amqp"
)

func TestWhatServeCannotUseIsExplained(t *testing.T) {
	running := serve(t, t.TempDir())
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	broken := filepath.Join(dir, "users")
	write(t, file, "")
	write(t, broken, "# ours\nadapter:plain-text\n")
	for _, tt := range []struct {
		name  string
		flags []string
		says  []string
	}{
		{"the port is taken", []string{"--listen", strings.TrimPrefix(running.url, "amqp://"), "--data", dir}, []string{"in use by another process", "--listen"}},
		{"the HTTP port is taken", []string{"--http", strings.TrimPrefix(running.http, "http://"), "--data", dir}, []string{"in use by another process", "--http"}},
		{"the directory is another's", []string{"--data", running.dir}, []string{running.dir, "in use by process", "stop that process", "--data"}},
		{"the directory is a file", []string{"--data", file}, []string{file, "not a directory", "--data"}},
		{"no such users file", []string{"--data", dir, "--users", file + "x"}, []string{"no such file", "hibachi user add"}},
		{"nobody in the users file", []string{"--data", dir, "--users", file}, []string{"nobody is in " + file, "hibachi user add"}},
		{"a line of the users file is broken", []string{"--data", dir, "--users", broken}, []string{broken, "2"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			args := append([]string{"serve", "--listen", "127.0.0.1:0", "--http", ""}, tt.flags...)
			hibachi(t, "", args...).wantError(t, exitFailed, tt.says...)
		})
	}
}

func write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestAnUnwritableDirectoryIsExplained(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Skip("root may write everywhere")
	}
	dir := filepath.Join(t.TempDir(), "sealed")
	if err := os.Mkdir(dir, 0o500); err != nil {
		t.Fatal(err)
	}
	hibachi(t, "", "serve", "--listen", "127.0.0.1:0", "--http", "", "--data", dir).wantError(t, exitFailed, dir, "let this user write there")
}

func TestTheDoorIsClosedWhenAsked(t *testing.T) {
	b := serve(t, t.TempDir(), "--http", "")
	if strings.Contains(b.log.String(), "http://") {
		t.Errorf("a door, though none was asked for:\n%s", b.log)
	}
}

func TestWithoutUsersItSaysWhoMayConnect(t *testing.T) {
	if b := serve(t, t.TempDir()); !strings.Contains(b.log.String(), "this machine only may connect") {
		t.Errorf("the log does not say so:\n%s", b.log)
	}
	if b := serve(t, t.TempDir(), "--insecure", "--log-format", "json"); !strings.Contains(b.log.String(), `"level":"WARN","msg":"no users`) {
		t.Errorf("the log does not warn:\n%s", b.log)
	}
}

// While a peer does not answer our close the process is stopping: alive, not ready, and it says what it waits for.
func TestNotReadyWhileStopping(t *testing.T) {
	b := serve(t, t.TempDir())
	if status, body := b.get(t, "/readyz"); status != 200 {
		t.Fatalf("not ready after the ready line: %d %s", status, body)
	}
	mute := openConnection(t, b.url)
	b.cancel()
	for {
		status, body := b.get(t, "/readyz")
		if status == 200 {
			continue // the signal is on its way
		}
		if status != 503 || !strings.Contains(body, "stopping: finishing what was received and closing the connections") {
			t.Errorf("readiness is %d %s", status, body)
		}
		break
	}
	if status, _ := b.get(t, "/healthz"); status != 200 {
		t.Errorf("not healthy while stopping: %d", status)
	}
	mute.Close()
	b.stop(t)
}

// openConnection opens an AMQP connection and says nothing more.
func openConnection(t *testing.T, url string) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", strings.TrimPrefix(url, "amqp://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	hello := amqp.AppendFrame(amqp.HeaderAMQP[:], amqp.TypeAMQP, 0, &amqp.Open{ContainerID: "mute"}, nil)
	if _, err := c.Write(hello); err != nil {
		t.Fatal(err)
	}
	answer := make([]byte, len(amqp.HeaderAMQP)+1) // the header and the beginning of its open: the connection is there
	for n := 0; n < len(answer); {
		m, err := c.Read(answer[n:])
		if err != nil {
			t.Fatal(err)
		}
		n += m
	}
	return c
}

func TestMetricsAfterAWorkingDay(t *testing.T) {
	b := serve(t, t.TempDir())
	hibachi(t, "", b.to("send", "acme", "--device", devices, "--count", "40")...).wantOK(t)
	hibachi(t, "", b.to("send", "acme", "--device", strings.Repeat("d", 300))...).wantError(t, exitFailed)
	hibachi(t, "", b.to("receive", "acme", "--app", "a", "--create", "--count", "30")...).wantOK(t)

	_, text := b.get(t, "/metrics")
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	for name, family := range families {
		if family.GetHelp() == "" {
			t.Errorf("%s has no help", name)
		}
	}
	for _, name := range documentedMetrics(t) {
		if families[name] == nil && name != "hibachi_rule_warnings_total" { // absent as long as there was none
			t.Errorf("%s is documented and not there", name)
		}
	}
	for _, line := range []string{
		"hibachi_ready 1",
		"hibachi_tenants 1",
		"hibachi_applications 1",
		"hibachi_connections_accepted_total 3",
		"hibachi_events_published_total 40",
		"hibachi_events_done_total 30",
		`hibachi_outcomes_total{outcome="accepted"} 40`,
		`hibachi_outcomes_total{outcome="rejected"} 1`,
		"hibachi_store_appends_total 40",
		"hibachi_store_events 40",
		`hibachi_application_backlog{application="a",tenant="acme"} 10`,
	} {
		if !strings.Contains(text, "\n"+line+"\n") {
			t.Errorf("no line %q", line)
		}
	}
	if t.Failed() {
		t.Log(text)
	}
}

// documentedMetrics are the names in the table of the operations page.
func documentedMetrics(t *testing.T) (names []string) {
	t.Helper()
	page, err := os.ReadFile("../../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(page)) {
		if rest, ok := strings.CutPrefix(line, "| `hibachi_"); ok {
			name, _, _ := strings.Cut(rest, "`")
			name, _, _ = strings.Cut(name, "{")
			names = append(names, "hibachi_"+name)
		}
	}
	if len(names) < 30 {
		t.Fatalf("the page has %d metrics only", len(names))
	}
	return names
}

func TestASecondStartFindsTheDirectoryFree(t *testing.T) {
	dir := t.TempDir()
	for range 3 {
		serve(t, dir).stop(t)
	}
}

func TestAStopTellsWhoIsConnected(t *testing.T) {
	b := serve(t, t.TempDir())
	received := make(chan result, 1)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go func() {
		received <- hibachiUntil(ctx, "", b.to("receive", "acme", "--app", "a", "--create", "--follow")...)
	}()
	hibachi(t, "", b.to("send", "acme")...).wantOK(t)
	for {
		if _, text := b.get(t, "/metrics"); strings.Contains(text, "\nhibachi_events_done_total 1\n") {
			break
		}
	}
	b.stop(t)
	(<-received).wantError(t, exitFailed, "amqp:connection:forced", "device-1", "1 event received by application a")
}
