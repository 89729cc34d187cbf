package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"hibachi/cmd/hibachi/config"
	"hibachi/cmd/hibachi/server"
)

func serveCommand() *cobra.Command {
	var f configFlags
	c := &cobra.Command{
		Use:   "serve",
		Short: "Run the broker",
		Long: `Runs the broker until SIGTERM or Ctrl-C. Then it stops in order, within 10 seconds: no more credit, what was received gets its
outcome, connections are closed with the reason, the store is closed. A second signal ends it at once; that loses nothing that
was accepted either. SIGHUP has it read its configuration and the users file again.

Prints one line when it is ready. Everything else is on stderr.`,
		Example: `  hibachi serve
  hibachi serve --data /var/lib/hibachi --listen 0.0.0.0:5672 --users /etc/hibachi/users
  hibachi serve --config /etc/hibachi.yaml`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			s, err := f.read()
			if err != nil {
				return told(c, err)
			}
			ctx, cancel := context.WithCancel(c.Context())
			defer cancel()
			level := new(slog.LevelVar)
			level.Set(logLevels[s.Log.Level])
			log := newLog(c.ErrOrStderr(), level, s.Log.Format)
			r := &reloader{flags: &f, running: s.Config, level: level, log: log, changes: make(chan server.Change)}
			go r.run(ctx, hangups(ctx))
			o := serverOptions(s.Config)
			o.Log, o.Version, o.Changes = log, version(), r.changes
			o.Ready = func(ready server.Ready) { announce(c.OutOrStdout(), log, s.Config, ready) }
			return server.Run(ctx, o)
		},
	}
	f.add(c)
	return c
}

// announce prints the ready line. It is the only thing on stdout, so that a program that started us can wait for it.
func announce(out io.Writer, log *slog.Logger, c config.Config, r server.Ready) {
	if c.Users == "" && !c.Insecure {
		log.Info("no users: this machine only may connect; --users FILE lets others in")
	}
	if c.Users == "" && c.Insecure {
		log.Warn("no users: everybody who reaches this port can read and write all events")
	}
	if r.HTTP != nil {
		log.Info("health and metrics", "url", fmt.Sprintf("http://%s/metrics", r.HTTP))
	}
	if _, err := fmt.Fprintln(out, r); err != nil {
		log.Warn("nobody reads the ready line", "error", err)
	}
}

func newLog(w io.Writer, level slog.Leveler, format string) *slog.Logger {
	o := &slog.HandlerOptions{Level: level}
	if format == "json" {
		return slog.New(slog.NewJSONHandler(w, o))
	}
	return slog.New(slog.NewTextHandler(w, o))
}

// hangups gives a value for each SIGHUP until ctx ends; for several in a row perhaps one only.
func hangups(ctx context.Context) <-chan os.Signal {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGHUP)
	context.AfterFunc(ctx, func() { signal.Stop(signals) })
	return signals
}
