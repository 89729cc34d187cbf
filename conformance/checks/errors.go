package checks

import (
	"strings"

	"hibachi/conformance/suite"
	"hibachi/conformance/wire"
)

// errorHygiene: [transport 2.8.14-2.8.18].
var errorHygiene = suite.Group{
	ID: "ER", Title: "Errors: how they are put",
	Checks: []suite.Check{
		{
			ID: "ER1", Section: "transport 2.8.15", Level: suite.Must,
			Title: "a condition is a symbol of the standard, of the family of what ends",
			Run: func(t *suite.T) {
				families := map[*wire.Kind]string{wire.Close: "connection", wire.End: "session", wire.Detach: "link"}
				mistakes(t, func(t *suite.T, f *wire.Composite) {
					// amqp:not-found is for everything, amqp:link:stolen for links.
					parts := strings.Split(f.Condition(), ":")
					switch {
					case f.Condition() == "":
						t.FailWant("an error with a condition that is a symbol", f.String())
					case len(parts) == 3 && parts[1] != families[f.Kind]:
						t.Errorf("%s is not for %s", f.Condition(), f.Kind.Name)
					}
				})
			},
		},
		{
			ID: "ER2", Section: "transport 2.7.7", Level: suite.Must, Needs: []suite.Feature{suite.Missing},
			Title: "a detach with an error is a closing one",
			Run: func(t *suite.T) {
				mistakes(t, func(t *suite.T, f *wire.Composite) {
					if f.Kind == wire.Detach && !f.Bool("closed") {
						t.FailWant("closed", f.String())
					}
				})
			},
		},
		{
			ID: "ER3", Section: "transport 2.8.14", Level: suite.Should,
			Title: "an error has a description for people",
			Run: func(t *suite.T) {
				mistakes(t, func(t *suite.T, f *wire.Composite) {
					if d := f.Composite("error").Text("description"); strings.TrimSpace(d) == "" {
						t.Tolerate("a description", f.String(), "it is a should; the condition says what there is to do")
					}
				})
			},
		},
		{
			ID: "ER4", Section: "transport 2.7.1", Level: suite.Extra,
			Title: "a description fits the client's frames, and tells nothing of the target's inside",
			Run: func(t *suite.T) {
				// The connection's own watch judges the sizes of frames: 512 octets are the most.
				mistakes(t, func(t *suite.T, f *wire.Composite) {
					text := f.Composite("error").Text("description")
					for _, leak := range []string{"goroutine ", ".go:", "Exception", "\n\tat ", "Traceback", "{error,", "function_clause", "badmatch", "0x0000"} {
						if strings.Contains(text, leak) {
							t.Errorf("the description has %q in it: %q", leak, text)
						}
					}
				})
			},
		},
	},
}

// mistakes makes one of each kind on a connection that takes 512 octets, and shows the frame that comes of it.
func mistakes(t *suite.T, look func(t *suite.T, f *wire.Composite)) {
	long := strings.Repeat("/a-long-way", 30)
	cases(t, map[string]func(t *suite.T, s *suite.Session){
		"missing target": func(t *suite.T, s *suite.Session) {
			s.Send(wire.Attach.With(s.SenderFields(t.MissingAddress())))
		},
		"missing source with a long address": func(t *suite.T, s *suite.Session) {
			s.Send(wire.Attach.With(s.ReceiverFields(t.MissingAddress() + long)))
		},
		"unknown handle": func(_ *suite.T, s *suite.Session) {
			s.Send(wire.Flow.With(s.FlowFields(), wire.F{"handle": 99}))
		},
		"second open": func(t *suite.T, s *suite.Session) {
			s.Conn().Send(0, wire.Open.With(t.OpenFields()))
		},
		"unknown performative": func(_ *suite.T, s *suite.Session) {
			s.Conn().Write(wire.RawFrame(2, 0, s.Channel, []byte{0, 0x53, 0x99, 0x45}))
		},
		"malformed frame": func(_ *suite.T, s *suite.Session) {
			s.Conn().Write(wire.FrameHeader(8, 1, 0, 0))
		},
	}, func(t *suite.T, provoke func(t *suite.T, s *suite.Session)) {
		s := t.Open(wire.F{"max-frame-size": 512}).Begin(nil)
		provoke(t, s)
		for {
			e := s.Conn().Next()
			switch {
			case e.Kind != suite.GotFrame:
				t.Tolerate("an error", e.String(), "whether it is refused is another check's question")
				return
			case e.Frame.Is(wire.Detach, wire.End, wire.Close):
				look(t, e.Frame.Body)
				return
			}
		}
	})
}
