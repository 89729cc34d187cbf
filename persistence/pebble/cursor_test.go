package pebble

import (
	"errors"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"hibachi/persistence"
)

func TestCursorIsOpenedOnce(t *testing.T) {
	s := mustOpen(t, small(vfs.NewMem()))
	defer mustClose(t, s)
	l := mustLog(t, s, "acme")
	var a account
	if _, err := openCur(l, "a", false, &a); !errors.Is(err, persistence.ErrNoCursor) {
		t.Fatalf("not there, not to be created: %v", err)
	}
	if names := s.Names(); len(names) != 0 {
		t.Fatalf("a refusal creates a log: %v", names)
	}
	c := mustCursor(t, l, "a", &a)
	if c.Name() != "a" || !slices.Equal(l.Cursors(), []string{"a"}) || !slices.Equal(s.Names(), []string{"acme"}) {
		t.Fatalf("cursor %s, cursors %v, logs %v", c.Name(), l.Cursors(), s.Names())
	}
	if _, err := openCur(l, "a", true, &a); !errors.Is(err, persistence.ErrCursorOpen) {
		t.Fatalf("opened twice: %v", err)
	}
	c.Close()
	if _, err := openCur(l, "a", false, &a); err != nil {
		t.Fatalf("opened again: %v", err)
	}
	for _, name := range []string{"", strings.Repeat("x", 256)} {
		if _, err := openCur(l, name, true, &a); err == nil {
			t.Errorf("a cursor with a name of %d bytes is created", len(name))
		}
	}
	for _, name := range []string{"", strings.Repeat("x", 513)} {
		if _, err := s.Log(name); err == nil {
			t.Errorf("a log with a name of %d bytes is given", len(name))
		}
	}
}

func TestClosedCursorKeepsWhatItReported(t *testing.T) {
	s := mustOpen(t, small(vfs.NewMem()))
	defer mustClose(t, s)
	l := mustLog(t, s, "acme")
	var a, b account
	ca := mustCursor(t, l, "a", &a)
	mustCursor(t, l, "b", &b)
	k := put(t, l, bodies("m", 5)...)
	a.add(k[1]) // no Dirty: Close asks in any case
	ca.Close()
	var again account
	again.add(k[3])
	cb := mustCursor(t, l, "a", &again)
	ca.Dirty() // of the old one: must not reach either ledger
	a.add(k[4])
	barrier(l)
	wantKeys(t, "a's", scanAll(t, l, cb), []persistence.Key{k[0], k[2], k[3], k[4]})
	if again.taken != 0 {
		t.Fatal("the new ledger was asked because of the old cursor")
	}
}

func TestNewCursorOwesWhatIsStored(t *testing.T) {
	s := mustOpen(t, small(vfs.NewMem()))
	defer mustClose(t, s)
	l := mustLog(t, s, "acme")
	var a, b, late account
	ca, cb := mustCursor(t, l, "a", &a), mustCursor(t, l, "b", &b)
	k := put(t, l, bodies("m", 6)...)
	a.raise(k[5].Position)
	settle(t, l, ca, &a, k...)             // a has all
	settle(t, l, cb, &b, k[0], k[2], k[3]) // gone
	cl := mustCursor(t, l, "late", &late)
	wantKeys(t, "what b still owes, though a is done", scanAll(t, l, cl), []persistence.Key{k[1], k[4], k[5]})
	settle(t, l, cb, &b, k[1])
	wantKeys(t, "the late one keeps it", scanAll(t, l, nil), []persistence.Key{k[1], k[4], k[5]})
	settle(t, l, cl, &late, k[1])
	wantKeys(t, "nobody keeps it", scanAll(t, l, nil), []persistence.Key{k[4], k[5]})
}

func TestLowFollowsTheSlowest(t *testing.T) {
	fs := vfs.NewMem()
	s := mustOpen(t, small(fs))
	l := mustLog(t, s, "acme")
	var a, b account
	ca, cb := mustCursor(t, l, "a", &a), mustCursor(t, l, "b", &b)
	k := put(t, l, bodies("m", 9)...)
	wantLow := func(want persistence.Position) {
		t.Helper()
		if got := l.Stats().Low; got != want {
			t.Fatalf("low %d, want %d", got, want)
		}
	}
	a.raise(k[8].Position)
	settle(t, l, ca, &a, k...)
	wantLow(1)
	b.raise(k[2].Position)
	settle(t, l, cb, &b, k[0], k[1], k[2], k[6])
	wantLow(k[2].Position + 1)
	b.raise(k[1].Position) // a ledger's floor that falls is not followed
	settle(t, l, cb, &b, k[3])
	wantLow(k[2].Position + 1)
	b.raise(1 << 40) // nor one above the head
	settle(t, l, cb, &b, k[4], k[5], k[7], k[8])
	wantLow(l.Head() + 1)
	if st := l.Stats(); st.Count != 0 || st.Bytes != 0 || !st.Oldest.IsZero() {
		t.Fatalf("emptied: %+v", st)
	}
	more := put(t, l, "later")
	wantKeys(t, "b after a floor above the head", scanAll(t, l, cb), more)
	mustClose(t, s)
	s = mustOpen(t, small(fs))
	defer mustClose(t, s)
	l = mustLog(t, s, "acme")
	for _, name := range []string{"a", "b"} {
		wantKeys(t, name+" after a floor above the head", scanAll(t, l, mustCursor(t, l, name, &account{})), more)
	}
}

// A ledger that is done with what was never given is at fault; nothing must come of it.
func TestImpossibleReportsAreIgnored(t *testing.T) {
	var logged lockedBuffer
	o := small(vfs.NewMem())
	o.Log = slog.New(slog.NewTextHandler(&logged, nil))
	synctest.Test(t, func(t *testing.T) {
		s := mustOpen(t, o)
		l := mustLog(t, s, "acme")
		var a account
		c := mustCursor(t, l, "a", &a)
		k := put(t, l, "x")
		settle(t, l, c, &a, keysAt(0, 2, 1<<50)...)
		wantKeys(t, "all", scanAll(t, l, nil), k)
		if st := l.Stats(); st.Count != 1 {
			t.Fatalf("count %d", st.Count)
		}
		more := put(t, l, "y")
		wantKeys(t, "position 2 is a new record's", scanAll(t, l, c), append(k, more...))
		synctest.Wait()
		mustClose(t, s)
	})
	if got := logged.String(); strings.Count(got, "but the head is") != 1 {
		t.Fatalf("logged %q, want one line for the flood", got)
	}
}

type lockedBuffer struct {
	mu sync.Mutex
	b  strings.Builder
}

var _ io.Writer = (*lockedBuffer)(nil)

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

func TestGraceKeepsForTheSecondCursor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fs := vfs.NewMem()
		o := small(fs)
		o.Grace = time.Hour
		s := mustOpen(t, o)
		l := mustLog(t, s, "acme")
		held := put(t, l, bodies("held", 5000)...) // more than a page of a sweep
		var a, b account
		ca := mustCursor(t, l, "a", &a)
		fresh := put(t, l, bodies("fresh", 3)...)
		settle(t, l, ca, &a, held...)
		settle(t, l, ca, &a, fresh[0])
		wantKeys(t, "held for others; what came later is not", scanAll(t, l, nil), slices.Concat(held, fresh[1:]))
		if got := scanAll(t, l, ca); !slices.Equal(got, fresh[1:]) {
			t.Fatalf("a is given %d records again", len(got)-2)
		}
		time.Sleep(30 * time.Minute)
		mustClose(t, s)

		s = mustOpen(t, o)
		l = mustLog(t, s, "acme")
		ca = mustCursor(t, l, "a", &a)
		cb := mustCursor(t, l, "b", &b)
		wantKeys(t, "b within the grace", scanAll(t, l, cb), slices.Concat(held, fresh[1:]))
		wantKeys(t, "a after reopen", scanAll(t, l, ca), fresh[1:])
		settle(t, l, cb, &b, held[10:]...)
		if got := scanAll(t, l, nil); len(got) != len(held)+2 {
			t.Fatalf("%d left within the grace", len(got))
		}
		time.Sleep(31 * time.Minute)
		synctest.Wait()
		wantKeys(t, "after the grace", scanAll(t, l, nil), slices.Concat(held[:10], fresh[1:]))
		if st := l.Stats(); st.Count != 12 {
			t.Fatalf("count %d, want 12", st.Count)
		}
		settle(t, l, cb, &b, held[:10]...)
		wantKeys(t, "from then on deleted at once", scanAll(t, l, nil), fresh[1:])
		mustClose(t, s)
	})
}

func TestGraceEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fs := vfs.NewMem()
		s := mustOpen(t, small(fs))
		l := mustLog(t, s, "acme")
		held := put(t, l, bodies("held", 10)...)
		var a account
		ca := mustCursor(t, l, "a", &a)
		time.Sleep(time.Hour - time.Second)
		settle(t, l, ca, &a, held[:4]...)
		wantKeys(t, "within the grace", scanAll(t, l, nil), held)
		time.Sleep(2 * time.Second)
		synctest.Wait()
		wantKeys(t, "after it", scanAll(t, l, nil), held[4:])
		mustClose(t, s)
	})
}

// A grace that ends with nothing to delete is over for the next start, too.
func TestEndOfGraceIsRemembered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fs := vfs.NewMem()
		s := mustOpen(t, small(fs))
		l := mustLog(t, s, "acme")
		put(t, l, "held")
		mustCursor(t, l, "a", &account{})
		time.Sleep(2 * time.Hour)
		synctest.Wait()
		mustClose(t, s)
		s = mustOpen(t, small(fs))
		if found := s.logs["acme"].graceFound; !found.IsZero() {
			t.Errorf("a grace until %v", found)
		}
		mustClose(t, s)
	})
}

// A start finds a grace that ended while the store was down.
func TestGraceEndsWhileDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fs := vfs.NewMem()
		o := small(fs)
		s := mustOpen(t, o)
		l := mustLog(t, s, "acme")
		held := put(t, l, bodies("held", 10)...)
		var a account
		ca := mustCursor(t, l, "a", &a)
		a.raise(held[8].Position)
		settle(t, l, ca, &a, held[:9]...)
		mustClose(t, s)
		time.Sleep(2 * time.Hour)
		s = mustOpen(t, o)
		synctest.Wait()
		l = mustLog(t, s, "acme")
		barrier(l)
		wantKeys(t, "swept by the start", scanAll(t, l, nil), held[9:])
		mustClose(t, s)
		s = mustOpen(t, o)
		l = mustLog(t, s, "acme")
		if l.book.grace.upTo != 0 || l.Stats().Low != held[9].Position {
			t.Fatalf("grace %+v, low %d", l.book.grace, l.Stats().Low)
		}
		mustClose(t, s)
	})
}

// Two cursors are done with records while each scans over and over: nobody is given a record again that it reported before it asked.
func TestScansDuringDeletions(t *testing.T) {
	s := mustOpen(t, small(vfs.NewMem()))
	defer mustClose(t, s)
	l := mustLog(t, s, "acme")
	var accounts [2]account
	var cursors [2]persistence.Cursor
	for i, name := range []string{"a", "b"} {
		cursors[i] = mustCursor(t, l, name, &accounts[i])
	}
	const rounds, each = 40, 50
	var wg sync.WaitGroup
	for i := range cursors {
		wg.Go(func() {
			done := map[persistence.Position]bool{}
			for round := 0; round < rounds || len(done) < rounds*each; round++ {
				if i == 0 && round < rounds {
					put(t, l, bodies("m", each)...)
				}
				keys, _, err := scanPage(l, cursors[i], 0, 1<<20)
				if err != nil {
					t.Error(err)
					return
				}
				for _, k := range keys {
					if done[k.Position] {
						t.Errorf("cursor %d is given %d again", i, k.Position)
						return
					}
					done[k.Position] = true
				}
				settle(t, l, cursors[i], &accounts[i], keys...)
			}
		})
	}
	wg.Wait()
	if st := l.Stats(); st.Count != 0 {
		t.Fatalf("%d records left", st.Count)
	}
	for i := range cursors {
		m := &cursors[i].(*openCursor).cursor.marks
		barrier(l)
		m.mu.Lock()
		if m.scans != 0 || len(m.haunted) != 0 {
			t.Errorf("cursor %d: %d scans, %d haunted chunks", i, m.scans, len(m.haunted))
		}
		m.mu.Unlock()
	}
}
