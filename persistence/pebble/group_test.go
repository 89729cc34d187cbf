package pebble

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	cockroach "github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/batchrepr"

	"hibachi/persistence"
)

// fakeDisk is an env without a disk: batches are remembered, and a sync returns when the test says so.
type fakeDisk struct {
	mu      sync.Mutex
	applied []*cockroach.Batch
	syncs   chan error
}

func (f *fakeDisk) env() env {
	return env{
		newBatch: func(int) *cockroach.Batch { return new(cockroach.Batch) },
		apply: func(b *cockroach.Batch) error {
			f.mu.Lock()
			defer f.mu.Unlock()
			f.applied = append(f.applied, b)
			return nil
		},
		sync:    func(*cockroach.Batch) error { return <-f.syncs },
		release: func(*cockroach.Batch) error { return nil },
		iter:    func(*cockroach.IterOptions) (*cockroach.Iterator, error) { return nil, errors.New("no disk") },
	}
}

// ops lists what a batch does to records and marks, as "+1 +2 -1 marks".
func ops(t *testing.T, b *cockroach.Batch) string {
	t.Helper()
	var out bytes.Buffer
	r := batchrepr.Read(b.Repr())
	for {
		kind, key, _, ok, err := r.Next()
		if err != nil {
			t.Fatal(err)
		}
		if !ok {
			return out.String()
		}
		switch {
		case key[0] == kindMarks:
			out.WriteString(" marks")
		case key[0] == kindRecord:
			sign := map[bool]string{true: " -", false: " +"}[kind == cockroach.InternalKeyKindDelete]
			fmt.Fprintf(&out, "%s%d", sign, binary.BigEndian.Uint64(key[5:]))
		}
	}
}

func (f *fakeDisk) batch(t *testing.T, i int) string {
	t.Helper()
	f.mu.Lock()
	defer f.mu.Unlock()
	if i >= len(f.applied) {
		t.Fatalf("%d batches, want more than %d", len(f.applied), i)
	}
	return ops(t, f.applied[i])
}

func (f *fakeDisk) wantBatches(t *testing.T, n int) {
	t.Helper()
	synctest.Wait()
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.applied) != n {
		t.Fatalf("%d batches, want %d", len(f.applied), n)
	}
}

// syncAll lets every sync return that is waited for.
func (f *fakeDisk) syncAll() {
	for {
		synctest.Wait()
		select {
		case f.syncs <- nil:
		default:
			return
		}
	}
}

// newFake gives a running store without a database.
func newFake(f *fakeDisk) (*Store, *log) {
	s := &Store{logs: map[string]*log{}}
	s.o = small(nil).withDefaults()
	s.logger = s.o.Log
	s.complain.logger = s.logger
	s.fatal.init(s.logger, func(error) {}, s.queue.close)
	s.queue.init(s.o.MarkDelay)
	s.env = f.env()
	s.finisher = newFinisher(s)
	s.committer = newCommitter(s, 1)
	go s.finisher.run()
	go s.committer.run()
	l := newLog(s, "acme")
	s.logs["acme"] = l
	return s, l
}

// inFakeStore runs a test in a bubble and lets everything finish afterwards.
func inFakeStore(t *testing.T, test func(t *testing.T, f *fakeDisk, s *Store, l *log)) {
	synctest.Test(t, func(t *testing.T) {
		f := &fakeDisk{syncs: make(chan error)}
		s, l := newFake(f)
		test(t, f, s, l)
		s.queue.close()
		close(f.syncs)
		<-s.finisher.done
	})
}

func send(l *log, done persistence.Appended, n, size int) {
	for range n {
		l.Append(&persistence.Append{Body: make([]byte, size), Done: done})
	}
}

// heads notes what a callback sees.
type heads struct {
	l    *log
	mu   sync.Mutex
	seen []persistence.Position
}

func (h *heads) Appended(p persistence.Position, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if err == nil && h.l.Head() >= p {
		h.seen = append(h.seen, p)
	}
}

func (h *heads) want(t *testing.T, n int) {
	t.Helper()
	synctest.Wait()
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.seen) != n {
		t.Fatalf("%d records acknowledged at or below the head, want %d", len(h.seen), n)
	}
	for i, p := range h.seen {
		if p != persistence.Position(i+1) {
			t.Fatalf("acknowledgement %d is for position %d", i, p)
		}
	}
}

func TestNothingIsKnownBeforeSync(t *testing.T) {
	inFakeStore(t, func(t *testing.T, f *fakeDisk, s *Store, l *log) {
		h := &heads{l: l}
		var told []int
		defer l.Watch(watcher(func(n int) { told = append(told, n) }))()
		send(l, h, 1, 10)
		f.wantBatches(t, 1)
		h.want(t, 0)
		if l.Head() != 0 {
			t.Fatalf("head %d before the sync", l.Head())
		}
		if got, ok := l.Tail(0, 10, nil); !ok || len(got) != 0 {
			t.Fatalf("the tail shows %v before the sync", got)
		}
		if names := s.Names(); len(names) != 0 {
			t.Fatalf("names %v before the sync", names)
		}
		f.syncs <- nil
		h.want(t, 1)
		if got, _ := l.Tail(0, 10, nil); len(got) != 1 || len(told) != 1 || told[0] != 1 || len(s.Names()) != 1 {
			t.Fatalf("after the sync: tail %v, told %v, names %v", got, told, s.Names())
		}
	})
}

type watcher func(int)

func (w watcher) Advanced(n int) { w(n) }

// While batches are at the disk the next ones go on being applied, flightDepth and one in the finisher's hands and one in the committer's; what
// comes then shares one batch.
func TestWaitingRecordsShareABatch(t *testing.T) {
	inFakeStore(t, func(t *testing.T, f *fakeDisk, s *Store, l *log) {
		h := &heads{l: l}
		const full = flightDepth + 2
		for i := range full {
			send(l, h, 1, 10)
			f.wantBatches(t, i+1)
		}
		send(l, h, 500, 10)
		f.wantBatches(t, full)
		f.syncs <- nil
		f.wantBatches(t, full+1)
		h.want(t, 1)
		for range full {
			f.syncs <- nil
		}
		h.want(t, full+500)
	})
}

func TestGroupIsBoundedByBytes(t *testing.T) {
	inFakeStore(t, func(t *testing.T, f *fakeDisk, s *Store, l *log) {
		for range flightDepth + 2 {
			send(l, &heads{l: l}, 1, 1)
			synctest.Wait()
		}
		send(l, &heads{l: l}, 3, groupBytes/2-valueHeader) // two fit
		send(l, &heads{l: l}, 1, 3*groupBytes)             // alone, and whole
		for range flightDepth + 2 {
			f.syncs <- nil
		}
		f.wantBatches(t, flightDepth+2+3)
		for i, want := range []string{" +10 +11", " +12", " +13"} {
			if got := f.batch(t, flightDepth+2+i); got != want {
				t.Errorf("batch %d: %s, want %s", i, got, want)
			}
		}
	})
}

// fakeCursor opens a cursor on a fake store.
func fakeCursor(t *testing.T, f *fakeDisk, l *log, name string, a *account) persistence.Cursor {
	t.Helper()
	var c persistence.Cursor
	l.OpenCursor(name, true, a, func(got persistence.Cursor, err error) { c = got })
	synctest.Wait()
	if c != nil {
		t.Fatal("the cursor is open before its creation is on disk")
	}
	f.syncs <- nil
	synctest.Wait()
	if c == nil {
		t.Fatal("the cursor is not open")
	}
	return c
}

func TestReportsWaitForCompany(t *testing.T) {
	inFakeStore(t, func(t *testing.T, f *fakeDisk, s *Store, l *log) {
		var a account
		c := fakeCursor(t, f, l, "a", &a)
		send(l, &heads{l: l}, 3, 10)
		synctest.Wait()
		f.syncs <- nil
		synctest.Wait()
		base := len(f.applied)

		a.add(persistence.Key{Position: 1})
		c.Dirty()
		time.Sleep(s.o.MarkDelay - time.Nanosecond)
		f.wantBatches(t, base) // alone, it does not open a batch
		time.Sleep(time.Nanosecond)
		f.wantBatches(t, base+1) // until it is old
		if got := f.batch(t, base); got != " -1" {
			t.Fatalf("the report's own batch: %s", got)
		}
		f.syncs <- nil

		a.add(persistence.Key{Position: 3})
		c.Dirty()
		time.Sleep(s.o.MarkDelay / 2)
		send(l, &heads{l: l}, 1, 10)
		f.wantBatches(t, base+2) // a record takes it along, after itself
		if got := f.batch(t, base+2-1); got != " +4 -3" {
			t.Fatalf("the shared batch: %s", got)
		}
		f.syncs <- nil
		time.Sleep(10 * s.o.MarkDelay)
		f.wantBatches(t, base+2)
	})
}

func TestDoneIsAskedAfterCreation(t *testing.T) {
	inFakeStore(t, func(t *testing.T, f *fakeDisk, s *Store, l *log) {
		var a, b account
		c := fakeCursor(t, f, l, "a", &a)
		send(l, &heads{l: l}, 1, 10)
		synctest.Wait()
		f.syncs <- nil
		synctest.Wait()
		a.add(persistence.Key{Position: 1})
		c.Dirty()
		l.OpenCursor("b", true, &b, func(persistence.Cursor, error) {})
		synctest.Wait()
		if got := f.batch(t, len(f.applied)-1); got != " marks" {
			t.Fatalf("a is done with 1 in the batch that creates b: %s; b owes it", got)
		}
	})
}

// A batch that deletes much asks no further ledger; who was left out is asked by the next, which does not wait.
func TestDeletionsAreSpreadOverBatches(t *testing.T) {
	inFakeStore(t, func(t *testing.T, f *fakeDisk, s *Store, l *log) {
		var accounts [3]account
		var cursors [3]persistence.Cursor
		const each = maxDeletes*3/4 + 1
		for i := range accounts {
			l := newLog(s, string(rune('a'+i)))
			cursors[i] = fakeCursor(t, f, l, "c", &accounts[i])
			send(l, &heads{l: l}, each, 0)
			f.syncAll()
			for p := range persistence.Position(each) {
				accounts[i].add(persistence.Key{Position: p + 1})
			}
		}
		base := len(f.applied)
		for i, c := range cursors {
			c.Dirty()
			cursors[i] = c
		}
		time.Sleep(s.o.MarkDelay)
		f.wantBatches(t, base+2)
		for i, want := range []int{2 * each, each} {
			if got := strings.Count(f.batch(t, base+i), "-"); got != want {
				t.Errorf("batch %d deletes %d, want %d", i, got, want)
			}
		}
		if got := s.counters.deletes.Load(); got != 3*each {
			t.Errorf("%d deleted", got)
		}
	})
}

func TestFailedSyncAcknowledgesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fakeDisk{syncs: make(chan error)}
		s, l := newFake(f)
		var fatal error
		s.fatal.tell = func(err error) { fatal = err }
		h := &heads{l: l}
		send(l, h, 1, 10)
		synctest.Wait()
		send(l, h, 1, 10)
		synctest.Wait()
		broken := errors.New("no")
		f.syncs <- broken
		synctest.Wait()
		if !errors.Is(fatal, broken) {
			t.Fatalf("fatal was told %v", fatal)
		}
		h.want(t, 0)
		if l.Head() != 0 {
			t.Fatalf("head %d", l.Head())
		}
		late := &appended{all: make(chan struct{}), n: 1}
		send(l, late, 1, 10)
		<-late.all
		if !errors.Is(late.err[0], persistence.ErrClosed) {
			t.Fatalf("after the end: %v", late.err[0])
		}
		f.wantBatches(t, 2)
	})
}
