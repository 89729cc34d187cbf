package pebble

import (
	"fmt"
	"time"

	cockroach "github.com/cockroachdb/pebble/v2"

	"hibachi/persistence"
)

// A sweep deletes, between two positions, what every cursor is done with: what could not be deleted with its last done, because something held it
// then. It goes through the committer a page of keys at a time, before the operations of a batch, for one reason: only there can a record not
// be deleted by somebody else between being found and being deleted, so that each is counted off once. A page costs the committer about a
// millisecond. (Reading the keys on a fetch goroutine and checking each again would be off the committer, and need a read for each check.)
//
// What retention by age or size will need is another test beside "every cursor is done with it".
type sweep struct {
	active   bool
	from, to persistence.Position // from: where it goes on
}

const (
	sweepPage  = 4096
	sweepRetry = time.Minute
)

// sweep begins a sweep over [from, to], or widens the one that is under way.
func (c *committer) sweep(l *log, from, to persistence.Position) {
	s := &l.book.sweep
	if s.active {
		s.from, s.to = min(s.from, from), max(s.to, to)
		return
	}
	*s = sweep{active: true, from: from, to: to}
	c.sweeping.push(l)
}

// sweepStep does a page of one sweep. It must come first in a batch: then what it reads is what the batches before have left, and what
// it deletes was done with in an earlier batch, so that nothing in this batch names it again.
func (c *committer) sweepStep(g *group) {
	if c.sweeping.len() == 0 {
		return
	}
	l := c.sweeping.pop()
	c.touch(l)
	through, err := c.sweepKeys(g, l)
	if err != nil {
		c.store.complain.about("sweep", fmt.Errorf("sweep log %s, again in %v: %w", l.name, sweepRetry, err))
		time.AfterFunc(sweepRetry, func() {
			c.store.queue.push(item{log: l, op: func(c *committer, _ *group) { c.sweeping.push(l) }})
		})
		return
	}
	s := &l.book.sweep
	if through >= s.to {
		s.active = false
		c.graceSwept(l)
		return
	}
	s.from = through + 1
	c.sweeping.push(l)
}

// sweepKeys looks at a page of keys and deletes those that nobody is owed. Everything up to through was looked at.
func (c *committer) sweepKeys(g *group, l *log) (through persistence.Position, err error) {
	b := &l.book
	it, err := c.env.iter(&cockroach.IterOptions{
		LowerBound: recordBound(b.id, b.sweep.from),
		UpperBound: recordBound(b.id, b.sweep.to+1),
	})
	if err != nil {
		return 0, err
	}
	c.gone = c.gone[:0]
	looked, through := 0, b.sweep.to
	for ok := it.First(); ok; ok = it.Next() {
		k, err := parseRecordKey(it.Key())
		if err != nil {
			return 0, closing(it, err)
		}
		if len(b.cursors) > 0 && !b.owed(k.Position, nil) {
			c.gone = append(c.gone, k)
		}
		if looked++; looked == sweepPage {
			through = k.Position
			break
		}
	}
	if err := closing(it, nil); err != nil {
		return 0, err
	}
	c.deleteGone(g, l, nil)
	return through, nil
}

// closing closes it and gives the first error of err, the iteration and the closing.
func closing(it *cockroach.Iterator, err error) error {
	closeErr := it.Close() // includes the iteration's error
	if err != nil {
		return err
	}
	return closeErr
}
