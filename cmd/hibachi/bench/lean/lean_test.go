package lean

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"hibachi/links/amqp"
)

// notes is a handler that writes down what it hears.
type notes struct {
	heard []string
	keep  func(message string) bool // do not accept this one
}

func (n *notes) Message(r *Receiver, message []byte) bool {
	n.heard = append(n.heard, r.Address()+": "+string(message))
	return n.keep == nil || !n.keep(string(message))
}

func (n *notes) Outcome(s *Sender, d Sent, state *amqp.DeliveryState) {
	n.heard = append(n.heard, fmt.Sprintf("%s: %d %s", s.Address(), d.Token, state))
}

func (n *notes) want(t *testing.T, lines ...string) {
	t.Helper()
	if !slices.Equal(n.heard, lines) {
		t.Errorf("heard %q\nwant  %q", n.heard, lines)
	}
	n.heard = nil
}

func accepted(first, last amqp.SequenceNo) *amqp.Disposition {
	return &amqp.Disposition{Role: amqp.RoleReceiver, First: first, Last: amqp.Some(last), Settled: true,
		State: amqp.DeliveryState{Kind: amqp.Accepted}}
}

func TestEventsGoOutWithinCreditAndWindow(t *testing.T) {
	for _, tt := range []struct {
		name           string
		credit, window uint32
		inFlight       int
		want           int
	}{
		{"credit", 3, 1000, 100, 3},
		{"session window", 10, 2, 100, 2},
		{"slots for deliveries", 1000, 1000, 4, 16},
		{"nothing", 0, 1000, 100, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			begin := theirBegin()
			begin.IncomingWindow = tt.window
			c, p := meet(t, Config{InFlight: tt.inFlight}, theirOpen(), begin)
			s := p.sender(c, "event/t", tt.credit)
			for i := range tt.want {
				if s.Room() == 0 {
					t.Fatalf("no room for event %d of %d", i, tt.want)
				}
				s.Send([]byte("x"), uint64(i), 0)
			}
			if n := s.Room(); n != 0 {
				t.Errorf("room for %d more", n)
			}
		})
	}
}

func TestOutcomesAreTakenForWhatWeSent(t *testing.T) {
	h := &notes{}
	c, p := meet(t, Config{Handler: h}, theirOpen(), theirBegin())
	s := p.sender(c, "event/t", 10)
	for i := range 5 {
		s.Send([]byte{'a' + byte(i)}, uint64(10+i), 0)
	}
	go func() {
		for i := range 5 {
			p.want(fmt.Sprintf("transfer handle=0 delivery-id=%d", i))
		}
		p.send(accepted(1, 2))
		// A range over all numbers there are, and one that does not settle: we settle it.
		p.send(&amqp.Disposition{Role: amqp.RoleReceiver, First: 4, State: amqp.DeliveryState{Kind: amqp.Released}})
		p.send(accepted(0, 1<<31-1))
	}()
	for c.InFlight() > 0 {
		turn(t, c)
	}
	h.want(t, "event/t: 11 accepted", "event/t: 12 accepted", "event/t: 14 released", "event/t: 10 accepted", "event/t: 13 accepted")
	if err := c.Flush(); err != nil {
		t.Fatal(err)
	}
	p.want("disposition role=sender first=4 settled=true")
}

func TestUnsettledTellsWhatNobodyKnows(t *testing.T) {
	c, p := meet(t, Config{}, theirOpen(), theirBegin())
	s := p.sender(c, "event/t", 10)
	for i := range 4 {
		s.Send([]byte("x"), uint64(i), 0)
	}
	go func() {
		p.send(accepted(1, 1))
		_ = p.nc.Close()
	}()
	var err error
	for err == nil {
		if err = c.Wait(); err == nil {
			err = c.Handle()
		}
	}
	var left []uint64
	c.Unsettled(func(_ *Sender, d Sent) { left = append(left, d.Token) })
	if !slices.Equal(left, []uint64{0, 2, 3}) {
		t.Errorf("unsettled %v", left)
	}
}

func TestLargeMessagesAreSplit(t *testing.T) {
	open, begin := theirOpen(), theirBegin()
	open.MaxFrameSize = 512
	begin.IncomingWindow = 2
	c, p := meet(t, Config{}, open, begin)
	s := p.sender(c, "event/t", 10)
	message := strings.Repeat("0123456789", 130)
	s.Send([]byte(message), 1, 0)
	if s.Room() != 0 {
		t.Error("room for another message while one waits for the window")
	}
	done := make(chan string)
	go func() {
		var got string
		for range 2 {
			line := <-p.in
			got += line[strings.Index(line, "| ")+2:]
		}
		p.send(&amqp.Flow{NextIncomingID: amqp.Some(amqp.SequenceNo(2)), IncomingWindow: 5})
		line := <-p.in
		if strings.Contains(line, "more=true") {
			t.Errorf("the last frame says that more comes: %s", line)
		}
		done <- got + line[strings.Index(line, "| ")+2:]
	}()
	turn(t, c)
	if err := c.Flush(); err != nil {
		t.Fatal(err)
	}
	if got := <-done; got != message {
		t.Errorf("the peer got %d bytes, not the %d that were sent", len(got), len(message))
	}
	if s.Room() == 0 {
		t.Error("no room after the window opened")
	}
}

func TestAcceptsAreFoldedAndCreditIsRenewed(t *testing.T) {
	h := &notes{keep: func(m string) bool { return m == "hold" }}
	c, p := meet(t, Config{Handler: h}, theirOpen(), theirBegin())
	p.receiver(c, "event/t::app", 4, true)
	p.want("flow")
	var out []byte
	for i, m := range []string{"a", "b", "hold", "d"} {
		out = amqp.AppendFrame(out, amqp.TypeAMQP, 0, &amqp.Transfer{Handle: 3, DeliveryID: amqp.Some(amqp.SequenceNo(i)), DeliveryTag: []byte{byte(i)}}, []byte(m))
	}
	go p.frames(out)
	turn(t, c)
	h.want(t, "event/t::app: a", "event/t::app: b", "event/t::app: hold", "event/t::app: d")
	if err := c.Flush(); err != nil {
		t.Fatal(err)
	}
	p.want("disposition role=receiver first=0 last=1 settled=true state=accepted")
	p.want("disposition role=receiver first=3 settled=true state=accepted")
	p.want("flow next-incoming-id=4")
}

func TestMessagesOfManyFramesAreJoined(t *testing.T) {
	h := &notes{}
	c, p := meet(t, Config{Handler: h}, theirOpen(), theirBegin())
	p.receiver(c, "event/t::app", 4, false)
	p.want("flow")
	go func() {
		p.transfer(&amqp.Transfer{Handle: 3, DeliveryID: amqp.Some(amqp.SequenceNo(0)), DeliveryTag: []byte{0}, More: true}, "one ")
		p.transfer(&amqp.Transfer{Handle: 3, More: true}, "long ")
		p.transfer(&amqp.Transfer{Handle: 3}, "message")
		p.transfer(&amqp.Transfer{Handle: 3, DeliveryID: amqp.Some(amqp.SequenceNo(1)), DeliveryTag: []byte{1}, More: true}, "not this")
		p.transfer(&amqp.Transfer{Handle: 3, Aborted: true}, "")
		p.transfer(&amqp.Transfer{Handle: 3, DeliveryID: amqp.Some(amqp.SequenceNo(2)), DeliveryTag: []byte{2}}, "end")
	}()
	for len(h.heard) < 2 {
		turn(t, c)
	}
	h.want(t, "event/t::app: one long message", "event/t::app: end")
}

func TestRefusalsSayWhy(t *testing.T) {
	why := amqp.Errorf(amqp.ErrUnauthorizedAccess, "not yours")
	c, p := meet(t, Config{}, theirOpen(), theirBegin())
	go func() {
		p.want("attach")
		p.send(&amqp.Attach{LinkName: "s0-hibachi-bench", Handle: 0, Role: amqp.RoleReceiver}, &amqp.Detach{Handle: 0, Closed: true, Err: why})
	}()
	_, err := c.AttachSender("event/other")
	var told *PeerError
	if !errors.As(err, &told) || told.Scope != ScopeLink || told.Address != "event/other" || told.Err.Condition != amqp.ErrUnauthorizedAccess {
		t.Errorf("error %v", err)
	}
	for _, tt := range []struct {
		body  amqp.Body
		scope Scope
	}{
		{&amqp.End{Err: why}, ScopeSession},
		{&amqp.Close{Err: why}, ScopeConnection},
	} {
		go p.send(tt.body)
		err := c.Wait()
		if err == nil {
			err = c.Handle()
		}
		if !errors.As(err, &told) || told.Scope != tt.scope || !strings.Contains(err.Error(), "not yours") {
			t.Errorf("after %s: error %v", tt.body, err)
		}
	}
}

func TestHandshakeFailuresSayWhy(t *testing.T) {
	for _, tt := range []struct {
		name string
		cfg  Config
		play func(p *peer)
		want string
	}{
		{"no SASL", Config{}, func(p *peer) { p.header(amqp.HeaderAMQP) }, "the peer wants"},
		{"no mechanism", Config{}, func(p *peer) {
			p.header(amqp.HeaderSASL)
			p.sasl(&amqp.SASLMechanisms{Mechanisms: []amqp.Symbol{"EXTERNAL"}})
		}, "ANONYMOUS wanted, the peer offers [EXTERNAL]"},
		{"wrong password", Config{User: "u", Password: "p"}, func(p *peer) {
			p.header(amqp.HeaderSASL)
			p.sasl(&amqp.SASLMechanisms{Mechanisms: []amqp.Symbol{"PLAIN"}})
			p.sasl(&amqp.SASLOutcome{Code: amqp.SASLAuth})
		}, "PLAIN refused with code 1"},
		{"open refused", Config{}, func(p *peer) {
			p.header(amqp.HeaderSASL)
			p.sasl(&amqp.SASLMechanisms{Mechanisms: []amqp.Symbol{"ANONYMOUS"}})
			p.sasl(&amqp.SASLOutcome{})
			p.header(amqp.HeaderAMQP)
			p.send(&amqp.Close{Err: amqp.Errorf(amqp.ErrResourceLimitExceeded, "too many connections")})
		}, "too many connections"},
		{"gone", Config{}, func(p *peer) { _ = p.nc.Close() }, "SASL"},
		{"silent", Config{Timeout: time.Second}, func(*peer) {}, "i/o timeout"},
		{"small frames", Config{MaxFrameSize: 100}, func(*peer) {}, "at least 512"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p, nc := newPeer(t)
				go tt.play(p)
				c, err := New(nc, tt.cfg)
				if err == nil || !strings.Contains(err.Error(), tt.want) {
					t.Errorf("connection %v, error %v, want one with %q", c, err, tt.want)
				}
				_ = p.nc.Close()
			})
		})
	}
}

func TestHeartbeatsGoOutInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		open := theirOpen()
		open.IdleTimeout = 8000
		c, p := meet(t, Config{IdleTimeout: -1}, open, theirBegin())
		began := time.Now()
		for range 3 {
			turn(t, c)
			p.want("heartbeat")
		}
		if d := time.Since(began); d < 11*time.Second || d > 24*time.Second {
			t.Errorf("three heartbeats in %v, where one is due every 4 s", d)
		}
		_ = p.nc.Close()
	})
}

func TestASilentPeerIsDead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, p := meet(t, Config{IdleTimeout: 10 * time.Second}, theirOpen(), theirBegin())
		go func() {
			for range 3 {
				time.Sleep(9 * time.Second)
				p.frames(amqp.AppendFrame(nil, amqp.TypeAMQP, 0, nil, nil))
			}
		}()
		began := time.Now()
		var err error
		for err == nil {
			if err = c.Wait(); err == nil {
				err = c.Handle()
			}
		}
		if d := time.Since(began); !errors.Is(err, ErrSilent) || d < 37*time.Second || d > 50*time.Second {
			t.Errorf("%v after %v, want %v after 42 s", err, d, ErrSilent)
		}
		_ = p.nc.Close()
	})
}

func TestInterruptAndWakeAtEndAWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, p := meet(t, Config{}, theirOpen(), theirBegin())
		began := time.Now()
		time.AfterFunc(time.Second, c.Interrupt)
		turn(t, c)
		if d := time.Since(began); d != time.Second {
			t.Errorf("interrupted after %v", d)
		}
		c.Interrupt() // before the Wait: it must not be lost
		turn(t, c)
		c.WakeAt(began.Add(3 * time.Second))
		turn(t, c)
		if d := time.Since(began); d != 3*time.Second {
			t.Errorf("woken after %v", d)
		}
		_ = p.nc.Close()
	})
}

func TestDrainIsAnswered(t *testing.T) {
	c, p := meet(t, Config{}, theirOpen(), theirBegin())
	s := p.sender(c, "event/t", 10)
	go p.send(&amqp.Flow{NextIncomingID: amqp.Some(amqp.SequenceNo(0)), IncomingWindow: 10, Handle: amqp.Some(uint32(7)),
		DeliveryCount: amqp.Some(amqp.SequenceNo(0)), LinkCredit: amqp.Some(uint32(10)), Drain: true})
	turn(t, c)
	if s.Room() != 0 {
		t.Error("credit left after a drain")
	}
	if err := c.Flush(); err != nil {
		t.Fatal(err)
	}
	got := <-p.in
	if !strings.Contains(got, "delivery-count=10") || !strings.Contains(got, "link-credit=0") || !strings.Contains(got, "drain=true") {
		t.Errorf("answer %q", got)
	}
}

func TestCloseIsAnExchange(t *testing.T) {
	c, p := meet(t, Config{}, theirOpen(), theirBegin())
	go func() {
		p.want("close")
		p.send(&amqp.Close{})
	}()
	if err := c.Close(); err != nil {
		t.Error(err)
	}
}

func TestAnEventCostsNoAllocation(t *testing.T) {
	h := &counter{}
	c, p := meet(t, Config{Handler: h, InFlight: 1000}, theirOpen(), theirBegin())
	s := p.sender(c, "event/t", 1<<30)
	message := make([]byte, 1024)
	c.session.remoteIncoming = 1 << 30
	c.links.receivers[3] = &Receiver{conn: c, link: link{state: attached, address: "event/t"}}
	var frames []byte
	for i := range 100 {
		frames = amqp.AppendFrame(frames, amqp.TypeAMQP, 0, &amqp.Transfer{Handle: 3, DeliveryID: amqp.Some(amqp.SequenceNo(i)), DeliveryTag: []byte{1}}, message)
	}
	once := func() {
		first := c.session.nextID
		for range 100 {
			s.Send(message, 1, 0)
		}
		c.out = c.out[:0]
		c.session.settle(accepted(first, first.Add(99)), h)
		c.in.buf = append(c.in.buf[:0], frames...)
		c.in.start, c.in.end = 0, len(frames)
		if err := c.Handle(); err != nil {
			t.Fatal(err)
		}
		c.out = c.out[:0]
	}
	once()
	if n := testing.AllocsPerRun(50, once); n > 4 {
		t.Errorf("%.0f allocations for 100 events sent and 100 received", n)
	}
	if h.n == 0 || c.InFlight() != 0 {
		t.Errorf("%d calls of the handler, %d in flight", h.n, c.InFlight())
	}
}

type counter struct{ n int }

func (c *counter) Message(*Receiver, []byte) bool             { c.n++; return true }
func (c *counter) Outcome(*Sender, Sent, *amqp.DeliveryState) { c.n++ }
