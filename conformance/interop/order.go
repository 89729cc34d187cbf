package main

import (
	"cmp"
	"fmt"
	"slices"
)

// event is one event as a client showed it.
type event struct {
	micros int64 // wall clock of the client, taken before it accepted
	device string
	seq    int
	size   int
}

// check holds what one application's consumers saw together against what was sent: count events over devices, device d having the
// sequence d, d+devices, d+2*devices … Every event must be there and no device's order broken; repeats are allowed only where the
// network was cut.
func check(events []event, count, devices, size int, repeats bool) error {
	slices.SortStableFunc(events, func(a, b event) int { return cmp.Compare(a.micros, b.micros) })
	next := map[string]int{}
	for d := range devices {
		next[fmt.Sprintf("d%d", d)] = d
	}
	for _, e := range events {
		want, known := next[e.device]
		switch {
		case !known:
			return fmt.Errorf("an event of %s, which was never sent", e.device)
		case e.size != size:
			return fmt.Errorf("event %d of %s has %d bytes, %d were sent", e.seq, e.device, e.size, size)
		case e.seq == want:
			next[e.device] = want + devices
		case e.seq > want:
			return fmt.Errorf("event %d of %s came before %d", e.seq, e.device, want)
		case !repeats:
			return fmt.Errorf("event %d of %s came again", e.seq, e.device)
		}
	}
	for device, want := range next {
		if want < count {
			return fmt.Errorf("event %d of %s is missing", want, device)
		}
	}
	return nil
}
