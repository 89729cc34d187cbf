package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"github.com/spf13/cobra"
)

// FiguresOptions of the whole set of figures, taken from a broker that is started for it.
type FiguresOptions struct {
	Binary string        // whose serve is measured
	Dir    string        // for data and raw files: the disk that is measured; a directory in it is made and removed
	Rounds int           // of broker and raw file in turn; default 3, at one in flight three times as many, shorter ones
	Round  time.Duration // of the broker; the raw files get half; default 10 s
	WarmUp uint64        // bytes of bodies before one in flight is measured; default 1 GiB
	Idle   int           // connections; default 1000, negative: skip
	Stuck  int           // events of the scene with the stuck consumer; default 1,000,000, negative: skip
}

func (o FiguresOptions) withDefaults() FiguresOptions {
	num := func(n *int, d int) {
		if *n == 0 {
			*n = d
		}
	}
	num(&o.Rounds, 3)
	num(&o.Idle, 1000)
	num(&o.Stuck, 1_000_000)
	if o.Round == 0 {
		o.Round = 10 * time.Second
	}
	if o.WarmUp == 0 {
		o.WarmUp = 1 << 30
	}
	return o
}

// Aims of the project.
const (
	aimRate     = 60_000   // events/s in and out at once
	aimCPU      = 20.0     // µs of broker CPU for each of them
	aimRawRatio = 0.6      // of the raw file's rate at one in flight
	aimIdle     = 40 << 10 // bytes for a connection with two links
	aimStart    = 40 << 20 // bytes resident on an empty directory
)

// Figures is what was measured. Bytes, seconds, events a second.
type Figures struct {
	Config     Config       `json:"config"`
	Message    int          `json:"messageBytes"` // body and all
	Start      int64        `json:"rssAfterStart"`
	Idle       *IdleResult  `json:"idle,omitempty"`
	Throughput []Pair       `json:"throughput"`
	OneFlight  []Pair       `json:"oneInFlight"`
	Stuck      *StuckResult `json:"stuck,omitempty"`
	Verdicts   []Verdict    `json:"order"`
	Problems   []string     `json:"problems,omitempty"`
}

// Pair is one round of the broker and one of the raw file, and one of a raw file whose blocks nobody had written before.
type Pair struct {
	Broker Result    `json:"broker"`
	Raw    RawResult `json:"raw"`
	Fresh  RawResult `json:"rawFreshBlocks"`
}

// TakeFigures measures all of it.
func TakeFigures(ctx context.Context, cfg Config, o FiguresOptions, progress io.Writer) (_ *Figures, err error) {
	o = o.withDefaults()
	cfg = cfg.WithDefaults()
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp(o.Dir, "hibachi-bench-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	b, err := startBroker(ctx, o.Binary, dir)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, b.stop()) }()
	cfg.URLs, cfg.PID, cfg.User = []string{b.url}, b.pid(), ""
	f := &figuresRun{cfg: cfg, o: o, dir: dir, progress: progress, out: &Figures{Config: cfg}}
	return f.out, f.all(ctx)
}

type figuresRun struct {
	cfg      Config
	o        FiguresOptions
	dir      string
	progress io.Writer
	out      *Figures
}

func (f *figuresRun) all(ctx context.Context) error {
	pause(ctx, idleSettle)
	u, err := processUsage(f.cfg.PID)
	if err != nil {
		return err
	}
	f.out.Start = u.RSS
	for _, step := range []func(context.Context) error{f.idle, f.throughput, f.oneInFlight, f.stuck} {
		if err := errors.Join(step(ctx), ctx.Err()); err != nil {
			return err
		}
	}
	return nil
}

func (f *figuresRun) idle(ctx context.Context) error {
	if f.o.Idle < 0 {
		return nil
	}
	cfg := f.cfg
	cfg.Prefix = "idle-"
	r, err := Idle(ctx, cfg, f.o.Idle, idleSettle, f.progress)
	f.out.Idle = &r
	return err
}

// throughput: all connections at once, after some seconds for the broker to get warm.
func (f *figuresRun) throughput(ctx context.Context) error {
	l, err := Open(ctx, f.cfg, f.progress)
	if err != nil {
		return err
	}
	f.out.Message = len(l.senders[0].links[0].events.message)
	_, err = l.Phase(ctx, PhaseOptions{Name: "warm-up", Duration: f.o.Round / 2})
	if err == nil {
		f.out.Throughput, err = f.interleaved(ctx, l, "throughput", f.cfg.Senders*f.cfg.Window, f.o.Rounds, f.o.Round)
	}
	return f.finish(l, err)
}

// oneInFlight: one sender, one consumer, one event at a time, when the store has seen enough to recycle its log.
func (f *figuresRun) oneInFlight(ctx context.Context) error {
	if err := f.warmUp(ctx); err != nil {
		return err
	}
	cfg := f.cfg
	cfg.Tenants, cfg.Senders, cfg.Receivers, cfg.Window = 1, 1, 1, 1 // the credit stays
	l, err := Open(ctx, cfg, f.progress)
	if err != nil {
		return err
	}
	if f.out.Message == 0 {
		f.out.Message = len(l.senders[0].links[0].events.message)
	}
	// Each sync stands alone here, so the disk's moods show more: shorter rounds, and more of them.
	f.out.OneFlight, err = f.interleaved(ctx, l, "one in flight", 1, 3*f.o.Rounds, f.o.Round/4)
	return f.finish(l, err)
}

// warmUp writes what throughput left to be written.
func (f *figuresRun) warmUp(ctx context.Context) error {
	var seen uint64
	for _, p := range f.out.Throughput {
		seen += p.Broker.Accepted * uint64(f.cfg.Size)
	}
	if seen >= f.o.WarmUp {
		return nil
	}
	l, err := Open(ctx, f.cfg, f.progress)
	if err != nil {
		return err
	}
	_, err = l.Phase(ctx, PhaseOptions{Name: "warm-up", Bytes: f.o.WarmUp - seen})
	return f.finish(l, err)
}

// interleaved measures broker and raw file in turn, so that a disk that has moods has them for both.
func (f *figuresRun) interleaved(ctx context.Context, l *Load, name string, inFlight, rounds int, round time.Duration) ([]Pair, error) {
	var pairs []Pair
	for i := range rounds {
		r, err := l.Phase(ctx, PhaseOptions{Name: fmt.Sprintf("%s %d/%d", name, i+1, rounds), Duration: round})
		if err != nil {
			return pairs, err
		}
		p := Pair{Broker: r}
		o := RawOptions{Dir: f.dir, Record: f.out.Message, InFlight: inFlight, Duration: round / 4}
		if p.Raw, err = Raw(o); err != nil {
			return pairs, err
		}
		o.Fresh = true
		if p.Fresh, err = Raw(o); err != nil {
			return pairs, err
		}
		fmt.Fprintf(f.progress, "%s: broker %s/s, raw file %s/s, with fresh blocks %s/s\n",
			r.Name, number(r.InRate), number(p.Raw.Rate), number(p.Fresh.Rate))
		pairs = append(pairs, p)
		if ctx.Err() != nil {
			break
		}
	}
	return pairs, nil
}

// finish closes a load and keeps what its check found.
func (f *figuresRun) finish(l *Load, err error) error {
	err = errors.Join(err, l.Close())
	if err == nil {
		f.verdict(l.Verdict(), l.totals())
	}
	return err
}

func (f *figuresRun) verdict(v Verdict, t totals) {
	f.out.Verdicts = append(f.out.Verdicts, v)
	if p := v.Problem(0); p != "" {
		f.out.Problems = append(f.out.Problems, p)
	}
	if n := t.refused(); n > 0 {
		f.out.Problems = append(f.out.Problems, fmt.Sprintf("%d events were not accepted, the first: %s", n, t.Refusal))
	}
}

func (f *figuresRun) stuck(ctx context.Context) error {
	if f.o.Stuck < 0 {
		return nil
	}
	cfg := f.cfg
	cfg.Prefix = "stuck-"
	r, err := Stuck(ctx, cfg, StuckOptions{Events: f.o.Stuck}, f.progress)
	f.out.Stuck = &r
	if err == nil {
		f.verdict(r.Verdict, totals{})
	}
	return err
}

// medians of the rounds.
type medians struct{ both, cpu, raw, fresh, ratio float64 } // both: of in and out the lower

func middle(pairs []Pair) (m medians, ok bool) {
	if len(pairs) == 0 {
		return m, false
	}
	of := func(value func(Pair) float64) float64 {
		v := make([]float64, len(pairs))
		for i, p := range pairs {
			v[i] = value(p)
		}
		slices.Sort(v)
		return (v[(len(v)-1)/2] + v[len(v)/2]) / 2
	}
	return medians{
		both:  of(func(p Pair) float64 { return min(p.Broker.InRate, p.Broker.OutRate) }),
		raw:   of(func(p Pair) float64 { return p.Raw.Rate }),
		fresh: of(func(p Pair) float64 { return p.Fresh.Rate }),
		ratio: of(func(p Pair) float64 { return min(p.Broker.InRate, p.Broker.OutRate) / p.Raw.Rate }),
		cpu: of(func(p Pair) float64 {
			if p.Broker.Broker == nil {
				return 0
			}
			return p.Broker.Broker.CPUMicros
		}),
	}, true
}

// write prints the figures beside their aims.
func (f *Figures) write(w io.Writer) error {
	fmt.Fprintf(w, "%d tenants, %d devices each, %d senders, %d receivers, %d in flight on each, bodies of %d bytes in messages of %d\n\n",
		f.Config.Tenants, f.Config.Devices, f.Config.Senders, f.Config.Receivers, f.Config.Window, f.Config.Size, f.Message)
	rows := [][]string{{"median of the rounds", "measured", "aim", "", "of the raw file", "raw file", "with fresh blocks"}}
	add := func(name, value, aim string, met bool, more ...string) {
		mark := "missed"
		if met {
			mark = "met"
		}
		rows = append(rows, append([]string{name, value, aim, mark}, more...))
	}
	if m, ok := middle(f.Throughput); ok {
		add("events/s in and out at once", number(m.both), "≥ "+number(aimRate), m.both >= aimRate,
			fmt.Sprintf("%.2f", m.ratio), number(m.raw), number(m.fresh))
		add("broker CPU per event", fmt.Sprintf("%.1f µs", m.cpu), fmt.Sprintf("≤ %.0f µs", aimCPU), m.cpu <= aimCPU)
	}
	if m, ok := middle(f.OneFlight); ok {
		add("events/s at one in flight", number(m.both), fmt.Sprintf("≥ %.1f of raw", aimRawRatio), m.ratio >= aimRawRatio,
			fmt.Sprintf("%.2f", m.ratio), number(m.raw), number(m.fresh))
	}
	if f.Idle != nil {
		add("memory per idle connection", size(f.Idle.PerConnection), "≤ "+size(aimIdle), f.Idle.PerConnection <= aimIdle)
	}
	add("memory after start, empty", size(f.Start), "≤ "+size(aimStart), f.Start <= aimStart)
	if err := table(w, rows); err != nil {
		return err
	}
	for _, part := range [][]Pair{f.Throughput, f.OneFlight} {
		if err := writeRounds(w, part); err != nil {
			return err
		}
	}
	if f.Stuck != nil {
		fmt.Fprintln(w)
		if err := f.Stuck.write(w); err != nil {
			return err
		}
	}
	fmt.Fprintln(w)
	if len(f.Problems) > 0 {
		for _, p := range f.Problems {
			fmt.Fprintln(w, "WRONG:", p)
		}
		return nil
	}
	var sum uint64
	for _, v := range f.Verdicts {
		sum += v.Events
	}
	fmt.Fprintf(w, "order per device: right over %s events, no gap, no duplicate\n", number(float64(sum)))
	return nil
}

func writeRounds(w io.Writer, pairs []Pair) error {
	if len(pairs) == 0 {
		return nil
	}
	rows := [][]string{{"round", "in/s", "out/s", "CPU/event", "client CPU", "memory", "raw/s", "raw p50", "raw p99", "fresh/s"}}
	fmt.Fprintln(w)
	var lat []latencyRow
	for _, p := range pairs {
		r := []string{p.Broker.Name, number(p.Broker.InRate), number(p.Broker.OutRate), "-", "-", "-"}
		if u := p.Broker.Broker; u != nil {
			r[3], r[5] = fmt.Sprintf("%.1f µs", u.CPUMicros), size(u.RSSPeak)
		}
		if u := p.Broker.Client; u != nil {
			r[4] = fmt.Sprintf("%.1f µs", u.CPUMicros)
		}
		rows = append(rows, append(r, number(p.Raw.Rate), span(p.Raw.Sync.P50), span(p.Raw.Sync.P99), number(p.Fresh.Rate)))
		lat = append(lat,
			latencyRow{p.Broker.Name + ", accepted", p.Broker.Accept},
			latencyRow{p.Broker.Name + ", received", p.Broker.Deliver})
	}
	if err := table(w, rows); err != nil {
		return err
	}
	return table(w, latencyRows(lat...))
}

func figuresCommand() *cobra.Command {
	var (
		cfg    Config
		o      FiguresOptions
		asJSON bool
		flag   = cfgFlags{cfg: &cfg}
	)
	c := &cobra.Command{
		Use:   "figures",
		Short: "Start a broker and take all of the project's figures",
		Long: `Starts a broker of this binary on an empty directory and measures: memory after start, memory per idle connection, events a
second in and out at once with the broker's CPU for each, the rate at one in flight, both in turn with a raw preallocated file on the
same disk, and the scene with the stuck consumer. Takes a few minutes. Prints the figures beside their aims; the exit code is 1 if an
event was lost, repeated or out of order, not if an aim was missed.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) (err error) {
			if o.Binary == "" {
				if o.Binary, err = os.Executable(); err != nil {
					return err
				}
			}
			f, err := TakeFigures(c.Context(), cfg, o, c.ErrOrStderr())
			if err != nil {
				return err
			}
			if asJSON {
				err = writeJSON(c.OutOrStdout(), f)
			} else {
				err = f.write(c.OutOrStdout())
			}
			if err == nil && len(f.Problems) > 0 {
				return errWrong
			}
			return err
		},
	}
	flag.addShape(c)
	f, d := c.Flags(), FiguresOptions{}.withDefaults()
	f.StringVar(&o.Binary, "binary", "", "broker to measure (default this one)")
	f.StringVar(&o.Dir, "dir", ".", "where to keep data and raw files while it lasts: the disk that is measured")
	f.IntVar(&o.Rounds, "rounds", d.Rounds, "rounds of each pair")
	f.DurationVar(&o.Round, "round", d.Round, "length of a round")
	f.IntVar(&o.Idle, "idle", d.Idle, "idle connections; -1 skips them")
	f.IntVar(&o.Stuck, "stuck", d.Stuck, "events of the scene with the stuck consumer; -1 skips it")
	f.BoolVar(&asJSON, "json", false, "print the results as JSON")
	return c
}
