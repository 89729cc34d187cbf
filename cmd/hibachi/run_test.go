package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"testing"
)

// The tests in this package call the commands as a person would and look at what comes out: real parts, real sockets on 127.0.0.1.

// result is what a command left behind.
type result struct {
	code     int
	out, err string
}

// hibachi runs one command to its end.
func hibachi(t *testing.T, stdin string, args ...string) result {
	t.Helper()
	return hibachiUntil(t.Context(), stdin, args...)
}

func hibachiUntil(ctx context.Context, stdin string, args ...string) result {
	var out, err buffer
	code := run(ctx, args, streams{strings.NewReader(stdin), &out, &err})
	return result{code, out.String(), err.String()}
}

// wantOK fails the test unless the command did well, and gives the lines it printed.
func (r result) wantOK(t *testing.T) []string {
	t.Helper()
	if r.code != exitOK {
		t.Fatalf("exit code %d\nstdout: %s\nstderr: %s", r.code, r.out, r.err)
	}
	return lines(r.out)
}

// wantError fails the test unless the command failed so and said so.
func (r result) wantError(t *testing.T, code int, says ...string) {
	t.Helper()
	if r.code != code {
		t.Errorf("exit code %d, not %d\nstdout: %s\nstderr: %s", r.code, code, r.out, r.err)
	}
	for _, s := range says {
		if !strings.Contains(r.out+r.err, s) {
			t.Errorf("it does not say %q\nstdout: %s\nstderr: %s", s, r.out, r.err)
		}
	}
}

func lines(s string) []string {
	s = strings.TrimSuffix(s, "\n")
	if s == "" {
		return nil
	}
	return strings.Split(s, "\n")
}

// broker is a `hibachi serve` that runs in this process.
type broker struct {
	url   string // amqp://...
	http  string // http://host:port
	ready string // the line it printed
	dir   string

	cancel context.CancelFunc
	log    *buffer
	ended  chan int // its exit code
}

// serve starts a broker and waits until it is ready. It is stopped at the end of the test at the latest.
func serve(t *testing.T, dir string, flags ...string) *broker {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	b := &broker{dir: dir, cancel: cancel, log: new(buffer), ended: make(chan int, 1)}
	stdout, out := io.Pipe()
	args := append([]string{"serve", "--listen", "127.0.0.1:0", "--http", "127.0.0.1:0", "--data", dir}, flags...)
	go func() {
		b.ended <- run(ctx, args, streams{strings.NewReader(""), out, b.log})
		out.Close()
	}()
	t.Cleanup(func() { b.stop(t) })
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		t.Fatalf("serve ended before it was ready: %v\n%s", err, b.log)
	}
	b.ready = strings.TrimSpace(line)
	b.url = regexp.MustCompile(`amqp://[^, ]+`).FindString(b.ready)
	b.http = strings.TrimSuffix(regexp.MustCompile(`http://[^ ]+/metrics`).FindString(b.log.String()), "/metrics")
	return b
}

// stop sends the signal and waits for the end, which has to be orderly.
func (b *broker) stop(t *testing.T) {
	t.Helper()
	b.cancel()
	if code, running := <-b.ended; running {
		close(b.ended)
		if code != exitOK {
			t.Errorf("serve ended with %d\n%s", code, b.log)
		}
	}
}

// to adds where the broker is to a command's arguments.
func (b *broker) to(args ...string) []string { return append(args, "--url", b.url) }

// get fetches a path of the door.
func (b *broker) get(t *testing.T, path string) (status int, body string) {
	t.Helper()
	r, err := http.Get(b.http + path)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	text, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return r.StatusCode, string(text)
}

// buffer is a strings.Builder for several goroutines.
type buffer struct {
	mu   sync.Mutex
	text strings.Builder // guarded by mu
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// numbers are the bodies of receive's lines, made by send --body {n}, by device and in the order of their arrival.
func numbers(t *testing.T, got []string) map[string][]int {
	t.Helper()
	all := map[string][]int{}
	for _, line := range got {
		var device, created, kind string
		var n int
		if _, err := fmt.Sscan(line, &device, &created, &kind, &n); err != nil {
			t.Fatalf("the line %q has no number: %v", line, err)
		}
		all[device] = append(all[device], n)
	}
	return all
}
