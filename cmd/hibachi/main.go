// Command hibachi is an AMQP 1.0 event broker for Eclipse Hono, and the tools to try it out.
//
// main and run start what the arguments name; root.go has the tree of commands, and each command a file of its own. What the
// commands do is in the packages below: server runs the broker, client sends and receives.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	os.Exit(run(ctx, os.Args[1:], streams{os.Stdin, os.Stdout, os.Stderr}))
}
