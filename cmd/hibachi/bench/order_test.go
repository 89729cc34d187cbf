package bench

import (
	"strings"
	"testing"
)

// What the check makes of a device's sequence; the senders sent 1..6.
func TestTheCheckFindsPlantedFaults(t *testing.T) {
	for _, tt := range []struct {
		name     string
		received []uint32
		refused  []uint32
		losses   int
		want     string // part of the problem, "" for none
	}{
		{"in order", []uint32{1, 2, 3, 4, 5, 6}, nil, 0, ""},
		{"swap", []uint32{1, 3, 2, 4, 5, 6}, nil, 0, "1 out of order"},
		{"gap", []uint32{1, 2, 4, 5, 6}, nil, 0, "1 gaps"},
		{"gap at the end", []uint32{1, 2, 3, 4}, nil, 0, "2 gaps"},
		{"gap at the start", []uint32{2, 3, 4, 5, 6}, nil, 0, "1 gaps"},
		{"nothing at all", nil, nil, 0, "6 gaps"},
		{"gap that was refused", []uint32{1, 2, 4, 5, 6}, []uint32{3}, 0, ""},
		{"late one that was refused", []uint32{1, 2, 4, 3, 5, 6}, []uint32{3}, 0, "1 out of order"},
		{"duplicate", []uint32{1, 2, 2, 3, 4, 5, 6}, nil, 0, "1 duplicates"},
		{"suffix repeated without a loss", []uint32{1, 2, 3, 2, 3, 4, 5, 6}, nil, 0, "2 duplicates"},
		{"suffix repeated after a loss", []uint32{1, 2, 3, 2, 3, 4, 5, 6}, nil, 1, ""},
		{"repeated twice", []uint32{1, 2, 3, 2, 3, 3, 4, 5, 6}, nil, 2, ""},
		{"repeat not to its end", []uint32{1, 2, 3, 4, 2, 3, 5, 6}, nil, 1, "1 broken"},
		{"repeat with a leap", []uint32{1, 2, 3, 4, 1, 3, 4, 5, 6}, nil, 1, "1 broken"},
		{"repeat over a refused one", []uint32{1, 3, 4, 1, 3, 4, 5, 6}, []uint32{2}, 1, ""},
		{"loss does not excuse a gap", []uint32{1, 2, 4, 5, 6}, nil, 1, "1 gaps"},
		{"numbered from nothing", []uint32{0, 1, 2, 3, 4, 5, 6}, nil, 0, "1 strange"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := NewCheck(2, 3)
			for _, seq := range tt.refused {
				c.Refused(1, 2, seq)
			}
			for _, seq := range tt.received {
				c.Received(1, 2, seq)
			}
			c.SentUpTo(1, 2, 6)
			got := c.Verdict().Problem(tt.losses)
			if (tt.want == "") != (got == "") || !strings.Contains(got, tt.want) {
				t.Errorf("problem %q, want %q", got, tt.want)
			}
		})
	}
}

func TestTheCheckKnowsItsDevices(t *testing.T) {
	c := NewCheck(2, 3)
	c.Received(0, 0, 1)
	c.Received(0, 1, 1)
	c.Received(1, 0, 1)
	if p := c.Verdict().Problem(0); p != "" {
		t.Errorf("three devices of two tenants: %s", p)
	}
	c.Received(2, 0, 1)
	c.Received(0, 3, 1)
	if v := c.Verdict(); v.Strange != 2 || v.Events != 3 {
		t.Errorf("%+v, want 2 strange and 3 events", v)
	}
}

func TestTheFirstFaultIsNamed(t *testing.T) {
	c := NewCheck(1, 10)
	for _, seq := range []uint32{1, 3, 2} {
		c.Received(0, 7, seq)
	}
	if got := c.Verdict().First; got != "tenant 0, device 7: 2 came after 3" {
		t.Errorf("first fault %q", got)
	}
}
