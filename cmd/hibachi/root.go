package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"

	"hibachi/cmd/hibachi/bench"
	"hibachi/cmd/hibachi/conform"
)

// streams are a command's three.
type streams struct {
	in  io.Reader
	out io.Writer
	err io.Writer
}

// Exit codes, documented in the help.
const (
	exitOK     = 0
	exitFailed = 1
	exitUsage  = 2
)

// usageError is a mistake in how a command was called.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

// run does what args say and returns the exit code. When ctx ends the command winds up.
func run(ctx context.Context, args []string, s streams) int {
	began := false
	root := rootCommand(s, &began)
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return exitOK
	}
	if errors.Is(err, context.Canceled) {
		err = errors.New("interrupted")
	}
	fmt.Fprintf(s.err, "hibachi: %s\n", err)
	var usage usageError
	if began && !errors.As(err, &usage) {
		return exitFailed
	}
	fmt.Fprintf(s.err, "`%s --help` says how.\n", commandPath(root, args))
	return exitUsage
}

// commandPath is the command that args mean, as far as that can be told.
func commandPath(root *cobra.Command, args []string) string {
	if c, _, err := root.Find(args); err == nil {
		return c.CommandPath()
	}
	return root.CommandPath()
}

// rootCommand is the tree of commands. began tells whether the arguments were in order, so that a command's own work began.
func rootCommand(s streams, began *bool) *cobra.Command {
	root := &cobra.Command{
		Use:   "hibachi",
		Short: "An AMQP 1.0 event broker for Eclipse Hono",
		Long: `Hibachi is an AMQP 1.0 event broker for Eclipse Hono: adapters send events to event/<tenant>, and every business
application receives all of them, in order for each device. What was answered with "accepted" is on disk.

Start it with "hibachi serve"; try it with "hibachi send" and "hibachi receive".`,
		Example: `  hibachi serve
  hibachi receive acme --app dashboard --create --follow
  hibachi send acme --device sensor-1 --count 10`,
		Version:           version(),
		SilenceErrors:     true,
		SilenceUsage:      true,
		CompletionOptions: cobra.CompletionOptions{HiddenDefaultCmd: true},
		PersistentPreRun:  func(*cobra.Command, []string) { *began = true },
	}
	root.SetIn(s.in)
	root.SetOut(s.out)
	root.SetErr(s.err)
	root.SetVersionTemplate("hibachi {{.Version}}\n")
	root.SetUsageTemplate(root.UsageTemplate() + "\nExit codes: 0 all went well, 1 it failed (the reason is on stderr), 2 it was called wrongly.\n")
	root.AddCommand(serveCommand(), sendCommand(), receiveCommand(), configCommand(), userCommand(), bench.Command(), conform.Command())
	return root
}

// version is what the Go tool noted about this binary: a tag or a commit, and whether the tree was clean.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" {
		return "unknown (" + runtime.Version() + ")"
	}
	return strings.Trim(info.Main.Version, "()") + " (" + runtime.Version() + ")"
}
