package main

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"syscall"
	"testing"

	"hibachi/cmd/hibachi/config"
	"hibachi/links"
	"hibachi/links/engine"
)

// file writes a configuration.
func file(t *testing.T, text string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "hibachi.yaml")
	write(t, name, text)
	return name
}

func TestConfigCheck(t *testing.T) {
	users := "users: u\n"
	for _, tt := range []struct {
		name, text string
		says       []string // none: it is ok
	}{
		{"nothing in it", "", nil},
		{"open to others, with users", "listen: 0.0.0.0:5672\n" + users, nil},
		{"open to others, without", "http: \"\"\nlisten: 0.0.0.0:5672\n", []string{":2:9: 0.0.0.0:5672 is open to other machines", "has a mistake"}},
		{"insecure, with users", users + "insecure: true\n", []string{":2:11: insecure is for running without users"}},
		{"what follows from a mistake", "listen: 0.0.0.0:5672\nusers: [u]\n", []string{":2:8: users: expected", "has a mistake"}},
		{"several", "a: 1\nlog: {level: 5}\n", []string{":1:1: unknown key \"a\"", "\n    1 | a: 1\n      | ^\n", ":2:14: log.level: expected", "has 2 mistakes"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := hibachi(t, "", "config", "check", file(t, tt.text))
			if len(tt.says) > 0 {
				r.wantError(t, exitFailed, tt.says...)
				return
			}
			if got := r.wantOK(t); len(got) != 1 || got[0] != "ok" || r.err != "" {
				t.Errorf("it says %q and %q", got, r.err)
			}
		})
	}
	hibachi(t, "", "config", "check", "none.yaml").wantError(t, exitFailed, "none.yaml: no such file")
	hibachi(t, "", "config", "check").wantError(t, exitUsage, "accepts 1 arg(s)")
}

func TestConfigShow(t *testing.T) {
	name := file(t, "log: {level: debug}\nlinks:\n  credit: 0\n")
	r := hibachi(t, "", "config", "show", "--config", name, "--http", "", "--insecure")
	r.wantOK(t)
	shown := strings.Join(strings.Fields(r.out), " ")
	for _, s := range []string{"listen: 127.0.0.1:5672 # default", `http: "" # --http`, "insecure: true # --insecure", "level: debug # " + name + ":1",
		"credit: 1000 # " + name + ":3", "# 1088.0 MiB together"} {
		if !strings.Contains(shown, s) {
			t.Errorf("it does not show %q:\n%s", s, r.out)
		}
	}
	hibachi(t, "", "config", "check", file(t, r.out)).wantOK(t)
	hibachi(t, "", "config", "show", "--log-level", "loud").wantError(t, exitUsage, "--log-level: expected")
	hibachi(t, "", "config", "show", "--config", file(t, "a: 1"), "--log-level", "loud").wantError(t, exitFailed, ":1:1: unknown", "--log-level: expected", "2 mistakes")
}

func TestServeDoesNotStartWithABrokenFile(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	hibachi(t, "", "serve", "--config", file(t, "data: "+dir+"\nlisten: here\n")).wantError(t, exitFailed, ":2:9: listen: expected an address")
	if _, err := os.Stat(dir); err == nil {
		t.Error("it made the directory of the store")
	}
}

// everyKey is the file that has another value than the default for each key.
func everyKey(t *testing.T) *config.Settings {
	t.Helper()
	s, err := config.Read("config/testdata/every-key.yaml", nil)
	if err != nil || s.Err() != nil {
		t.Fatal(err, s.Err())
	}
	return s
}

// Each key reaches somebody who acts on it: the options that come of it are others.
func TestNoKeyDoesNothing(t *testing.T) {
	ours := map[string]bool{"log.level": true, "log.format": true} // see newLog
	all := everyKey(t)
	standard := serverOptions(config.Parse("", nil, nil).Config)
	for _, k := range config.Keys() {
		section, leaf, ok := strings.Cut(k.Name, ".")
		text := section + ": " + config.Scalar(all.Text(k))
		if ok {
			text = section + ":\n  " + leaf + ": " + config.Scalar(all.Text(k))
		}
		s := config.Parse("f", []byte(text), nil)
		if err := s.Err(); err != nil {
			t.Errorf("%s: %v", k.Name, err)
		}
		if same := reflect.DeepEqual(serverOptions(s.Config), standard); same != ours[k.Name] {
			t.Errorf("%s is %s: nobody hears of it: %t", k.Name, s.Text(k), same)
		}
	}
}

// The table's defaults are those of the packages, so that what runs in tests and what runs in the binary are the same.
func TestTheDefaultsAreThoseOfTheParts(t *testing.T) {
	o := serverOptions(config.Parse("", nil, nil).Config)
	if got, want := *o.Links.Engine.Resolve(), *new(engine.Config).Resolve(); !reflect.DeepEqual(got, want) {
		t.Errorf("the engine has %+v\nand by itself %+v", got, want)
	}
	if got, want := links.NewBudget(o.Receive, o.ReceivePerTenant).Limit(), links.NewBudget(0, 0).Limit(); got != want {
		t.Errorf("the budget is %d, and by itself %d", got, want)
	}
	for _, s := range []*config.Settings{config.Parse("", nil, nil), everyKey(t)} {
		o := serverOptions(s.Config)
		o.Links.Engine.ContainerID = "c"
		o.Store.Dir = "d"
		for name, err := range map[string]error{"links": o.Links.Validate(), "broker": o.Broker.Validate(), "store": o.Store.Validate()} {
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}

// What a running broker is told by SIGHUP, in the order of a day. A connection that was there at its beginning is there at its end.
func TestHangupReadsTheConfigurationAgain(t *testing.T) {
	users := filepath.Join(t.TempDir(), "users")
	hibachi(t, "secret\n", "user", "add", users, "ann", "--password-stdin").wantOK(t)
	name := file(t, "log: {level: info}\n")
	b := serve(t, t.TempDir(), "--config", name)
	open := openConnection(t, b.url)
	defer open.Close()
	for _, step := range []struct {
		text string
		says string
	}{
		{"log: {level: debug}\n", `msg="configuration read again" changed=[log.level]`},
		{"log: {level: debug}\nlinks:\n  credit: 5\n",
			`msg="this setting changes with the next start" key=links.credit from=` + name + `:3 now=1000 then=5`},
		{"log: {level: warn}\nlinks: 5\nlisten: x\n", name + `:2:8: links: it is a section`},
		{"users: " + users + "x\n", "no such file or directory"},
		{"users: " + users + "\ninsecure: true\n", name + ":2:11: insecure is for running without users"},
		{"users: " + users + "\nlog: {level: debug}\n", `changed=[users]`},
	} {
		write(t, name, step.text)
		b.hangup(t, step.says)
	}
	if refused := strings.Count(b.log.String(), "the configuration stays as it was"); refused != 4 { // twice in one of the files
		t.Errorf("%d times it stayed as it was", refused)
	}
	if _, text := b.get(t, "/metrics"); !strings.Contains(text, "\nhibachi_connections 1\n") {
		t.Error("the connection is gone")
	}
	send := b.to("send", "acme", "--device", "d")
	hibachi(t, "", send...).wantError(t, exitFailed, "amqp")
	password := file(t, "secret\n")
	hibachi(t, "", append(send, "--user", "ann", "--password-file", password)...).wantOK(t)
}

// hangup sends the process SIGHUP and waits until its log has one more line that says so.
func (b *broker) hangup(t *testing.T, says string) {
	t.Helper()
	before := strings.Count(b.log.String(), says)
	if err := syscall.Kill(os.Getpid(), syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	for strings.Count(b.log.String(), says) == before {
		if err := t.Context().Err(); err != nil {
			t.Fatal(err)
		}
		b.get(t, "/healthz")
	}
}

// The bounds of the keys are such that events pass at both ends of all of them at once.
func TestEventsPassAtTheBounds(t *testing.T) {
	for _, name := range []string{"config/testdata/least.yaml", "config/testdata/most.yaml"} {
		t.Run(filepath.Base(name), func(t *testing.T) {
			b := serve(t, t.TempDir(), "--config", name)
			hibachi(t, "", b.to("send", "acme", "--device", devices, "--count", "100", "--body", strings.Repeat("x", 600))...).wantOK(t)
			got := hibachi(t, "", b.to("receive", "acme", "--app", "a", "--create", "--count", "100")...).wantOK(t)
			if len(got) < 100 {
				t.Errorf("%d events came", len(got))
			}
		})
	}
}
