package pebble

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// Options say where and how to keep. The zero value of each field but Dir is its default.
type Options struct {
	// Dir is the data directory; required. It is made, mode 0700, if it is missing; that of an existing one is left alone.
	Dir string
	// FS is the file system. Default: the operating system's.
	FS vfs.FS

	// MemTableSize is the size in bytes up to which written records gather in memory before they go to a table; up to four are held, and as much is
	// replayed after a crash. Records that are done with before are never written a second time. Default 128 MiB; 64 KiB to 1 GiB.
	// Memory is taken as it fills, beginning with 256 KiB.
	MemTableSize int64
	// CacheSize is the size in bytes of the cache for blocks read from disk. Memtables are reserved out of it. Default 128 MiB and four memtables; at
	// least 1 MiB.
	CacheSize int64
	// RingBytes bounds the newest records kept in memory, over all logs. Default 64 MiB; negative keeps none.
	RingBytes int64
	// FetchWorkers is the number of goroutines that read for cursors which fell behind. Default 3; 1 to 64.
	FetchWorkers int

	// Grace is how long records that were stored before a log's first cursor stay after that cursor's creation, so that cursors created together all
	// get them. Default 1 h; negative: no grace.
	Grace time.Duration
	// MarkDelay is how long a cursor's reports wait for a record to ride along with before they are written on their own. Default 10 ms; at
	// most 1 s.
	MarkDelay time.Duration

	// Now tells the time of day. Default time.Now.
	Now func() time.Time
	// FlushPatience is how long flushes may do nothing but fail before the store ends. Default 10 s.
	FlushPatience time.Duration
	// Log takes what an operator should see. Default slog.Default().
	Log *slog.Logger
	// Fatal is told, once, that nothing can be promised any more: a write-ahead log that failed to sync may or may not hold what was in flight.
	// It should end the process, since only a restart finds out. If it returns, what was handed over is never called back, and what comes later is refused.
	// Default: exit with status 1. The reason was logged before. Called on any goroutine.
	Fatal func(error)
}

const (
	defaultMemTable = 128 << 20
	memTables       = 4
	defaultCache    = 128 << 20
	defaultRing     = 64 << 20
	defaultFetchers = 3
	defaultGrace    = time.Hour
	defaultMarks    = 10 * time.Millisecond
	defaultPatience = 10 * time.Second
)

// Validate says which field is out of its bounds, and why.
func (o *Options) Validate() error {
	switch {
	case o.Dir == "":
		return errors.New("the data directory (Dir) is required")
	case o.MemTableSize != 0 && (o.MemTableSize < 64<<10 || o.MemTableSize > 1<<30):
		return fmt.Errorf("MemTableSize: %d is not within 64 KiB and 1 GiB", o.MemTableSize)
	case o.CacheSize != 0 && o.CacheSize < 1<<20:
		return fmt.Errorf("CacheSize: %d is less than 1 MiB", o.CacheSize)
	case o.FetchWorkers < 0 || o.FetchWorkers > 64:
		return fmt.Errorf("FetchWorkers: %d is not within 1 and 64", o.FetchWorkers)
	case o.FlushPatience < 0:
		return fmt.Errorf("FlushPatience: %v is less than nothing", o.FlushPatience)
	case o.MarkDelay < 0 || o.MarkDelay > time.Second:
		return fmt.Errorf("MarkDelay: %v is not within 0 and 1s", o.MarkDelay)
	}
	return nil
}

func (o Options) withDefaults() Options {
	setDefault(&o.MemTableSize, defaultMemTable)
	setDefault(&o.CacheSize, defaultCache+memTables*o.MemTableSize)
	setDefault(&o.RingBytes, defaultRing)
	setDefault(&o.FetchWorkers, defaultFetchers)
	setDefault(&o.Grace, defaultGrace)
	setDefault(&o.MarkDelay, defaultMarks)
	setDefault(&o.FlushPatience, defaultPatience)
	o.RingBytes = max(o.RingBytes, 0)
	o.Grace = max(o.Grace, 0)
	if o.FS == nil {
		o.FS = vfs.Default
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	if o.Fatal == nil {
		o.Fatal = func(error) { os.Exit(1) }
	}
	return o
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}
