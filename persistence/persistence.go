// Package persistence is the contract between the broker and what keeps its bytes.
//
// A Store holds one Log for each name (a tenant's events). A Log is an ever growing sequence of records; a Cursor on it is one
// reader's account of what it is done with. A record is deleted by the commit that carries the *done* of its last cursor, wherever
// the record stands. Nothing here knows what a record means.
//
// Everything that changes something is asynchronous: the caller hands it over and is called back once it is on disk. Callbacks
// run on the store's goroutines and must not block.
package persistence

import (
	"errors"
	"time"
)

// Position is a record's place in its log. Positions of one log are strictly increasing, never given twice, and not dense: nobody
// adds one to a position. 0 is before every record.
type Position uint64

// Lane is a number that records share which must be kept in order among each other. The store only carries it.
type Lane uint64

// Key names a record.
type Key struct {
	Position Position
	Lane     Lane
}

// Record is what is kept. Both slices are shared and must not be changed.
type Record struct {
	Key
	Envelope []byte
	Body     []byte
}

var (
	// ErrClosed: the store is closing; nothing of the operation is on disk.
	ErrClosed = errors.New("the store is closed")
	// ErrNoCursor: the cursor does not exist and was not to be created.
	ErrNoCursor = errors.New("no such cursor")
	// ErrCursorOpen: the cursor already has a ledger.
	ErrCursorOpen = errors.New("the cursor is open")
)

// Store keeps logs. All methods may be called from any goroutine.
type Store interface {
	// Log gives the log of that name. It is created on disk by the first operation that needs it. The name is 1 to 512 bytes.
	Log(name string) (Log, error)
	// Names lists the logs on disk, sorted.
	Names() []string
	Stats() Stats
	// Close commits what was handed over, calls all callbacks, and releases the data directory.
	Close() error
}

// Log is one sequence of records.
type Log interface {
	Name() string

	// Append hands a record over; it never blocks: who must be held back is held back before, by Stats.QueueBytes. Records of one log get their positions in the order of the calls.
	Append(a *Append)

	// OpenCursor opens the cursor of that name for l; it is created, on disk before done is called, if there is none and create is
	// set. A new cursor owes every record still stored. done gets ErrNoCursor or ErrCursorOpen otherwise.
	OpenCursor(name string, create bool, l Ledger, done func(Cursor, error))
	// Cursors lists the names of all cursors, sorted.
	Cursors() []string

	// Head is the position of the last record that is on disk: nothing above it may be shown to anybody.
	Head() Position
	// Tail appends to dst up to max records above after, from memory. ok is false if some durable record above after is no longer (or
	// was never) in memory: then nothing is appended and Scan is the way. Fewer than max: there are no more up to the Head that was read before the
	// call. Tail knows nothing of cursors, and records that were deleted may still be in memory: a ledger that begins anew, on a new cursor or on one
	// that was open before, reads by Scan up to the Head that it finds, and from there on by Tail.
	Tail(after Position, max int, dst []Record) (_ []Record, ok bool)
	// Watch has w told when Head moves, until stop is called.
	Watch(w Watcher) (stop func())

	// Scan reads keys (no bodies) above after, ascending, at most limit, not beyond Head, and leaves out what c is done with (c nil:
	// nothing). through: everything up to there was looked at (it may be above the last key); go on after it. The page may be short or empty while
	// through is below Head. What c's ledger reports while the scan is under way may or may not be left out. Calls done on a fetch goroutine.
	Scan(c Cursor, after Position, limit int, done func(keys []Key, through Position, err error))
	// Fetch reads the records under keys, which ascend. What is no longer stored is absent from the answer. Calls done on a fetch goroutine.
	Fetch(keys []Key, done func(records []Record, err error))

	Stats() LogStats
}

// Append is one record to be stored. The caller may embed it in a struct of its own; it must not touch it until Done was called, and
// never change the slices afterwards.
type Append struct {
	Lane     Lane
	Envelope []byte   // at most 64 KiB
	Body     []byte   // at most 1 GiB
	Done     Appended // called once, on the finisher's goroutine, or after Close on one of its own; must not block

	// Position is given by the store; the caller reads it in Done.
	Position Position
}

// Appended hears that a record is on disk (err nil) or will never be.
type Appended interface {
	Appended(p Position, err error)
}

// Cursor is one reader's account on a log.
type Cursor interface {
	Name() string
	// Dirty says that the ledger's TakeDone has something. The store calls it back with the next commit, at the latest after 10 ms.
	Dirty()
	// Close forgets the ledger; what it reported as done before is kept.
	Close()
}

// Ledger is the broker's side of a cursor.
type Ledger interface {
	// TakeDone appends the records done with since the last call, in any order, and gives the floor: the cursor is done with everything
	// at or below it. Called by the committer, which holds no lock. The floor never falls. Each record is reported once, also those below the floor: it is
	// the report that deletes; the floor only tells where reading need not go any more.
	TakeDone(dst []Key) (_ []Key, floor Position)
}

// Watcher hears that Head moved. Called by the finisher's goroutine, once a log and commit group, with the number of new records; must not block.
type Watcher interface {
	Advanced(n int)
}

// LogStats describes one log.
type LogStats struct {
	Low     Position // nothing is stored below
	Head    Position
	Count   int64 // records stored; after a start about right until first use
	Bytes   int64 // about: exact for stretches wholly stored or wholly gone
	Cursors int
	Oldest  time.Time // zero: unknown or empty
}

// Stats describes a store since its start.
type Stats struct {
	Logs          int
	Records       int64 // stored, about
	Bytes         int64
	Appends       uint64
	Deletes       uint64
	Commits       uint64 // batches synced
	CommitBytes   uint64
	CommitSeconds float64 // from batch building to durable, summed
	SyncSeconds   float64
	QueueBytes    int64 // handed over, not yet durable
	RingBytes     int64
	RingHits      uint64
	Scans         uint64
	Fetches       uint64
	DiskBytes     int64
	WriteStalls   uint64
}
