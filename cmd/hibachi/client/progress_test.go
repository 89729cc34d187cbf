package client

import (
	"strings"
	"testing"
	"time"
)

func TestProgressShowsLongRunsOnly(t *testing.T) {
	for _, tt := range []struct {
		name     string
		terminal bool
		steps    []time.Duration // since the begin; step i has i+1 of 10 done
		want     string
	}{
		{"a short run shows nothing", true, []time.Duration{time.Second, 1999 * time.Millisecond}, ""},
		{"a terminal has one line", true, []time.Duration{time.Second, 2 * time.Second, 2100 * time.Millisecond, 3 * time.Second},
			"\r\x1b[K2 of 10 (20 %), 1/s" + "\r\x1b[K4 of 10 (40 %), 1/s" + "\r\x1b[K"},
		{"elsewhere there is a line now and then", false, []time.Duration{2 * time.Second, 3 * time.Second, 7 * time.Second},
			"1 of 10 (10 %), 0/s\n" + "3 of 10 (30 %), 0/s\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var out strings.Builder
			began := time.UnixMilli(0)
			now := began
			p := NewProgress(&out, tt.terminal, func() time.Time { return now })
			for i, at := range tt.steps {
				now = began.Add(at)
				p.Step(i+1, 10)
			}
			p.Clear()
			p.Clear() // there is nothing to clear any more
			if out.String() != tt.want {
				t.Errorf("shown %q, not %q", out.String(), tt.want)
			}
		})
	}
}
