package links

import (
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"hibachi/links/amqp"
	"hibachi/links/engine"
)

// later answers attaches only when the test says so, from the test's goroutine.
type later struct{ answers []func(error) }

func (l *later) ask(_ *Attach, answer func(error)) { l.answers = append(l.answers, answer) }

func (l *later) answerAll(err error) {
	answers := l.answers
	l.answers = nil
	for _, answer := range answers {
		answer(err)
	}
}

func TestAttachIsAnsweredByCompletionFromAnotherGoroutine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, l := newHouse(), &later{}
		h.ask = l.ask
		h.source("out").put("waiting")
		p := connect(t, serve(t, h))
		p.open()
		p.say(senderAttach(0, "in"), receiverAttach(1, "out"))
		p.credit(1, 0, 5)
		p.wantIdle("no answer yet")
		l.answerAll(nil)
		want[*amqp.Attach](p, "the first attach")
		want[*amqp.Flow](p, "and its credit")
		if a := want[*amqp.Attach](p, "the second attach"); a.Source.Address != "out" {
			t.Errorf("%v", a)
		}
		if _, payload := wantPayload[*amqp.Transfer](p, "credit that came before the answer counts"); string(payload) != "waiting" {
			t.Errorf("%q", payload)
		}
		p.close()
	})
}

func TestMessagesFromBeforeTheAnswerAreHandledInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, l := newHouse(), &later{}
		h.ask = l.ask
		h.target("in").slow = true
		p := connect(t, serve(t, h))
		p.open()
		p.put(senderAttach(0, "in"), nil)
		var sent []string
		send := func(n int) {
			for range n {
				text := fmt.Sprint("message ", len(sent))
				p.transfer(0, uint32(len(sent)), text)
				sent = append(sent, text)
			}
			p.flush()
		}
		send(20)
		p.wantIdle("the link is pending")
		go l.answerAll(nil) // the writer applies it and hands on the first messages, while the reader gets more
		send(20)
		send(20)
		want[*amqp.Attach](p, "the answer")
		time.Sleep(time.Second)
		if got := h.target("in").got(); !slices.Equal(got, sent) {
			t.Errorf("received %q", got)
		}
		p.nc.Close()
	})
}

func TestRefusedAttachSaysWhy(t *testing.T) {
	for _, c := range []struct {
		err       error
		condition amqp.Symbol
		says      string
	}{
		{amqp.Errorf(amqp.ErrNotFound, "nothing here"), amqp.ErrNotFound, "nothing here"},
		{fmt.Errorf("look: %w", amqp.Errorf(amqp.ErrUnauthorizedAccess, "not you")), amqp.ErrUnauthorizedAccess, "not you"},
		{errors.New("disk on fire"), amqp.ErrInternal, "internal error"},
	} {
		for _, async := range []bool{false, true} {
			synctest.Test(t, func(t *testing.T) {
				h := newHouse()
				h.ask = func(_ *Attach, answer func(error)) {
					if async {
						go answer(c.err)
					} else {
						answer(c.err)
					}
				}
				p := connect(t, serve(t, h))
				p.open()
				p.say(receiverAttach(0, "out"))
				if a := want[*amqp.Attach](p, "an attach is answered even so"); a.Source != nil {
					t.Errorf("%v", a)
				}
				d := want[*amqp.Detach](p, "followed by a detach")
				if !d.Closed || d.Err == nil || d.Err.Condition != c.condition || d.Err.Description != c.says {
					t.Errorf("async %v: %v", async, d)
				}
				p.nc.Close()
			})
		}
	}
}

func TestSourceOfALinkThatWentIsTold(t *testing.T) {
	gone := map[string]func(p *peer){
		"detached":  func(p *peer) { p.say(&amqp.Detach{Handle: 0, Closed: true}) },
		"ended":     func(p *peer) { p.say(&amqp.End{}) },
		"cut":       func(p *peer) { p.nc.Close() },
		"abandoned": func(p *peer) { p.nc.Close(); synctest.Wait() },
	}
	for name, leave := range gone {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h, l := newHouse(), &later{}
				h.ask = l.ask
				p := connect(t, serve(t, h))
				p.open()
				p.say(receiverAttach(0, "out"), senderAttach(1, "in"))
				synctest.Wait()
				leave(p)
				go l.answerAll(nil)
				synctest.Wait()
				p.nc.Close()
				synctest.Wait()
				if len(h.source("out").links()) != 0 {
					t.Error("the source still believes that it has a link")
				}
				if h.target("in").ended() != 1 {
					t.Errorf("the target was told %d times", h.target("in").ended())
				}
			})
		})
	}
}

// The answer arrives when the writer has failed already, and the reader, busy, has not noticed yet.
func TestAnswerThatNobodyReadsIsNotForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, l := newHouse(), &later{}
		h.ask = func(a *Attach, answer func(error)) {
			switch a.LinkName {
			case "in-0":
				answer(nil)
			case "in-1":
				l.ask(a, answer)
			default:
				time.Sleep(time.Second)
				answer(nil)
			}
		}
		p := connect(t, serve(t, h))
		p.open()
		p.attachReceiver(0, "busy", 10)
		p.say(receiverAttach(1, "out"), receiverAttach(2, "other"))
		synctest.Wait()
		p.nc.Close()
		h.source("busy").put("the writer fails with this")
		synctest.Wait()
		l.answerAll(nil)
		time.Sleep(2 * time.Second)
		synctest.Wait()
		for _, address := range []string{"busy", "out", "other"} {
			if len(h.source(address).links()) != 0 {
				t.Errorf("source %s still believes that it has a link", address)
			}
		}
	})
}

func TestSourceOfALinkThatWentInTheSameReadIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse()
		p := connect(t, serve(t, h))
		p.open()
		p.say(receiverAttach(0, "out"), &amqp.Detach{Handle: 0, Closed: true})
		want[*amqp.Attach](p, "the attach is answered even so")
		want[*amqp.Detach](p, "and the detach")
		synctest.Wait()
		if len(h.source("out").links()) != 0 {
			t.Error("the source still believes that it has a link")
		}
		p.nc.Close()
	})
}

// early is a Container whose Sources wake their links before these are answered, and note how often they are asked.
type early struct {
	*house
	asked atomic.Int32
}

func (e *early) AttachSource(a *Attach, link *Sender, done func(Source, engine.Terms, error)) {
	link.Wake()
	time.AfterFunc(time.Second, func() { done(e, engine.Terms{}, nil) })
}

func (e *early) Take(dst []engine.Message, max, maxBytes int) ([]engine.Message, bool) {
	if max != 0 {
		panic("there is no credit")
	}
	e.asked.Add(1)
	return dst, true
}

func (e *early) Untake([]uint64)     {}
func (e *early) Settle([]Settlement) {}
func (e *early) Detached(error)      {}

func TestLinkThatWasWokenBeforeItsAnswerIsAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &early{house: newHouse()}
		p := connect(t, serve(t, e))
		p.open()
		p.say(receiverAttach(0, "out"))
		want[*amqp.Attach](p, "the answer")
		synctest.Wait()
		if n := e.asked.Load(); n != 1 {
			t.Errorf("it was asked %d times", n)
		}
		p.nc.Close()
	})
}

func TestSourceMayEndItsLink(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse()
		p := connect(t, serve(t, h))
		p.open()
		p.attachReceiver(0, "out", 1)
		synctest.Wait()
		for _, tap := range h.source("out").links() {
			tap.link.Detach(amqp.Errorf(amqp.ErrResourceDeleted, "gone"))
		}
		if d := want[*amqp.Detach](p, "the link is ended"); !d.Closed || d.Err.Condition != amqp.ErrResourceDeleted {
			t.Errorf("%v", d)
		}
		synctest.Wait()
		if n := len(h.source("out").links()); n != 0 {
			t.Error("the source was not told")
		}
		p.nc.Close()
	})
}

func TestTargetMayEndItsLinkWithAMessage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse()
		h.budget = NewBudget(0, 0)
		h.target("in").refuse = amqp.Errorf(amqp.ErrNotAllowed, "not like this")
		p := connect(t, serve(t, h))
		p.open()
		p.attachSender(0, "in")
		for id := range uint32(5) {
			p.transfer(0, id, "message")
		}
		p.flush()
		if d := want[*amqp.Detach](p, "the link is ended"); d.Err.Condition != amqp.ErrNotAllowed {
			t.Errorf("%v", d)
		}
		synctest.Wait()
		if used := h.budget.Used(); used != 0 {
			t.Errorf("%d bytes are still charged", used)
		}
		if n := h.target("in").ended(); n != 1 {
			t.Errorf("the target was told %d times of the end", n)
		}
		p.nc.Close()
	})
}

func TestWhatCannotBeSentGoesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse()
		q := h.source("out")
		p := connect(t, serve(t, h))
		p.open()
		p.attachReceiver(0, "out", 10)
		synctest.Wait()
		detached := false
		q.onTake = func() { // the link goes while its source is asked
			if !detached {
				detached = true
				p.say(&amqp.Detach{Handle: 0, Closed: true})
				time.Sleep(time.Second)
			}
		}
		q.put("a", "b", "c")
		want[*amqp.Detach](p, "detach is answered")
		synctest.Wait()
		if loaded, out, _ := q.count(); loaded != 3 || out != 0 {
			t.Errorf("%d there, %d out", loaded, out)
		}
		p.attachReceiver(1, "out", 10)
		for _, text := range []string{"a", "b", "c"} {
			if _, payload := wantPayload[*amqp.Transfer](p, "nothing is lost"); string(payload) != text {
				t.Errorf("%q", payload)
			}
		}
		p.nc.Close()
	})
}

func TestCreditTakenBackGivesBackWhatWasQueued(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse()
		p := connect(t, serve(t, h))
		p.write(amqp.HeaderAMQP[:])
		p.wantHeader(amqp.HeaderAMQP, "header")
		p.say(&amqp.Open{ContainerID: "peer", MaxFrameSize: 64 << 10, ChannelMax: 10})
		want[*amqp.Open](p, "open")
		p.begin(1) // one transfer for two links: the other's is queued
		q, r := h.source("first"), h.source("second")
		p.attachReceiver(0, "first", 0)
		p.attachReceiver(1, "second", 0)
		q.put("a")
		r.put("b")
		flow := func(handle, credit uint32) {
			p.put(&amqp.Flow{NextIncomingID: amqp.Some(amqp.SequenceNo(0)), IncomingWindow: 1, Handle: amqp.Some(handle),
				DeliveryCount: amqp.Some(amqp.SequenceNo(0)), LinkCredit: amqp.Some(credit)}, nil)
		}
		flow(0, 1)
		flow(1, 1)
		p.flush()
		x := want[*amqp.Transfer](p, "one fits the window")
		p.dropFlows()
		p.wantIdle("the other does not")
		other := map[uint32]*queue{0: r, 1: q}[x.Handle]
		if _, out, _ := other.count(); out != 1 {
			t.Fatalf("%d queued, this test is about one", out)
		}
		flow(1-x.Handle, 0)
		p.flush()
		p.dropFlows()
		p.wantIdle("its credit is gone")
		if loaded, out, _ := other.count(); loaded != 1 || out != 0 {
			t.Errorf("%d there, %d out", loaded, out)
		}
		p.nc.Close()
	})
}
