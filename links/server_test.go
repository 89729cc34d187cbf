package links

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"hibachi/links/amqp"
	"hibachi/links/engine"
)

func TestOptionsThatMakeNoSenseAreRefused(t *testing.T) {
	name := engine.Config{ContainerID: "links"}
	for _, c := range []struct {
		o    Options
		want string
	}{
		{Options{}, "Engine.ContainerID"},
		{Options{Engine: name, MaxConnections: -1}, "MaxConnections"},
		{Options{Engine: name, MaxHandshakes: -1}, "MaxHandshakes"},
		{Options{Engine: name, WriteTimeout: -1}, "WriteTimeout"},
	} {
		if _, err := NewServer(newHouse(), c.o); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", c.want, err)
		}
	}
}

func TestConnectionsBeyondTheLimitsAreClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		s := serve(t, newHouse(), func(o *Options) {
			o.MaxConnections, o.MaxHandshakes = 3, 2
			o.Log = slog.New(slog.NewTextHandler(&log, nil))
		})
		first := connect(t, s)
		first.open()
		half := connect(t, s)
		connect(t, s).wantIdle("a second handshake is allowed")
		connect(t, s).wantEnd("a third is not")
		half.open()
		connect(t, s).wantEnd("a fourth connection is not")
		if n := s.Stats(); n.ConnectionsAccepted != 3 || n.ConnectionsRefused != 2 {
			t.Errorf("%+v", n)
		}
		if n := strings.Count(log.String(), "connection refused"); n != 1 {
			t.Errorf("%d log lines in one second:\n%s", n, &log)
		}
		first.close()
		connect(t, s).open()
		time.Sleep(2 * time.Minute) // those who neither open nor speak are gone by then
		if n := s.Stats().Connections; n != 0 {
			t.Errorf("%d connections are left", n)
		}
	})
}

// Else whoever may connect could fill the disk with what he calls himself.
func TestPeersWriteLittleIntoTheLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		s := serve(t, newHouse(), func(o *Options) { o.Log = slog.New(slog.NewTextHandler(&log, nil)) })
		p := connect(t, s)
		p.write(amqp.HeaderAMQP[:])
		p.wantHeader(amqp.HeaderAMQP, "the header is answered")
		long := strings.Repeat("ö", 10_000)
		p.say(&amqp.Open{ContainerID: long, MaxFrameSize: 64 << 10, Properties: amqp.MakeMap(amqp.Symbol("product"), long)})
		want[*amqp.Open](p, "open is answered")
		p.say(&amqp.Close{Err: &amqp.Error{Condition: "x", Description: long}})
		want[*amqp.Close](p, "close is answered")
		p.wantEnd("the connection is over")
		synctest.Wait() // for the last line
		if n := log.Len(); n == 0 || n > 4<<10 {
			t.Errorf("%d octets in the log:\n%.5000s", n, &log)
		}
	})
}

func TestWhatIsNotAMQPIsAnsweredAndClosed(t *testing.T) {
	noise := make([]byte, 4096)
	rand.Read(noise)
	noise[0] = 'X'
	open := func(frames ...string) string { return string(amqp.HeaderAMQP[:]) + strings.Join(frames, "") }
	for name, c := range map[string]struct {
		says   string
		header bool // a header comes back
		close  amqp.Symbol
	}{
		"nothing":              {says: ""},
		"half a header":        {says: "AMQP"},
		"noise":                {says: string(noise), header: true},
		"HTTP":                 {says: "GET / HTTP/1.1\r\nHost: example\r\n\r\n", header: true},
		"TLS":                  {says: "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", header: true},
		"AMQP 0-9-1":           {says: "AMQP\x00\x00\x09\x01", header: true},
		"silence after header": {says: open(), header: true, close: amqp.ErrResourceLimitExceeded},
		"a frame of 4 GiB":     {says: open("\xff\xff\xff\xff\x02\x00\x00\x00"), header: true, close: amqp.ErrFraming},
		"a frame of 4 octets":  {says: open("\x00\x00\x00\x04\x02\x00\x00\x00"), header: true, close: amqp.ErrFraming},
		"half a frame":         {says: open("\x00\x00\x01\x00\x02\x00\x00\x00\x00\x53\x10"), header: true, close: amqp.ErrResourceLimitExceeded},
		"begin before open":    {says: open(string(amqp.AppendFrame(nil, 0, 0, &amqp.Begin{}, nil))), header: true, close: amqp.ErrIllegalState},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := serve(t, newHouse())
				p := connect(t, s)
				began := time.Now()
				if c.says != "" {
					p.write([]byte(c.says))
				}
				if c.header {
					if f := p.next("a header"); f.header != string(amqp.HeaderAMQP[:]) {
						t.Errorf("got %v", f)
					}
				}
				if c.close != "" {
					want[*amqp.Open](p, "an open, to be able to close")
					if cl := want[*amqp.Close](p, "a close that says why"); cl.Err.Condition != c.close {
						t.Errorf("%v", cl)
					}
				}
				p.wantEnd("and the end")
				if waited := time.Since(began); waited > 20*time.Second {
					t.Errorf("it took %v", waited)
				}
				synctest.Wait()
				if n := s.Stats(); n.Connections != 0 || s.handshakes.Load() != 0 {
					t.Errorf("%+v, %d handshakes", n, s.handshakes.Load())
				}
			})
		})
	}
}

func TestSilentPeerIsClosedAndHeartbeatsAreSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := connect(t, serve(t, newHouse(), func(o *Options) { o.Engine.IdleTimeout = 10 * time.Second }))
		p.write(amqp.HeaderAMQP[:])
		p.wantHeader(amqp.HeaderAMQP, "header")
		p.say(&amqp.Open{ContainerID: "peer", MaxFrameSize: 1 << 16, IdleTimeout: 400})
		want[*amqp.Open](p, "open")
		opened := time.Now()
		for n := range 9 {
			f := p.next("a heartbeat")
			if f.body != nil || f.header != "" {
				t.Fatalf("got %v", f)
			}
			if at, want := time.Since(opened), time.Duration(n+1)*200*time.Millisecond; at < want-10*time.Millisecond || at > want+10*time.Millisecond {
				t.Errorf("heartbeat %d after %v", n, at)
			}
		}
		for f := p.next("the end"); ; f = p.next("the end") {
			if c, ok := f.body.(*amqp.Close); ok {
				if c.Err.Condition != amqp.ErrResourceLimitExceeded {
					t.Errorf("%v", c)
				}
				break
			}
		}
		if after := time.Since(opened); after < 10*time.Second || after > 11*time.Second {
			t.Errorf("closed after %v", after)
		}
		p.wantEnd("the socket follows")
	})
}

// halves is a connection whose sides can be closed one by one, as a socket's can.
type halves struct {
	net.Conn // its own reading side
	out      net.Conn
}

func (h halves) Write(b []byte) (int, error)        { return h.out.Write(b) }
func (h halves) CloseWrite() error                  { return h.out.Close() }
func (h halves) Close() error                       { return errors.Join(h.Conn.Close(), h.out.Close()) }
func (h halves) SetWriteDeadline(t time.Time) error { return h.out.SetWriteDeadline(t) }
func halfPipe() (ours, theirs halves) {
	a, b := net.Pipe()
	c, d := net.Pipe()
	return halves{a, c}, halves{d, b}
}

func TestPeerThatClosesItsSideStillReadsTheAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serve(t, newHouse())
		ours, theirs := halfPipe()
		go s.ServeConn(theirs)
		p := newPeer(t, ours)
		p.open()
		p.say(&amqp.Close{})
		ours.CloseWrite()
		want[*amqp.Close](p, "close is answered")
		p.wantEnd("and the socket closed")
		ours.Close()
	})
}

func TestLastOctetsAreReadableBeforeTheSocketIsClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serve(t, newHouse())
		ours, theirs := halfPipe()
		go s.ServeConn(theirs)
		p := newPeer(t, ours)
		p.write([]byte("GET / HTTP/1.1\r\n\r\n"))
		p.wantHeader(amqp.HeaderAMQP, "what we speak")
		p.wantEnd("our side is closed")
		synctest.Wait()
		p.write([]byte("and more")) // which is read, as a socket that is closed with input unread is reset
		if n := s.Stats().Connections; n != 1 {
			t.Error("the socket was closed before the peer ended")
		}
		ours.Close()
		synctest.Wait()
		if n := s.Stats().Connections; n != 0 {
			t.Error("the connection is not over")
		}
	})
}

func TestPeerThatNeverEndsItsSideIsCut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serve(t, newHouse())
		ours, theirs := halfPipe()
		go s.ServeConn(theirs)
		p := newPeer(t, ours)
		p.open()
		p.say(&amqp.Close{})
		want[*amqp.Close](p, "close is answered")
		time.Sleep(5*time.Second + lingerTime + time.Millisecond)
		synctest.Wait()
		if n := s.Stats().Connections; n != 0 {
			t.Error("the connection is not over")
		}
		ours.Close()
	})
}

func TestShutdownAnswersWhatWasReceived(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse()
		h.target("in").hold = true
		s := serve(t, h)
		p, idle := connect(t, s), connect(t, s)
		idle.open()
		p.open()
		p.attachSender(0, "in")
		p.attachReceiver(1, "out", 10)
		p.transfer(0, 0, "message")
		p.flush()
		synctest.Wait()

		done := make(chan error, 1)
		go func() { done <- s.Shutdown(t.Context()) }()
		if c := want[*amqp.Close](idle, "who has nothing to wait for is closed"); c.Err.Condition != amqp.ErrConnectionForced {
			t.Errorf("%v", c)
		}
		idle.say(&amqp.Close{})
		p.wantIdle("an outcome is owed")
		connect(t, s).wantEnd("nobody new is let in")
		h.target("in").settle(amqp.DeliveryState{Kind: amqp.Accepted})
		if d := want[*amqp.Disposition](p, "the outcome"); d.State.Kind != amqp.Accepted {
			t.Errorf("%v", d)
		}
		for range 2 {
			if d := want[*amqp.Detach](p, "then links end"); d.Err.Condition != amqp.ErrConnectionForced {
				t.Errorf("%v", d)
			}
		}
		if c := want[*amqp.Close](p, "then the connection"); c.Err.Condition != amqp.ErrConnectionForced {
			t.Errorf("%v", c)
		}
		p.say(&amqp.Close{})
		if err := <-done; err != nil {
			t.Error(err)
		}
		if n := s.Stats(); n.Connections+n.Receivers+n.Senders != 0 {
			t.Errorf("%+v", n)
		}
		p.nc.Close()
		idle.nc.Close()
	})
}

func TestShutdownGrantsNoMoreCredit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse()
		in := h.target("in")
		in.hold = true
		s := serve(t, h, func(o *Options) { o.Engine.Credit = 10 })
		p := connect(t, s)
		p.open()
		p.attachSender(0, "in")
		for id := range uint32(10) {
			p.transfer(0, id, "message")
		}
		p.flush()
		synctest.Wait()
		done := make(chan error, 1)
		go func() { done <- s.Shutdown(t.Context()) }()
		synctest.Wait()
		last := in.held[9]
		in.held = in.held[:9]
		in.settle(amqp.DeliveryState{Kind: amqp.Accepted})
		if credit := p.wantOutcomes(9, amqp.Accepted); credit != 0 {
			t.Errorf("granted %d", credit)
		}
		p.wantIdle("no credit")
		last.Settle(amqp.DeliveryState{Kind: amqp.Accepted})
		p.wantOutcomes(1, amqp.Accepted)
		want[*amqp.Detach](p, "all is answered")
		want[*amqp.Close](p, "all is answered")
		p.nc.Close()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

func TestShutdownCutsWhenItsTimeIsUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse()
		h.target("in").hold = true
		s := serve(t, h)
		owed, stuck := connect(t, s), connect(t, s)
		owed.open()
		owed.attachSender(0, "in")
		owed.transfer(0, 0, "never answered")
		owed.flush()
		stuck.open()
		stuck.attachReceiver(0, "out", 100)
		stuck.stopReading()
		h.source("out").put("never read")
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		began := time.Now()
		if err := s.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("it says %v", err)
		}
		if took := time.Since(began); took != 3*time.Second {
			t.Errorf("it took %v", took)
		}
		if n := s.Stats().Connections; n != 0 {
			t.Errorf("%d connections are left", n)
		}
		if loaded, out, _ := h.source("out").count(); loaded != 1 || out != 0 {
			t.Errorf("%d there, %d out", loaded, out)
		}
		owed.nc.Close()
		stuck.nc.Close()
	})
}

// flaky is a listener with errors up its sleeve.
type flaky struct {
	events chan any // net.Conn or error
	closed chan struct{}
}

func (f *flaky) Accept() (net.Conn, error) {
	select {
	case e := <-f.events:
		if nc, ok := e.(net.Conn); ok {
			return nc, nil
		}
		return nil, e.(error)
	case <-f.closed:
		return nil, net.ErrClosed
	}
}

func (f *flaky) Close() error {
	select {
	case <-f.closed:
	default:
		close(f.closed)
	}
	return nil
}

func (f *flaky) Addr() net.Addr { return &net.TCPAddr{} }

func TestServeOutlivesErrorsThatGoAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serve(t, newHouse())
		f := &flaky{make(chan any, 20), make(chan struct{})}
		ours, theirs := net.Pipe()
		for range 10 {
			f.events <- fmt.Errorf("accept: %w", os.NewSyscallError("accept4", syscall.EMFILE))
		}
		f.events <- theirs
		done := make(chan error, 1)
		began := time.Now()
		go func() { done <- s.Serve(f) }()
		p := newPeer(t, ours)
		p.open()
		if waited := time.Since(began); waited < time.Second || waited > 10*time.Second {
			t.Errorf("ten errors took %v", waited)
		}
		p.close()
		if err := s.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
		if err := <-done; err != nil {
			t.Errorf("after Shutdown, Serve says %v", err)
		}
		if err := s.Serve(&flaky{make(chan any), make(chan struct{})}); err != nil {
			t.Errorf("called after Shutdown, it says %v", err)
		}
	})
}

func TestServeEndsWithAnErrorThatStays(t *testing.T) {
	s := serve(t, newHouse())
	f := &flaky{make(chan any, 1), make(chan struct{})}
	f.events <- io.ErrUnexpectedEOF
	if err := s.Serve(f); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("%v", err)
	}
}
