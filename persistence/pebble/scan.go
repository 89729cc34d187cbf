package pebble

import (
	"fmt"

	cockroach "github.com/cockroachdb/pebble/v2"

	"hibachi/persistence"
)

// scanLook is how many keys a Scan looks at in any case, so that a long stretch that is done with costs few calls.
const scanLook = 4096

// Scan reads one page of keys. Values are not touched: with separated values a key costs a tenth of a microsecond. A page may be short, or empty, while
// through is below Head: go on after through.
func (l *log) Scan(c persistence.Cursor, after persistence.Position, limit int, done func(keys []persistence.Key, through persistence.Position, err error)) {
	s := l.store
	s.counters.scans.Add(1)
	s.fetch.do(func(refused error) {
		if refused != nil {
			done(nil, after, refused)
			return
		}
		keys, through, err := l.scan(c, after, limit)
		if err != nil {
			err = fmt.Errorf("scan log %s after %d: %w", l.name, after, err)
		}
		done(keys, through, err)
	})
}

func (l *log) scan(c persistence.Cursor, after persistence.Position, limit int) ([]persistence.Key, persistence.Position, error) {
	if c == nil {
		return l.scanKeys(after, limit, limit)
	}
	h, ok := c.(*openCursor)
	if !ok || h.cursor.log != l {
		return nil, after, fmt.Errorf("cursor %s is not one of this log", c.Name())
	}
	m := &h.cursor.marks
	floor := m.beginScan()
	keys, through, err := l.scanKeys(max(after, floor), limit, max(limit, scanLook))
	keys = m.endScan(keys)
	if len(keys) > limit {
		keys = keys[:limit]
		through = keys[limit-1].Position
	}
	return keys, max(through, after), err
}

// scanKeys looks at up to look keys above after.
func (l *log) scanKeys(after persistence.Position, limit, look int) (keys []persistence.Key, through persistence.Position, err error) {
	head := l.Head()
	if after >= head {
		return nil, after, nil
	}
	it, err := l.iter(after+1, head)
	if err != nil {
		return nil, after, err
	}
	through = head
	keys = make([]persistence.Key, 0, min(limit, 256))
	for ok := it.First(); ok; ok = it.Next() {
		k, err := parseRecordKey(it.Key())
		if err != nil {
			return nil, after, closing(it, err)
		}
		keys = append(keys, k)
		if len(keys) == look {
			through = k.Position
			break
		}
	}
	if err := closing(it, nil); err != nil {
		return nil, after, err
	}
	return keys, through, nil
}

// iter is over the durable records from from to head. It must not be kept: an open iterator pins files.
func (l *log) iter(from, head persistence.Position) (*cockroach.Iterator, error) {
	from = max(from, persistence.Position(l.low.Load()))
	return l.store.env.iter(&cockroach.IterOptions{
		LowerBound: recordBound(l.book.id, from),
		UpperBound: recordBound(l.book.id, max(head+1, from)),
	})
}

// Fetch reads records. Both slices of a record share one allocation of its own.
func (l *log) Fetch(keys []persistence.Key, done func(records []persistence.Record, err error)) {
	s := l.store
	s.counters.fetches.Add(1)
	s.fetch.do(func(refused error) {
		if refused != nil {
			done(nil, refused)
			return
		}
		records, err := l.fetch(keys)
		if err != nil {
			err = fmt.Errorf("fetch from log %s: %w", l.name, err)
		}
		done(records, err)
	})
}

// nextAtMost is how many keys are stepped over before a seek is cheaper than the steps.
const nextAtMost = 32

func (l *log) fetch(keys []persistence.Key) ([]persistence.Record, error) {
	head := l.Head()
	if len(keys) == 0 || keys[0].Position > head {
		return nil, nil
	}
	it, err := l.iter(keys[0].Position, min(head, keys[len(keys)-1].Position))
	if err != nil {
		return nil, err
	}
	r := fetching{it: it, id: l.book.id, records: make([]persistence.Record, 0, len(keys))}
	r.valid = it.First()
	for _, k := range keys {
		if err := r.read(k); err != nil {
			return nil, closing(it, err)
		}
	}
	return r.records, closing(it, nil)
}

// fetching is one iterator on its way over ascending keys.
type fetching struct {
	it      *cockroach.Iterator
	id      logID
	valid   bool
	key     [recordKeyLen]byte
	records []persistence.Record
}

// read adds the record under k if there is one.
func (f *fetching) read(k persistence.Key) error {
	found, err := f.reach(k)
	if err != nil || !found {
		return err
	}
	v, err := f.it.ValueAndErr()
	if err != nil {
		return err
	}
	envelope, body, err := parseValue(append(make([]byte, 0, len(v)), v...))
	if err != nil {
		return fmt.Errorf("record %d: %w", k.Position, err)
	}
	f.records = append(f.records, persistence.Record{Key: k, Envelope: envelope, Body: body})
	return nil
}

// reach moves to k and reports whether it is there.
func (f *fetching) reach(k persistence.Key) (bool, error) {
	for steps := 0; f.valid; steps++ {
		at, err := parseRecordKey(f.it.Key())
		if err != nil {
			return false, err
		}
		if at.Position >= k.Position {
			return at == k, nil
		}
		if steps >= nextAtMost || k.Position-at.Position > nextAtMost {
			putRecordKey(f.key[:], f.id, k)
			f.valid = f.it.SeekGE(f.key[:])
		} else {
			f.valid = f.it.Next()
		}
	}
	return false, nil
}
