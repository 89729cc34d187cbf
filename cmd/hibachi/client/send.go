package client

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/Azure/go-amqp"

	"hibachi/spec/hono"
)

// SendOptions describe a run of events.
type SendOptions struct {
	Tenant      string
	Devices     []string // used in turn; default device-1
	Count       int      // events; default 1
	Window      int      // events that wait for their outcome at a time; default 100
	Body        Body
	ContentType string        // default: what fits the body
	TTL         time.Duration // 0: none

	Out      io.Writer // outcomes that are not accepted, and the summary
	Progress *Progress // nil: none
}

func (o SendOptions) withDefaults() SendOptions {
	if len(o.Devices) == 0 {
		o.Devices = []string{"device-1"}
	}
	if o.Count == 0 {
		o.Count = 1
	}
	if o.Window == 0 {
		o.Window = 100
	}
	return o
}

// Validate says what is wrong with o, before anything is sent.
func (o SendOptions) Validate() error {
	for _, d := range o.Devices {
		if d == "" {
			return errors.New("a device id is empty")
		}
	}
	if err := checkNames(o.Tenant, ""); err != nil {
		return err
	}
	switch {
	case o.Count < 0:
		return fmt.Errorf("a count of %d is not possible", o.Count)
	case o.Window < 0:
		return fmt.Errorf("a window of %d is not possible", o.Window)
	case o.TTL < 0 || o.TTL%time.Millisecond != 0 || o.TTL.Milliseconds() >= 1<<32:
		return fmt.Errorf("a ttl of %s is not possible: whole milliseconds, less than 50 days", o.TTL)
	case o.ContentType == hono.ContentTypeEmpty && o.Body.Content != nil:
		return fmt.Errorf("an event of type %s has no body", hono.ContentTypeEmpty)
	}
	return nil
}

// Outcomes counts what became of the events of a run.
type Outcomes struct {
	Accepted, Rejected, Released, Modified int
	Unknown                                int // sent, and the answer never came
}

// Sent is how many events were handed to the broker.
func (c Outcomes) Sent() int {
	return c.Accepted + c.Rejected + c.Released + c.Modified + c.Unknown
}

// String lists what is not zero; accepted is always there.
func (c Outcomes) String() string {
	parts := []string{fmt.Sprintf("%d accepted", c.Accepted)}
	for _, p := range []struct {
		n    int
		what string
	}{
		{c.Rejected, "rejected"}, {c.Released, "released"}, {c.Modified, "modified"}, {c.Unknown, "without an outcome"},
	} {
		if p.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", p.n, p.what))
		}
	}
	return strings.Join(parts, ", ")
}

// Send sends events and waits for the outcome of each. It returns an error unless all of them were sent and accepted. When ctx ends it
// sends no more and waits a moment for the outcomes that are still out.
func Send(ctx context.Context, e Endpoint, o SendOptions) (Outcomes, error) {
	e, o = e.withDefaults(), o.withDefaults()
	s, err := e.dial(ctx)
	if err != nil {
		return Outcomes{}, err
	}
	defer s.close()
	sender, err := s.attachProducer(ctx, e, o.Tenant)
	if err != nil {
		return Outcomes{}, err
	}
	began := time.Now()
	r := newSendRun(ctx, e, o, sender)
	r.do(ctx)
	o.Progress.Clear()
	return r.outcomes, r.summary(time.Since(began))
}

// attachProducer attaches as Hono's adapters do. [Event API: unsettled, first]
func (s *session) attachProducer(ctx context.Context, e Endpoint, tenant string) (*amqp.Sender, error) {
	ctx, cancel := context.WithTimeout(ctx, e.Timeout)
	defer cancel()
	address := eventAddress(tenant, "")
	sender, err := s.NewSender(ctx, address, &amqp.SenderOptions{
		SettlementMode:              amqp.SenderSettleModeUnsettled.Ptr(),
		RequestedReceiverSettleMode: amqp.ReceiverSettleModeFirst.Ptr(),
	})
	if err != nil {
		return nil, fmt.Errorf("%s does not take events for %s: %s", e.URL, address, reason(err))
	}
	return sender, nil
}

// sendRun is one run of Send. Two goroutines: do sends, collect waits for the outcomes in the order of sending.
type sendRun struct {
	// Set once.
	options SendOptions
	out     *bufio.Writer // remembers its first error
	timeout time.Duration
	sender  *amqp.Sender
	sent    chan sentEvent // from do to collect
	window  chan struct{}  // an entry for each event without an outcome
	waiting context.Context
	failed  context.Context // over when an outcome can no longer come

	fail, stopWaiting context.CancelFunc

	// Owned by collect until it has ended.
	outcomes Outcomes
	lost     error // the first outcome that did not come

	// Owned by do.
	stuck error // why it stopped before the end
}

// sentEvent is an event on its way to its outcome.
type sentEvent struct {
	event
	receipt amqp.SendReceipt
}

func newSendRun(ctx context.Context, e Endpoint, o SendOptions, sender *amqp.Sender) *sendRun {
	r := &sendRun{
		options: o,
		out:     bufio.NewWriter(o.Out),
		timeout: e.Timeout,
		sender:  sender,
		sent:    make(chan sentEvent, o.Window),
		window:  make(chan struct{}, o.Window),
	}
	r.failed, r.fail = context.WithCancel(ctx)
	r.waiting, r.stopWaiting = context.WithCancel(context.WithoutCancel(ctx))
	return r
}

// do sends all events and returns when every outcome has come or was given up.
func (r *sendRun) do(ctx context.Context) {
	defer r.fail()
	defer r.stopWaiting()
	// A person who interrupts wants the outcomes of what is out, but not to wait for them for long.
	defer context.AfterFunc(ctx, func() { time.AfterFunc(closeTimeout, r.stopWaiting) })()

	var collecting sync.WaitGroup
	collecting.Go(r.collect)
	for n := 1; n <= r.options.Count; n++ {
		if r.stuck = r.send(n); r.stuck != nil {
			break
		}
	}
	close(r.sent)
	collecting.Wait()
}

// send sends event n as soon as the window and the broker's credit allow.
func (r *sendRun) send(n int) error {
	select {
	case r.window <- struct{}{}:
	case <-r.failed.Done():
		return r.failed.Err()
	}
	e := event{n: n, device: r.options.Devices[(n-1)%len(r.options.Devices)], created: time.Now()}
	ctx, cancel := context.WithTimeout(r.failed, r.timeout)
	defer cancel()
	receipt, err := r.sender.SendWithReceipt(ctx, r.options.message(e), nil)
	switch {
	case err == nil:
		r.sent <- sentEvent{e, receipt}
		return nil
	case r.failed.Err() != nil:
		return r.failed.Err()
	case ctx.Err() != nil:
		return fmt.Errorf("the broker gave no credit for %s", r.timeout)
	}
	return fmt.Errorf("event %d of %s: %s", n, e.device, reason(err))
}

// collect waits for the outcome of each event.
func (r *sendRun) collect() {
	for e := range r.sent {
		ctx, cancel := context.WithTimeout(r.waiting, r.timeout)
		state, err := e.receipt.Wait(ctx)
		cancel()
		if err != nil {
			r.giveUp(err)
			continue
		}
		r.count(e.event, state)
		<-r.window
		r.options.Progress.Step(r.outcomes.Sent(), r.options.Count)
	}
}

// giveUp notes that an outcome did not come: nothing more is sent, and what is out gets no more time.
func (r *sendRun) giveUp(err error) {
	r.outcomes.Unknown++
	if r.lost != nil {
		return
	}
	r.lost = errors.New(reason(err))
	if errors.Is(err, context.DeadlineExceeded) {
		r.lost = fmt.Errorf("no outcome within %s", r.timeout)
	}
	r.fail()
	r.stopWaiting()
}

// count notes an outcome, and prints it unless the event was accepted.
func (r *sendRun) count(e event, state amqp.DeliveryState) {
	var what string
	switch s := state.(type) {
	case *amqp.StateAccepted:
		r.outcomes.Accepted++
		return
	case *amqp.StateRejected:
		r.outcomes.Rejected++
		what = "rejected: " + describe(s.Error)
	case *amqp.StateReleased:
		r.outcomes.Released++
		what = "released: the broker could not take it now"
	case *amqp.StateModified:
		r.outcomes.Modified++
		what = fmt.Sprintf("modified: delivery-failed=%t undeliverable-here=%t", s.DeliveryFailed, s.UndeliverableHere)
	default:
		r.outcomes.Unknown++
		what = fmt.Sprintf("answered with %T, which is no outcome", state)
	}
	r.options.Progress.Clear()
	fmt.Fprintf(r.out, "event %d of %s was %s\n", e.n, e.device, what)
	r.out.Flush() // summary looks at its error
}

// summary prints the last line and says whether all went well.
func (r *sendRun) summary(took time.Duration) error {
	defer r.out.Flush() // where another error is told, this one is of no interest
	sent := r.outcomes.Sent()
	fmt.Fprintf(r.out, "sent %s to %s in %s: %s\n", plural(sent, "event"), eventAddress(r.options.Tenant, ""), rounded(took), r.outcomes)
	switch {
	case r.lost != nil:
		return fmt.Errorf("%s of %d without an outcome, they may be stored or not: %w", plural(r.outcomes.Unknown, "event"), sent, r.lost)
	case errors.Is(r.stuck, context.Canceled):
		return fmt.Errorf("interrupted after %d of %d", sent, r.options.Count)
	case r.stuck != nil:
		return fmt.Errorf("stopped after %d of %d: %w", sent, r.options.Count, r.stuck)
	case r.outcomes.Accepted < sent:
		return fmt.Errorf("%d of %d not accepted", sent-r.outcomes.Accepted, sent)
	}
	return r.out.Flush()
}
