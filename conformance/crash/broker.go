package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
)

// readyWithin is how long a broker may take to start. It is generous: this is not where speed is measured.
const readyWithin = 30 * time.Second

// broker is the binary under test: one process after the other on one address and one directory. Its methods but life and url belong to
// one goroutine.
type broker struct {
	binary, data, log, address string
	lives                      atomic.Int64 // processes started; odd and even alike
	alive                      atomic.Bool  // from before the start of a process to after its end
	process                    *process
}

// process is one life.
type process struct {
	cmd   *exec.Cmd
	ready chan struct{}
	ended chan error // its end, once, when its output is read
}

func newBroker(binary, dir string) (*broker, error) {
	binary, err := filepath.Abs(binary)
	if err != nil {
		return nil, err
	}
	// A port that is free now: the broker has to come back on the same one.
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	b := &broker{
		binary: binary, data: filepath.Join(dir, "data"), log: filepath.Join(dir, "broker.log"), address: l.Addr().String(),
	}
	return b, l.Close()
}

func (b *broker) url() string { return "amqp://" + b.address }

// life is the number of the process that runs, or 0. A connection that was made between two equal answers is to that process.
func (b *broker) life() int {
	if !b.alive.Load() {
		return 0
	}
	return int(b.lives.Load())
}

// start begins a new life and does not wait until it is ready.
func (b *broker) start() error {
	log, err := os.OpenFile(b.log, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	cmd := exec.Command(b.binary, "serve", "--listen", b.address, "--http", "", "--data", b.data)
	out, in, err := os.Pipe()
	if err != nil {
		return errors.Join(err, log.Close())
	}
	cmd.Stdout, cmd.Stderr = in, in
	b.lives.Add(1)
	b.alive.Store(true)
	err = cmd.Start()
	if err = errors.Join(err, in.Close()); err != nil {
		return errors.Join(err, out.Close(), log.Close())
	}
	p := &process{cmd: cmd, ready: make(chan struct{}), ended: make(chan error, 1)}
	read := make(chan error, 1)
	go func() { read <- errors.Join(p.listen(log, out), out.Close(), log.Close()) }()
	go func() { p.ended <- errors.Join(cmd.Wait(), <-read) }()
	b.process = p
	return nil
}

// listen keeps what the process says and waits for its ready line.
func (p *process) listen(log io.Writer, out io.Reader) error {
	lines, ready := bufio.NewReader(out), false
	for {
		line, err := lines.ReadString('\n')
		if _, werr := io.WriteString(log, line); werr != nil {
			return werr
		}
		if !ready && strings.Contains(line, "ready on amqp://") {
			ready = true
			close(p.ready)
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// waitReady waits until the broker says that it is ready.
func (b *broker) waitReady(ctx context.Context) error {
	select {
	case <-b.process.ready:
		return nil
	case err := <-b.process.ended:
		return fmt.Errorf("the broker ended by itself: %w; see %s", err, b.log)
	case <-time.After(readyWithin):
		return fmt.Errorf("the broker was not ready within %v; see %s", readyWithin, b.log)
	case <-ctx.Done():
		return ctx.Err()
	}
}

// kill ends the life with SIGKILL. It is an error if the process ended by itself before.
func (b *broker) kill() error {
	select {
	case err := <-b.process.ended:
		return fmt.Errorf("the broker ended by itself: %w; see %s", err, b.log)
	default:
	}
	if err := b.process.cmd.Process.Kill(); err != nil {
		return err
	}
	err := <-b.process.ended
	b.alive.Store(false)
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.Sys().(syscall.WaitStatus).Signal() == syscall.SIGKILL {
		return nil
	}
	return fmt.Errorf("the broker ended otherwise than by SIGKILL: %w; see %s", err, b.log)
}

// stop ends the last life in order.
func (b *broker) stop() error {
	if err := b.process.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	select {
	case err := <-b.process.ended:
		b.alive.Store(false)
		if err != nil {
			return fmt.Errorf("the broker stopped with: %w; see %s", err, b.log)
		}
		return nil
	case <-time.After(15 * time.Second):
		return errors.Join(errors.New("the broker did not stop within 15 s of SIGTERM"), b.kill())
	}
}
