package pebble

import (
	"sort"
	"sync"

	"hibachi/persistence"
)

// ring bounds the newest records in memory over all logs. It is a queue of commit groups, oldest first; each says how many of its records went to
// which log, and the logs' tails hold them. What leaves first is what is oldest, whosever it is: a quiet log's last records go when others
// have written RingBytes since. Owned by the finisher; only tails are shared.
//
// A record that was deleted stays until its turn comes: it is within the bound, and whoever reads the tail knows what it is done with.
type ring struct {
	limit int64
	bytes int64
	runs  fifo[run]
}

// run is a commit group's records of one log.
type run struct {
	log   *log
	n     int
	bytes int64
}

// recordOverhead is what a record in the tail costs beside its bytes.
const recordOverhead = 64

// keep accounts for records that were pushed to their log's tail, and drops the oldest beyond the limit.
func (r *ring) keep(new run) {
	r.bytes += new.bytes
	r.runs.push(new)
	for r.bytes > r.limit {
		old := r.runs.pop()
		old.log.tail.drop(old.n)
		r.bytes -= old.bytes
	}
}

// tail is a log's part of the ring: its newest records, in order.
type tail struct {
	mu      sync.Mutex // a leaf; guards:
	records fifo[persistence.Record]
	missing persistence.Position // every durable record above it is in records
}

// push adds l's newest durable record and moves its head, in one hold: whoever sees the one sees the other.
func (t *tail) push(l *log, r persistence.Record) {
	t.mu.Lock()
	t.records.push(r)
	l.head.Store(uint64(r.Position))
	t.mu.Unlock()
}

func (t *tail) drop(n int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for range n {
		t.missing = t.records.pop().Position
	}
}

func (t *tail) read(after persistence.Position, limit int, dst []persistence.Record) ([]persistence.Record, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if after < t.missing {
		return dst, false
	}
	n := t.records.len()
	from := sort.Search(n, func(i int) bool { return t.records.at(i).Position > after })
	for i := from; i < n && i-from < limit; i++ {
		dst = append(dst, *t.records.at(i))
	}
	return dst, true
}

// fifo is a queue in a circular buffer that doubles when it is full and halves when an eighth is left.
type fifo[T any] struct {
	buf   []T // its length is a power of two, or 0
	first int
	n     int
}

const fifoSmallest, fifoKept = 8, 64

func (f *fifo[T]) len() int { return f.n }

// at gives the i-th oldest.
func (f *fifo[T]) at(i int) *T { return &f.buf[(f.first+i)&(len(f.buf)-1)] }

func (f *fifo[T]) push(v T) {
	if f.n == len(f.buf) {
		f.resize(max(fifoSmallest, 2*len(f.buf)))
	}
	f.n++
	*f.at(f.n - 1) = v
}

func (f *fifo[T]) resize(size int) {
	buf := make([]T, size)
	for i := range f.n {
		buf[i] = *f.at(i)
	}
	f.buf, f.first = buf, 0
}

func (f *fifo[T]) pop() T {
	var zero T
	p := f.at(0)
	v := *p
	*p = zero
	f.first = (f.first + 1) & (len(f.buf) - 1)
	f.n--
	if f.n <= len(f.buf)/8 && len(f.buf) > fifoKept {
		f.resize(len(f.buf) / 2)
	}
	return v
}
