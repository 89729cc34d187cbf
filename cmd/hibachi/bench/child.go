package bench

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"time"
)

// broker is a broker that we started.
type broker struct {
	cmd  *exec.Cmd
	url  string
	log  string
	done chan error // its end, once
}

var readyLine = regexp.MustCompile(`ready on (amqp://[^\s,]+)`)

// startBroker runs binary's serve on an empty directory below dir and waits until it says that it is ready. Its log is kept in dir
// until the end.
func startBroker(ctx context.Context, binary, dir string) (*broker, error) {
	data := filepath.Join(dir, "data")
	logFile, err := os.Create(filepath.Join(dir, "broker.log"))
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(binary, "serve", "--listen", "127.0.0.1:0", "--http", "", "--data", data)
	dieWithUs(cmd)
	out, in, err := os.Pipe()
	if err != nil {
		return nil, errors.Join(err, logFile.Close())
	}
	cmd.Stdout, cmd.Stderr = in, in
	err = cmd.Start()
	if err = errors.Join(err, in.Close()); err != nil {
		return nil, errors.Join(err, out.Close(), logFile.Close())
	}
	b := &broker{cmd: cmd, log: logFile.Name(), done: make(chan error, 1)}
	ready := make(chan string, 1)
	logged := make(chan error, 1)
	go func() { logged <- errors.Join(copyLog(logFile, out, ready), out.Close(), logFile.Close()) }()
	go func() { b.done <- errors.Join(cmd.Wait(), <-logged) }()
	select {
	case b.url = <-ready:
		return b, nil
	case err := <-b.done:
		return nil, fmt.Errorf("the broker did not start: %w\n%s", errorOr(err, "it ended"), b.lastWords())
	case <-time.After(30 * time.Second):
		return nil, errors.Join(errors.New("the broker was not ready within 30 s"), b.kill())
	case <-ctx.Done():
		return nil, errors.Join(ctx.Err(), b.kill())
	}
}

func errorOr(err error, text string) error {
	if err != nil {
		return err
	}
	return errors.New(text)
}

// copyLog keeps what the broker says and picks the address out of it. It reads to the end whatever happens to the log: the broker
// must not hang on its own output.
func copyLog(to io.Writer, from io.Reader, ready chan<- string) (failed error) {
	told := false
	lines := bufio.NewReader(from)
	for {
		line, err := lines.ReadString('\n')
		if _, werr := io.WriteString(to, line); failed == nil {
			failed = werr
		}
		if m := readyLine.FindStringSubmatch(line); m != nil && !told {
			told = true
			ready <- m[1]
		}
		if err == io.EOF {
			return failed
		}
		if err != nil {
			return err
		}
	}
}

// lastWords is the end of its log.
func (b *broker) lastWords() string {
	text, err := os.ReadFile(b.log)
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	return strings.Join(lines[max(0, len(lines)-10):], "\n")
}

func (b *broker) pid() int { return b.cmd.Process.Pid }

// stop asks the broker to end and insists after 15 s.
func (b *broker) stop() error {
	if err := b.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	select {
	case err := <-b.done:
		if err != nil {
			return fmt.Errorf("the broker ended with: %w\n%s", err, b.lastWords())
		}
		return nil
	case <-time.After(15 * time.Second):
		return errors.Join(errors.New("the broker did not end within 15 s of SIGTERM"), b.kill())
	}
}

func (b *broker) kill() error {
	err := b.cmd.Process.Kill()
	<-b.done
	return err
}
