package main

import (
	"context"
	"errors"
	"log/slog"
	"os"

	"hibachi/cmd/hibachi/config"
	"hibachi/cmd/hibachi/server"
)

// reloader reads the configuration again for a broker that runs. All of it is taken over that can be, or nothing when anything in it is
// wrong; no connection notices. Its fields are run's.
type reloader struct {
	flags   *configFlags
	running config.Config // in force
	level   *slog.LevelVar
	log     *slog.Logger
	changes chan server.Change
}

// run reads once for each value of again, until ctx ends.
func (r *reloader) run(ctx context.Context, again <-chan os.Signal) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-again:
			r.reload(ctx)
		}
	}
}

func (r *reloader) reload(ctx context.Context) {
	next, err := r.flags.read()
	if err != nil {
		r.refuse(err)
		return
	}
	now, taken, waiting := r.running.Reloaded(next.Config)
	switch err := r.change(ctx, now); {
	case ctx.Err() != nil:
		return // it is stopping
	case err != nil:
		r.refuse(err)
		return
	}
	r.log.Info("configuration read again", "changed", names(taken))
	for _, k := range waiting {
		r.log.Warn("this setting changes with the next start", "key", k.Name, "from", next.Origin(k).String(),
			"now", r.running.Text(k), "then", next.Text(k))
	}
	r.level.Set(logLevels[now.Log.Level])
	r.running = now
}

// change has the server take over what it can, and waits for its answer.
func (r *reloader) change(ctx context.Context, now config.Config) error {
	answer := make(chan error, 1)
	select {
	case r.changes <- server.Change{Users: now.Users, Insecure: now.Insecure, Done: func(err error) { answer <- err }}:
		return <-answer
	case <-ctx.Done():
		return ctx.Err()
	}
}

// refuse logs why everything stays, each problem on a line of its own.
func (r *reloader) refuse(err error) {
	var problems config.Problems
	if !errors.As(err, &problems) {
		problems = config.Problems{{Text: err.Error()}}
	}
	for _, p := range problems {
		r.log.Error("the configuration stays as it was", "problem", p.Short())
	}
}

// logLevels are the words of log.level.
var logLevels = map[string]slog.Level{"debug": slog.LevelDebug, "info": slog.LevelInfo, "warn": slog.LevelWarn, "error": slog.LevelError}

// names lists keys for a log line.
func names(keys []*config.Key) []string {
	all := make([]string, len(keys))
	for i, k := range keys {
		all[i] = k.Name
	}
	return all
}
