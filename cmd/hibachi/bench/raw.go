package bench

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"time"
)

// RawOptions of the baseline: a preallocated file in which records are written one group after the other, each group followed by one
// fdatasync. All records in flight wait together, so each group is all of them.
//
// The blocks of the file were written before the clock starts, as those of a recycled log were: a sync then has only data to write, and
// no broker with one log that syncs what it accepts is faster on that disk. Fresh leaves that out: blocks that fallocate gave and nobody
// wrote cost the file system a journal entry, which a broker with a recycled log does not pay.
type RawOptions struct {
	Dir      string
	Record   int // bytes
	InFlight int
	Duration time.Duration
	Fresh    bool
}

// RawResult of one round.
type RawResult struct {
	Records uint64  `json:"records"`
	Seconds float64 `json:"seconds"`
	Rate    float64 `json:"perSecond"`
	Sync    Latency `json:"writeAndSync"`
}

// rawFileSize is enough for large groups; small ones go round in it and meet written blocks only.
const rawFileSize = 128 << 20

// Raw runs one round. The file is new each time, and removed.
func Raw(o RawOptions) (_ RawResult, err error) {
	group := o.Record * o.InFlight
	if group < 1 || group > rawFileSize/2 {
		return RawResult{}, fmt.Errorf("groups of %d bytes: not more than %d", group, rawFileSize/2)
	}
	f, err := os.Create(filepath.Join(o.Dir, "hibachi-bench.raw"))
	if err != nil {
		return RawResult{}, err
	}
	defer func() { err = errors.Join(err, f.Close(), os.Remove(f.Name())) }()
	if err := preallocate(f, rawFileSize); err != nil {
		return RawResult{}, fmt.Errorf("preallocate %s: %w", f.Name(), err)
	}
	if !o.Fresh {
		if err := writeAll(f); err != nil {
			return RawResult{}, err
		}
	}
	if err := f.Sync(); err != nil {
		return RawResult{}, err
	}
	return rawRound(f, o, noise(group))
}

// writeAll writes every block once.
func writeAll(f *os.File) error {
	chunk := noise(1 << 20)
	for at := int64(0); at < rawFileSize; at += int64(len(chunk)) {
		if _, err := f.WriteAt(chunk, at); err != nil {
			return err
		}
	}
	return nil
}

func noise(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(rand.Uint32())
	}
	return b
}

func rawRound(f *os.File, o RawOptions, group []byte) (RawResult, error) {
	h := newHistogram()
	var r RawResult
	var at int64
	began := time.Now()
	for last := began; last.Sub(began) < o.Duration; {
		if at+int64(len(group)) > rawFileSize {
			at = 0
		}
		if _, err := f.WriteAt(group, at); err != nil {
			return r, err
		}
		if err := datasync(f); err != nil {
			return r, err
		}
		at += int64(len(group))
		r.Records += uint64(o.InFlight)
		now := time.Now()
		record(h, int64(now.Sub(last)))
		last = now
	}
	r.Seconds = time.Since(began).Seconds()
	r.Rate = float64(r.Records) / r.Seconds
	r.Sync = summary(h)
	return r, nil
}
