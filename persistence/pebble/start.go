package pebble

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	cockroach "github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/sstable"
	"github.com/cockroachdb/pebble/v2/vfs"

	"hibachi/persistence"
)

// ErrLocked: another process has the data directory, or this one a second time.
var ErrLocked = errors.New("the data directory is in use")

// ErrTooNew: the data directory was written by a later version, with a layout that this one does not know.
var ErrTooNew = errors.New("the data directory is of a later version")

func (s *Store) openDB() error {
	o := &s.o
	if err := o.FS.MkdirAll(o.Dir, 0o700); err != nil {
		return fmt.Errorf("make the data directory %s: %w", o.Dir, err)
	}
	lock, err := lockDir(o.FS, o.Dir)
	if err != nil {
		return err
	}
	s.lock = lock
	po := s.engineOptions()
	defer po.Cache.Unref()
	s.db, err = s.openEngine(po)
	switch {
	case err != nil && s.fatal.err() != nil:
		return fmt.Errorf("open %s: %w", o.Dir, err) // Pebble is still at it, so the lock stays until the process ends
	case err != nil:
		return errors.Join(fmt.Errorf("open %s: %w", o.Dir, err), lock.Close())
	}
	return nil
}

// openEngine gives up on Pebble when the store ends meanwhile: Open waits, for ever if need be, until what it found in the write-ahead log is flushed.
func (s *Store) openEngine(po *cockroach.Options) (*cockroach.DB, error) {
	type result struct {
		db  *cockroach.DB
		err error
	}
	opened := make(chan result, 1)
	go func() {
		db, err := cockroach.Open(s.o.Dir, po)
		opened <- result{db, err}
	}()
	select {
	case r := <-opened:
		return r.db, r.err
	case <-s.fatal.dead:
		return nil, s.fatal.cause
	}
}

// ownerFile says for people who holds the lock. The lock itself is the operating system's, and goes with the process.
const ownerFile = "OWNER"

func lockDir(fs vfs.FS, dir string) (*cockroach.Lock, error) {
	lock, err := cockroach.LockDirectory(dir, fs)
	if err != nil {
		if pathErr := (*os.PathError)(nil); errors.As(err, &pathErr) {
			return nil, fmt.Errorf("lock the data directory: %w", err)
		}
		return nil, fmt.Errorf("%s: %w by %s (%w)", dir, ErrLocked, readOwner(fs, dir), err)
	}
	if err := writeOwner(fs, dir); err != nil {
		return nil, errors.Join(fmt.Errorf("%s: write %s: %w", dir, ownerFile, err), lock.Close())
	}
	return lock, nil
}

func writeOwner(fs vfs.FS, dir string) error {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown host"
	}
	f, err := fs.Create(fs.PathJoin(dir, ownerFile), vfs.WriteCategoryUnspecified)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(f, "process %d on %s since %s\n", os.Getpid(), host, time.Now().UTC().Format(time.RFC3339))
	return errors.Join(err, f.Close())
}

func readOwner(fs vfs.FS, dir string) string {
	f, err := fs.Open(fs.PathJoin(dir, ownerFile))
	if err != nil {
		return "an unknown process"
	}
	defer f.Close() //nolint:errcheck // read only
	b, err := io.ReadAll(io.LimitReader(f, 512))
	if owner := strings.TrimSpace(string(b)); err == nil && owner != "" {
		return owner
	}
	return "an unknown process"
}

// engineOptions are what measuring chose for this pattern: large memtables, since most records are done with before they would be written a second
// time; values apart from keys, so that compactions and scans do not move them; blocks of 32 KiB for those who catch up; no compression.
func (s *Store) engineOptions() *cockroach.Options {
	o := &s.o
	po := &cockroach.Options{
		FS:                          spare(o.FS, o.Dir),
		Lock:                        s.lock,
		Cache:                       cockroach.NewCache(o.CacheSize),
		FormatMajorVersion:          cockroach.FormatValueSeparation, // pinned: an upgrade cannot be taken back
		Logger:                      engineLogger{s.logger, &s.complain, &s.fatal},
		MemTableSize:                uint64(o.MemTableSize),
		MemTableStopWritesThreshold: memTables,
		L0CompactionThreshold:       4,
		L0StopWritesThreshold:       1000,
		LBaseMaxBytes:               256 << 20,
		MaxOpenFiles:                4096,
		BytesPerSync:                1 << 20,
		TargetByteDeletionRate:      128 << 20, // deleting at full speed stalls syncs on disks that discard
		CompactionConcurrencyRange:  func() (int, int) { return 1, 2 },
		EventListener:               s.engineEvents(),
	}
	po.TargetFileSizes[0] = 16 << 20
	for i := range po.Levels {
		po.Levels[i].BlockSize = 32 << 10
	}
	po.ApplyCompressionSettings(func() cockroach.DBCompressionSettings {
		return cockroach.UniformDBCompressionSettings(sstable.NoCompression)
	})
	po.Experimental.ValueSeparationPolicy = func() cockroach.ValueSeparationPolicy {
		return cockroach.ValueSeparationPolicy{
			Enabled: true, MinimumSize: 256, MaxBlobReferenceDepth: 10,
			RewriteMinimumAge: time.Minute, TargetGarbageRatio: 0.3,
		}
	}
	// Definitions and marks are small, hot and read by every start: never apart.
	po.Experimental.SpanPolicyFunc = cockroach.MakeStaticSpanPolicyFunc(bytes.Compare,
		cockroach.KeyRange{Start: []byte{kindStore}, End: []byte{kindRecord}},
		cockroach.SpanPolicy{ValueStoragePolicy: cockroach.ValueStorageLowReadLatency})
	po.WithFSDefaults() // reports a slow disk
	return po
}

func (s *Store) engineEvents() *cockroach.EventListener {
	return &cockroach.EventListener{
		FlushEnd:        func(i cockroach.FlushInfo) { s.flushes.ended(i.Err) },
		BackgroundError: s.backgroundFailed,
		DataCorruption: func(i cockroach.DataCorruptionInfo) {
			s.complain.about("corruption", fmt.Errorf("%s: %w", i.Path, i.Details))
		},
		DiskSlow:     func(i cockroach.DiskSlowInfo) { s.complain.about("slow disk", errors.New(i.String())) },
		LowDiskSpace: func(i cockroach.LowDiskSpaceInfo) { s.complain.about("low disk space", errors.New(i.String())) },
		WriteStallBegin: func(i cockroach.WriteStallBeginInfo) {
			s.counters.writeStalls.Add(1)
			s.complain.about("write stall", errors.New(i.Reason))
		},
	}
}

// backgroundFailed is called with Pebble's locks held.
func (s *Store) backgroundFailed(err error) {
	s.complain.about("background", err)
	if end := s.flushes.failed(err, time.Now()); end != nil {
		go s.fatal.fail(end)
	}
}

// start reads what is known of logs and cursors; no records. It gives the next log id.
func (s *Store) start() (logID, error) {
	if err := s.checkFormat(); err != nil {
		return 0, err
	}
	r := starting{store: s, next: 1, byID: make(map[logID]*log)}
	err := s.each([]byte{kindStore}, []byte{kindMarks}, r.entry)
	return r.next, err
}

// checkFormat refuses what it does not know and marks what is new.
func (s *Store) checkFormat() error {
	v, closer, err := s.db.Get(formatKey)
	if errors.Is(err, cockroach.ErrNotFound) {
		return s.db.Set(formatKey, binary.BigEndian.AppendUint32(nil, formatVersion), cockroach.Sync)
	}
	if err != nil {
		return err
	}
	version, err := u32(v)
	err = errors.Join(err, closer.Close())
	if err == nil && version > formatVersion {
		err = fmt.Errorf("%w: its layout is version %d, known are versions up to %d", ErrTooNew, version, formatVersion)
	}
	return err
}

// each calls do with every key and value of a range.
func (s *Store) each(from, to []byte, do func(k, v []byte) error) error {
	it, err := s.env.iter(&cockroach.IterOptions{LowerBound: from, UpperBound: to})
	if err != nil {
		return err
	}
	for ok := it.First(); ok; ok = it.Next() {
		v, err := it.ValueAndErr()
		if err != nil {
			return closing(it, err)
		}
		if err := do(it.Key(), v); err != nil {
			return closing(it, fmt.Errorf("key %x: %w", it.Key(), err))
		}
	}
	return closing(it, nil)
}

// starting puts together what a start finds.
type starting struct {
	store *Store
	next  logID
	byID  map[logID]*log
}

func (r *starting) entry(k, v []byte) error {
	switch k[0] {
	case kindStore:
		return r.ofStore(k, v)
	case kindName:
		return r.name(string(k[1:]), v)
	case kindLog:
		return r.log(k[1:], v)
	case kindCursor:
		return r.cursor(k[1:], v)
	}
	return errors.New("unknown kind")
}

func (r *starting) ofStore(k, v []byte) error {
	if !bytes.Equal(k, logsKey) {
		return nil
	}
	next, err := u32(v)
	r.next = logID(next)
	return err
}

func (r *starting) name(name string, v []byte) error {
	id, err := u32(v)
	if err != nil {
		return err
	}
	l := newLog(r.store, name)
	l.book.id = logID(id)
	l.onDisk.Store(true)
	l.load = sync.OnceValue(l.readTail)
	r.byID[l.book.id] = l
	r.store.logs[name] = l
	r.next = max(r.next, l.book.id+1)
	return nil
}

func (r *starting) find(k []byte) (*log, error) {
	if len(k) < 4 {
		return nil, errors.New("too short")
	}
	l := r.byID[logID(binary.BigEndian.Uint32(k))]
	if l == nil {
		return nil, errors.New("a log without a name")
	}
	return l, nil
}

func (r *starting) log(k, v []byte) error {
	l, err := r.find(k)
	if err != nil {
		return err
	}
	rec, err := parseLogRecord(v)
	if err != nil {
		return err
	}
	b := &l.book
	b.record = rec
	b.grace = grace{upTo: rec.gracePos, until: rec.graceUntil}
	l.graceFound = rec.graceUntil
	l.low.Store(uint64(rec.low))
	l.stats.Low, l.stats.Count, l.stats.Bytes = rec.low, rec.count, rec.bytes
	r.store.counters.found(rec.count, rec.bytes)
	return nil
}

func (r *starting) cursor(k, v []byte) error {
	l, err := r.find(k)
	if err != nil {
		return err
	}
	id, err := u32(k[4:])
	if err != nil {
		return err
	}
	rec, err := parseCursorRecord(v)
	if err != nil {
		return err
	}
	c := &cursor{log: l, id: cursorID(id), name: rec.name, start: rec.start}
	c.marks.floor = max(rec.start, rec.floor, l.book.record.low-1)
	l.book.cursors = append(l.book.cursors, c)
	l.addCursor(c.name)
	return nil
}

// readTail does what start left out: the cursors' marks, and the records above the log's record, of which there are at most recordEvery and a batch.
func (l *log) readTail() error {
	if !l.store.readers.enter() {
		return persistence.ErrClosed
	}
	defer l.store.readers.leave()
	for _, c := range l.book.cursors {
		if err := c.readMarks(); err != nil {
			return err
		}
	}
	return l.countTail()
}

func (c *cursor) readMarks() error {
	s, id := c.log.store, c.log.book.id
	from := marksKey(id, c.id, 0)
	to := append(marksKey(id, c.id, ^uint64(0)), 0)
	return s.each(from, to, func(k, v []byte) error {
		stored, err := parseChunk(v)
		if err != nil {
			return err
		}
		if c.marks.chunks == nil {
			c.marks.chunks = make(map[uint64]*chunk)
		}
		c.marks.chunks[binary.BigEndian.Uint64(k[len(k)-8:])] = stored
		return nil
	})
}

// countTail finds the last position given. It counts forward from the record's next: every position given before is below that, every record above it is
// still there (a deletion would have written the record anew), and so count, bytes and head are exact.
func (l *log) countTail() error {
	b := &l.book
	it, err := l.store.env.iter(&cockroach.IterOptions{
		LowerBound: recordBound(b.id, b.record.next),
		UpperBound: recordBound(b.id, ^persistence.Position(0)),
	})
	if err != nil {
		return err
	}
	var count, size int64
	for ok := it.First(); ok; ok = it.Next() {
		k, err := parseRecordKey(it.Key())
		if err != nil {
			return closing(it, err)
		}
		value := it.LazyValue() // its length needs no read
		count++
		size += int64(value.Len())
		b.record.next = k.Position + 1
	}
	if err := closing(it, nil); err != nil {
		return err
	}
	l.setFound(count, size)
	return nil
}

// setFound begins with count records and size bytes beside those of the record.
func (l *log) setFound(count, size int64) {
	b := &l.book
	b.unrecorded = int(count)
	b.sizes.load(b.record.next, b.record.count+count, b.record.bytes+size)
	l.store.counters.found(count, size)
	head := b.record.next - 1
	l.tail.missing = head
	l.head.Store(uint64(head))
	l.mu.Lock()
	l.stats.Count, l.stats.Bytes = b.sizes.count, b.sizes.bytes
	l.mu.Unlock()
}
