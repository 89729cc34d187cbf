package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"syscall"
	"time"
)

// broker is the binary under test, running on a free port and a directory of its own.
type broker struct {
	cmd  *exec.Cmd
	data string
	addr string
}

var readyLine = regexp.MustCompile(`amqp://([^\s,]+)`)

func startBroker(ctx context.Context, binary string) (*broker, error) {
	data, err := os.MkdirTemp("", "interop-data")
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, binary, "serve", "--listen", "127.0.0.1:0", "--http", "", "--data", data)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 15 * time.Second
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if m := readyLine.FindStringSubmatch(lines.Text()); m != nil {
			go func() {
				for lines.Scan() { // keep the pipe empty
				}
			}()
			return &broker{cmd: cmd, data: data, addr: m[1]}, nil
		}
	}
	return nil, fmt.Errorf("%s serve ended before it was ready: %w", binary, cmd.Wait())
}

// stop asks the broker to end and checks that it ends well.
func (b *broker) stop() error {
	defer os.RemoveAll(b.data)
	if err := b.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return fmt.Errorf("stop the broker: %w", err)
	}
	if err := b.cmd.Wait(); err != nil {
		return fmt.Errorf("the broker did not end well: %w", err)
	}
	return nil
}
