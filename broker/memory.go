package broker

import "sync/atomic"

// memory is what all ledgers of one broker may use together. Grants go in blocks, so that an event costs no atomic operation.
type memory struct {
	limit int64
	used  atomic.Int64
}

const (
	memoryBlock   = 16 << 10
	memoryMinimum = 64 << 10 // of each ledger, not counted in memory.used: with it alone a ledger works, only slower
)

func (m *memory) take(n int) bool {
	if m.used.Add(int64(n)) <= m.limit {
		return true
	}
	m.used.Add(int64(-n))
	return false
}

// account is one ledger's part of a memory. Guarded by whatever guards the ledger.
type account struct {
	pool    *memory
	used    int
	granted int // beyond memoryMinimum
}

// charge takes n bytes, or none and reports false.
func (a *account) charge(n int) bool {
	if short := a.used + n - memoryMinimum - a.granted; short > 0 {
		blocks := (short + memoryBlock - 1) / memoryBlock * memoryBlock
		if !a.pool.take(blocks) {
			return false
		}
		a.granted += blocks
	}
	a.used += n
	return true
}

// force takes n bytes whether there is room or not: they are in memory already.
func (a *account) force(n int) {
	if a.charge(n) {
		return
	}
	short := a.used + n - memoryMinimum - a.granted
	a.pool.used.Add(int64(short))
	a.granted += short
	a.used += n
}

// refund gives n bytes back. Two blocks are kept, or a lane that comes and goes would ask the pool each time.
func (a *account) refund(n int) {
	a.used -= n
	if spare := a.granted - max(0, a.used-memoryMinimum); spare > 2*memoryBlock || (a.used == 0 && spare > 0) {
		back := spare - memoryBlock
		if a.used == 0 {
			back = spare
		}
		a.granted -= back
		a.pool.used.Add(int64(-back))
	}
}
