package pebble

import "hibachi/persistence"

// cursor is one reader's account on a log, whether somebody has it open or not.
type cursor struct {
	// Set once.
	log   *log
	id    cursorID
	name  string
	start persistence.Position // it owes nothing at or below

	marks marks // changed by the committer

	// Owned by the committer.
	open    *openCursor // nil: closed
	touched bool        // in the batch being built
	due     bool        // its record has to be written with it
	dirty   []uint64    // chunks to be written with it
}

func (c *cursor) dirtied(number uint64) { c.dirty = append(c.dirty, number) }

// openCursor is a cursor with a ledger: what OpenCursor gives.
type openCursor struct {
	// Set once.
	cursor *cursor
	ledger persistence.Ledger

	queued bool // waits in the queue; guarded by queue.mu
}

var _ persistence.Cursor = (*openCursor)(nil)

func (h *openCursor) Name() string { return h.cursor.name }

func (h *openCursor) Dirty() { h.cursor.log.store.queue.report(h) }

// Close asks the ledger a last time, in turn with what was handed over before; then the cursor can be opened again.
func (h *openCursor) Close() {
	l := h.cursor.log
	l.store.queue.push(item{log: l, op: func(c *committer, g *group) { c.closeCursor(g, h) }})
}
