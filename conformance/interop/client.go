package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// client is one foreign client: how to build and how to call it.
type client struct {
	name    string
	build   func(dir, build string) *exec.Cmd // nil: nothing to build
	command func(dir, build string) []string
	cannot  map[string]string // scene -> why it is not asked of this client

	argv []string // set by prepare
}

var clients = []*client{
	{
		name: "go-amqp",
		build: func(dir, build string) *exec.Cmd {
			return exec.Command("go", "build", "-o", filepath.Join(build, "go-amqp"), "./"+filepath.Join(dir, "go-amqp"))
		},
		command: func(dir, build string) []string { return []string{filepath.Join(build, "go-amqp")} },
	},
	{
		name:    "rhea",
		command: func(dir, build string) []string { return []string{"node", filepath.Join(dir, "rhea", "client.js")} },
	},
	{
		name: "proton-python",
		command: func(dir, build string) []string {
			return []string{"/usr/bin/python3", filepath.Join(dir, "proton-python", "client.py")}
		},
	},
	{
		name: "proton-cpp",
		build: func(dir, build string) *exec.Cmd {
			return exec.Command("g++", "-std=c++17", "-O1", "-Wall", "-Werror", "-o", filepath.Join(build, "proton-cpp"),
				filepath.Join(dir, "proton-cpp", "client.cpp"), "-lqpid-proton-cpp", "-lpthread")
		},
		command: func(dir, build string) []string { return []string{filepath.Join(build, "proton-cpp")} },
	},
	{
		name: "hono",
		command: func(dir, build string) []string {
			target := filepath.Join(dir, "hono", "target")
			return []string{"java", "-Xmx128m", "-XX:TieredStopAtLevel=1", "-cp",
				filepath.Join(target, "interop-hono-1.jar") + ":" + filepath.Join(target, "lib", "*"), "interop.Client"}
		},
		cannot: map[string]string{
			"drain":     "Hono's client has no drain",
			"reconnect": "Hono's sender must not send an event again, its application client does not attach again",
			"idle":      "Hono's client sets its own idle time-out",
			"large-512": "Hono's client is given frames of 64 KiB only",
		},
	},
}

func (c *client) prepare(ctx context.Context, dir, build string) error {
	c.argv = c.command(dir, build)
	if c.build == nil {
		return nil
	}
	cmd := c.build(dir, build)
	cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
	return cmd.Run()
}

// process is one running scene of a client.
type process struct {
	name  string
	cmd   *exec.Cmd
	stdin io.WriteCloser
	lines chan string // closed at the end of its output
}

// start runs the client's scene; args are key=value.
func (c *client) start(ctx context.Context, addr, scene string, args ...string) (*process, error) {
	host, port, _ := strings.Cut(addr, ":")
	words := append([]string{scene, "host=" + host, "port=" + port}, args...)
	cmd := exec.CommandContext(ctx, c.argv[0], append(c.argv[1:len(c.argv):len(c.argv)], words...)...)
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	p := &process{name: c.name + " " + scene, cmd: cmd, stdin: stdin, lines: make(chan string, 64)}
	go func() {
		defer close(p.lines)
		for s := bufio.NewScanner(out); s.Scan(); {
			p.lines <- s.Text()
		}
	}()
	return p, nil
}

// line waits for the next line; an error line, the end, or the end of ctx is an error.
func (p *process) line(ctx context.Context) (string, error) {
	select {
	case line, ok := <-p.lines:
		if !ok {
			return "", fmt.Errorf("%s ended: %v", p.name, p.cmd.Wait())
		}
		if strings.HasPrefix(line, "error") {
			return "", fmt.Errorf("%s says: %s", p.name, line)
		}
		return line, nil
	case <-ctx.Done():
		return "", fmt.Errorf("%s: nothing more came: %w", p.name, ctx.Err())
	}
}

// end closes standard input, throws away what is still said, and checks the exit status.
func (p *process) end() error {
	if err := p.stdin.Close(); err != nil && !strings.Contains(err.Error(), "closed") {
		return err
	}
	timer := time.AfterFunc(10*time.Second, func() { _ = p.cmd.Process.Kill() })
	defer timer.Stop()
	for range p.lines {
	}
	if err := p.cmd.Wait(); err != nil {
		return fmt.Errorf("%s: %w", p.name, err)
	}
	return nil
}
