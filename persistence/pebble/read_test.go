package pebble

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	cockroach "github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"hibachi/persistence"
)

// Under random histories, what the tail gives is what a scan and a fetch give, plus records that were deleted meanwhile.
func TestTailIsWhatScanReads(t *testing.T) {
	rng := rand.New(rand.NewPCG(4, 4))
	o := small(vfs.NewMem())
	o.RingBytes = 6 << 10
	s := mustOpen(t, o)
	defer mustClose(t, s)
	logs := []*log{mustLog(t, s, "one"), mustLog(t, s, "two")}
	accounts := make([]account, len(logs))
	cursors := make([]persistence.Cursor, len(logs))
	for i, l := range logs {
		cursors[i] = mustCursor(t, l, "a", &accounts[i])
	}
	hits := 0
	for range 400 {
		i := rng.IntN(len(logs))
		l := logs[i]
		switch rng.IntN(3) {
		case 0, 1:
			put(t, l, bodies(strings.Repeat("y", rng.IntN(300)), 1+rng.IntN(6))...)
		case 2:
			var some []persistence.Key
			for _, k := range scanAll(t, l, cursors[i]) {
				if rng.IntN(3) == 0 {
					some = append(some, k)
				}
			}
			settle(t, l, cursors[i], &accounts[i], some...)
		}
		after := persistence.Position(max(0, int(l.Head())-rng.IntN(30)))
		hits += compareTail(t, l, after)
	}
	if hits < 50 {
		t.Fatalf("the tail answered %d times only", hits)
	}
	if got := s.Stats().RingBytes; got > o.RingBytes {
		t.Fatalf("the ring has %d bytes of %d", got, o.RingBytes)
	}
}

func compareTail(t *testing.T, l *log, after persistence.Position) int {
	t.Helper()
	tail, ok := l.Tail(after, 1<<20, nil)
	if !ok {
		if len(tail) != 0 {
			t.Fatal("records with ok false")
		}
		return 0
	}
	keys, _, err := scanPage(l, nil, after, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	last := after
	byKey := map[persistence.Key]persistence.Record{}
	for _, r := range tail {
		if r.Position <= last || r.Position > l.Head() {
			t.Fatalf("%d after %d, head %d", r.Position, last, l.Head())
		}
		last = r.Position
		byKey[r.Key] = r
	}
	for _, want := range fetchAll(t, l, keys) {
		got, ok := byKey[want.Key]
		if !ok || string(got.Body) != string(want.Body) || string(got.Envelope) != string(want.Envelope) {
			t.Fatalf("%d is in the tail: %v, with %q, not %q", want.Position, ok, got.Body, want.Body)
		}
	}
	if few, _ := l.Tail(after, 2, nil); len(few) > 2 || len(tail) >= 2 && few[1].Key != tail[1].Key {
		t.Fatalf("the first two of the tail: %v", few)
	}
	return 1
}

func TestRingOffMeansScan(t *testing.T) {
	o := small(vfs.NewMem())
	o.RingBytes = -1
	s := mustOpen(t, o)
	defer mustClose(t, s)
	l := mustLog(t, s, "acme")
	k := put(t, l, "a", "b")
	if _, ok := l.Tail(k[0].Position, 10, nil); ok {
		t.Fatal("the tail answers without a ring")
	}
	if got, ok := l.Tail(k[1].Position, 10, nil); !ok || len(got) != 0 {
		t.Fatal("nothing is above the head, and the tail does not say so")
	}
}

func TestScanPages(t *testing.T) {
	s := mustOpen(t, small(vfs.NewMem()))
	defer mustClose(t, s)
	l := mustLog(t, s, "acme")
	var a, b account
	ca := mustCursor(t, l, "a", &a)
	mustCursor(t, l, "b", &b)
	k := put(t, l, bodies("m", 6000)...)
	settle(t, l, ca, &a, k[1:5500]...)
	for _, limit := range []int{1, 7, 499, 6000} {
		wantKeys(t, fmt.Sprint("pages of ", limit), scanPages(t, l, ca, limit), slices.Concat(k[:1], k[5500:]))
	}
	keys, through, err := scanPage(l, ca, 1, 10)
	if err != nil || len(keys) != 0 || through != 1+scanLook {
		t.Fatalf("a page of what is done with: %d keys through %d, %v", len(keys), through, err)
	}
	other := mustLog(t, s, "other")
	if _, _, err := scanPage(other, mustCursor(t, other, "a", &account{}), 0, 1); err != nil {
		t.Fatal(err)
	}
	put(t, other, "x")
	if _, _, err := scanPage(other, ca, 0, 1); err == nil {
		t.Fatal("a scan for another log's cursor")
	}
}

func TestFetchByDensity(t *testing.T) {
	s := mustOpen(t, small(vfs.NewMem()))
	defer mustClose(t, s)
	l := mustLog(t, s, "acme")
	var a account
	c := mustCursor(t, l, "a", &a)
	k := put(t, l, bodies("m", 1000)...)
	gone := map[persistence.Position]bool{}
	var done []persistence.Key
	for i := 0; i < len(k); i += 7 {
		done = append(done, k[i])
		gone[k[i].Position] = true
	}
	settle(t, l, c, &a, done...)
	if err := s.db.Flush(); err != nil {
		t.Fatal(err)
	}
	for _, every := range []int{1, 2, 5, 31, 32, 33, 34, 100, 999} {
		var ask, want []persistence.Key
		for i := 0; i < len(k); i += every {
			ask = append(ask, k[i])
			if !gone[k[i].Position] {
				want = append(want, k[i])
			}
		}
		ask = append(ask, persistence.Key{Position: k[999].Position, Lane: 99}, persistence.Key{Position: 1 << 40})
		var got []persistence.Key
		for _, r := range fetchAll(t, l, ask) {
			got = append(got, r.Key)
			if want := fmt.Sprintf("m%d", r.Position-k[0].Position); string(r.Body) != want {
				t.Fatalf("%d has %q, want %q", r.Position, r.Body, want)
			}
		}
		wantKeys(t, fmt.Sprint("every ", every), got, want)
	}
	if got := fetchAll(t, l, nil); len(got) != 0 {
		t.Fatal("records for no keys")
	}
}

// counting is an env that counts the iterators made.
func counting(n *atomic.Int64) func(env) env {
	return func(e env) env {
		iter := e.iter
		e.iter = func(o *cockroach.IterOptions) (*cockroach.Iterator, error) {
			n.Add(1)
			return iter(o)
		}
		return e
	}
}

// A start reads the definitions in one short iteration and no record; a log's first use reads the records since its last bookkeeping.
func TestStartReadsNoRecords(t *testing.T) {
	fs := vfs.NewMem()
	o := small(fs)
	s := mustOpen(t, o)
	var a account
	const logs = 20
	for i := range logs {
		l := mustLog(t, s, fmt.Sprint("log", i))
		mustCursor(t, l, "a", &a)
		put(t, l, bodies("m", 600)...)
	}
	big := mustLog(t, s, "log0")
	put(t, big, bodies(strings.Repeat("z", 300), 2*recordEvery)...)
	count, head, bytes := big.Stats().Count, big.Head(), big.Stats().Bytes
	mustClose(t, s)

	var iterators atomic.Int64
	s, err := open(o, counting(&iterators))
	if err != nil {
		t.Fatal(err)
	}
	defer mustClose(t, s)
	if got := iterators.Load(); got != 1 {
		t.Fatalf("the start makes %d iterators", got)
	}
	if got := len(s.Names()); got != logs {
		t.Fatalf("%d logs", got)
	}
	if blobs := s.db.Metrics().BlobFiles.LiveCount; blobs == 0 {
		t.Fatal("no blob files: the test proves nothing")
	}
	l := mustLog(t, s, "log0")
	if iterators.Load() != 1+2 { // marks of its one cursor, tail
		t.Fatalf("the first use makes %d iterators", iterators.Load()-1)
	}
	if st := l.Stats(); st.Count != count || st.Head != head || st.Bytes != bytes {
		t.Fatalf("after the start %+v, before %d records with %d bytes to %d", st, count, bytes, head)
	}
	if counted := l.book.unrecorded; counted >= 2*recordEvery {
		t.Fatalf("the first use counts %d keys", counted)
	}
	if mustLog(t, s, "log0"); iterators.Load() != 1+2 {
		t.Fatal("the second use reads again")
	}
}

// Records that a start had to count are on the next one's account, too.
func TestCountingIsBoundedOverStarts(t *testing.T) {
	fs := vfs.NewMem()
	for range 4 {
		s := mustOpen(t, small(fs))
		recorded := persistence.Position(1)
		if l := s.logs["acme"]; l != nil {
			recorded = l.book.record.next
		}
		l := mustLog(t, s, "acme")
		if got := l.Head() + 1 - recorded; got > recordEvery {
			t.Fatalf("the first use counts %d keys", got)
		}
		put(t, l, bodies("m", recordEvery*3/4)...)
		mustClose(t, s)
	}
}

// The first record is parked, the tail deleted, the power gone: positions go on above all that were given.
func TestPositionsAfterParkedHead(t *testing.T) {
	for _, parked := range []bool{true, false} {
		t.Run(fmt.Sprint("parked ", parked), func(t *testing.T) {
			fs := vfs.NewCrashableMem()
			s := mustOpen(t, small(fs))
			l := mustLog(t, s, "acme")
			var a, b account
			ca := mustCursor(t, l, "a", &a)
			cb := mustCursor(t, l, "b", &b)
			k := put(t, l, bodies("m", 50)...)
			rest := k
			if parked {
				rest = k[1:]
			}
			settle(t, l, ca, &a, k...)
			settle(t, l, cb, &b, rest...)
			clone := fs.CrashClone(vfs.CrashCloneCfg{})
			mustClose(t, s)

			s = mustOpen(t, small(clone))
			defer mustClose(t, s)
			l = mustLog(t, s, "acme")
			if l.Head() != k[49].Position {
				t.Fatalf("head %d, was %d", l.Head(), k[49].Position)
			}
			more := put(t, l, "new")
			if more[0].Position <= k[49].Position {
				t.Fatalf("position %d is given again", more[0].Position)
			}
			ca, cb = mustCursor(t, l, "a", &a), mustCursor(t, l, "b", &b)
			wantKeys(t, "a's", scanAll(t, l, ca), more)
			want := more
			if parked {
				want = slices.Concat(k[:1], more)
			}
			wantKeys(t, "b's", scanAll(t, l, cb), want)
		})
	}
}

func TestStatsAddUp(t *testing.T) {
	s := mustOpen(t, small(vfs.NewMem()))
	defer mustClose(t, s)
	l := mustLog(t, s, "acme")
	var a account
	c := mustCursor(t, l, "a", &a)
	k := put(t, l, bodies("m", 10)...)
	settle(t, l, c, &a, k[:4]...)
	scanAll(t, l, nil)
	fetchAll(t, l, k)
	l.Tail(0, 1, nil)
	st := s.Stats()
	if st.Logs != 1 || st.Records != 6 || st.Appends != 10 || st.Deletes != 4 || st.Scans != 1 || st.Fetches != 1 || st.RingHits != 1 || st.QueueBytes != 0 {
		t.Fatalf("%+v", st)
	}
	if st.Bytes <= 0 || st.Commits == 0 || st.CommitBytes == 0 || st.CommitSeconds < st.SyncSeconds || st.RingBytes == 0 || st.DiskBytes == 0 {
		t.Fatalf("%+v", st)
	}
	if ls := l.Stats(); ls.Count != 6 || ls.Bytes != st.Bytes || ls.Cursors != 1 || ls.Oldest.IsZero() || ls.Head != k[9].Position {
		t.Fatalf("%+v", ls)
	}
}
