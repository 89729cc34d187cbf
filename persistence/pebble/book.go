package pebble

import "hibachi/persistence"

// book is a log as the committer keeps it. All of it is owned by the committer, from the log's load on.
type book struct {
	id      logID // 0: not on disk
	record  logRecord
	sizes   sizes
	cursors []*cursor
	grace   grace
	sweep   sweep

	unrecorded int  // appends since the record was written
	touched    bool // in the batch being built
	due        bool // the record has to be written with it
	run        int  // 1 + its place in the group's runs; 0: no record appended
}

// recordEvery bounds what a start has to count again: so many keys above the record's next, and a batch.
const recordEvery = 4096

func (b *book) cursor(name string) *cursor {
	for _, c := range b.cursors {
		if c.name == name {
			return c
		}
	}
	return nil
}

// owed reports whether p has to stay even if except is done with it.
func (b *book) owed(p persistence.Position, except *cursor) bool {
	if b.grace.holds(p) {
		return true
	}
	for _, c := range b.cursors {
		if c != except && !c.marks.done(p) {
			return true
		}
	}
	return false
}

// lowest computes low: nothing is stored below. What every floor covers was reported as done by every cursor, and so was deleted, except for what
// the grace holds and what a sweep has still to find. low is a bound for iterators and where new cursors begin; it may lag, and never falls.
func (b *book) lowest(head persistence.Position) persistence.Position {
	if len(b.cursors) == 0 || b.grace.active() {
		return b.record.low
	}
	low := head + 1
	for _, c := range b.cursors {
		low = min(low, c.marks.floor+1)
	}
	if b.sweep.active {
		low = min(low, b.sweep.from)
	}
	return max(low, b.record.low)
}
