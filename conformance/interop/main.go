// Command interop puts foreign AMQP 1.0 clients through the same scenes against the built broker: go-amqp, rhea, Qpid Proton for Python
// and for C++, and Eclipse Hono's own Java client. run.sh installs what the clients need and calls it; clients/README.md tells what
// every client can be asked to do.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"time"
)

func main() {
	binary := flag.String("binary", "bin/hibachi", "the broker to test")
	dir := flag.String("clients", "conformance/interop/clients", "where the clients are")
	build := flag.String("build", "", "where built clients are (default: a temporary directory)")
	only := flag.String("only", "", "comma-separated clients (default: all)")
	scene := flag.String("scene", "", "one scene only")
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	failed, err := run(ctx, *binary, *dir, *build, split(*only), *scene)
	if err != nil {
		fmt.Fprintln(os.Stderr, "interop:", err)
		os.Exit(1)
	}
	if failed > 0 {
		fmt.Printf("%d scenes failed\n", failed)
		os.Exit(1)
	}
	fmt.Println("all scenes passed")
}

func split(list string) []string {
	if list == "" {
		return nil
	}
	return strings.Split(list, ",")
}

// run starts one broker and plays every scene with every client; a failed scene does not stop the others.
func run(ctx context.Context, binary, clientsDir, buildDir string, only []string, onlyScene string) (failed int, err error) {
	if buildDir == "" {
		buildDir, err = os.MkdirTemp("", "interop")
		if err != nil {
			return 0, err
		}
		defer os.RemoveAll(buildDir)
	}
	b, err := startBroker(ctx, binary)
	if err != nil {
		return 0, err
	}
	defer func() {
		if stopErr := b.stop(); err == nil {
			err = stopErr
		}
	}()
	for _, c := range clients {
		if only != nil && !slices.Contains(only, c.name) {
			continue
		}
		if err := c.prepare(ctx, clientsDir, buildDir); err != nil {
			return failed, fmt.Errorf("prepare %s: %w", c.name, err)
		}
		for _, s := range scenes {
			if onlyScene != "" && s.name != onlyScene {
				continue
			}
			if why, skip := c.cannot[s.name]; skip {
				fmt.Printf("%-13s %-10s skipped: %s\n", c.name, s.name, why)
				continue
			}
			if err := play(ctx, s, c, b); err != nil {
				failed++
				fmt.Printf("%-13s %-10s FAILED: %v\n", c.name, s.name, err)
			}
		}
	}
	return failed, nil
}

func play(ctx context.Context, s scene, c *client, b *broker) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	start := time.Now()
	what, err := s.play(ctx, c, b)
	if err != nil {
		return err
	}
	fmt.Printf("%-13s %-10s passed in %.1f s: %s\n", c.name, s.name, time.Since(start).Seconds(), what)
	return nil
}
