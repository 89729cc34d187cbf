// Package conform is the command `hibachi conform`: the conformance suite against any broker, and its reports side by side.
package conform

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"hibachi/conformance/checks"
	"hibachi/conformance/report"
	"hibachi/conformance/suite"
)

// errFailed ends a run in which checks failed. The report has said which.
var errFailed = errors.New("the target does not conform")

// options are what the command line says.
type options struct {
	target   string
	profile  string
	only     []string
	format   string
	out      string
	restart  string
	parallel int
	traces   bool
	slow     bool
}

// Command is `hibachi conform` with its subcommands.
func Command() *cobra.Command {
	var o options
	c := &cobra.Command{
		Use:   "conform",
		Short: "Run the AMQP 1.0 and Event API conformance suite against a broker",
		Long: `Runs the conformance suite against any AMQP 1.0 broker over the network and reports what it found: pass, tolerated (another
reaction than the standard's, with the reading that permits it), fail (with the frames), skip (with what the target lacks).

The suite makes addresses of its own and leaves what it stored in them behind: do not run it against a broker in production.
A profile says how the target's addresses look and what it can do; with a file's name another one than those that come with it.`,
		Example: `  hibachi conform
  hibachi conform --target amqp://guest:guest@broker:5672 --profile artemis --only FR --only OP4
  hibachi conform --format json --out hibachi.json && hibachi conform compare hibachi.json artemis.json --out comparison.html`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return o.run(c.Context(), c.OutOrStdout(), c.ErrOrStderr())
		},
	}
	f := c.Flags()
	f.StringVar(&o.target, "target", "amqp://127.0.0.1:5672", "the broker, as amqp://[user:password@]host[:port] or amqps")
	f.StringVar(&o.profile, "profile", "hibachi", "one of "+strings.Join(suite.Profiles(), ", ")+", or a YAML file")
	f.StringSliceVar(&o.only, "only", nil, "groups or checks to run, such as FR or OP4 (default all)")
	f.StringVar(&o.format, "format", "text", strings.Join(report.Formats, ", "))
	f.StringVar(&o.out, "out", "", "file to write the report to (default standard output)")
	f.StringVar(&o.restart, "restart", "", "shell command that restarts the target and ends when it serves again; enables the checks that need it")
	f.IntVar(&o.parallel, "parallel", 4, "checks at once")
	f.BoolVar(&o.slow, "slow", false, "run the checks that wait for long time-outs too: some minutes more")
	f.BoolVar(&o.traces, "traces", false, "keep the frames of checks that passed too")
	c.AddCommand(compareCommand(), listCommand())
	return c
}

func (o options) run(ctx context.Context, out, progress io.Writer) error {
	if !slices.Contains(report.Formats, o.format) {
		return fmt.Errorf("there is no format %q: it is one of %s", o.format, strings.Join(report.Formats, ", "))
	}
	profile, err := suite.LoadProfile(o.profile)
	if err != nil {
		return err
	}
	if o.restart != "" {
		profile.Commands.Restart = o.restart
		profile.Features = append(profile.Features, suite.Restart)
	}
	groups, err := suite.Select(checks.Groups, o.only)
	if err != nil {
		return err
	}
	target, err := suite.NewTarget(o.target, profile)
	if err != nil {
		return err
	}
	run, err := target.Execute(ctx, groups, checks.Groups, suite.Options{
		Parallel: o.parallel, Traces: o.traces, Slow: o.slow,
		Progress: func(r *suite.Result) {
			if o.out != "" {
				fmt.Fprintf(progress, "%-6s %-9s %s\n", r.ID, r.Verdict, r.Title)
			}
		},
	})
	if err != nil {
		return err
	}
	if err := writeTo(o.out, out, func(w io.Writer) error { return report.Write(w, o.format, run) }); err != nil {
		return err
	}
	if n := run.Count(suite.Fail); n > 0 {
		return fmt.Errorf("%w: %d of its checks failed", errFailed, n)
	}
	return nil
}

// writeTo writes to the file, or to out if there is none.
func writeTo(file string, out io.Writer, write func(w io.Writer) error) error {
	if file == "" {
		return write(out)
	}
	f, err := os.Create(file)
	if err != nil {
		return err
	}
	return errors.Join(write(f), f.Close())
}

func compareCommand() *cobra.Command {
	var out, format string
	c := &cobra.Command{
		Use:   "compare RUN.json RUN.json...",
		Short: "Put several runs side by side",
		Example: `  hibachi conform compare hibachi.json artemis.json --out comparison.html
  hibachi conform compare hibachi.json artemis.json --format markdown`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(c *cobra.Command, files []string) error {
			var runs []*suite.Run
			for _, name := range files {
				run, err := report.Load(name)
				if err != nil {
					return err
				}
				runs = append(runs, run)
			}
			return writeTo(out, c.OutOrStdout(), func(w io.Writer) error { return report.Compare(w, format, runs) })
		},
	}
	c.Flags().StringVar(&out, "out", "", "file to write to (default standard output)")
	c.Flags().StringVar(&format, "format", "html", "html or markdown")
	return c
}

func listCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "List the groups and their checks",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			n := 0
			for _, g := range checks.Groups {
				fmt.Fprintf(c.OutOrStdout(), "%s  %s\n", g.ID, g.Title)
				for _, check := range g.Checks {
					fmt.Fprintf(c.OutOrStdout(), "  %-6s %-6s [%s] %s\n", check.ID, check.Level, check.Section, check.Title)
				}
				n += len(g.Checks)
			}
			fmt.Fprintf(c.OutOrStdout(), "%d checks\n", n)
			return nil
		},
	}
}
