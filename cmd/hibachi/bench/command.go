package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

// errWrong ends a run in which events were lost, repeated or out of order. The report has said which.
var errWrong = errors.New("the order check found something wrong")

// Command is `hibachi bench` with its subcommands.
func Command() *cobra.Command {
	var (
		cfg  Config
		o    loadOptions
		flag = cfgFlags{cfg: &cfg}
	)
	c := &cobra.Command{
		Use:   "bench",
		Short: "Put load on an AMQP 1.0 broker, measure it, and check the order of what comes back",
		Long: `Sends durable Hono events and receives them at once, measures rate and latency, and checks the order of each device, gaps and
duplicates while it does. Works against any AMQP 1.0 broker: --target and --source say how its addresses look.

"hibachi bench figures" starts a broker of its own and takes all of the project's figures.`,
		Example: `  hibachi bench --duration 30s --pid $(pgrep -f "hibachi serve")
  hibachi bench --senders 1 --receivers 1 --tenants 1 --window 1 --warmup 1GiB --raw .
  hibachi bench --url amqp://guest:guest@127.0.0.1:5672 --target /queues/{tenant} --source /queues/{tenant}
  hibachi bench --idle 10000 --pid 1234`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := flag.resolve(); err != nil {
				return err
			}
			return runLoad(c.Context(), cfg, o, c.OutOrStdout(), c.ErrOrStderr())
		},
	}
	flag.add(c)
	f := c.Flags()
	f.DurationVar(&o.duration, "duration", 10*time.Second, "how long to send, each round")
	f.IntVar(&o.rounds, "rounds", 1, "how many rounds")
	f.Var(&o.warmUp, "warmup", "bytes of bodies to send before the first round, such as 1GiB")
	f.StringVar(&o.raw, "raw", "", "after each round write a raw preallocated file in this directory likewise, to compare with")
	f.IntVar(&o.idle, "idle", 0, "no load: open so many connections with two links each and look at the broker's memory (with --pid)")
	f.DurationVar(&o.hold, "hold", idleSettle, "with --idle: how long to keep the connections before the memory is read")
	f.BoolVar(&o.json, "json", false, "print the results as JSON")
	c.AddCommand(figuresCommand(), stuckCommand())
	return c
}

// cfgFlags are the flags that describe a load.
type cfgFlags struct {
	cfg     *Config
	address string
}

func (f *cfgFlags) add(c *cobra.Command) {
	d, fl := Config{}.WithDefaults(), c.Flags()
	fl.StringSliceVar(&f.cfg.URLs, "url", d.URLs, "broker, as amqp://[user:password@]host[:port]; several are used in turn")
	fl.StringVar(&f.address, "address", d.Target, "address pattern; {tenant} in it is filled in; consumers add ::APP unless it is $default")
	fl.StringVar(&f.cfg.Target, "target", "", "address pattern of producers, if it is another")
	fl.StringVar(&f.cfg.Source, "source", "", "address pattern of consumers, if it is another; {tenant} and {app} are filled in")
	fl.StringVar(&f.cfg.Application, "app", d.Application, "application to receive as")
	fl.IntVar(&f.cfg.PID, "pid", 0, "process of the broker, to measure its CPU and memory (Linux)")
	fl.BoolVar(&f.cfg.Reconnect, "reconnect", false, "connect again after a loss, and send again what had no outcome")
	fl.Float64Var(&f.cfg.Rate, "rate", 0, "events a second in all; 0 is as fast as the windows allow")
	f.addShape(c)
}

// addShape adds what every kind of load has.
func (f *cfgFlags) addShape(c *cobra.Command) {
	d, fl := Config{}.WithDefaults(), c.Flags()
	fl.StringVar(&f.cfg.Prefix, "prefix", d.Prefix, "tenants are called this and a number")
	fl.IntVar(&f.cfg.Tenants, "tenants", d.Tenants, "how many tenants")
	fl.IntVar(&f.cfg.Devices, "devices", d.Devices, "devices of each tenant")
	fl.IntVar(&f.cfg.Senders, "senders", d.Senders, "sending connections")
	fl.IntVar(&f.cfg.Receivers, "receivers", d.Receivers, "receiving connections")
	fl.IntVar(&f.cfg.Window, "window", d.Window, "events in flight on each connection")
	fl.IntVar(&f.cfg.Credit, "credit", 0, "credit of each receiving connection (default as --window)")
	fl.IntVar(&f.cfg.Size, "size", d.Size, "bytes of body")
}

// resolve makes the addresses of the patterns.
func (f *cfgFlags) resolve() error {
	if f.cfg.Target == "" {
		f.cfg.Target = f.address
	}
	if f.cfg.Source == "" {
		f.cfg.Source = f.address
		if f.cfg.Application != "$default" {
			f.cfg.Source += "::{app}"
		}
	}
	if f.cfg.Tenants > 1 && !strings.Contains(f.cfg.Target, "{tenant}") {
		return fmt.Errorf("several tenants need a {tenant} in %q", f.cfg.Target)
	}
	return f.cfg.WithDefaults().Validate()
}

type loadOptions struct {
	duration time.Duration
	rounds   int
	warmUp   byteSize
	raw      string
	idle     int
	hold     time.Duration
	json     bool
}

// report is what `hibachi bench` prints as JSON.
type report struct {
	Config  Config      `json:"config"`
	Rounds  []Pair      `json:"rounds,omitempty"`
	Losses  int         `json:"connectionsLost"`
	Verdict Verdict     `json:"order"`
	Idle    *IdleResult `json:"idle,omitempty"`
}

func runLoad(ctx context.Context, cfg Config, o loadOptions, out, progress io.Writer) error {
	if o.idle > 0 {
		return runIdle(ctx, cfg, o, out, progress)
	}
	l, err := Open(ctx, cfg, progress)
	if err != nil {
		return err
	}
	rep := report{Config: cfg}
	rep.Rounds, err = rounds(ctx, l, cfg, o)
	if err = errors.Join(err, l.Close()); err != nil {
		return err
	}
	rep.Verdict, rep.Losses = l.Verdict(), l.Losses()
	if err := rep.print(out, o); err != nil {
		return err
	}
	if rep.Verdict.Problem(rep.Losses) != "" {
		return errWrong
	}
	return nil
}

func rounds(ctx context.Context, l *Load, cfg Config, o loadOptions) (pairs []Pair, err error) {
	if o.warmUp > 0 {
		if _, err := l.Phase(ctx, PhaseOptions{Name: "warm-up", Bytes: uint64(o.warmUp)}); err != nil {
			return nil, err
		}
	}
	for i := 0; i < o.rounds && ctx.Err() == nil; i++ {
		var p Pair
		p.Broker, err = l.Phase(ctx, PhaseOptions{Name: fmt.Sprintf("round %d", i+1), Duration: o.duration})
		if err != nil {
			return pairs, err
		}
		if o.raw != "" {
			p.Raw, err = Raw(RawOptions{
				Dir: o.raw, Record: len(l.senders[0].links[0].events.message),
				InFlight: cfg.Senders * cfg.Window, Duration: o.duration / 2,
			})
			if err != nil {
				return pairs, err
			}
		}
		pairs = append(pairs, p)
	}
	return pairs, nil
}

func (r report) print(w io.Writer, o loadOptions) error {
	if o.json {
		return writeJSON(w, r)
	}
	for _, p := range r.Rounds {
		if err := p.Broker.write(w); err != nil {
			return err
		}
		if o.raw != "" {
			fmt.Fprintf(w, "raw file: %s records/s, sync p50 %s, p99 %s; the broker has %.2f of its rate\n",
				number(p.Raw.Rate), span(p.Raw.Sync.P50), span(p.Raw.Sync.P99), p.Broker.InRate/p.Raw.Rate)
		}
		fmt.Fprintln(w)
	}
	_, err := fmt.Fprintln(w, orderLine(r.Verdict, r.Losses))
	return err
}

func runIdle(ctx context.Context, cfg Config, o loadOptions, out, progress io.Writer) error {
	r, err := Idle(ctx, cfg, o.idle, o.hold, progress)
	if err != nil {
		return err
	}
	if o.json {
		return writeJSON(out, report{Config: cfg, Idle: &r})
	}
	if cfg.PID == 0 {
		_, err = fmt.Fprintf(out, "%s connections with two links each; --pid tells what they cost\n", number(float64(r.Connections)))
		return err
	}
	_, err = fmt.Fprintf(out, "%s connections with two links each: %s before, %s with them, %s for each\n",
		number(float64(r.Connections)), size(r.RSSBefore), size(r.RSSAfter), size(r.PerConnection))
	return err
}

// byteSize is a flag such as 1GiB, 64MiB, 4096.
type byteSize uint64

func (b *byteSize) String() string {
	if *b == 0 {
		return ""
	}
	return fmt.Sprint(uint64(*b))
}

func (b *byteSize) Type() string { return "bytes" }

// Set parses it.
func (b *byteSize) Set(s string) error {
	var n uint64
	unit := ""
	if k, err := fmt.Sscanf(s, "%d%s", &n, &unit); k == 0 {
		return fmt.Errorf("%q is not a size: %w", s, err)
	}
	shift, ok := map[string]uint{"": 0, "B": 0, "KiB": 10, "MiB": 20, "GiB": 30}[unit]
	if !ok {
		return fmt.Errorf("unit %q: B, KiB, MiB or GiB", unit)
	}
	*b = byteSize(n << shift)
	return nil
}
