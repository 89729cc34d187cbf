package pebble

import (
	"encoding/binary"
	"errors"
	"math/bits"
	"sync"

	"hibachi/persistence"
)

// marks say which records of a log a cursor is done with, among those that are still stored: everything at or below floor, and single positions
// above it. A record that the last cursor is done with is deleted instead, and with one cursor there are no marks at all.
//
// The committer alone changes floor, chunks and marks; it reads those without the lock and writes under it. A Scan filters its page under it, and
// may be the one who lets go of ghosts.
//
// A deletion makes the other cursors' marks of that record void. They must not vanish before the deletion can be seen: a Scan whose iterator was
// made before would take the record for one that is still owed. So a void position turns into a ghost, which scans skip too and which
// is not written to disk, until the deletion was applied and every scan that may have begun before is over. (Tried in thought: unmark after
// applying. Then what is written differs from what is in memory, and a scan can still be between its iterator and its filter.)
type marks struct {
	mu      sync.Mutex // a leaf; guards writing:
	floor   persistence.Position
	chunks  map[uint64]*chunk
	haunted []uint64 // chunks with ghosts
	empty   []uint64 // chunks that may have neither marks nor ghosts left
	unseen  bool     // a deletion behind a ghost is not applied yet
	scans   int      // scans between the making of their iterator and the end of their filter
}

const (
	chunkShift = 12
	chunkSize  = 1 << chunkShift
	chunkWords = chunkSize / 64
)

type bitmap [chunkWords]uint64

func (b *bitmap) has(i uint) bool { return b[i/64]&(1<<(i%64)) != 0 }
func (b *bitmap) set(i uint)      { b[i/64] |= 1 << (i % 64) }
func (b *bitmap) clear(i uint)    { b[i/64] &^= 1 << (i % 64) }

// chunk is 4096 positions' worth of marks.
type chunk struct {
	n      int // marks set
	done   bitmap
	ghosts *bitmap // usually nil
	dirty  bool    // differs from disk; the committer's
}

func split(p persistence.Position) (number uint64, bit uint) {
	return uint64(p) >> chunkShift, uint(p & (chunkSize - 1))
}

// done reports whether the cursor is done with p. For the committer.
func (m *marks) done(p persistence.Position) bool {
	if p <= m.floor {
		return true
	}
	number, bit := split(p)
	c := m.chunks[number]
	return c != nil && c.done.has(bit)
}

// hidesLocked reports whether a scan has to leave p out.
func (m *marks) hidesLocked(p persistence.Position) bool {
	if p <= m.floor {
		return true
	}
	number, bit := split(p)
	c := m.chunks[number]
	return c != nil && (c.done.has(bit) || c.ghosts != nil && c.ghosts.has(bit))
}

// add marks what lies above the floor, and reports each chunk that becomes dirty.
func (m *marks) add(done []persistence.Key, dirtied func(number uint64)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, k := range done {
		if k.Position <= m.floor {
			continue
		}
		number, bit := split(k.Position)
		c := m.chunkLocked(number)
		if c.done.has(bit) {
			continue
		}
		c.done.set(bit)
		c.n++
		c.becomeDirty(number, dirtied)
	}
}

func (m *marks) chunkLocked(number uint64) *chunk {
	c := m.chunks[number]
	if c == nil {
		c = &chunk{}
		if m.chunks == nil {
			m.chunks = make(map[uint64]*chunk)
		}
		m.chunks[number] = c
	}
	return c
}

func (c *chunk) becomeDirty(number uint64, dirtied func(number uint64)) {
	if !c.dirty {
		c.dirty = true
		dirtied(number)
	}
}

// forget turns the marks of records that are being deleted into ghosts.
func (m *marks) forget(deleted []persistence.Key, dirtied func(number uint64)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, k := range deleted {
		if k.Position <= m.floor {
			continue
		}
		number, bit := split(k.Position)
		c := m.chunks[number]
		if c == nil || !c.done.has(bit) {
			continue
		}
		c.done.clear(bit)
		c.n--
		c.becomeDirty(number, dirtied)
		m.hauntLocked(number, c)
		c.ghosts.set(bit)
	}
}

func (m *marks) hauntLocked(number uint64, c *chunk) {
	m.unseen = true
	if c.ghosts == nil {
		c.ghosts = new(bitmap)
		m.haunted = append(m.haunted, number)
	}
}

// raise moves the floor, which never falls, and reports the chunks that are now wholly below it: their marks are void, and if they are on disk they go.
func (m *marks) raise(floor persistence.Position, dropped func(number uint64)) {
	if floor <= m.floor {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.floor = floor
	for number, c := range m.chunks {
		if last := number<<chunkShift | (chunkSize - 1); last > uint64(floor) {
			continue
		}
		delete(m.chunks, number)
		if !c.dirty {
			dropped(number)
		}
	}
}

// applied says that all deletions told to forget can be seen by iterators made from now on.
func (m *marks) applied() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.unseen = false
	m.exorciseLocked()
	for _, number := range m.empty {
		if c := m.chunks[number]; c != nil && c.n == 0 && c.ghosts == nil && !c.dirty {
			delete(m.chunks, number)
		}
	}
	m.empty = m.empty[:0]
}

// exorciseLocked drops the ghosts if nobody can need them any more.
func (m *marks) exorciseLocked() {
	if m.unseen || m.scans > 0 {
		return
	}
	for _, number := range m.haunted {
		if c := m.chunks[number]; c != nil {
			c.ghosts = nil
		}
	}
	m.empty = append(m.empty, m.haunted...)
	m.haunted = m.haunted[:0]
}

// beginScan is to be called before the iterator is made. It gives the floor.
func (m *marks) beginScan() persistence.Position {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.scans++
	return m.floor
}

// endScan removes from keys what the cursor is done with.
func (m *marks) endScan(keys []persistence.Key) []persistence.Key {
	m.mu.Lock()
	defer m.mu.Unlock()
	owed := keys[:0]
	for _, k := range keys {
		if !m.hidesLocked(k.Position) {
			owed = append(owed, k)
		}
	}
	m.scans--
	m.exorciseLocked()
	return owed
}

// A chunk on disk is one of three, whichever is shortest; positions are u16 within the chunk, ascending.
const (
	encodedList   = 1 // the positions that are done
	encodedAllBut = 2 // the positions that are not
	encodedBitmap = 3 // chunkWords u64
)

func (c *chunk) encode(dst []byte) []byte {
	const bitmapLen = chunkSize / 8
	switch {
	case 2*c.n < bitmapLen:
		dst = append(dst, encodedList)
		return appendPositions(dst, &c.done, 0)
	case 2*(chunkSize-c.n) < bitmapLen:
		dst = append(dst, encodedAllBut)
		return appendPositions(dst, &c.done, ^uint64(0))
	}
	dst = append(dst, encodedBitmap)
	for _, w := range c.done {
		dst = binary.BigEndian.AppendUint64(dst, w)
	}
	return dst
}

// appendPositions lists the bits that differ from those of except.
func appendPositions(dst []byte, b *bitmap, except uint64) []byte {
	for i, w := range b {
		for w ^= except; w != 0; w &= w - 1 {
			dst = binary.BigEndian.AppendUint16(dst, uint16(i*64+bits.TrailingZeros64(w)))
		}
	}
	return dst
}

var errChunk = errors.New("malformed marks")

func parseChunk(v []byte) (*chunk, error) {
	if len(v) == 0 {
		return nil, errChunk
	}
	c := &chunk{}
	var err error
	switch kind, v := v[0], v[1:]; kind {
	case encodedList:
		err = eachPosition(v, c.done.set)
	case encodedAllBut:
		for i := range c.done {
			c.done[i] = ^uint64(0)
		}
		err = eachPosition(v, c.done.clear)
	case encodedBitmap:
		err = c.done.parse(v)
	default:
		err = errChunk
	}
	for _, w := range c.done {
		c.n += bits.OnesCount64(w)
	}
	return c, err
}

func eachPosition(v []byte, do func(uint)) error {
	if len(v)%2 != 0 {
		return errChunk
	}
	for ; len(v) > 0; v = v[2:] {
		p := uint(binary.BigEndian.Uint16(v))
		if p >= chunkSize {
			return errChunk
		}
		do(p)
	}
	return nil
}

func (b *bitmap) parse(v []byte) error {
	if len(v) != 8*len(b) {
		return errChunk
	}
	for i := range b {
		b[i] = binary.BigEndian.Uint64(v[8*i:])
	}
	return nil
}

// written gives what is to be on disk for a chunk, appended to dst; nil: nothing. The committer calls it for every chunk that became dirty.
func (m *marks) written(number uint64, dst []byte) []byte {
	m.mu.Lock()
	defer m.mu.Unlock()
	c := m.chunks[number]
	if c == nil {
		return nil
	}
	c.dirty = false
	if c.n == 0 {
		m.empty = append(m.empty, number)
		return nil
	}
	return c.encode(dst)
}
