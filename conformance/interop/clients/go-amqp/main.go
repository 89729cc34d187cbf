// Command go-amqp is Azure/go-amqp as a foreign client; see ../README.md for the scenes.
package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/Azure/go-amqp"
)

const window = 50

type scene struct {
	args map[string]string
}

func main() {
	s := scene{args: map[string]string{}}
	for _, word := range os.Args[2:] {
		key, value, _ := strings.Cut(word, "=")
		s.args[key] = value
	}
	run := map[string]func(context.Context) error{"send": s.send, "receive": s.receive, "drain": s.drain, "idle": s.idle}[os.Args[1]]
	if err := run(context.Background()); err != nil {
		fmt.Println("error", err)
		os.Exit(1)
	}
}

func (s scene) number(key string) int {
	n, err := strconv.Atoi(s.args[key])
	if err != nil {
		panic(fmt.Sprintf("argument %s: %v", key, err))
	}
	return n
}

func (s scene) connect(ctx context.Context, idle time.Duration) (*amqp.Conn, *amqp.Session, error) {
	o := &amqp.ConnOptions{SASLType: amqp.SASLTypeAnonymous(), IdleTimeout: idle, MaxFrameSize: uint32(s.number("frame"))}
	conn, err := amqp.Dial(ctx, "amqp://"+s.args["host"]+":"+s.args["port"], o)
	if err != nil {
		return nil, nil, err
	}
	session, err := conn.NewSession(ctx, nil)
	if err != nil {
		return nil, nil, errors.Join(err, conn.Close())
	}
	return conn, session, nil
}

func (s scene) event(seq int) *amqp.Message {
	device := fmt.Sprintf("d%d", seq%s.number("devices"))
	tenant := strings.Split(s.args["address"], "/")[1]
	to, contentType, now := "event/"+tenant, "application/octet-stream", time.Now()
	return &amqp.Message{
		Header:                &amqp.MessageHeader{Durable: true},
		Annotations:           amqp.Annotations{"device_id": device, "tenant_id": tenant},
		Properties:            &amqp.MessageProperties{MessageID: fmt.Sprintf("go-%d", seq), To: &to, ContentType: &contentType, CreationTime: &now},
		ApplicationProperties: map[string]any{"device_id": device, "orig_adapter": "hono-interop", "seq": int32(seq)},
		Data:                  [][]byte{bytes.Repeat([]byte("x"), s.number("size"))},
	}
}

// send keeps what has no outcome yet, in order, and sends it again on a new connection.
func (s scene) send(ctx context.Context) error {
	next, count := 0, s.number("count")
	for next < count {
		var err error
		next, err = s.sendFrom(ctx, next, count)
		if err != nil {
			if _, again := s.args["reconnect"]; !again {
				return err
			}
			time.Sleep(50 * time.Millisecond)
		}
	}
	return nil
}

// sendFrom sends events next to count on one connection and returns the first that has no outcome.
func (s scene) sendFrom(ctx context.Context, next, count int) (int, error) {
	conn, session, err := s.connect(ctx, 0)
	if err != nil {
		return next, err
	}
	defer conn.Close()
	mode := amqp.SenderSettleModeUnsettled
	sender, err := session.NewSender(ctx, s.args["address"], &amqp.SenderOptions{SettlementMode: &mode})
	if err != nil {
		return next, err
	}
	type flight struct {
		seq     int
		receipt amqp.SendReceipt
	}
	flights := make(chan flight, window)
	var sendErr error
	var sending sync.WaitGroup
	sending.Go(func() {
		defer close(flights)
		for seq := next; seq < count; seq++ {
			receipt, err := sender.SendWithReceipt(ctx, s.event(seq), nil)
			if err != nil {
				sendErr = err
				return
			}
			flights <- flight{seq, receipt}
		}
	})
	var waitErr error
	for f := range flights {
		if waitErr != nil {
			continue
		}
		state, err := f.receipt.Wait(ctx)
		if err != nil {
			waitErr = err
			continue
		}
		fmt.Printf("outcome d%d %d %s\n", f.seq%s.number("devices"), f.seq, outcome(state))
		next = f.seq + 1
	}
	sending.Wait()
	return next, errors.Join(sendErr, waitErr)
}

func outcome(state amqp.DeliveryState) string {
	switch state := state.(type) {
	case *amqp.StateAccepted:
		return "accepted"
	case *amqp.StateRejected:
		return fmt.Sprintf("rejected %v", state.Error)
	default:
		return fmt.Sprintf("%T", state)
	}
}

func show(m *amqp.Message) {
	fmt.Println("event", time.Now().UnixMicro(), m.ApplicationProperties["device_id"], m.ApplicationProperties["seq"], len(m.GetData()))
}

func (s scene) receive(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin) // its end is all that we wait for
		cancel()
	}()
	for {
		err := s.receiveOn(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if _, again := s.args["reconnect"]; !again {
			return err
		}
		time.Sleep(50 * time.Millisecond)
	}
}

func (s scene) receiveOn(ctx context.Context) error {
	conn, session, err := s.connect(ctx, 0)
	if err != nil {
		return err
	}
	defer conn.Close()
	receiver, err := session.NewReceiver(ctx, s.args["address"], &amqp.ReceiverOptions{Credit: int32(s.number("credit"))})
	if err != nil {
		return err
	}
	fmt.Println("ready")
	for {
		m, err := receiver.Receive(ctx, nil)
		if err != nil {
			return err
		}
		show(m)
		if err := receiver.AcceptMessage(ctx, m); err != nil {
			return err
		}
	}
}

func (s scene) drain(ctx context.Context) error {
	conn, session, err := s.connect(ctx, 0)
	if err != nil {
		return err
	}
	defer conn.Close()
	receiver, err := session.NewReceiver(ctx, s.args["address"], &amqp.ReceiverOptions{Credit: -1})
	if err != nil {
		return err
	}
	if err := receiver.IssueCredit(uint32(s.number("credit"))); err != nil {
		return err
	}
	// DrainCredit overtakes credit that was only just issued, and then drains none: wait until that is on its way.
	first, cancel := context.WithTimeout(ctx, 300*time.Millisecond)
	defer cancel()
	m, err := receiver.Receive(first, nil)
	if err == nil {
		show(m)
		err = receiver.AcceptMessage(ctx, m)
	}
	if err != nil && !errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	if err := receiver.DrainCredit(ctx, nil); err != nil {
		return err
	}
	for m := receiver.Prefetched(); m != nil; m = receiver.Prefetched() {
		show(m)
		if err := receiver.AcceptMessage(ctx, m); err != nil {
			return err
		}
	}
	fmt.Println("drained")
	return nil
}

func (s scene) idle(ctx context.Context) error {
	idle := time.Duration(s.number("idle")) * time.Millisecond
	s.args["devices"], s.args["size"] = "1", "10"
	conn, session, err := s.connect(ctx, idle)
	if err != nil {
		return err
	}
	defer conn.Close()
	sender, err := session.NewSender(ctx, s.args["address"], nil)
	if err != nil {
		return err
	}
	time.Sleep(7 * idle / 2)
	if err := sender.Send(ctx, s.event(0), nil); err != nil {
		return err
	}
	fmt.Println("outcome d0 0 accepted")
	return nil
}
