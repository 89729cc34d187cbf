// Package target runs a Hibachi that a shell command can kill and start again: what the suite's profile calls its restart command.
//
// It knows nothing of checks. A Broker has an address that stays, a directory of its own, and ends when Stop is called.
package target

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// Broker is one that runs.
type Broker struct {
	Address string // host:port
	Restart string // kills it without a word and starts it again; ends when it serves
	script  string
}

// starter kills what ran before, starts the broker unless it is only to be stopped, and waits until it says that it serves.
const starter = `set -e
cd %q
if [ -f pid ]; then
	kill -9 "$(cat pid)" 2>/dev/null || true
	while kill -0 "$(cat pid)" 2>/dev/null; do sleep 0.02; done
	rm pid
fi
[ "$1" != stop ] || exit 0
: >out
%q serve --data data --listen %s --http "" >out 2>>log </dev/null &
echo $! >pid
for i in $(seq 500); do
	if [ -s out ]; then exit 0; fi
	sleep 0.02
done
tail -3 log >&2
exit 1
`

// Start starts the binary on a free port of this machine; data and log are kept in dir.
func Start(dir, binary string) (*Broker, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	b := &Broker{Address: l.Addr().String(), script: filepath.Join(dir, "start.sh")}
	b.Restart = fmt.Sprintf("sh %q start", b.script)
	if err := l.Close(); err != nil {
		return nil, err
	}
	if err := os.WriteFile(b.script, fmt.Appendf(nil, starter, dir, binary, b.Address), 0o600); err != nil {
		return nil, err
	}
	return b, b.run("start")
}

// Stop kills the broker.
func (b *Broker) Stop() error { return b.run("stop") }

func (b *Broker) run(what string) error {
	cmd := exec.Command("sh", b.script, what)
	cmd.WaitDelay = time.Second
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s the broker: %w: %s", what, err, out)
	}
	return nil
}
