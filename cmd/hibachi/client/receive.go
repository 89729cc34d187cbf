package client

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/Azure/go-amqp"
)

// createProperty is the link property that says whether an unknown application may come into being.
const createProperty = "hibachi:create"

// ReceiveOptions say what to receive and how to show it.
type ReceiveOptions struct {
	Tenant      string
	Application string        // empty: browse, which takes nothing
	Create      bool          // Application, if the tenant has none of that name
	Count       int           // end after so many events; 0: no such end
	Follow      bool          // go on when there is nothing more for now
	JSON        bool          // one object a line
	Window      int           // events in hand at a time; default 100
	Quiet       time.Duration // without Follow: nothing for so long is the end; default 500 ms

	Out io.Writer
}

func (o ReceiveOptions) withDefaults() ReceiveOptions {
	if o.Window == 0 {
		o.Window = 100
	}
	if o.Quiet == 0 {
		o.Quiet = 500 * time.Millisecond
	}
	return o
}

// Validate says what is wrong with o, before anything is asked for.
func (o ReceiveOptions) Validate() error {
	if err := checkNames(o.Tenant, o.Application); err != nil {
		return err
	}
	switch {
	case o.Create && o.Application == "":
		return errors.New("--create goes with --app: browsing creates nothing")
	case o.Count < 0:
		return fmt.Errorf("a count of %d is not possible", o.Count)
	case o.Window < 0 || o.Quiet < 0:
		return errors.New("a window and a time are not negative")
	}
	return nil
}

// Receive prints events. Each is accepted after it was printed, so whatever ends Receive, nothing is taken that was not shown.
// It returns how many were printed. Interruption by ctx is no error.
func Receive(ctx context.Context, e Endpoint, o ReceiveOptions) (int, error) {
	e, o = e.withDefaults(), o.withDefaults()
	s, err := e.dial(ctx)
	if err != nil {
		return 0, err
	}
	defer s.close()
	receiver, err := s.attachConsumer(ctx, e, o)
	if err != nil {
		return 0, err
	}
	r := &receiveRun{options: o, timeout: e.Timeout, receiver: receiver, out: bufio.NewWriter(o.Out)}
	if err := r.do(ctx); err != nil && ctx.Err() == nil {
		return r.printed, err
	}
	return r.printed, r.leave(ctx)
}

// attachConsumer attaches to an application, or to browse.
func (s *session) attachConsumer(ctx context.Context, e Endpoint, o ReceiveOptions) (*amqp.Receiver, error) {
	ctx, cancel := context.WithTimeout(ctx, e.Timeout)
	defer cancel()
	address := eventAddress(o.Tenant, o.Application)
	wish := &amqp.ReceiverOptions{Credit: -1} // given by hand
	if o.Application == "" {
		wish.SourceDistributionMode = amqp.SourceDistributionModeCopy
	} else {
		wish.Properties = map[string]any{createProperty: o.Create}
	}
	receiver, err := s.NewReceiver(ctx, address, wish)
	switch {
	case err == nil:
		return receiver, nil
	case condition(err) == string(amqp.ErrCondNotFound) && o.Application != "" && !o.Create:
		return nil, fmt.Errorf("tenant %s has no application %s: --create makes one, which gets every event still stored and from then on "+
			"holds events until it has received them", o.Tenant, o.Application)
	}
	return nil, fmt.Errorf("%s gives no events from %s: %s", e.URL, address, reason(err))
}

// receiveRun is one run of Receive. One goroutine.
type receiveRun struct {
	options  ReceiveOptions
	timeout  time.Duration
	receiver *amqp.Receiver
	out      *bufio.Writer

	credit  int             // given and not used up
	unshown []*amqp.Message // written to out, not flushed and not accepted
	printed int
}

// do receives until the end that the options name.
func (r *receiveRun) do(ctx context.Context) error {
	for !r.enough() {
		if err := r.grant(); err != nil {
			return err
		}
		m, err := r.next(ctx)
		if err != nil || m == nil {
			return err
		}
		if err := r.take(ctx, m); err != nil {
			return err
		}
	}
	return nil
}

func (r *receiveRun) enough() bool {
	return r.options.Count > 0 && r.printed == r.options.Count
}

// grant tops the credit up, never beyond what may still be printed.
func (r *receiveRun) grant() error {
	want := r.options.Window
	if left := r.options.Count - r.printed; r.options.Count > 0 && left < want {
		want = left
	}
	if more := want - r.credit; more > 0 && 2*r.credit <= want {
		r.credit = want
		return r.receiver.IssueCredit(uint32(more))
	}
	return nil
}

// next waits for an event. nil without an error: there is nothing more.
func (r *receiveRun) next(ctx context.Context) (*amqp.Message, error) {
	m, err := r.wait(ctx)
	if err != nil || m != nil {
		return m, err
	}
	if err := r.drain(ctx); err != nil {
		return nil, err
	}
	return r.receiver.Prefetched(), nil // what crossed the drain on its way
}

// wait is next, up to the quiet time.
func (r *receiveRun) wait(ctx context.Context) (*amqp.Message, error) {
	quiet, cancel := ctx, context.CancelFunc(func() {})
	if !r.options.Follow {
		quiet, cancel = context.WithTimeout(ctx, r.options.Quiet)
	}
	defer cancel()
	m, err := r.receiver.Receive(quiet, nil)
	if err != nil && ctx.Err() == nil && quiet.Err() != nil {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("receive: %s", reason(err))
	}
	return m, nil
}

// drain takes the credit back. This library's drain revokes it rather than asking for what is left to be sent, so it can not
// tell alone that nothing is left: that is why wait comes first.
func (r *receiveRun) drain(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, r.timeout)
	defer cancel()
	if err := r.receiver.DrainCredit(ctx, nil); err != nil {
		return fmt.Errorf("drain: %s", reason(err))
	}
	r.credit = 0
	return nil
}

// take prints an event, and accepts what was printed once no other is at hand: then the person has seen it.
func (r *receiveRun) take(ctx context.Context, m *amqp.Message) error {
	for m != nil {
		r.credit = max(0, r.credit-1) // what crossed a drain was not counted any more
		if err := r.print(m); err != nil {
			return err
		}
		if r.enough() || len(r.unshown) == r.options.Window {
			break
		}
		m = r.receiver.Prefetched()
	}
	return r.accept(ctx)
}

func (r *receiveRun) print(m *amqp.Message) error {
	line, err := r.options.render(m)
	if err != nil {
		return err
	}
	r.out.Write(line) // accept looks at its error
	r.unshown = append(r.unshown, m)
	r.printed++
	return nil
}

// accept shows what was printed and tells the broker.
func (r *receiveRun) accept(ctx context.Context) error {
	if err := r.out.Flush(); err != nil {
		return fmt.Errorf("write an event: %w", err)
	}
	shown := r.unshown
	r.unshown = nil
	// What a person has seen is taken, also if he interrupts right now.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), r.timeout)
	defer cancel()
	for _, m := range shown {
		if err := r.receiver.AcceptMessage(ctx, m); err != nil {
			return fmt.Errorf("accept: %s", reason(err))
		}
	}
	return nil
}

// leave detaches: what arrived and was not printed goes back, and everything accepted was read by the broker before its answer.
func (r *receiveRun) leave(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
	defer cancel()
	if err := r.receiver.Close(ctx); err != nil {
		return fmt.Errorf("detach: %s", reason(err))
	}
	return nil
}
