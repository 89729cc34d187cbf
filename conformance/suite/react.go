package suite

import (
	"fmt"
	"time"

	"hibachi/conformance/wire"
)

// Refused waits for the target's reaction to what was sent last and judges its scope and its condition.
func (c *Conn) Refused(want Refusal) Reaction {
	c.t.refusals++
	got := c.reaction(want)
	scope, condition, found := want.judge(got)
	c.t.scope, c.t.condition = worse(c.t.scope, scope), worse(c.t.condition, condition)
	for _, f := range found {
		c.t.found(f)
	}
	c.t.verdict = worse(c.t.verdict, Pass)
	if scope == Fail {
		panic(over{})
	}
	return got
}

// reaction reads until something is a reaction. Where ignoring is permitted an echo is asked for at once, so that nobody has to wait.
func (c *Conn) reaction(want Refusal) Reaction {
	if _, permitted := want.orScope[Ignores]; permitted || want.scopes[0] == Ignores {
		return c.probe()
	}
	r, ok := c.readReaction(c.t.Patience(), nil)
	if ok {
		return r
	}
	return c.probe()
}

// readReaction reads until a refusal, or until stop says that the frame is the proof of life, or until nothing comes for so long.
func (c *Conn) readReaction(wait time.Duration, stop func(f *wire.Frame) bool) (Reaction, bool) {
	header := false
	for end := time.Now().Add(wait); ; {
		e := c.NextWithin(time.Until(end))
		switch e.Kind {
		case GotEOF:
			if header {
				return Reaction{Scope: HeaderScope}, true
			}
			return Reaction{Scope: Drops}, true
		case GotReset:
			return Reaction{Scope: Resets}, true
		case GotHeader:
			header = true
		case GotGarbage, GotFlood:
			c.t.FailWant("a refusal", e.String())
		case Silence:
			return Reaction{Scope: Hangs}, false
		case GotFrame:
			if r, ok := refusalIn(e.Frame); ok {
				return r, true
			}
			if stop != nil && stop(e.Frame) {
				return Reaction{Scope: Ignores}, true
			}
		}
	}
}

// refusalIn tells whether a frame is one.
func refusalIn(f *wire.Frame) (Reaction, bool) {
	if f.Body == nil {
		return Reaction{}, false
	}
	scopes := map[*wire.Kind]Scope{wire.Close: CloseScope, wire.End: EndScope, wire.Detach: DetachScope}
	if s, ok := scopes[f.Body.Kind]; ok {
		e := f.Body.Composite("error")
		return Reaction{Scope: s, Condition: e.Text("condition"), Text: e.Text("description")}, true
	}
	if f.Is(wire.SASLOutcome) && f.Body.Uint("code") != 0 {
		return Reaction{Scope: OutcomeScope, Condition: fmt.Sprint(f.Body.Uint("code"))}, true
	}
	if state := f.Body; f.Is(wire.Disposition) {
		if state = state.Composite("state"); state != nil && state.Kind == wire.Rejected {
			e := state.Composite("error")
			return Reaction{Scope: RejectScope, Condition: e.Text("condition"), Text: e.Text("description")}, true
		}
	}
	return Reaction{}, false
}

// probe finds out whether the connection lives: by an echo on a session, or by a fresh session.
func (c *Conn) probe() Reaction {
	if c.Open == nil {
		return Reaction{Scope: Hangs}
	}
	if s := c.live(); s != nil && !c.t.target.deaf.Load() {
		s.Send(wire.Flow.With(s.FlowFields(), wire.F{"echo": true}))
		r, ok := c.readReaction(min(c.t.Patience(), time.Second), func(f *wire.Frame) bool {
			return f.Is(wire.Flow) && !f.Body.Has("handle") && f.Channel == s.Remote
		})
		if ok {
			return r
		}
		c.t.target.deaf.Store(true)
		c.t.Note("the target does not answer an echo: from here on a fresh session is asked for instead")
	}
	channel := c.next
	c.next++
	c.Send(channel, BeginFrame(nil))
	r, _ := c.readReaction(c.t.Patience(), func(f *wire.Frame) bool {
		return f.Is(wire.Begin) && uint16(f.Body.Uint("remote-channel")) == channel
	})
	return r
}

// live is a session that was not ended.
func (c *Conn) live() *Session {
	for _, s := range c.sessions {
		if !s.Ended {
			return s
		}
	}
	return nil
}

// Alive proves that what was sent was ignored or taken, and that the connection is served: by an echo or by a fresh session. Frames
// that came on the way are dropped, but the sessions and links have learnt from them.
func (c *Conn) Alive() {
	if r := c.probe(); r.Scope != Ignores {
		text := r.String()
		if r.Text != "" {
			text += fmt.Sprintf(" (%q)", r.Text)
		}
		c.t.FailWant("a connection that goes on", text)
	}
}
