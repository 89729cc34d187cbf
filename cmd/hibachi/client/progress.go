package client

import (
	"fmt"
	"io"
	"time"
)

// Progress shows how far a long run is: nothing in the first two seconds, then a line that is rewritten on a terminal, and a new
// line now and then elsewhere. A nil Progress shows nothing. Not safe for concurrent use.
type Progress struct {
	out      io.Writer
	terminal bool
	now      func() time.Time

	began, shown time.Time
	line         bool // an unfinished line stands on the terminal
}

const (
	progressQuiet    = 2 * time.Second
	progressTerminal = 200 * time.Millisecond
	progressLog      = 5 * time.Second
)

// NewProgress shows progress on out. now is time.Now, or a test's.
func NewProgress(out io.Writer, terminal bool, now func() time.Time) *Progress {
	return &Progress{out: out, terminal: terminal, now: now, began: now()}
}

// Step tells that done of total are done.
func (p *Progress) Step(done, total int) {
	if p == nil || !p.due() {
		return
	}
	rate := float64(done) / p.shown.Sub(p.began).Seconds()
	text := fmt.Sprintf("%d of %d (%d %%), %.0f/s", done, total, 100*done/total, rate)
	if !p.terminal {
		fmt.Fprintln(p.out, text)
		return
	}
	fmt.Fprintf(p.out, "\r\x1b[K%s", text)
	p.line = true
}

// due tells whether it is time for another line, and then takes it as shown.
func (p *Progress) due() bool {
	every := progressLog
	if p.terminal {
		every = progressTerminal
	}
	now := p.now()
	if now.Sub(p.began) < progressQuiet || now.Sub(p.shown) < every {
		return false
	}
	p.shown = now
	return true
}

// Clear makes room for a line of other output.
func (p *Progress) Clear() {
	if p == nil || !p.line {
		return
	}
	fmt.Fprint(p.out, "\r\x1b[K")
	p.line = false
}

// plural is "1 event", "2 events".
func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// rounded drops the digits of a duration that nobody reads.
func rounded(d time.Duration) time.Duration {
	switch {
	case d >= 10*time.Second:
		return d.Round(time.Second)
	case d >= time.Second:
		return d.Round(10 * time.Millisecond)
	case d >= time.Millisecond:
		return d.Round(time.Millisecond)
	}
	return d.Round(time.Microsecond)
}
