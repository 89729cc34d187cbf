// Package pebble keeps logs on one local disk, in one Pebble database with one write-ahead log for all of them.
//
// It owns the data directory: the key layout, the positions, which record is still owed to whom, and the promise that nobody hears of a
// record before it is on disk. It knows nothing of what a record means, of tenants, of devices or of AMQP, and it decides nothing: who gets
// which record when is the affair of the ledgers above it.
//
// The types, in the order in which a record meets them:
//
//	Store      opens the directory and hands out logs                               store.go, start.go, options.go
//	log        one sequence of records; Append puts into                            log.go
//	queue      what waits for the committer; never blocks                           queue.go
//	committer  one goroutine: takes what waits, gives positions, builds a batch     committer.go
//	book       a log as the committer sees it: next, low, sizes, cursors, grace     book.go, sizes.go, grace.go, sweep.go
//	finisher   one goroutine: waits for the disk, then lets everybody know          finisher.go
//	ring       the newest records in memory, bounded over all logs                  ring.go
//	cursor     what one reader is done with: a floor and marks above it             cursor.go, marks.go
//	fetchers   a few goroutines that read from disk for those who fell behind       fetch.go, scan.go
//
// Three rules hold everywhere. Durable before visible: Pebble shows a batch to readers before its log is synced, so everything that reads
// stops at Head, and only the finisher moves Head. Bounded seeks: an iterator begins at a known position and is closed after its page, since
// walking over what was deleted costs a hundred milliseconds a million, and an open iterator pins files. One writer: positions, counts and marks
// belong to the committer and need no lock.
//
// Not there: retention by age or size, removal of logs and cursors, a second disk for the write-ahead log.
package pebble

import (
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"

	cockroach "github.com/cockroachdb/pebble/v2"

	"hibachi/persistence"
)

var _ persistence.Store = (*Store)(nil)

// Store is a persistence.Store in one directory. All methods may be called from any goroutine.
type Store struct {
	// Set once.
	o         Options
	logger    *slog.Logger
	lock      *cockroach.Lock
	db        *cockroach.DB
	env       env
	queue     queue
	committer *committer
	finisher  *finisher
	fetch     *fetchers
	readers   gate
	fatal     fatal
	flushes   flushes
	complain  complaints
	closing   func() error

	counters counters
	disk     diskBytes

	mu   sync.Mutex // a leaf; guards:
	logs map[string]*log
}

// Open opens the store in o.Dir and makes it if there is none. It costs the replay of the write-ahead log (at most a few memtables)
// and one short scan of the logs and cursors, whatever number of records there is.
func Open(o Options) (*Store, error) {
	return open(o, func(e env) env { return e })
}

// open lets a test put something between the committer and the disk.
func open(o Options, wrap func(env) env) (*Store, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	o = o.withDefaults()
	s := &Store{o: o, logger: o.Log, logs: make(map[string]*log)}
	s.complain.logger = s.logger
	s.flushes.patience = o.FlushPatience
	s.fatal.init(s.logger, o.Fatal, s.queue.close)
	s.closing = sync.OnceValue(s.close)
	s.queue.init(o.MarkDelay)
	if err := s.openDB(); err != nil {
		return nil, err
	}
	s.env = wrap(diskEnv(s.db))
	first, err := s.start()
	if err != nil {
		return nil, errors.Join(fmt.Errorf("start from %s: %w", o.Dir, err), s.closeDB())
	}
	s.fetch = startFetchers(o.FetchWorkers)
	s.finisher = newFinisher(s)
	s.committer = newCommitter(s, first)
	go s.finisher.run()
	go s.committer.run()
	s.resumeGraces()
	return s, nil
}

// Log gives the log of that name. The first time that a log on disk is asked for, its marks and the records since its last bookkeeping
// (some thousands of keys, no bodies) are read, on the caller's goroutine.
func (s *Store) Log(name string) (persistence.Log, error) {
	return s.loaded(name)
}

func (s *Store) loaded(name string) (*log, error) {
	if len(name) < 1 || len(name) > maxLogName {
		return nil, fmt.Errorf("a log's name has 1 to %d bytes, not %d", maxLogName, len(name))
	}
	if s.queue.isClosed() {
		return nil, persistence.ErrClosed
	}
	s.mu.Lock()
	l := s.logs[name]
	if l == nil {
		l = newLog(s, name)
		s.logs[name] = l
	}
	s.mu.Unlock()
	if err := l.load(); err != nil {
		return nil, fmt.Errorf("load log %s: %w", name, err)
	}
	return l, nil
}

// Names lists the logs on disk, sorted.
func (s *Store) Names() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	names := make([]string, 0, len(s.logs))
	for name, l := range s.logs {
		if l.onDisk.Load() {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// Close commits what was handed over, calls all callbacks, and releases the directory. It may take seconds on a large store; a kill is safe at
// any time. Later calls give the same answer.
func (s *Store) Close() error { return s.closing() }

func (s *Store) close() error {
	s.queue.close()
	select {
	case <-s.finisher.done:
	case <-s.fatal.dead:
	}
	s.stopGraces()
	s.fetch.close()
	if err := s.fatal.err(); err != nil {
		return err // Pebble does not survive a failed log, not even its closing; the lock stays until the process ends
	}
	s.fetch.wait()
	s.readers.close()
	return s.closeDB()
}

func (s *Store) closeDB() error {
	return errors.Join(s.db.Close(), s.lock.Close())
}
