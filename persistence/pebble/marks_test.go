package pebble

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"hibachi/persistence"
)

func keysAt(positions ...persistence.Position) []persistence.Key {
	keys := make([]persistence.Key, len(positions))
	for i, p := range positions {
		keys[i].Position = p
	}
	return keys
}

func ignore(uint64) {}

func TestChunkTakesTheShortestForm(t *testing.T) {
	for _, c := range []struct {
		marked func(i uint) bool
		kind   byte
		bytes  int
	}{
		{func(i uint) bool { return i == 7 }, encodedList, 1 + 2},
		{func(i uint) bool { return i < 255 }, encodedList, 1 + 2*255},
		{func(i uint) bool { return i < 256 }, encodedBitmap, 1 + 512},
		{func(i uint) bool { return i%2 == 0 }, encodedBitmap, 1 + 512},
		{func(i uint) bool { return i >= 256 }, encodedBitmap, 1 + 512},
		{func(i uint) bool { return i >= 255 }, encodedAllBut, 1 + 2*255},
		{func(uint) bool { return true }, encodedAllBut, 1},
	} {
		in := &chunk{}
		for i := range uint(chunkSize) {
			if c.marked(i) {
				in.done.set(i)
				in.n++
			}
		}
		v := in.encode(nil)
		if v[0] != c.kind || len(v) != c.bytes {
			t.Errorf("%d marks: kind %d in %d bytes, want %d in %d", in.n, v[0], len(v), c.kind, c.bytes)
		}
		out, err := parseChunk(v)
		if err != nil || out.n != in.n || out.done != in.done {
			t.Errorf("%d marks do not come back: %v, %d", in.n, err, out.n)
		}
	}
}

func TestMalformedMarksAreRefused(t *testing.T) {
	for _, v := range [][]byte{{}, {0}, {9}, {encodedList, 1}, {encodedList, 0x10, 0}, {encodedAllBut, 0xff, 0xff}, {encodedBitmap, 1, 2}} {
		if _, err := parseChunk(v); err == nil {
			t.Errorf("%x is taken", v)
		}
	}
}

func FuzzParseChunk(f *testing.F) {
	f.Add([]byte{encodedList, 0, 1, 0, 9})
	f.Add([]byte{encodedAllBut})
	f.Add(append([]byte{encodedBitmap}, make([]byte, 512)...))
	f.Fuzz(func(t *testing.T, v []byte) {
		c, err := parseChunk(v)
		if err != nil {
			return
		}
		again, err := parseChunk(c.encode(nil))
		if err != nil || again.done != c.done || again.n != c.n {
			t.Fatalf("%x becomes something else", v)
		}
	})
}

// A mark that a deletion makes void hides its record until the deletion was applied and the scans are over that may still see it.
func TestGhostsOutliveScans(t *testing.T) {
	var m marks
	hides := func(want bool, when string) {
		t.Helper()
		m.mu.Lock()
		defer m.mu.Unlock()
		if got := m.hidesLocked(5); got != want {
			t.Fatalf("%s: hidden is %v", when, got)
		}
	}
	m.add(keysAt(5), ignore)
	m.beginScan()
	m.forget(keysAt(5), ignore)
	if m.done(5) || m.written(0, nil) != nil {
		t.Fatal("the mark is still there, or would be written")
	}
	hides(true, "deleted, not applied")
	m.applied()
	hides(true, "applied, with a scan under way")
	m.endScan(nil)
	hides(false, "applied, the scan is over")
	m.applied()
	if len(m.chunks) != 0 {
		t.Fatalf("%d chunks stay", len(m.chunks))
	}

	m.add(keysAt(5), ignore)
	m.beginScan()
	m.forget(keysAt(5), ignore)
	m.endScan(nil)
	hides(true, "the scan is over, not applied")
	m.applied()
	hides(false, "applied")
}

// Marks against a set: the same answers, whatever the order, and through the disk's form.
func TestMarksAgainstASet(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	var m marks
	set := map[persistence.Position]bool{}
	disk := map[uint64][]byte{}
	dirty := map[uint64]bool{}
	dirtied := func(n uint64) {
		if dirty[n] {
			t.Fatalf("chunk %d becomes dirty twice", n)
		}
		dirty[n] = true
	}
	floor := persistence.Position(0)
	for round := range 300 {
		var some []persistence.Key
		for range rng.IntN(200) {
			some = append(some, keysAt(floor/2+1+persistence.Position(rng.IntN(20_000)))...)
		}
		switch rng.IntN(3) {
		case 0, 1:
			m.add(some, dirtied)
			for _, k := range some {
				set[k.Position] = true
			}
		case 2:
			m.forget(some, dirtied)
			for _, k := range some {
				delete(set, k.Position)
			}
		}
		if rng.IntN(4) == 0 {
			floor += persistence.Position(rng.IntN(400))
			m.raise(floor, dirtied)
		}
		for n := range dirty {
			if v := m.written(n, nil); v == nil {
				delete(disk, n)
			} else {
				disk[n] = v
			}
		}
		clear(dirty)
		m.applied()
		if round%20 == 0 {
			sameAsSet(t, &m, set, floor)
			sameAsSet(t, reloaded(t, disk, floor), set, floor)
		}
	}
}

func reloaded(t *testing.T, disk map[uint64][]byte, floor persistence.Position) *marks {
	m := &marks{floor: floor, chunks: map[uint64]*chunk{}}
	for n, v := range disk {
		c, err := parseChunk(v)
		if err != nil {
			t.Fatal(err)
		}
		m.chunks[n] = c
	}
	return m
}

func sameAsSet(t *testing.T, m *marks, set map[persistence.Position]bool, floor persistence.Position) {
	t.Helper()
	for p := persistence.Position(1); p < floor+21_000; p++ {
		if want := p <= floor || set[p]; m.done(p) != want {
			t.Fatalf("position %d: done %v, want %v", p, m.done(p), want)
		}
	}
}

func TestSizesAddUp(t *testing.T) {
	rng := rand.New(rand.NewPCG(2, 2))
	var s sizes
	s.load(1000, 10, 1000)
	stored := map[persistence.Position]int64{}
	for p := persistence.Position(990); p < 1000; p++ {
		stored[p] = 100
	}
	for p := persistence.Position(1000); p < 30_000; p++ {
		n := int64(rng.IntN(2000))
		s.add(p, n, time.Unix(int64(p), 0))
		stored[p] = n
	}
	check := func(when string, slack int64) {
		t.Helper()
		var sum int64
		for _, n := range stored {
			sum += n
		}
		if s.count != int64(len(stored)) || s.bytes < sum-slack || s.bytes > sum+slack {
			t.Fatalf("%s: %d records with %d bytes, want %d with about %d", when, s.count, s.bytes, len(stored), sum)
		}
	}
	check("all stored", 0)
	if got := s.oldest(); !got.IsZero() {
		t.Fatalf("oldest %v, though records are from before the start", got)
	}
	for p := persistence.Position(990); p < 3*chunkSize; p++ {
		s.remove(p)
		delete(stored, p)
	}
	check("whole chunks gone", 0)
	if got, want := s.oldest(), time.Unix(3*chunkSize, 0); !got.Equal(want) {
		t.Fatalf("oldest %v, want %v", got, want)
	}
	for p := persistence.Position(3 * chunkSize); p < 30_000; p += 2 {
		s.remove(p)
		delete(stored, p)
	}
	check("every other gone", 1<<20)
	for p := range stored {
		s.remove(p)
		delete(stored, p)
	}
	check("all gone", 0)
	if s.remove(29_999) != 0 || s.count != 0 {
		t.Fatal("what is not there is taken off")
	}
}

func TestDefinitionsComeBack(t *testing.T) {
	f := newFields()
	for _, want := range []logRecord{
		{low: 1, next: 1, nextCursor: 1},
		{low: 1 << 40, next: 1<<63 + 5, count: 1 << 50, bytes: 3, nextCursor: 70_000, gracePos: 9, graceUntil: time.Unix(1, 5)},
	} {
		got, err := parseLogRecord(f.log(&want))
		if err != nil || got != want {
			t.Errorf("%+v becomes %+v, %v", want, got, err)
		}
	}
	c := cursorRecord{name: "größe", start: 3, floor: 1 << 60}
	if got, err := parseCursorRecord(f.cursor(&c)); err != nil || got != c {
		t.Errorf("%+v becomes %+v, %v", c, got, err)
	}
	if got, err := parseCursorRecord([]byte{0x91, 0xa1, 'x'}); err != nil || got.name != "x" || got.floor != 0 {
		t.Errorf("a shorter record: %+v, %v", got, err)
	}
	for _, b := range [][]byte{nil, {0x93, 0xa1}, {0xff}, {0x92, 0xa1, 'x', 0xa1, 'y'}} {
		if _, err := parseCursorRecord(b); err == nil {
			t.Errorf("%x is taken", b)
		}
	}
}

func TestFifoAgainstASlice(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 3))
	var f fifo[int]
	var model []int
	for i := range 20_000 {
		up := i/2500%2 == 0
		if rng.IntN(10) < map[bool]int{true: 8, false: 2}[up] || len(model) == 0 {
			f.push(i)
			model = append(model, i)
		} else if got := f.pop(); got != model[0] {
			t.Fatalf("%d comes out, want %d", got, model[0])
		} else {
			model = model[1:]
		}
		if f.len() != len(model) || f.len() > 0 && *f.at(f.len() - 1) != model[len(model)-1] {
			t.Fatal("another length or end")
		}
	}
	for f.len() > 0 {
		f.pop()
	}
	if len(f.buf) > fifoKept {
		t.Fatalf("an empty fifo keeps %d", len(f.buf))
	}
}

func ExampleOptions_Validate() {
	fmt.Println((&Options{Dir: "d", MemTableSize: 1}).Validate())
	fmt.Println((&Options{}).Validate())
	// Output:
	// MemTableSize: 1 is not within 64 KiB and 1 GiB
	// the data directory (Dir) is required
}
