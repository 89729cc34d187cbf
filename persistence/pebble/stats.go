package pebble

import (
	"sync"
	"sync/atomic"
	"time"

	"hibachi/persistence"
)

// counters are added to by whoever does the thing and read by Stats.
type counters struct {
	records, bytes   atomic.Int64
	appends, deletes atomic.Uint64
	commits          atomic.Uint64
	commitBytes      atomic.Uint64
	commitTime       atomic.Int64 // ns
	syncTime         atomic.Int64 // ns
	ringBytes        atomic.Int64
	ringHits         atomic.Uint64
	scans, fetches   atomic.Uint64
	writeStalls      atomic.Uint64
}

// found counts what was on disk before.
func (c *counters) found(records, bytes int64) {
	c.records.Add(records)
	c.bytes.Add(bytes)
}

func (c *counters) stored(records, bytes int64) {
	c.found(records, bytes)
	c.appends.Add(uint64(records))
}

func (c *counters) deleted(records int, bytes int64) {
	c.found(-int64(records), -bytes)
	c.deletes.Add(uint64(records))
}

func (c *counters) committed(bytes int, took, syncing time.Duration) {
	c.commits.Add(1)
	c.commitBytes.Add(uint64(bytes))
	c.commitTime.Add(int64(took))
	c.syncTime.Add(int64(syncing))
}

// Stats costs a few loads; the size on disk is at most a second old.
func (s *Store) Stats() persistence.Stats {
	c := &s.counters
	s.mu.Lock()
	logs := 0
	for _, l := range s.logs {
		if l.onDisk.Load() {
			logs++
		}
	}
	s.mu.Unlock()
	return persistence.Stats{
		Logs:          logs,
		Records:       c.records.Load(),
		Bytes:         c.bytes.Load(),
		Appends:       c.appends.Load(),
		Deletes:       c.deletes.Load(),
		Commits:       c.commits.Load(),
		CommitBytes:   c.commitBytes.Load(),
		CommitSeconds: time.Duration(c.commitTime.Load()).Seconds(),
		SyncSeconds:   time.Duration(c.syncTime.Load()).Seconds(),
		QueueBytes:    s.queue.bytes.Load(),
		RingBytes:     c.ringBytes.Load(),
		RingHits:      c.ringHits.Load(),
		Scans:         c.scans.Load(),
		Fetches:       c.fetches.Load(),
		DiskBytes:     s.disk.get(s),
		WriteStalls:   c.writeStalls.Load(),
	}
}

// diskBytes remembers the size on disk, which Pebble computes under its own lock.
type diskBytes struct {
	mu    sync.Mutex // guards both; whoever asks meanwhile gets the last answer
	at    time.Time
	bytes atomic.Int64
}

const diskBytesAge = time.Second

func (d *diskBytes) get(s *Store) int64 {
	if !d.mu.TryLock() {
		return d.bytes.Load()
	}
	defer d.mu.Unlock()
	if time.Since(d.at) < diskBytesAge || !s.readers.enter() {
		return d.bytes.Load()
	}
	defer s.readers.leave()
	d.bytes.Store(int64(s.db.Metrics().DiskSpaceUsage()))
	d.at = time.Now()
	return d.bytes.Load()
}

// gate lets readers in until it is closed, and closing waits for those inside.
type gate struct {
	mu     sync.RWMutex // a leaf; guards closed and the adding to inside
	closed bool
	inside sync.WaitGroup
}

func (g *gate) enter() bool {
	g.mu.RLock()
	defer g.mu.RUnlock()
	if g.closed {
		return false
	}
	g.inside.Add(1)
	return true
}

func (g *gate) leave() { g.inside.Done() }

func (g *gate) close() {
	g.mu.Lock()
	g.closed = true
	g.mu.Unlock()
	g.inside.Wait()
}
