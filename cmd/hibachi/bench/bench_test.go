package bench

import "testing"

// BenchmarkEvent is what making, reading and checking an event costs.
func BenchmarkEvent(b *testing.B) {
	w, err := newEventWriter(7, "acme", 3, 1024)
	if err != nil {
		b.Fatal(err)
	}
	c, n := NewCheck(4, 10), uint32(0)
	h := newHistogram()
	for b.Loop() {
		n++
		s, ok := readEvent(w.next(5, n, 1, 1), 1024)
		if !ok || !c.Received(s.Tenant, s.Device, s.Seq) {
			b.Fatal("not the event that was sent")
		}
		record(h, int64(n))
	}
}
