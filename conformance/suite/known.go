package suite

import "hibachi/conformance/wire"

// Known is the latest state that has come for a delivery, without waiting for one.
func (s *Session) Known(id uint32) (state *wire.Composite, ok bool) {
	for _, d := range s.states {
		last := d.Uint("first")
		if d.Has("last") {
			last = d.Uint("last")
		}
		if id-uint32(d.Uint("first")) <= uint32(last)-uint32(d.Uint("first")) {
			state, ok = d.Composite("state"), true
		}
	}
	return state, ok
}
