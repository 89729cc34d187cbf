package suite

import (
	"bytes"
	"context"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"hibachi/conformance/wire"
)

// A target here is a function that answers one connection. They are small lies, each of one kind, for the harness to see through.

// serve answers every connection with the function, on a port of its own.
func serve(t *testing.T, answer func(nc net.Conn)) *Target {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	go func() {
		for {
			nc, err := l.Accept()
			if err != nil {
				return
			}
			go answer(nc)
		}
	}()
	g, err := NewTarget("amqp://"+l.Addr().String(), &Profile{Name: "lie", Auth: Auth{Mechanism: "none"}, Patience: 50 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// frames answers a header with a header and each frame with what the function says.
func frames(answer func(f *wire.Frame) []byte) func(nc net.Conn) {
	return func(nc net.Conn) {
		defer nc.Close()
		var head [8]byte
		if _, err := io.ReadFull(nc, head[:]); err != nil {
			return
		}
		if _, err := nc.Write(wire.AMQPHeader[:]); err != nil {
			return
		}
		for {
			if _, err := io.ReadFull(nc, head[:]); err != nil {
				return
			}
			body := make([]byte, int(head[2])<<8+int(head[3])-8)
			if _, err := io.ReadFull(nc, body); err != nil {
				return
			}
			f, _ := wire.ParseFrame(append(head[:], body...)) // what is malformed has no body and is answered by default
			b := answer(f)
			if b == nil {
				return
			}
			if _, err := nc.Write(b); err != nil {
				return
			}
		}
	}
}

// honest answers open, begin and an echo, and closes with the condition when a disposition comes.
func honest(condition string) func(f *wire.Frame) []byte {
	return func(f *wire.Frame) []byte {
		switch {
		case f.Is(wire.Open):
			return wire.AMQP(0, wire.Open.With(wire.F{"container-id": "lie"}), nil)
		case f.Is(wire.Begin):
			return wire.AMQP(0, wire.Begin.With(wire.F{
				"remote-channel": int(f.Channel), "next-outgoing-id": 0, "incoming-window": 10, "outgoing-window": 10}), nil)
		case f.Is(wire.Flow) && f.Body.Bool("echo"):
			return wire.AMQP(0, wire.Flow.With(wire.F{"next-incoming-id": 0, "incoming-window": 1, "next-outgoing-id": 0, "outgoing-window": 1}), nil)
		case f.Is(wire.Disposition):
			return wire.AMQP(0, wire.Close.With(wire.F{"error": wire.Error.With(wire.F{"condition": condition})}), nil)
		case f.Is(wire.Close):
			return nil
		}
		return []byte{}
	}
}

// provoke is a check that expects a close with illegal-state after a disposition.
func provoke(r Refusal) Check {
	return Check{ID: "X1", Title: "x", Section: "x", Level: Must, Twin: "X1", Run: func(t *T) {
		c := t.Open(nil)
		c.Begin(nil)
		c.Send(0, wire.Disposition.With(wire.F{"role": true, "first": 0}))
		c.Refused(r)
	}}
}

func examined(t *testing.T, g *Target, c Check) *Result {
	t.Helper()
	return g.examine(context.Background(), &c, "X", Options{})
}

func TestScopeAndConditionAreJudgedApart(t *testing.T) {
	for name, tt := range map[string]struct {
		answer                    func(f *wire.Frame) []byte
		want                      Refusal
		verdict, scope, condition Verdict
		says                      string
	}{
		"as wanted":           {honest(wire.IllegalState), Closes(wire.IllegalState), Pass, Pass, Pass, ""},
		"any condition":       {honest(wire.NotFound), Closes(), Pass, Pass, Pass, ""},
		"another condition":   {honest(wire.NotFound), Closes(wire.IllegalState), Fail, Pass, Fail, "expected amqp:illegal-state, got amqp:not-found"},
		"tolerated condition": {honest(wire.NotFound), Closes(wire.IllegalState).OrCondition(wire.NotFound, "it is lost"), Tolerated, Pass, Tolerated, "it is lost"},
		"another scope":       {honest(wire.IllegalState), Ends(wire.IllegalState), Fail, Fail, Pass, "expected end, got close"},
		"tolerated scope":     {honest(wire.IllegalState), Ends(wire.IllegalState).Or(CloseScope, "more than enough"), Tolerated, Tolerated, Pass, "more than enough"},
		"dropped": {func(f *wire.Frame) []byte {
			if f.Is(wire.Disposition) {
				return nil
			}
			return honest("")(f)
		}, Closes(wire.IllegalState), Fail, Fail, "", "got drop"},
		"ignored": {func(f *wire.Frame) []byte {
			if f.Is(wire.Disposition) {
				return []byte{}
			}
			return honest("")(f)
		}, Closes(wire.IllegalState), Fail, Fail, "", "got ignore"},
		"hung": {func(f *wire.Frame) []byte {
			if f.Is(wire.Disposition, wire.Flow) || f.Is(wire.Begin) && f.Channel > 0 {
				return []byte{}
			}
			return honest("")(f)
		}, Closes(wire.IllegalState), Fail, Fail, "", "got silence"},
	} {
		t.Run(name, func(t *testing.T) {
			r := examined(t, serve(t, frames(tt.answer)), provoke(tt.want))
			if r.Verdict != tt.verdict || r.Scope != tt.scope || r.Condition != tt.condition {
				t.Errorf("%s, scope %q, condition %q; want %s, %q, %q: %v", r.Verdict, r.Scope, r.Condition, tt.verdict, tt.scope, tt.condition, r.Findings)
			}
			if all := said(r); !strings.Contains(all, tt.says) {
				t.Errorf("%q does not say %q", all, tt.says)
			}
		})
	}
}

func said(r *Result) string {
	var all []string
	for _, f := range r.Findings {
		all = append(all, f.String())
	}
	return strings.Join(all, "; ")
}

func TestAliveWithoutAnEcho(t *testing.T) {
	deaf := func(f *wire.Frame) []byte {
		if f.Is(wire.Flow) {
			return []byte{}
		}
		return honest("")(f)
	}
	g := serve(t, frames(deaf))
	r := examined(t, g, Check{ID: "X1", Run: func(t *T) { c := t.Open(nil); c.Begin(nil); c.Alive() }})
	if r.Verdict != Pass || !g.deaf.Load() {
		t.Errorf("%s: %s, known to be deaf: %t", r.Verdict, said(r), g.deaf.Load())
	}
}

// What is wrong with a target's frames is seen, whatever the check looks at.
func TestTheWatchOfAConnection(t *testing.T) {
	open := func(extra ...[]byte) func(f *wire.Frame) []byte {
		return func(f *wire.Frame) []byte {
			if !f.Is(wire.Open) {
				return honest("")(f)
			}
			return append(wire.AMQP(0, wire.Open.With(wire.F{"container-id": "lie"}), nil), bytes.Join(extra, nil)...)
		}
	}
	for name, tt := range map[string]struct {
		answer func(f *wire.Frame) []byte
		says   string
	}{
		"too large":      {open(wire.RawFrame(200, 0, 0, nil)), "frame of 800 octets; 512 was the most"},
		"high channel":   {open(wire.Empty(9)), "channel 9; 1 is the highest"},
		"malformed":      {open(wire.RawFrame(2, 0, 0, []byte{0, 0x53, 0x10, 0x45})), "mandatory field container-id is missing"},
		"no condition":   {open(wire.AMQP(0, wire.Detach.With(wire.F{"handle": 0, "error": wire.Error.With(wire.F{"condition": "amqp:not allowed"})}), nil)), "which the standard does not have"},
		"after a close":  {open(wire.AMQP(0, wire.Close.With(), nil), wire.Empty(0)), "a frame after its close"},
		"nothing at all": {open(), ""},
	} {
		t.Run(name, func(t *testing.T) {
			r := examined(t, serve(t, frames(tt.answer)), Check{ID: "X1", Run: func(t *T) {
				c := t.Open(wire.F{"max-frame-size": 512, "channel-max": 1})
				for c.Next().Kind == GotFrame {
					t.Note("one more")
				}
			}})
			if want := map[bool]Verdict{true: Pass, false: Fail}[tt.says == ""]; r.Verdict != want || !strings.Contains(said(r), tt.says) {
				t.Errorf("%s: %s", r.Verdict, said(r))
			}
		})
	}
}

// Checks that hang, targets that flood, send garbage or go away: the verdict is a fail that says so, in bounded time and memory.
func TestBounds(t *testing.T) {
	flood := func(nc net.Conn) {
		defer nc.Close()
		b := bytes.Repeat(wire.RawFrame(250, 0, 0, nil), 1000)
		for {
			if _, err := nc.Write(b); err != nil {
				return
			}
		}
	}
	drain := func(c *Conn) {
		<-c.done // as if the check did something else for long
		for {
			if e := c.NextOf(time.Second); e.Kind != GotFrame {
				c.t.FailWant("frames", e.String())
			}
		}
	}
	for name, tt := range map[string]struct {
		answer func(nc net.Conn)
		run    func(t *T)
		says   string
	}{
		"flood":   {flood, func(t *T) { drain(t.Dial()) }, "a flood of more than 64 MiB"},
		"garbage": {func(nc net.Conn) { _, _ = nc.Write([]byte("HTTP/1.1 400")) }, func(t *T) { t.Dial().Expect(wire.Open) }, "octets that are no frame"},
		"hang": {func(net.Conn) {}, func(t *T) {
			for {
				t.Dial().NextOf(time.Hour)
			}
		}, "took longer than"},
		"a check that panics": {func(net.Conn) {}, func(*T) { panic("mistake") }, "the check itself broke: mistake"},
		"no twin":             {frames(honest(wire.IllegalState)), func(t *T) { provoke(Closes()).Run(t) }, "has no positive twin"},
		"a twin that fails": {frames(honest(wire.IllegalState)), func(t *T) {
			t.Twin("never", func(t *T) { t.Fail("it does not work at all") })
		}, "a refusal would prove nothing"},
	} {
		t.Run(name, func(t *testing.T) {
			r := examined(t, serve(t, tt.answer), Check{ID: "X1", Takes: 500 * time.Millisecond, Run: tt.run})
			if r.Verdict != Fail || !strings.Contains(said(r), tt.says) {
				t.Errorf("%s: %s", r.Verdict, said(r))
			}
			if len(r.Trace) > keepFirst+keepLast+1 {
				t.Errorf("a trace of %d lines", len(r.Trace))
			}
		})
	}
}

// A target that dies is reported with the check after which it was gone, and one that comes back is tested on.
func TestATargetThatDies(t *testing.T) {
	var g *Target
	dead := make(chan struct{})
	g = serve(t, func(nc net.Conn) {
		select {
		case <-dead:
			_ = nc.Close()
			return
		default:
		}
		frames(func(f *wire.Frame) []byte {
			if f.Is(wire.Disposition) {
				close(dead)
				return nil
			}
			return honest("")(f)
		})(nc)
	})
	killer := provoke(Closes())
	groups := []Group{{ID: "X", Title: "x", Checks: []Check{killer,
		{ID: "X2", Title: "x", Section: "x", Level: Must, Run: func(t *T) { t.Open(nil) }}}}}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	run, _ := g.Execute(ctx, groups, groups, Options{Parallel: 1}) // the context ends the wait for the target to come back
	if r := run.Groups[0].Results[0]; !strings.Contains(said(&r), "does not serve any more after this") {
		t.Error(said(&r))
	}
}

func TestAPassWithoutItsTwinProvesNothing(t *testing.T) {
	g := serve(t, frames(honest(wire.IllegalState)))
	bad := provoke(Closes(wire.IllegalState))
	bad.Twin = "X2"
	all := []Group{{ID: "X", Title: "x", Checks: []Check{bad, {ID: "X2", Title: "x", Section: "x", Level: Must, Run: func(t *T) { t.Fail("no") }}}}}
	some, err := Select(all, []string{"x1"})
	if err != nil {
		t.Fatal(err)
	}
	run, err := g.Execute(context.Background(), some, all, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if r := run.Groups[0].Results; len(r) != 1 || r[0].Verdict != Fail || !strings.Contains(said(&r[0]), "its positive twin X2 failed") {
		t.Errorf("%+v", r)
	}
}

func TestProfilesThatComeAlong(t *testing.T) {
	if len(Profiles()) < 6 {
		t.Errorf("only %v", Profiles())
	}
	for _, name := range Profiles() {
		p, err := LoadProfile(name)
		if err != nil {
			t.Error(err)
			continue
		}
		if p.Name != name || p.Title == "" {
			t.Errorf("%s calls itself %q, %q", name, p.Name, p.Title)
		}
	}
}

func TestProfilesAreHeldToTheirRules(t *testing.T) {
	for name, text := range map[string]string{
		"no such field":   "name: x\nauth: {mechanism: none}\nfetaures: []",
		"no such feature": "name: x\nauth: {mechanism: none}\nfeatures: [magic]",
		"no address":      "name: x\nauth: {mechanism: none}\nfeatures: [queues]",
		"no user":         "name: x\nauth: {mechanism: plain}",
		"no mechanism":    "name: x",
		"no name":         "auth: {mechanism: none}",
	} {
		if _, err := parseProfile([]byte(text)); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestTablesAreHeldToTheirRules(t *testing.T) {
	run := func(*T) {}
	for name, c := range map[string][]Check{
		"twice":     {{ID: "A", Title: "x", Section: "x", Level: Must, Run: run}, {ID: "A", Title: "x", Section: "x", Level: Must, Run: run}},
		"no twin":   {{ID: "A", Title: "x", Section: "x", Level: Must, Run: run, Twin: "B"}},
		"no title":  {{ID: "A", Section: "x", Level: Must, Run: run}},
		"no action": {{ID: "A", Title: "x", Section: "x", Level: Must}},
	} {
		if Validate([]Group{{ID: "G", Checks: c}}) == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if _, err := Select([]Group{{ID: "G"}}, []string{"H"}); err == nil {
		t.Error("a group that does not exist was selected")
	}
}
