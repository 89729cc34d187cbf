package suite

import (
	"encoding/hex"
	"fmt"
	"runtime/debug"
	"sync"
	"time"

	"hibachi/conformance/wire"
)

// A trace keeps the first lines and the last ones of a check: a flood must not fill the report.
const (
	keepFirst = 120
	keepLast  = 60
	keepHex   = 64 // octets shown of each
)

type trace struct {
	began time.Time // Set once.

	mu      sync.Mutex
	first   []Line // Guarded by mu.
	last    []Line // Guarded by mu. The latest keepLast.
	dropped int    // Guarded by mu.
}

func (t *trace) add(conn int, dir, text string, octets []byte) {
	l := Line{At: time.Since(t.began), Conn: conn, Dir: dir, Text: text, Hex: hex.EncodeToString(octets[:min(len(octets), keepHex)])}
	if len(octets) > keepHex {
		l.Hex += "…"
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.first) < keepFirst {
		t.first = append(t.first, l)
		return
	}
	if len(t.last) == keepLast {
		t.last = append(t.last[:0], t.last[1:]...)
		t.dropped++
	}
	t.last = append(t.last, l)
}

// full tells whether a line more would push another out, so that its text is worth less.
func (t *trace) full() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.dropped > 1000
}

// sent notes octets, a line for each frame in them.
func (t *trace) sent(conn int, octets []byte) {
	if t.full() {
		t.add(conn, "->", fmt.Sprintf("%d octets", len(octets)), nil)
		return
	}
	lines := wire.ShowOctets(octets)
	for i, text := range lines {
		var h []byte
		if i == 0 {
			h = octets
		}
		t.add(conn, "->", text, h)
	}
}

func (t *trace) lines() []Line {
	t.mu.Lock()
	defer t.mu.Unlock()
	all := append([]Line(nil), t.first...)
	if t.dropped > 0 {
		all = append(all, Line{Dir: "--", Text: fmt.Sprintf("… %d lines left out …", t.dropped)})
	}
	return append(all, t.last...)
}

func stack() string { return string(debug.Stack()) }
