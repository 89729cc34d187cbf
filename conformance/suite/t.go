package suite

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"hibachi/conformance/wire"
)

// T is one run of one check, or of one of its cases. All its methods are for the check's goroutine.
type T struct {
	// Set once.
	*exam
	name string // of the case; empty: the check itself

	// Owned by the check's goroutine.
	conns    []*Conn
	verdict  Verdict
	refusals int // that were expected
	twins    int // that this check made itself
}

// exam is what a check and its cases share.
type exam struct {
	// Set once.
	check  *Check
	target *Target
	ctx    context.Context
	began  time.Time
	slow   bool
	trace  *trace

	// Owned by the check's goroutine.
	dialled          int
	silences         int         // waits that ended in silence, after which others are shorter
	timer            *time.Timer // ends ctx
	cases            int
	scope, condition Verdict
	names            int

	mu       sync.Mutex
	findings []Finding // Guarded by mu.
}

// over ends a case; it is thrown and caught here only.
type over struct{}

// bounds of what a report holds of one check
const maxFindings = 60

func (t *T) found(f Finding) {
	if f.Case == "" {
		f.Case = t.name
	}
	t.verdict = worse(t.verdict, f.Verdict)
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.findings) < maxFindings {
		t.findings = append(t.findings, f)
	}
	t.trace.add(0, "--", string(f.Verdict)+": "+f.String(), nil)
}

// Fail ends the case: it failed, for the reason that is given.
func (t *T) Fail(format string, args ...any) {
	t.found(Finding{Verdict: Fail, Text: fmt.Sprintf(format, args...)})
	panic(over{})
}

// FailWant ends the case: something else came than was to come.
func (t *T) FailWant(want, got string) {
	t.found(Finding{Verdict: Fail, Want: want, Got: got})
	panic(over{})
}

// Errorf marks the case failed and goes on.
func (t *T) Errorf(format string, args ...any) {
	t.found(Finding{Verdict: Fail, Text: fmt.Sprintf(format, args...)})
}

// Tolerate marks the case tolerated and goes on: got is not what the standard prefers, and reading is why it may be.
func (t *T) Tolerate(want, got, reading string) {
	t.found(Finding{Verdict: Tolerated, Want: want, Got: got, Text: reading})
}

// Skip ends the case: the target lacks something that it needs.
func (t *T) Skip(format string, args ...any) {
	t.found(Finding{Verdict: Skip, Text: fmt.Sprintf(format, args...)})
	panic(over{})
}

// Need ends the case as skipped unless the target has the feature.
func (t *T) Need(f Feature) {
	if !t.Profile().Has(f) {
		t.Skip("the target has no %s", f)
	}
}

// Note puts a line into the trace.
func (t *T) Note(format string, args ...any) {
	t.trace.add(0, "--", fmt.Sprintf(format, args...), nil)
}

// Profile is the target's.
func (t *T) Profile() *Profile { return t.target.profile }

// Slow tells whether whoever runs the suite has time for waits of more than a few seconds.
func (t *T) Slow() bool { return t.slow }

// Context ends with the check's time.
func (t *T) Context() context.Context { return t.ctx }

// Patience is how long an answer may take. Who was silent twice in a check is waited for less long in the rest of it.
func (t *T) Patience() time.Duration {
	if t.silences >= 2 {
		return max(t.Profile().patience()/4, 400*time.Millisecond)
	}
	return t.Profile().patience()
}

// Case runs a part of a check with a verdict of its own. What it opened is closed when it returns.
func (t *T) Case(name string, run func(t *T)) {
	t.cases++
	if t.ctx.Err() != nil {
		t.found(Finding{Case: name, Verdict: Fail, Text: "not run: the check's time is over"})
		return
	}
	part := t.part(name)
	part.do(run)
	t.join(part)
}

// Twin runs what differs from a refused input in what was wrong only. If it fails, nothing that the check says is proof of anything.
func (t *T) Twin(name string, run func(t *T)) {
	part := t.part("twin: " + name)
	part.do(run)
	t.join(part)
	t.twins++
	if part.verdict == Fail {
		t.Fail("the positive twin failed, so a refusal would prove nothing")
	}
	if part.verdict == Skip {
		t.Skip("the positive twin was skipped")
	}
}

func (t *T) part(name string) *T {
	if t.name != "" {
		name = t.name + ", " + name
	}
	t.trace.add(0, "--", "case "+name, nil)
	if t.timer.Stop() {
		t.timer.Reset(t.check.takes())
	}
	return &T{exam: t.exam, name: name}
}

func (t *T) join(part *T) {
	t.verdict = worse(t.verdict, part.verdict)
	t.refusals += part.refusals
	t.twins += part.twins
}

// do runs a function of a check, whatever it does.
func (t *T) do(run func(t *T)) {
	defer t.closeAll()
	defer func() {
		switch p := recover().(type) {
		case nil:
			t.verdict = worse(t.verdict, Pass)
		case over:
		default:
			t.found(Finding{Verdict: Fail, Text: fmt.Sprintf("the check itself broke: %v", p)})
			t.trace.add(0, "--", stack(), nil)
		}
	}()
	run(t)
	t.audit()
}

// audit counts what the target did wrong on the way, whatever the check was looking at.
func (t *T) audit() {
	for _, c := range t.conns {
		for _, v := range c.violations() {
			t.found(Finding{Verdict: Fail, Text: v})
		}
	}
}

func (t *T) closeAll() {
	for _, c := range t.conns {
		c.hangUp()
	}
	t.conns = nil
}

// Name is a name that nobody used before: for containers, links, addresses.
func (t *T) Name(what string) string {
	t.names++
	return fmt.Sprintf("%s-%s-%s-%d", what, t.target.run, strings.ToLower(t.check.ID), t.names)
}

// Node is an address to send to and one to receive from what was sent.
type Node struct{ ID, Send, Receive string }

// Queue is a fresh address that stores messages.
func (t *T) Queue() Node {
	t.Need(Queues)
	id := t.Name("q")
	t.prepare(id)
	a := t.Profile().Addresses
	return Node{ID: id, Send: fill(a.Send, "id", id), Receive: fill(a.Receive, "id", id)}
}

// MissingAddress is an address of nothing.
func (t *T) MissingAddress() string {
	t.Need(Missing)
	return fill(t.Profile().Addresses.Missing, "id", t.Name("missing"))
}

// Tenant is a fresh tenant of Hono.
type Tenant struct {
	Name string
	t    *T
}

// Tenant makes one.
func (t *T) Tenant() Tenant {
	t.Need(Events)
	id := t.Name("tenant")
	t.prepare(id)
	return Tenant{Name: id, t: t}
}

// Event is where its adapters send to.
func (n Tenant) Event() string { return fill(n.t.Profile().Addresses.Event, "tenant", n.Name) }

// Default is where its default application receives.
func (n Tenant) Default() string { return fill(n.t.Profile().Addresses.Default, "tenant", n.Name) }

// Application is where a named application of it receives.
func (n Tenant) Application(name string) string {
	n.t.Need(Applications)
	return fill(n.t.Profile().Addresses.Application, "tenant", n.Name, "application", name)
}

// DeadLetters is where the dead letters of an application are; "" is the default one.
func (n Tenant) DeadLetters(application string) string {
	n.t.Need(DeadLetters)
	return fill(n.t.Profile().Addresses.DeadLetters, "tenant", n.Name, "application", application)
}

// fill puts values in the place of {names}.
func fill(pattern string, pairs ...string) string {
	for i := 0; i < len(pairs); i += 2 {
		pattern = strings.ReplaceAll(pattern, "{"+pairs[i]+"}", pairs[i+1])
	}
	return pattern
}

// prepare has the target make the node of a fresh name, where the profile says that this is needed.
func (t *T) prepare(id string) {
	if cmd := t.Profile().Commands.Prepare; cmd != "" {
		t.Command(fill(cmd, "id", id, "tenant", id))
	}
}

// Delete has the target delete a node.
func (t *T) Delete(n Node) {
	t.Need(NodeDeletion)
	t.Command(fill(t.Profile().Commands.Delete, "id", n.ID))
}

// Restart restarts the target and waits until it serves. The check has to be Alone.
func (t *T) Restart() {
	t.Need(Restart)
	if !t.check.Alone {
		panic("a check that restarts the target has to be alone")
	}
	t.Command(t.Profile().Commands.Restart)
	for t.ctx.Err() == nil {
		if err := t.target.serves(t.ctx); err == nil {
			return
		}
		t.Sleep(50 * time.Millisecond)
	}
	t.Fail("the target does not serve after its restart")
}

// Command runs one of the profile's.
func (t *T) Command(command string) {
	t.Note("ran %q", command)
	if err := shell(t.ctx, command); err != nil {
		t.Fail("%v", err)
	}
}

// Sleep waits, unless the check's time ends.
func (t *T) Sleep(d time.Duration) {
	select {
	case <-time.After(d):
	case <-t.ctx.Done():
	}
}

// Parts are a message's sections; nil ones are left out. Annotations and properties are pairs of keys and values.
type Parts struct {
	Header      wire.F
	Delivery    []wire.Raw // delivery annotations
	Annotations []wire.Raw // message annotations
	Properties  wire.F
	Application []wire.Raw
	Body        []wire.Raw // whole sections; none: an empty data section
	Footer      []wire.Raw
	Device      string // default: one of its own, where the profile asks for any
}

// Message is a small message that the target takes, with a device of its own.
func (t *T) Message(text string) []byte {
	return t.MessageOf(Parts{Body: []wire.Raw{wire.Data([]byte(text))}})
}

// MessageOf is a message of these parts and what the profile asks for besides: header durable, message annotation device_id.
func (t *T) MessageOf(p Parts) []byte {
	rules := t.Profile().Message
	if rules.Durable {
		p.Header = wire.F{"durable": true}.Plus(p.Header)
	}
	if rules.Device || p.Device != "" {
		device := p.Device
		if device == "" {
			device = t.Name("device")
		}
		p.Annotations = append([]wire.Raw{wire.Sym("device_id"), wire.Str(device)}, p.Annotations...)
	}
	var all []wire.Raw
	if p.Header != nil {
		all = append(all, wire.Header.With(p.Header).Raw())
	}
	add := func(code uint64, pairs []wire.Raw) {
		if pairs != nil {
			all = append(all, wire.Section(code, wire.Map(pairs...)))
		}
	}
	add(wire.CodeDeliveryAnnotations, p.Delivery)
	add(wire.CodeMessageAnnotations, p.Annotations)
	if p.Properties != nil {
		all = append(all, wire.Properties.With(p.Properties).Raw())
	}
	add(wire.CodeApplicationProperties, p.Application)
	if p.Body == nil {
		p.Body = []wire.Raw{wire.Data(nil)}
	}
	all = append(all, p.Body...)
	add(wire.CodeFooter, p.Footer)
	return wire.Message(all...)
}
