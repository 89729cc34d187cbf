package suite

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/url"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"hibachi/conformance/wire"
)

// Version of the suite; a report names it.
const Version = "1"

// Target is a broker under test.
type Target struct {
	// Set once.
	profile *Profile
	address string
	tls     *tls.Config
	run     string // makes the names of this run differ from those of any other

	deaf atomic.Bool // it does not answer a session's echo
}

// NewTarget reads amqp://[user:password@]host[:port], or amqps. A user in it replaces the profile's.
func NewTarget(rawURL string, p *Profile) (*Target, error) {
	u, err := url.Parse(rawURL)
	if err != nil {
		return nil, fmt.Errorf("target: %w", err)
	}
	g := &Target{profile: p, run: strconv.FormatUint(rand.Uint64()>>32, 36)}
	port := "5672"
	switch u.Scheme {
	case "amqp":
	case "amqps":
		port = "5671"
		g.tls = &tls.Config{ServerName: u.Hostname(), InsecureSkipVerify: true} // the suite judges the protocol, not certificates
	default:
		return nil, fmt.Errorf("target %q: it has to be amqp://host[:port] or amqps://host[:port]", rawURL)
	}
	if u.Hostname() == "" {
		return nil, fmt.Errorf("target %q has no host", rawURL)
	}
	if u.Port() != "" {
		port = u.Port()
	}
	if u.User != nil {
		password, _ := u.User.Password()
		p.Auth = Auth{Mechanism: "plain", User: u.User.Username(), Password: password}
	}
	g.address = net.JoinHostPort(u.Hostname(), port)
	return g, nil
}

// Options of a run.
type Options struct {
	Parallel int             // checks at once; default 4
	Progress func(r *Result) // called after each check, by one goroutine at a time
	Slow     bool            // run what takes long too
	Traces   bool            // keep the traces of checks that passed too
}

// grace is what a check has beyond its time before it is left behind.
const grace = 3 * time.Second

// Execute runs the groups' checks and their twins. It ends early only if ctx does.
func (g *Target) Execute(ctx context.Context, groups []Group, all []Group, o Options) (*Run, error) {
	if err := Validate(all); err != nil {
		return nil, err
	}
	if o.Parallel == 0 {
		o.Parallel = 4
	}
	product, err := g.product(ctx)
	if err != nil {
		return nil, fmt.Errorf("the target %s does not serve: %w", g.address, err)
	}
	x := &execution{target: g, options: o, results: map[string]*Result{}}
	run := &Run{Suite: Version, Target: g.address, Profile: g.profile.Name, Product: product, Began: time.Now()}
	selected := x.jobs(groups, all)
	x.runAll(ctx, selected)
	for _, group := range groups {
		part := GroupResult{ID: group.ID, Title: group.Title}
		for _, c := range group.Checks {
			if r := x.results[c.ID]; r != nil {
				x.weighTwin(&c, r)
				part.Results = append(part.Results, *r)
			}
		}
		run.Groups = append(run.Groups, part)
	}
	run.Took = time.Since(run.Began)
	return run, ctx.Err()
}

// job is a check that is to be run.
type job struct {
	check *Check
	group string
	twin  bool // nobody asked for it but another check
}

// execution is one run on its way.
type execution struct {
	// Set once.
	target  *Target
	options Options

	mu      sync.Mutex
	results map[string]*Result // Guarded by mu.
	down    string             // Guarded by mu. The check after which the target was gone.
}

// jobs are the selected checks and the twins that they need.
func (x *execution) jobs(groups, all []Group) []job {
	var jobs []job
	have := map[string]bool{}
	for _, g := range groups {
		for i := range g.Checks {
			jobs = append(jobs, job{check: &g.Checks[i], group: g.ID})
			have[g.Checks[i].ID] = true
		}
	}
	for _, j := range jobs {
		if j.check.Twin == "" || have[j.check.Twin] {
			continue
		}
		for _, g := range all {
			for i := range g.Checks {
				if c := &g.Checks[i]; c.ID == j.check.Twin {
					jobs = append(jobs, job{check: c, group: g.ID, twin: true})
					have[c.ID] = true
				}
			}
		}
	}
	return jobs
}

// runAll runs those that bear company at once, then the others one by one.
func (x *execution) runAll(ctx context.Context, jobs []job) {
	queue := make(chan job)
	var wg sync.WaitGroup
	for range x.options.Parallel {
		wg.Go(func() {
			for j := range queue {
				x.runOne(ctx, j)
			}
		})
	}
	for _, j := range jobs {
		if !j.check.Alone {
			queue <- j
		}
	}
	close(queue)
	wg.Wait()
	for _, j := range jobs {
		if j.check.Alone {
			x.runOne(ctx, j)
		}
	}
}

func (x *execution) runOne(ctx context.Context, j job) {
	if ctx.Err() != nil {
		return
	}
	r := x.target.examine(ctx, j.check, j.group, x.options)
	x.mu.Lock()
	defer x.mu.Unlock()
	if r.Verdict == Fail && ctx.Err() == nil {
		x.lookAfter(ctx, r)
	}
	x.results[r.ID] = r
	if x.options.Progress != nil && !j.twin {
		x.options.Progress(r)
	}
}

// lookAfter finds out after a fail whether the target is still there, and gives it time to come back. Called with mu held.
func (x *execution) lookAfter(ctx context.Context, r *Result) {
	err := x.target.serves(ctx)
	if err == nil {
		x.down = ""
		return
	}
	if x.down != "" {
		r.Findings = append(r.Findings, Finding{Verdict: Fail, Text: fmt.Sprintf("the target has been gone since %s", x.down)})
		return
	}
	x.down = r.ID
	r.Findings = append(r.Findings, Finding{Verdict: Fail, Text: fmt.Sprintf("the target does not serve any more after this: %v", err)})
	if x.target.revive(ctx) == nil {
		r.Findings = append(r.Findings, Finding{Verdict: Fail, Text: "it came back; the run goes on"})
		x.down = ""
	}
}

// revive restarts the target if the profile can, and waits for it.
func (g *Target) revive(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()
	if cmd := g.profile.Commands.Restart; cmd != "" {
		if err := shell(ctx, cmd); err != nil {
			return err
		}
	}
	for {
		err := g.serves(ctx)
		if err == nil || ctx.Err() != nil {
			return err
		}
		select {
		case <-time.After(200 * time.Millisecond):
		case <-ctx.Done():
		}
	}
}

// examine runs one check within its bounds.
func (g *Target) examine(ctx context.Context, check *Check, group string, o Options) *Result {
	ctx, cancel := context.WithTimeout(ctx, check.limit())
	defer cancel()
	began := time.Now()
	timer := time.AfterFunc(check.takes(), cancel)
	defer timer.Stop()
	t := &T{exam: &exam{check: check, target: g, ctx: ctx, began: began, slow: o.Slow, timer: timer, trace: &trace{began: began}}}
	done := make(chan *Result, 1)
	go func() {
		t.do(func(t *T) {
			for _, f := range check.Needs {
				t.Need(f)
			}
			if check.Slow && !t.Slow() {
				t.Skip("it takes up to %v: ask for slow checks", check.takes())
			}
			check.Run(t)
		})
		if t.refusals > 0 && t.twins == 0 && check.Twin == "" {
			t.found(Finding{Verdict: Fail, Text: "the check itself is wrong: it expects a refusal and has no positive twin"})
		}
		done <- t.result(group)
	}()
	var r *Result
	select {
	case r = <-done:
	case <-time.After(check.limit() + grace):
		r = t.blank(group)
		r.Verdict = Fail
		r.Findings = []Finding{{Verdict: Fail, Text: "the check hung beyond all bounds and was left behind"}}
		r.Trace = t.trace.lines()
	}
	r.Took = time.Since(began)
	if r.Verdict == Pass && !o.Traces {
		r.Trace = nil
	}
	return r
}

func (t *T) blank(group string) *Result {
	c := t.check
	return &Result{ID: c.ID, Group: group, Title: c.Title, Section: c.Section, Level: c.Level}
}

func (t *T) result(group string) *Result {
	r := t.blank(group)
	r.Verdict, r.Scope, r.Condition = t.verdict, t.scope, t.condition
	r.Cases = max(1, t.cases)
	r.Findings = t.findings
	r.Trace = t.trace.lines()
	if r.Verdict == "" {
		r.Verdict = Pass
	}
	return r
}

// weighTwin fails a refusal whose positive twin fails: it may come from a target that refuses everything.
func (x *execution) weighTwin(c *Check, r *Result) {
	twin := x.results[c.Twin]
	if twin == nil || r.Verdict == Skip || r.Verdict == Fail || twin.Verdict != Fail {
		return
	}
	r.Verdict = Fail
	r.Findings = append(r.Findings, Finding{Verdict: Fail, Text: "its positive twin " + c.Twin + " failed, so this refusal proves nothing"})
}

// serves opens a connection and closes it.
func (g *Target) serves(ctx context.Context) error {
	_, err := g.product(ctx)
	return err
}

// product opens a connection, closes it, and returns what the target calls itself.
func (g *Target) product(ctx context.Context) (string, error) {
	check := &Check{ID: "alive", Title: "alive"}
	ctx, cancel := context.WithTimeout(ctx, check.takes())
	defer cancel()
	t := &T{exam: &exam{check: check, target: g, ctx: ctx, began: time.Now(), trace: &trace{began: time.Now()}}}
	name := ""
	t.do(func(t *T) {
		c := t.Open(nil)
		for _, p := range c.Open.Map("properties") {
			if k := wire.Show(p.Key); k == ":product" || k == ":version" {
				name += fmt.Sprint(p.Value) + " "
			}
		}
		name += "container " + c.Open.Text("container-id")
		c.Send(0, wire.Close.With())
	})
	if t.verdict == Fail {
		return "", errors.New(t.findings[0].String())
	}
	return name, nil
}

// shell runs a command of the profile.
func shell(ctx context.Context, command string) error {
	out, err := exec.CommandContext(ctx, "sh", "-c", command).CombinedOutput()
	if err != nil {
		return fmt.Errorf("the profile's command %q: %w: %s", command, err, strings.TrimSpace(string(out)))
	}
	return nil
}
