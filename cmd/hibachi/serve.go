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

	"hibachi/cmd/hibachi/server"
)

func serveCommand() *cobra.Command {
	var (
		o                   server.Options
		logLevel, logFormat string
	)
	c := &cobra.Command{
		Use:   "serve",
		Short: "Run the broker",
		Long: `Runs the broker until SIGTERM or Ctrl-C. Then it stops in order, within 10 seconds: no more credit, what was received gets its
outcome, connections are closed with the reason, the store is closed. A second signal ends it at once; that loses nothing that
was accepted either. SIGHUP has it read the users file again.

Prints one line when it is ready. Everything else is on stderr.`,
		Example: `  hibachi serve
  hibachi serve --data /var/lib/hibachi --listen 0.0.0.0:5672 --users /etc/hibachi/users`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			log, err := newLog(c.ErrOrStderr(), logLevel, logFormat)
			if err != nil {
				return usageError{err}
			}
			if err := o.Validate(); err != nil {
				return usageError{err}
			}
			o.Log, o.Version = log, version()
			o.Ready = func(r server.Ready) { announce(c.OutOrStdout(), log, o, r) }
			o.Reload = hangups(c.Context())
			return server.Run(c.Context(), o)
		},
	}
	c.Flags().StringVar(&o.Listen, "listen", "127.0.0.1:5672", "where AMQP is spoken; port 0 takes any")
	c.Flags().StringVar(&o.HTTP, "http", "127.0.0.1:8080", "where /healthz, /readyz and /metrics are served; empty for nowhere")
	c.Flags().StringVar(&o.Data, "data", "./data", "directory of the store; made if it is missing")
	c.Flags().StringVar(&o.Users, "users", "", "`FILE` of the users (hibachi user writes it); without it this machine only may connect")
	c.Flags().BoolVar(&o.Insecure, "insecure", false, "let other machines connect without users")
	c.Flags().StringVar(&logLevel, "log-level", "info", "debug, info, warn or error")
	c.Flags().StringVar(&logFormat, "log-format", "text", "text or json")
	return c
}

// announce prints the ready line. It is the only thing on stdout, so that a program that started us can wait for it.
func announce(out io.Writer, log *slog.Logger, o server.Options, r server.Ready) {
	if o.Users == "" && !o.Insecure {
		log.Info("no users: this machine only may connect; --users FILE lets others in")
	}
	if o.Users == "" && o.Insecure {
		log.Warn("no users: everybody who reaches this port can read and write all events")
	}
	if r.HTTP != nil {
		log.Info("health and metrics", "url", fmt.Sprintf("http://%s/metrics", r.HTTP))
	}
	if _, err := fmt.Fprintln(out, r); err != nil {
		log.Warn("nobody reads the ready line", "error", err)
	}
}

func newLog(w io.Writer, level, format string) (*slog.Logger, error) {
	var o slog.HandlerOptions
	var l slog.Level
	if err := l.UnmarshalText([]byte(level)); err != nil {
		return nil, fmt.Errorf("--log-level %q is none of debug, info, warn and error", level)
	}
	o.Level = l
	switch format {
	case "text":
		return slog.New(slog.NewTextHandler(w, &o)), nil
	case "json":
		return slog.New(slog.NewJSONHandler(w, &o)), nil
	}
	return nil, fmt.Errorf("--log-format %q is neither text nor json", format)
}

// hangups gives a value for each SIGHUP until ctx ends.
func hangups(ctx context.Context) <-chan struct{} {
	signals, out := make(chan os.Signal, 1), make(chan struct{})
	signal.Notify(signals, syscall.SIGHUP)
	go func() {
		defer signal.Stop(signals)
		for {
			select {
			case <-ctx.Done():
				return
			case <-signals:
			}
			select {
			case <-ctx.Done():
			case out <- struct{}{}:
			}
		}
	}()
	return out
}
