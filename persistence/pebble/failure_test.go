package pebble

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	cockroach "github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"hibachi/persistence"
)

// faulty fails the operations that a test names, once it is told to.
type faulty struct {
	on   atomic.Bool
	hits atomic.Int64
	when func(errorfs.Op) bool
}

func (f *faulty) fs(fs vfs.FS) vfs.FS {
	return errorfs.Wrap(fs, errorfs.InjectorFunc(func(op errorfs.Op) error {
		if f.on.Load() && f.when(op) {
			f.hits.Add(1)
			return syscall.EIO
		}
		return nil
	}))
}

func isSync(op errorfs.Op) bool {
	return op.Kind == errorfs.OpFileSync || op.Kind == errorfs.OpFileSyncData
}

func TestFailedLogEndsTheStore(t *testing.T) {
	wal := func(op errorfs.Op) bool { return strings.HasSuffix(op.Path, ".log") }
	for _, c := range []struct {
		name string
		when func(errorfs.Op) bool
	}{
		{"sync", func(op errorfs.Op) bool { return wal(op) && isSync(op) }},
		{"write", func(op errorfs.Op) bool { return wal(op) && op.Kind == errorfs.OpFileWrite }},
	} {
		t.Run(c.name, func(t *testing.T) {
			disk := vfs.NewCrashableMem()
			f := &faulty{when: c.when}
			o := small(f.fs(disk))
			told := make(chan error, 1)
			o.Fatal = func(err error) { told <- err }
			s := mustOpen(t, o)
			l := mustLog(t, s, "acme")
			kept := put(t, l, "kept")
			f.on.Store(true)
			late := &appended{all: make(chan struct{}), n: 1}
			l.Append(&persistence.Append{Body: []byte("lost"), Done: late})
			err := <-told
			if !errors.Is(err, syscall.EIO) && !strings.Contains(err.Error(), syscall.EIO.Error()) {
				t.Errorf("fatal was told %v", err)
			}
			late.mu.Lock()
			for i, err := range late.err {
				if err == nil {
					t.Errorf("position %d is acknowledged", late.got[i])
				}
			}
			late.mu.Unlock()
			if err := s.Close(); err == nil {
				t.Error("closing a dead store succeeds")
			}
			after := mustOpen(t, small(disk.CrashClone(vfs.CrashCloneCfg{})))
			defer mustClose(t, after)
			wantKeys(t, "after a restart", scanAll(t, mustLog(t, after, "acme"), nil), kept)
		})
	}
}

// What fails beside the write-ahead log delays flushes and nothing else.
func TestFailedTablesAreSurvived(t *testing.T) {
	f := &faulty{when: func(op errorfs.Op) bool {
		table := strings.HasSuffix(op.Path, ".sst") || strings.HasSuffix(op.Path, ".blob")
		return table && (op.Kind == errorfs.OpCreate || op.Kind == errorfs.OpFileWrite || isSync(op))
	}}
	s := mustOpen(t, small(f.fs(vfs.NewMem())))
	defer mustClose(t, s)
	l := mustLog(t, s, "acme")
	f.on.Store(true)
	body := strings.Repeat("x", 10_000)
	var keys []persistence.Key
	for f.hits.Load() == 0 {
		keys = append(keys, put(t, l, body)...)
	}
	f.on.Store(false)
	for range 100 {
		keys = append(keys, put(t, l, body)...)
	}
	wantKeys(t, "all", scanAll(t, l, nil), keys)
	if got := fetchAll(t, l, keys); len(got) != len(keys) {
		t.Fatalf("%d of %d records", len(got), len(keys))
	}
}

// A full disk, mostly. Without an end Pebble would try for ever, writes would stall without a word, and a start would not return.
func TestFlushesThatOnlyFailEndTheStore(t *testing.T) {
	disk := vfs.NewCrashableMem()
	f := &faulty{when: func(op errorfs.Op) bool { return strings.HasSuffix(op.Path, ".sst") && op.Kind == errorfs.OpCreate }}
	o := small(f.fs(disk))
	o.FlushPatience = 1
	told := make(chan error, 1)
	o.Fatal = func(err error) { told <- err }
	s := mustOpen(t, o)
	l := mustLog(t, s, "acme")
	kept := put(t, l, "kept")
	f.on.Store(true)
	defer f.on.Store(false) // what is given up still tries
	send(l, &appended{all: make(chan struct{}), n: 1000}, 1000, 10_000)
	if err := <-told; !errors.Is(err, syscall.EIO) || !strings.Contains(err.Error(), "flush to disk") {
		t.Errorf("fatal was told %v", err)
	}
	if err := s.Close(); !errors.Is(err, syscall.EIO) {
		t.Errorf("closing gives %v", err)
	}

	disk = disk.CrashClone(vfs.CrashCloneCfg{})
	o.FS = f.fs(disk.CrashClone(vfs.CrashCloneCfg{}))
	if _, err := Open(o); !errors.Is(err, syscall.EIO) {
		t.Errorf("a start that cannot flush gives %v", err)
	}
	after := mustOpen(t, small(disk)) // there is room again
	defer mustClose(t, after)
	if got := scanAll(t, mustLog(t, after, "acme"), nil); len(got) == 0 || got[0] != kept[0] {
		t.Errorf("after a restart: %v, want %v first", got, kept)
	}
}

func TestDirectoryHasOneOwner(t *testing.T) {
	o := small(nil)
	o.FS, o.Dir = vfs.Default, t.TempDir()+"/deep/data"
	s := mustOpen(t, o)
	if info, err := os.Stat(o.Dir); err != nil || info.Mode().Perm() != 0o700 {
		t.Fatalf("the directory: %v, %v", info.Mode(), err)
	}
	_, err := Open(o)
	if !errors.Is(err, ErrLocked) || !strings.Contains(err.Error(), fmt.Sprintf("process %d on ", os.Getpid())) {
		t.Fatalf("a second one: %v", err)
	}
	mustClose(t, s)
	s = mustOpen(t, o)
	mustClose(t, s)
}

func TestLaterFormatIsRefused(t *testing.T) {
	fs := vfs.NewMem()
	s := mustOpen(t, small(fs))
	if err := s.db.Set(formatKey, binary.BigEndian.AppendUint32(nil, formatVersion+1), cockroach.Sync); err != nil {
		t.Fatal(err)
	}
	mustClose(t, s)
	for range 2 { // refusing lets go of the lock
		if _, err := Open(small(fs)); !errors.Is(err, ErrTooNew) || !strings.Contains(err.Error(), "version 2") {
			t.Fatalf("opened: %v", err)
		}
	}
}

func TestCloseFinishesWhatWasHandedOver(t *testing.T) {
	fs := vfs.NewMem()
	s := mustOpen(t, small(fs))
	l := mustLog(t, s, "acme")
	var a account
	c := mustCursor(t, l, "a", &a)
	k := put(t, l, "first")
	a.add(k...)
	c.Dirty()
	const n = 2000
	done := &appended{all: make(chan struct{}), n: n}
	send(l, done, n, 100)
	closed := make(chan error)
	for range 2 {
		go func() { closed <- s.Close() }()
	}
	for range 2 {
		if err := <-closed; err != nil {
			t.Fatal(err)
		}
	}
	if len(done.got) != n {
		t.Fatalf("%d of %d called back before Close returned", len(done.got), n)
	}

	late := &appended{all: make(chan struct{}), n: 1}
	send(l, late, 1, 1)
	<-late.all
	_, openErr := openCur(l, "b", true, &a)
	_, _, scanErr := scanPage(l, nil, 0, 1)
	_, logErr := s.Log("other")
	for what, err := range map[string]error{"append": late.err[0], "open a cursor": openErr, "scan": scanErr, "log": logErr} {
		if !errors.Is(err, persistence.ErrClosed) {
			t.Errorf("%s after Close: %v", what, err)
		}
	}
	c.Dirty()
	c.Close()

	s = mustOpen(t, small(fs))
	defer mustClose(t, s)
	if st := mustLog(t, s, "acme").Stats(); st.Count != n {
		t.Fatalf("%d records after reopen, want %d: the report counted too", st.Count, n)
	}
}

func TestTooLargeIsRefused(t *testing.T) {
	s := mustOpen(t, small(vfs.NewMem()))
	defer mustClose(t, s)
	l := mustLog(t, s, "acme")
	done := &appended{all: make(chan struct{}), n: 3}
	for _, n := range []int{maxEnvelope, maxEnvelope + 1, 0} {
		l.Append(&persistence.Append{Envelope: make([]byte, n), Done: done})
	}
	<-done.all
	if st := l.Stats(); st.Count != 2 {
		t.Fatalf("%d stored, want 2: %v", st.Count, done.err)
	}
	if s.Stats().QueueBytes != 0 {
		t.Fatalf("%d bytes left in the queue", s.Stats().QueueBytes)
	}
}
