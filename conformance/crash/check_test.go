package main

import (
	"strings"
	"testing"
)

// story is a device's: what was sent, and what one application got in each life of the broker. The other application always got what
// is there, in order.
type story struct {
	sent string // one letter a number: + accepted, - refused, ? unknown
	got  [][]int
	also []int // what the other application got beside the accepted ones
}

func (s story) ledger() *ledger {
	l := newLedger()
	d := device{0, 1}
	for _, c := range s.sent {
		seq := l.send(d)
		switch c {
		case '+':
			l.answer(d, seq, accepted, "")
		case '-':
			l.answer(d, seq, refused, "full")
		}
	}
	for i, numbers := range s.got {
		for _, n := range numbers {
			l.receive(reader{"first", d}, n, i+1)
		}
	}
	for i, c := range s.sent {
		for _, n := range s.also {
			if c != '+' && n == i+1 {
				l.receive(reader{"second", d}, n, 1)
			}
		}
		if c == '+' {
			l.receive(reader{"second", d}, i+1, 1)
		}
	}
	return l
}

func TestCheck(t *testing.T) {
	for _, tt := range []struct {
		name string
		story
		want string // part of the first violation, "" for none
	}{
		{"all in order", story{"++++", [][]int{{1, 2, 3, 4}}, nil}, ""},
		{"over two lives", story{"++++", [][]int{{1, 2}, {3, 4}}, nil}, ""},
		{"a suffix again after a crash", story{"++++", [][]int{{1, 2, 3}, {2, 3, 4}}, nil}, ""},
		{"everything again after a crash", story{"+++", [][]int{{1, 2, 3}, {1, 2, 3}}, nil}, ""},
		{"again after each of two crashes", story{"+++", [][]int{{1, 2}, {2}, {2, 3}}, nil}, ""},
		{"an empty life", story{"++", [][]int{{1}, {}, {2}}, nil}, ""},
		{"unknown and not there", story{"+?+", [][]int{{1, 3}}, nil}, ""},
		{"unknown and there", story{"+?+", [][]int{{1, 2, 3}}, []int{2}}, ""},
		{"refused", story{"+-+", [][]int{{1, 3}}, nil}, ""},

		{"lost in the middle", story{"+++", [][]int{{1, 3}}, nil}, "steps over 2"},
		{"lost at the end", story{"+++", [][]int{{1, 2}}, nil}, "LOST: 1 events never arrived, the first 3"},
		{"lost by a crash", story{"++++", [][]int{{1, 2}, {4}}, nil}, "steps over 3"},
		{"everything lost", story{"++", nil, nil}, "LOST: 2 events"},
		{"reordered", story{"+++", [][]int{{1, 3, 2}}, nil}, "steps over 2"},
		{"reordered over a crash", story{"+++", [][]int{{1, 3}, {2}}, nil}, "steps over 2"},
		{"twice in one life", story{"+++", [][]int{{1, 2, 2, 3}}, nil}, "2 after 2 in the same life"},
		{"back in one life", story{"+++", [][]int{{1, 2, 3, 1, 2, 3}}, nil}, "1 after 3 in the same life"},
		{"a repeat with a hole", story{"++++", [][]int{{1, 2, 3}, {1, 3, 4}}, nil}, "steps over 2"},
		{"a repeat without its end", story{"++++", [][]int{{1, 2, 3, 4}, {2, 3}}, nil}, "a repeat ends at 3, and 4 does not come again"},
		{"unknown, there, and not for everybody", story{"+?+", [][]int{{1, 3}}, []int{2}}, "steps over 2"},
		{"a number that nobody sent", story{"++", [][]int{{1, 2, 3}}, nil}, "number 3, where 2 were sent"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := tt.ledger().check()
			if tt.want == "" {
				for _, v := range f.violations {
					t.Errorf("violation: %s\n%s", v.what, v.trace)
				}
				return
			}
			if len(f.violations) == 0 || !strings.Contains(f.violations[0].what, tt.want) {
				t.Errorf("violations %+v, want one with %q", f.violations, tt.want)
			}
		})
	}
}

func TestLivesAreOrderedWhateverWasNotedFirst(t *testing.T) {
	l := newLedger()
	d := device{0, 0}
	for range 3 {
		l.answer(d, l.send(d), accepted, "")
	}
	for _, app := range applications {
		for _, x := range []delivery{{1, 1}, {2, 2}, {2, 1}, {3, 2}} {
			l.receive(reader{app, d}, x.seq, x.life)
		}
	}
	if f := l.check(); len(f.violations) > 0 || f.rewinds != 2 || f.repeats != 2 {
		t.Errorf("%+v", f)
	}
}

func TestDevicesAndApplicationsAreApart(t *testing.T) {
	l := newLedger()
	a, b := device{0, 0}, device{1, 0}
	for range 2 {
		l.answer(a, l.send(a), accepted, "")
		l.answer(b, l.send(b), accepted, "")
	}
	for _, app := range applications {
		for _, n := range []int{1, 2} {
			l.receive(reader{app, a}, n, 1)
		}
	}
	l.receive(reader{"first", b}, 1, 1)
	l.receive(reader{"first", b}, 2, 1)
	l.receive(reader{"second", b}, 1, 1)
	if n := l.owed(); n != 1 {
		t.Errorf("%d deliveries owed, want 1", n)
	}
	f := l.check()
	if len(f.violations) != 1 || f.violations[0].reader != (reader{"second", b}) {
		t.Errorf("%+v", f.violations)
	}
}
