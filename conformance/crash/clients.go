package main

import (
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/Azure/go-amqp"
)

// retryEvery is how long clients wait before they connect again.
const retryEvery = 20 * time.Millisecond

// answerWithin bounds what a client waits for while the broker lives: connect, attach.
const answerWithin = 5 * time.Second

func tenantName(n int) string { return fmt.Sprintf("crash-%d", n) }

// connect makes a connection and tells which life of the broker it is to.
func connect(ctx context.Context, b *broker) (_ *amqp.Conn, _ *amqp.Session, life int, err error) {
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	life = b.life()
	conn, err := amqp.Dial(ctx, b.url(), &amqp.ConnOptions{SASLType: amqp.SASLTypeAnonymous()})
	if err != nil {
		return nil, nil, 0, err
	}
	if life == 0 || b.life() != life {
		return nil, nil, 0, fmt.Errorf("the broker changed while connecting (closing: %v)", conn.Close())
	}
	session, err := conn.NewSession(ctx, nil)
	if err != nil {
		return nil, nil, 0, fmt.Errorf("%w (closing: %v)", err, conn.Close())
	}
	return conn, session, life, nil
}

// Events of this driver say in their body whose they are: tenant, device, number, four bytes each. Filler follows.
const stampSize = 12

func newEvent(d device, seq int, filler []byte) *amqp.Message {
	body := make([]byte, stampSize, stampSize+len(filler))
	binary.BigEndian.PutUint32(body, uint32(d.tenant))
	binary.BigEndian.PutUint32(body[4:], uint32(d.number))
	binary.BigEndian.PutUint32(body[8:], uint32(seq))
	to, contentType, name := "event/"+tenantName(d.tenant), "application/octet-stream", fmt.Sprintf("device-%d", d.number)
	return &amqp.Message{
		Header:                &amqp.MessageHeader{Durable: true, Priority: 4},
		Annotations:           amqp.Annotations{"device_id": name, "tenant_id": tenantName(d.tenant)},
		Properties:            &amqp.MessageProperties{To: &to, ContentType: &contentType},
		ApplicationProperties: map[string]any{"device_id": name},
		Data:                  [][]byte{append(body, filler...)},
	}
}

func readEvent(m *amqp.Message) (d device, seq int, ok bool) {
	b := m.GetData()
	if len(b) < stampSize {
		return d, 0, false
	}
	d = device{int(binary.BigEndian.Uint32(b)), int(binary.BigEndian.Uint32(b[4:]))}
	return d, int(binary.BigEndian.Uint32(b[8:])), true
}

// producer sends the events of its devices, many at a time, and notes the outcomes.
type producer struct {
	broker         *broker
	ledger         *ledger
	tenant         int
	first, devices int
	inFlight       int
	rng            *rand.Rand
}

func (p *producer) run(ctx context.Context) {
	for ctx.Err() == nil {
		conn, session, _, err := connect(ctx, p.broker)
		if err != nil {
			pause(ctx, retryEvery)
			continue
		}
		p.send(ctx, session)
		_ = conn.Close() // lost mostly, and what it says then is known
	}
}

// pending is an event without outcome.
type pending struct {
	device
	seq     int
	receipt amqp.SendReceipt
}

// send goes on until ctx ends or the connection is lost, and returns when nothing is outstanding: answered, or never to be.
func (p *producer) send(ctx context.Context, session *amqp.Session) {
	attach, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	sender, err := session.NewSender(attach, "event/"+tenantName(p.tenant), &amqp.SenderOptions{
		SettlementMode:              amqp.SenderSettleModeUnsettled.Ptr(),
		RequestedReceiverSettleMode: amqp.ReceiverSettleModeFirst.Ptr(),
	})
	if err != nil {
		return
	}
	outstanding := make(chan pending, p.inFlight)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for e := range outstanding {
			p.await(e)
		}
	}()
	filler := make([]byte, 2000)
	for ctx.Err() == nil {
		d := device{p.tenant, p.first + p.rng.IntN(p.devices)}
		seq := p.ledger.send(d)
		receipt, err := sender.SendWithReceipt(ctx, newEvent(d, seq, filler[:p.rng.IntN(len(filler))]), nil)
		if err != nil {
			break // outcome unknown: it may have been written
		}
		outstanding <- pending{d, seq, receipt}
	}
	close(outstanding)
	<-done
}

// await notes the outcome. The loss of the connection ends the wait; a broker that lives and does not answer is found by its silence.
func (p *producer) await(e pending) {
	ctx, cancel := context.WithTimeout(context.Background(), readyWithin)
	defer cancel()
	state, err := e.receipt.Wait(ctx)
	if err != nil {
		return
	}
	if _, ok := state.(*amqp.StateAccepted); ok {
		p.ledger.answer(e.device, e.seq, accepted, "")
		return
	}
	why := fmt.Sprintf("%T", state)
	if r, ok := state.(*amqp.StateRejected); ok && r.Error != nil {
		why = r.Error.Error()
	}
	p.ledger.answer(e.device, e.seq, refused, why)
}

// consumer is one of several that compete for an application's events.
type consumer struct {
	broker      *broker
	ledger      *ledger
	tenant      int
	application string

	conn     *amqp.Conn
	receiver *amqp.Receiver
	life     int
}

func (c *consumer) connect(ctx context.Context) error {
	conn, session, life, err := connect(ctx, c.broker)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	r, err := session.NewReceiver(ctx, "event/"+tenantName(c.tenant)+"::"+c.application, &amqp.ReceiverOptions{Credit: 50})
	if err != nil {
		return fmt.Errorf("%w (closing: %v)", err, conn.Close())
	}
	c.conn, c.receiver, c.life = conn, r, life
	return nil
}

func (c *consumer) run(ctx context.Context) {
	for {
		c.receive(ctx)
		_ = c.conn.Close() // lost mostly, and what it says then is known
		for {
			if ctx.Err() != nil {
				return
			}
			if c.connect(ctx) == nil {
				break
			}
			pause(ctx, retryEvery)
		}
	}
}

// receive notes and accepts what comes until the connection is lost.
func (c *consumer) receive(ctx context.Context) {
	for {
		m, err := c.receiver.Receive(ctx, nil)
		if err != nil {
			return
		}
		d, seq, ok := readEvent(m)
		if !ok {
			d = device{-1, -1} // nobody sent that: the check will say so
		}
		c.ledger.receive(reader{c.application, d}, seq, c.life)
		if err := c.receiver.AcceptMessage(ctx, m); err != nil {
			return
		}
	}
}
