package pebble

import (
	"sort"
	"time"

	"hibachi/persistence"
)

// sizes count a log's records and their bytes. A deletion knows the record's key and not its size, and reading the size would cost more than the
// deletion. So bytes are kept per chunk of 4096 positions, and a deletion takes off its chunk's average: the sum is right for every chunk that is
// wholly stored or wholly gone, and about right in between. What was stored before the start is one such chunk. Counts are exact.
//
// Owned by the committer.
type sizes struct {
	count, bytes int64
	before       persistence.Position // positions below belong to old
	old          bucket
	buckets      []bucket // ascending, from first on; empty ones are dropped as they come to the front
	first        int
}

type bucket struct {
	chunk        uint64
	count, bytes int64
	since        time.Time // when its first record came
}

// load begins with what is on disk, all of it below next.
func (s *sizes) load(next persistence.Position, count, bytes int64) {
	*s = sizes{count: count, bytes: bytes, before: next, old: bucket{count: count, bytes: bytes}}
}

func (s *sizes) add(p persistence.Position, bytes int64, now time.Time) {
	s.count++
	s.bytes += bytes
	number, _ := split(p)
	if n := len(s.buckets); n == s.first || s.buckets[n-1].chunk != number {
		s.buckets = append(s.buckets, bucket{chunk: number, since: now})
	}
	b := &s.buckets[len(s.buckets)-1]
	b.count++
	b.bytes += bytes
}

// remove takes off a record and gives about its size.
func (s *sizes) remove(p persistence.Position) (bytes int64) {
	b := s.bucket(p)
	if b == nil || b.count == 0 {
		return 0 // done with twice: a ledger's fault, and nothing to take off
	}
	bytes = b.bytes / b.count
	b.count--
	b.bytes -= bytes
	s.count--
	s.bytes -= bytes
	s.trim()
	return bytes
}

func (s *sizes) bucket(p persistence.Position) *bucket {
	if p < s.before {
		return &s.old
	}
	number, _ := split(p)
	live := s.buckets[s.first:]
	i := sort.Search(len(live), func(i int) bool { return live[i].chunk >= number })
	if i == len(live) || live[i].chunk != number {
		return nil
	}
	return &live[i]
}

// trim forgets empty buckets in front, but never the newest, which still fills.
func (s *sizes) trim() {
	for s.first < len(s.buckets)-1 && s.buckets[s.first].count == 0 {
		s.first++
	}
	if s.first > len(s.buckets)/2 {
		s.buckets = s.buckets[:copy(s.buckets, s.buckets[s.first:])]
		s.first = 0
	}
}

// oldest is about when the first record that is still stored came; zero if that was before the start, or if there is none.
func (s *sizes) oldest() time.Time {
	if s.old.count > 0 {
		return time.Time{}
	}
	for _, b := range s.buckets[s.first:] {
		if b.count > 0 {
			return b.since
		}
	}
	return time.Time{}
}
