package main

import (
	"strings"
	"testing"
)

// The checker must have teeth: each planted fault is found and named.
func TestCheckFindsPlantedFaults(t *testing.T) {
	good := []event{{1, "d0", 0, 5}, {2, "d1", 1, 5}, {3, "d0", 2, 5}, {4, "d1", 3, 5}}
	with := func(change func(e []event) []event) []event { return change(append([]event(nil), good...)) }
	for _, test := range []struct {
		name    string
		events  []event
		repeats bool
		want    string // "" is no fault
	}{
		{"all in order", good, false, ""},
		{"seen in another order than shown", with(func(e []event) []event { e[0], e[3] = e[3], e[0]; return e }), false, ""},
		{"lost at the end", good[:3], false, "event 3 of d1 is missing"},
		{"lost in the middle", with(func(e []event) []event { return e[1:] }), false, "came before 0"},
		{"swapped", with(func(e []event) []event { e[0].micros, e[2].micros = 3, 1; return e }), false, "event 2 of d0 came before 0"},
		{"twice", with(func(e []event) []event { return append(e, event{9, "d1", 1, 5}) }), false, "event 1 of d1 came again"},
		{"twice after a cut", with(func(e []event) []event { return append(e, event{9, "d1", 1, 5}) }), true, ""},
		{"cut short", with(func(e []event) []event { e[1].size = 4; return e }), false, "4 bytes"},
		{"of nobody", with(func(e []event) []event { e[1].device = "d7"; return e }), false, "never sent"},
	} {
		err := check(test.events, 4, 2, 5, test.repeats)
		switch {
		case test.want == "" && err != nil:
			t.Errorf("%s: %v", test.name, err)
		case test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)):
			t.Errorf("%s: got %v, want %q", test.name, err, test.want)
		}
	}
}
