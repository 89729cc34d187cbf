package pebble

import (
	"encoding/binary"
	"fmt"
	"slices"
	"time"

	cockroach "github.com/cockroachdb/pebble/v2"

	"hibachi/persistence"
)

// committer is the only writer. The problem it solves: a sync costs 0.2 to 5 ms, whether for one record or for a thousand, and whoever
// sent a record waits for it; so as many operations as possible must share one, without anybody waiting for company.
//
// How: while the disk syncs a batch, the next operations gather in the queue. The committer takes what is there, up to 1 MiB, builds a batch and
// applies it to Pebble without waiting for the disk; the finisher waits. So the encoding and insertion of one batch overlap the sync of the ones before, up
// to flightDepth of them, and Pebble's log writer joins those that are ready. There is no timer and no artificial delay. (With one goroutine that
// builds and then waits, throughput is the same on a fast disk, and latency worse on a slow one. With a goroutine an append, Pebble's own grouping
// reaches 0.6 of the throughput at one and a half times the work.)
//
// What goes into a batch, in this order:
//
//  1. a page of a sweep, if one is under way (sweep.go says why it is first);
//  2. the operations as they came: appends get their positions here, cursors are created, opened and closed;
//  3. what the cursors report as done: each record is either deleted, if nobody else is owed it, or marked;
//  4. the marks that changed and the records of logs and cursors.
//
// Invariants:
//
//   - Order. Positions of a log follow the order of its appends, batches follow each other in the write-ahead log, so a crash leaves a prefix of batches.
//   - A deletion, the marks that it makes void and the log's record with the new next and low are in one batch. So a position is never given a second
//     time, even if a crash leaves no record to tell the last one.
//   - A cursor that is created owes every record that is stored after its batch: reports come after operations, hence they already see it.
//   - Reports alone never open a batch before they are MarkDelay old; operations take all of them along. An acknowledgement that waits for company
//     costs nothing, and a batch of its own for each would halve the throughput.
//
// It reads no disk but for sweeps, and holds no lock while it calls a ledger.
type committer struct {
	// Set once.
	store   *Store
	env     env
	flights chan<- *group
	free    <-chan *group

	// Owned by run.
	nextLog  logID
	touched  []*log
	cursors  []*cursor     // touched
	left     []*openCursor // not asked yet, since the batch had enough deletions
	sweeping fifo[*log]
	fields   *fields
	buf      []byte
	done     []persistence.Key // scratch for settle
	gone     []persistence.Key
	kept     []persistence.Key
}

// env is what the committer and the finisher need of a database. Function values, so that grouping can be tested without a disk.
type env struct {
	newBatch func(size int) *cockroach.Batch
	apply    func(*cockroach.Batch) error // makes it visible, not durable
	sync     func(*cockroach.Batch) error // waits until it is durable
	release  func(*cockroach.Batch) error
	iter     func(*cockroach.IterOptions) (*cockroach.Iterator, error)
}

func diskEnv(db *cockroach.DB) env {
	return env{
		newBatch: func(size int) *cockroach.Batch {
			return db.NewBatchWithSize(size, cockroach.WithMaxRetainedSizeBytes(2*groupBytes))
		},
		apply:   func(b *cockroach.Batch) error { return db.ApplyNoSyncWait(b, cockroach.Sync) },
		sync:    (*cockroach.Batch).SyncWait,
		release: (*cockroach.Batch).Close,
		iter:    db.NewIter,
	}
}

// group is a batch on its way, with those who wait for it.
type group struct {
	items []item
	dirty []*openCursor
	bytes int64

	batch   *cockroach.Batch
	runs    []run    // the logs that got records, and how many
	created []*log   // logs that it puts on disk
	then    []func() // to be called once it is durable
	deletes int
	began   time.Time
}

const (
	flightDepth = 7      // groups applied and not yet durable
	maxDeletes  = 10_000 // with as many, a batch asks no further ledger
	batchSlack  = 4 << 10
)

func newCommitter(s *Store, next logID) *committer {
	return &committer{
		store:   s,
		env:     s.env,
		flights: s.finisher.flights,
		free:    s.finisher.free,
		nextLog: next,
		fields:  newFields(),
	}
}

func (c *committer) run() {
	defer close(c.flights)
	for {
		g := c.emptyGroup()
		if !c.store.queue.take(g, len(c.left) > 0, c.sweeping.len() > 0) {
			return
		}
		if c.store.fatal.err() != nil {
			return
		}
		c.build(g)
		if err := c.apply(g.batch); err != nil {
			c.store.fatal.fail(fmt.Errorf("write to the log: %w", err))
			return
		}
		c.applied()
		select {
		case c.flights <- g:
		case <-c.store.fatal.dead:
			return
		}
	}
}

func (c *committer) emptyGroup() *group {
	select {
	case g := <-c.free:
		return g
	default:
		return &group{}
	}
}

// apply turns Pebble's panic on a failed write-ahead log into an error.
func (c *committer) apply(b *cockroach.Batch) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("pebble gave up: %v", r)
		}
	}()
	return c.env.apply(b)
}

// applied lets go of the ghosts of this batch's deletions.
func (c *committer) applied() {
	for i, cu := range c.cursors {
		cu.marks.applied()
		c.cursors[i] = nil
	}
	c.cursors = c.cursors[:0]
}

func (c *committer) build(g *group) {
	g.began = time.Now()
	g.batch = c.env.newBatch(int(g.bytes) + len(g.items)*(recordKeyLen+16) + batchSlack)
	now := c.store.o.Now()
	c.sweepStep(g)
	for i := range g.items {
		if it := &g.items[i]; it.append != nil {
			c.append(g, it.log, it.append, now)
		} else {
			it.op(c, g)
		}
	}
	c.settleAll(g)
	for _, cu := range c.cursors {
		c.writeCursor(g, cu)
	}
	for _, l := range c.touched {
		c.closeBook(g, l)
	}
	c.touched = c.touched[:0]
}

func (c *committer) touch(l *log) {
	if !l.book.touched {
		l.book.touched = true
		c.touched = append(c.touched, l)
	}
}

func (c *committer) touchCursor(cu *cursor) {
	if !cu.touched {
		cu.touched = true
		c.cursors = append(c.cursors, cu)
	}
}

func (c *committer) append(g *group, l *log, a *persistence.Append, now time.Time) {
	c.ensureOnDisk(g, l)
	c.touch(l)
	b := &l.book
	a.Position = b.record.next
	b.record.next++
	b.unrecorded++

	size := valueLen(a)
	op := g.batch.SetDeferred(recordKeyLen, size)
	putRecordKey(op.Key, b.id, persistence.Key{Position: a.Position, Lane: a.Lane})
	putValue(op.Value, a)
	check(op.Finish())

	b.sizes.add(a.Position, int64(size), now)
	if b.run == 0 {
		g.runs = append(g.runs, run{log: l})
		b.run = len(g.runs)
	}
	r := &g.runs[b.run-1]
	r.n++
	r.bytes += int64(size) + recordOverhead
	c.store.counters.stored(1, int64(size))
}

// ensureOnDisk gives a log its id, with the first operation that needs one.
func (c *committer) ensureOnDisk(g *group, l *log) {
	b := &l.book
	if b.id != 0 {
		return
	}
	b.id = c.nextLog
	c.nextLog++
	check(g.batch.Set(nameKey(l.name), binary.BigEndian.AppendUint32(nil, uint32(b.id)), nil))
	check(g.batch.Set(logsKey, binary.BigEndian.AppendUint32(nil, uint32(c.nextLog)), nil))
	b.due = true
	g.created = append(g.created, l)
	c.touch(l)
}

// openCursor opens a cursor, or makes it, in turn with appends and deletions.
func (c *committer) openCursor(g *group, l *log, name string, create bool, ledger persistence.Ledger, done func(persistence.Cursor, error)) {
	cu := l.book.cursor(name)
	switch {
	case cu == nil && !create:
		g.then = append(g.then, func() { done(nil, persistence.ErrNoCursor) })
		return
	case cu == nil && (len(name) < 1 || len(name) > maxName):
		g.then = append(g.then, func() { done(nil, fmt.Errorf("a cursor's name has 1 to %d bytes, not %d", maxName, len(name))) })
		return
	case cu == nil:
		cu = c.createCursor(g, l, name)
	case cu.open != nil:
		g.then = append(g.then, func() { done(nil, persistence.ErrCursorOpen) })
		return
	}
	h := &openCursor{cursor: cu, ledger: ledger}
	cu.open = h
	g.then = append(g.then, func() {
		l.addCursor(name)
		done(h, nil)
	})
}

// createCursor makes a cursor that owes everything from low on, whatever the others are done with above it.
func (c *committer) createCursor(g *group, l *log, name string) *cursor {
	c.ensureOnDisk(g, l)
	c.touch(l)
	b := &l.book
	if len(b.cursors) == 0 {
		c.beginGrace(l)
	}
	cu := &cursor{log: l, id: b.record.nextCursor, name: name, start: b.record.low - 1}
	cu.marks.floor = cu.start
	cu.due = true
	b.record.nextCursor++
	b.due = true
	b.cursors = append(b.cursors, cu)
	c.touchCursor(cu)
	return cu
}

func (c *committer) closeCursor(g *group, h *openCursor) {
	c.settle(g, h)
	if h.cursor.open == h {
		h.cursor.open = nil
	}
}

// settleAll asks every cursor that has something to report, until the batch deletes enough; the rest comes with the next batch, at once.
func (c *committer) settleAll(g *group) {
	if len(c.left) > 0 {
		g.dirty = append(c.left, g.dirty...)
		c.left = nil
	}
	for i, h := range g.dirty {
		if g.deletes >= maxDeletes {
			c.left = slices.Clone(g.dirty[i:])
			return
		}
		c.settle(g, h)
	}
}

// settle takes what a ledger is done with.
func (c *committer) settle(g *group, h *openCursor) {
	cu := h.cursor
	if cu.open != h {
		return // closed meanwhile
	}
	l := cu.log
	done, floor := h.ledger.TakeDone(c.done[:0])
	c.done, c.gone, c.kept = done, c.gone[:0], c.kept[:0]
	head := l.Head()
	for _, k := range done {
		switch {
		case k.Position == 0 || k.Position > head:
			c.store.complain.about("ledger", fmt.Errorf("cursor %s of log %s is done with %d, but the head is %d", cu.name, l.name, k.Position, head))
		case l.book.owed(k.Position, cu):
			c.kept = append(c.kept, k)
		default:
			c.gone = append(c.gone, k)
		}
	}
	c.touch(l)
	c.touchCursor(cu)
	c.deleteGone(g, l, cu)
	cu.marks.raise(min(floor, head), cu.dirtied)
	cu.marks.add(c.kept, cu.dirtied)
	if len(c.kept) > 0 || len(cu.dirty) > 0 {
		cu.due = true // marks below the floor are nowhere else
	}
}

// deleteGone deletes c.gone, which by last, or by a sweep, is owed to nobody, with the marks of the others.
func (c *committer) deleteGone(g *group, l *log, last *cursor) {
	if len(c.gone) == 0 {
		return
	}
	b := &l.book
	b.due = true
	var bytes int64
	for _, k := range c.gone {
		op := g.batch.DeleteDeferred(recordKeyLen)
		putRecordKey(op.Key, b.id, k)
		check(op.Finish())
		bytes += b.sizes.remove(k.Position)
	}
	for _, cu := range b.cursors {
		if cu != last {
			cu.marks.forget(c.gone, cu.dirtied)
			c.touchCursor(cu)
		}
	}
	g.deletes += len(c.gone)
	c.store.counters.deleted(len(c.gone), bytes)
}

// writeCursor writes what changed of a cursor: chunks of marks, and its record if a floor has to be remembered.
func (c *committer) writeCursor(g *group, cu *cursor) {
	id := cu.log.book.id
	for _, number := range cu.dirty {
		key := marksKey(id, cu.id, number)
		if v := cu.marks.written(number, c.buf[:0]); v != nil {
			c.buf = v
			check(g.batch.Set(key, v, nil))
		} else {
			check(g.batch.Delete(key, nil))
		}
	}
	if cu.due {
		check(g.batch.Set(cursorKey(id, cu.id), c.fields.cursor(&cursorRecord{cu.name, cu.start, cu.marks.floor}), nil))
	}
	cu.dirty, cu.touched, cu.due = cu.dirty[:0], false, false
}

// closeBook ends a log's part of the batch.
func (c *committer) closeBook(g *group, l *log) {
	b := &l.book
	b.record.low = b.lowest(l.Head())
	l.low.Store(uint64(b.record.low))
	if b.due || b.unrecorded >= recordEvery {
		c.writeBook(g, b)
	}
	b.touched, b.run = false, 0
	l.mu.Lock()
	l.stats.Low = b.record.low
	l.stats.Count, l.stats.Bytes, l.stats.Oldest = b.sizes.count, b.sizes.bytes, b.sizes.oldest()
	l.mu.Unlock()
}

func (c *committer) writeBook(g *group, b *book) {
	r := &b.record
	r.count, r.bytes = b.sizes.count, b.sizes.bytes
	r.gracePos, r.graceUntil = b.grace.upTo, b.grace.until
	check(g.batch.Set(logKey(b.id), c.fields.log(r), nil))
	b.due, b.unrecorded = false, 0
}

// check is for what cannot fail: adding to a batch in memory.
func check(err error) {
	if err != nil {
		panic(fmt.Sprintf("build a batch: %v", err))
	}
}
