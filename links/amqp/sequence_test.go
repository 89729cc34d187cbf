package amqp

import "testing"

func TestSequenceNoGoesRound(t *testing.T) {
	for _, c := range []struct {
		a, b SequenceNo
		sub  int32 // a - b
	}{
		{0, 0, 0},
		{1, 0, 1},
		{0, 1, -1},
		{0, 0xffffffff, 1},
		{0xffffffff, 0, -1},
		{0xfffffffe, 3, -5},
		{0x7fffffff, 0, 0x7fffffff},
		{0, 0x80000001, 0x7fffffff},
	} {
		if got := c.a.Sub(c.b); got != c.sub {
			t.Errorf("%d - %d = %d, want %d", c.a, c.b, got, c.sub)
		}
		if got := c.a.Less(c.b); got != (c.sub < 0) {
			t.Errorf("%d before %d: %v", c.a, c.b, got)
		}
		if got := c.b.Add(uint32(c.sub)); got != c.a {
			t.Errorf("%d + %d = %d, want %d", c.b, c.sub, got, c.a)
		}
	}
}
