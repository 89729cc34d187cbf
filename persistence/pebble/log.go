package pebble

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"hibachi/persistence"
)

// log is one sequence of records. It is split by owner: the book is the committer's, the tail is under its own lock, and what is left is small.
type log struct {
	// Set once.
	store      *Store
	name       string
	load       func() error // reads what only the first use needs; once
	graceFound time.Time    // by start; zero: none

	onDisk atomic.Bool   // set by start or by the finisher
	head   atomic.Uint64 // moved by the finisher, under tail.mu
	low    atomic.Uint64 // moved by the committer

	tail tail
	book book // owned by the committer, once load has returned

	watchers atomic.Pointer[[]*watch] // replaced under mu, read by the finisher

	mu         sync.Mutex // a leaf; guards:
	cursors    []string   // sorted
	stats      persistence.LogStats
	graceTimer *time.Timer
}

type watch struct{ w persistence.Watcher }

var _ persistence.Log = (*log)(nil)

// newLog makes a log that is not on disk.
func newLog(s *Store, name string) *log {
	l := &log{store: s, name: name, load: func() error { return nil }}
	l.book.record = logRecord{low: 1, next: 1, nextCursor: 1}
	l.low.Store(1)
	l.stats.Low = 1
	return l
}

func (l *log) Name() string { return l.name }

func (l *log) Head() persistence.Position { return persistence.Position(l.head.Load()) }

// Append hands a over to the committer. After Close, a.Done hears of it on a goroutine of its own.
func (l *log) Append(a *persistence.Append) {
	it := item{log: l, append: a, bytes: int64(valueLen(a))}
	if len(a.Envelope) > maxEnvelope || len(a.Body) > maxBody {
		it = item{log: l, op: func(_ *committer, g *group) {
			g.then = append(g.then, func() { a.Done.Appended(0, errTooLarge) })
		}}
	}
	if !l.store.queue.push(it) {
		go a.Done.Appended(0, persistence.ErrClosed)
	}
}

func (l *log) OpenCursor(name string, create bool, ledger persistence.Ledger, done func(persistence.Cursor, error)) {
	op := func(c *committer, g *group) { c.openCursor(g, l, name, create, ledger, done) }
	if !l.store.queue.push(item{log: l, op: op}) {
		go done(nil, persistence.ErrClosed)
	}
}

func (l *log) Cursors() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.cursors)
}

// addCursor makes a cursor known, once it is on disk.
func (l *log) addCursor(name string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if i, found := slices.BinarySearch(l.cursors, name); !found {
		l.cursors = slices.Insert(l.cursors, i, name)
	}
}

// Watch has w told until stop is called. A call that is under way when stop is called may still arrive.
func (l *log) Watch(w persistence.Watcher) (stop func()) {
	entry := &watch{w}
	l.changeWatchers(func(ws []*watch) []*watch { return append(ws, entry) })
	return func() {
		l.changeWatchers(func(ws []*watch) []*watch {
			return slices.DeleteFunc(ws, func(x *watch) bool { return x == entry })
		})
	}
}

// changeWatchers replaces the list, so that the finisher walks it without a lock.
func (l *log) changeWatchers(change func([]*watch) []*watch) {
	l.mu.Lock()
	defer l.mu.Unlock()
	var ws []*watch
	if old := l.watchers.Load(); old != nil {
		ws = slices.Clone(*old)
	}
	ws = change(ws)
	l.watchers.Store(&ws)
}

func (l *log) tellWatchers(n int) {
	ws := l.watchers.Load()
	if ws == nil {
		return
	}
	for _, w := range *ws {
		w.w.Advanced(n)
	}
}

// Tail reads from memory; it costs the search for after and a copy of what it gives.
func (l *log) Tail(after persistence.Position, max int, dst []persistence.Record) ([]persistence.Record, bool) {
	dst, ok := l.tail.read(after, max, dst)
	if ok {
		l.store.counters.ringHits.Add(1)
	}
	return dst, ok
}

func (l *log) Stats() persistence.LogStats {
	l.mu.Lock()
	s := l.stats
	s.Cursors = len(l.cursors)
	l.mu.Unlock()
	s.Head = l.Head()
	return s
}
