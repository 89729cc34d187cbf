package pebble

import (
	"fmt"
	"io"
	"log/slog"
	"slices"
	"sync"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"hibachi/persistence"
)

// small is for tests: little memory, quick to open.
func small(fs vfs.FS) Options {
	return Options{
		Dir:          "data",
		FS:           fs,
		MemTableSize: 256 << 10,
		CacheSize:    4 << 20,
		RingBytes:    64 << 10,
		FetchWorkers: 1,
		Log:          slog.New(slog.NewTextHandler(io.Discard, nil)),
		Fatal:        func(err error) { panic(fmt.Sprintf("fatal: %v", err)) },
	}
}

func mustOpen(t testing.TB, o Options) *Store {
	t.Helper()
	s, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func mustClose(t testing.TB, s *Store) {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

func mustLog(t testing.TB, s *Store, name string) *log {
	t.Helper()
	l, err := s.loaded(name)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// appended collects what Appended hears.
type appended struct {
	mu  sync.Mutex
	got []persistence.Position
	err []error
	all chan struct{}
	n   int
}

func (a *appended) Appended(p persistence.Position, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.got, a.err = append(a.got, p), append(a.err, err)
	if len(a.got) == a.n {
		close(a.all)
	}
}

// put appends one record for each body and waits until all are durable.
func put(t testing.TB, l *log, bodies ...string) []persistence.Key {
	t.Helper()
	done := &appended{all: make(chan struct{}), n: len(bodies)}
	var keys []persistence.Key
	for i, b := range bodies {
		lane := persistence.Lane(i % 3)
		l.Append(&persistence.Append{Lane: lane, Envelope: []byte("e:" + b), Body: []byte(b), Done: done})
		keys = append(keys, persistence.Key{Lane: lane})
	}
	if len(bodies) > 0 {
		<-done.all
	}
	for i := range keys {
		if done.err[i] != nil {
			t.Fatal(done.err[i])
		}
		keys[i].Position = done.got[i]
	}
	return keys
}

func bodies(prefix string, n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = fmt.Sprintf("%s%d", prefix, i)
	}
	return out
}

// account is a ledger that a test fills.
type account struct {
	mu    sync.Mutex
	done  []persistence.Key
	floor persistence.Position
	taken int
}

func (a *account) TakeDone(dst []persistence.Key) ([]persistence.Key, persistence.Position) {
	a.mu.Lock()
	defer a.mu.Unlock()
	dst = append(dst, a.done...)
	a.done = nil
	a.taken++
	return dst, a.floor
}

func (a *account) add(keys ...persistence.Key) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.done = append(a.done, keys...)
}

func (a *account) raise(floor persistence.Position) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.floor = floor
}

func openCur(l persistence.Log, name string, create bool, ledger persistence.Ledger) (c persistence.Cursor, err error) {
	done := make(chan struct{})
	l.OpenCursor(name, create, ledger, func(got persistence.Cursor, e error) {
		c, err = got, e
		close(done)
	})
	<-done
	return c, err
}

func mustCursor(t testing.TB, l persistence.Log, name string, ledger persistence.Ledger) persistence.Cursor {
	t.Helper()
	c, err := openCur(l, name, true, ledger)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// settle reports keys and waits until the batch that took them is durable.
func settle(t testing.TB, l *log, c persistence.Cursor, a *account, keys ...persistence.Key) {
	t.Helper()
	a.add(keys...)
	c.Dirty()
	barrier(l)
}

// barrier returns when all that was handed over before is durable and visible.
func barrier(l *log) {
	done := make(chan struct{})
	l.store.queue.push(item{log: l, op: func(_ *committer, g *group) {
		g.then = append(g.then, func() { close(done) })
	}})
	<-done
}

func scanAll(t testing.TB, l persistence.Log, c persistence.Cursor) []persistence.Key {
	t.Helper()
	return scanPages(t, l, c, 1000)
}

func scanPages(t testing.TB, l persistence.Log, c persistence.Cursor, limit int) []persistence.Key {
	t.Helper()
	var all []persistence.Key
	after, head := persistence.Position(0), l.Head()
	for after < head {
		keys, through, err := scanPage(l, c, after, limit)
		if err != nil {
			t.Fatal(err)
		}
		if through <= after {
			t.Fatalf("scan after %d of %d went through %d only", after, head, through)
		}
		all, after = append(all, keys...), through
	}
	return all
}

func scanPage(l persistence.Log, c persistence.Cursor, after persistence.Position, limit int) (keys []persistence.Key, through persistence.Position, err error) {
	done := make(chan struct{})
	l.Scan(c, after, limit, func(k []persistence.Key, p persistence.Position, e error) {
		keys, through, err = k, p, e
		close(done)
	})
	<-done
	return keys, through, err
}

func fetchAll(t testing.TB, l persistence.Log, keys []persistence.Key) []persistence.Record {
	t.Helper()
	var records []persistence.Record
	var err error
	done := make(chan struct{})
	l.Fetch(keys, func(r []persistence.Record, e error) {
		records, err = r, e
		close(done)
	})
	<-done
	if err != nil {
		t.Fatal(err)
	}
	return records
}

func wantKeys(t testing.TB, what string, got, want []persistence.Key) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Fatalf("%s: %v, want %v", what, got, want)
	}
}

func TestAppendedIsThereAfterReopen(t *testing.T) {
	fs := vfs.NewMem()
	s := mustOpen(t, small(fs))
	l := mustLog(t, s, "acme")
	keys := put(t, l, "a", "b", "c")
	mustClose(t, s)

	s = mustOpen(t, small(fs))
	defer mustClose(t, s)
	if got := s.Names(); !slices.Equal(got, []string{"acme"}) {
		t.Fatalf("names %v", got)
	}
	l = mustLog(t, s, "acme")
	if l.Head() != keys[2].Position {
		t.Fatalf("head %d, want %d", l.Head(), keys[2].Position)
	}
	wantKeys(t, "scan", scanAll(t, l, nil), keys)
	records := fetchAll(t, l, keys)
	for i, want := range []string{"a", "b", "c"} {
		if string(records[i].Body) != want || string(records[i].Envelope) != "e:"+want || records[i].Key != keys[i] {
			t.Fatalf("record %d: %v %q %q", i, records[i].Key, records[i].Envelope, records[i].Body)
		}
	}
	more := put(t, l, "d")
	if more[0].Position <= keys[2].Position {
		t.Fatalf("position %d again, after %d", more[0].Position, keys[2].Position)
	}
	if st := l.Stats(); st.Count != 4 {
		t.Fatalf("count %d, want 4", st.Count)
	}
}

func TestDoneByAllIsDeleted(t *testing.T) {
	fs := vfs.NewMem()
	s := mustOpen(t, small(fs))
	l := mustLog(t, s, "acme")
	var a, b account
	ca, cb := mustCursor(t, l, "a", &a), mustCursor(t, l, "b", &b)
	k := put(t, l, bodies("m", 10)...)
	settle(t, l, ca, &a, k[2], k[5])
	wantKeys(t, "all, as b owes them", scanAll(t, l, nil), k)
	wantKeys(t, "a's", scanAll(t, l, ca), slices.Concat(k[:2], k[3:5], k[6:]))
	settle(t, l, cb, &b, k[5], k[9])
	wantKeys(t, "all without 5", scanAll(t, l, nil), slices.Concat(k[:5], k[6:]))
	mustClose(t, s)

	s = mustOpen(t, small(fs))
	defer mustClose(t, s)
	l = mustLog(t, s, "acme")
	if got := l.Cursors(); !slices.Equal(got, []string{"a", "b"}) {
		t.Fatalf("cursors %v", got)
	}
	ca, cb = mustCursor(t, l, "a", &a), mustCursor(t, l, "b", &b)
	wantKeys(t, "a's after reopen", scanAll(t, l, ca), slices.Concat(k[:2], k[3:5], k[6:]))
	wantKeys(t, "b's after reopen", scanAll(t, l, cb), slices.Concat(k[:5], k[6:9]))
	if st := l.Stats(); st.Count != 9 {
		t.Fatalf("count %d, want 9", st.Count)
	}
}
