package pebble

import (
	"errors"
	"fmt"
	"sync"
	"time"
)

// flushes notices when the disk takes no more tables: it is full, mostly. Pebble tries a failed flush again at once and for ever. Nothing is
// lost by that, and a disk may recover; but the write-ahead log grows meanwhile, then writes stall without a word, and opening a store does not
// return, since it flushes what the log held. So the store ends when flushes did nothing but fail for flushPatience, and says why.
type flushes struct {
	patience time.Duration // set once

	mu      sync.Mutex // a leaf; guards:
	last    error      // of the flush that ended last
	failing time.Time  // since when; zero: they do not
}

// ended is told how a flush went. One that found nothing to write is an error here, and not a failure.
func (f *flushes) ended(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.last = err
	if err == nil {
		f.failing = time.Time{}
	}
}

// failed is told of what failed in the background, which is a flush if that has just ended with the same error. It gives the error that the store
// is to end with, once there is no more hope.
func (f *flushes) failed(err error, now time.Time) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.last == nil || !errors.Is(err, f.last) {
		return nil
	}
	if f.failing.IsZero() {
		f.failing = now
	}
	if now.Sub(f.failing) < f.patience {
		return nil
	}
	return fmt.Errorf("flush to disk, tried for %v: %w", f.patience, err)
}
