// Command crash kills the real binary with SIGKILL at random moments under load, starts it again on the same data, and checks that
// nothing which was accepted is missing and that no device's events are out of order.
//
// Senders give each device's events consecutive numbers and note every outcome; an event whose outcome the crash swallowed is
// unknown: it may be there or not, and is not sent again. Two applications with competing consumers receive everything; every delivery
// is noted with the life of the broker it came from before it is acknowledged. When the last round is over and the backlog is
// drained, check compares the two accounts. It is pure and has tests of its own with planted faults.
//
// The client is Azure/go-amqp, which shares no code with the broker.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"
)

type options struct {
	binary    string
	dir       string
	rounds    int
	seed      uint64
	tenants   int
	senders   int // of each tenant
	devices   int // of each sender
	consumers int // of each application of each tenant
	inFlight  int // of each sender
	soonest   time.Duration
	latest    time.Duration
	drain     time.Duration
	timeout   time.Duration
}

// applications that receive everything.
var applications = []string{"first", "second"}

func main() {
	o := options{}
	flag.StringVar(&o.binary, "binary", "bin/hibachi", "the binary to kill")
	flag.StringVar(&o.dir, "dir", "", "where to keep the data (default a temporary directory); it stays if something is wrong")
	flag.IntVar(&o.rounds, "rounds", 20, "how many times to kill")
	flag.Uint64Var(&o.seed, "seed", 0, "of the random moments and sizes; 0 takes a new one")
	flag.IntVar(&o.tenants, "tenants", 2, "tenants")
	flag.IntVar(&o.senders, "senders", 2, "senders of each tenant")
	flag.IntVar(&o.devices, "devices", 50, "devices of each sender")
	flag.IntVar(&o.consumers, "consumers", 3, "competing consumers of each application and tenant")
	flag.IntVar(&o.inFlight, "in-flight", 200, "events without outcome of each sender")
	flag.DurationVar(&o.soonest, "soonest", 100*time.Millisecond, "kill at the soonest after the start")
	flag.DurationVar(&o.latest, "latest", 3*time.Second, "kill at the latest after the start")
	flag.DurationVar(&o.drain, "drain", 30*time.Second, "at the end, how long nothing may arrive while something is missing")
	flag.DurationVar(&o.timeout, "timeout", 5*time.Minute, "give up after")
	flag.Parse()
	os.Exit(run(o, os.Stdout))
}

// Exit codes.
const (
	exitRight = iota
	exitWrong // the broker broke a promise
	exitStuck // the driver could not do its work
)

func run(o options, out io.Writer) int {
	if o.seed == 0 {
		o.seed = rand.Uint64()
	}
	dir, err := workDir(o.dir)
	if err != nil {
		fmt.Fprintln(out, "crash:", err)
		return exitStuck
	}
	fmt.Fprintf(out, "seed %d, data in %s\n", o.seed, dir)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, o.timeout)
	defer cancel()

	l := newLedger()
	d, err := newDriver(o, dir, l, out)
	if err == nil {
		err = d.drive(ctx)
	}
	found := l.check()
	found.print(out)
	switch {
	case len(found.violations) > 0:
		fmt.Fprintf(out, "WRONG (seed %d; data kept in %s)\n", o.seed, dir)
		return exitWrong
	case err != nil:
		fmt.Fprintf(out, "crash: %v (data kept in %s)\n", err, dir)
		return exitStuck
	case found.accepted == 0:
		fmt.Fprintln(out, "crash: not one event was accepted")
		return exitStuck
	}
	if err := os.RemoveAll(dir); err != nil {
		fmt.Fprintln(out, "crash:", err)
		return exitStuck
	}
	fmt.Fprintln(out, "nothing accepted is lost, nothing is out of order")
	return exitRight
}

func workDir(dir string) (string, error) {
	if dir == "" {
		return os.MkdirTemp("", "hibachi-crash-")
	}
	dir = filepath.Join(dir, fmt.Sprintf("hibachi-crash-%d", os.Getpid()))
	return dir, errors.Join(os.MkdirAll(dir, 0o700))
}
