package broker

import (
	"slices"
	"time"

	"hibachi/persistence"
)

// opens counts the events that were looked at and are not done, by chunks of positions. It answers one question in O(1): up to which
// position is everything done? To the precision of a chunk, which is all that the store needs: within a chunk it has its own marks.
//
// Chunks are entered in ascending order, as the look goes; gaps between positions cost nothing.
type opens struct {
	chunks []chunk // ascending; the first has something open, or there is none
	floor  persistence.Position
	total  int
}

type chunk struct {
	number uint64 // positions number<<chunkBits …
	open   int
	oldest int64 // arrival in ms of the oldest event of it that was handed out; 0: none was yet
}

const chunkBits = 12

// open counts p, which is above everything counted before.
func (o *opens) open(p persistence.Position) {
	number := uint64(p) >> chunkBits
	if n := len(o.chunks); n == 0 || o.chunks[n-1].number != number {
		o.chunks = append(o.chunks, chunk{number: number})
	}
	o.chunks[len(o.chunks)-1].open++
	o.total++
}

// done uncounts p.
func (o *opens) done(p persistence.Position) {
	i, ok := o.find(p)
	if !ok || o.chunks[i].open == 0 {
		panic("broker: an event is done that was not open")
	}
	o.chunks[i].open--
	o.total--
	empty := 0
	for empty < len(o.chunks) && o.chunks[empty].open == 0 {
		empty++
	}
	if empty > 0 {
		o.chunks = slices.Delete(o.chunks, 0, empty)
	}
}

// advance gives the floor when everything up to scan was looked at: the last position of which it is known that it and all before it
// are done. It never falls: a chunk that is open again from its middle on does not take back what was said.
func (o *opens) advance(scan persistence.Position) persistence.Position {
	floor := scan
	if len(o.chunks) > 0 {
		floor = persistence.Position(o.chunks[0].number << chunkBits)
		if floor > 0 {
			floor--
		}
	}
	o.floor = max(o.floor, floor)
	return o.floor
}

// arrived notes when an event that was handed out had come.
func (o *opens) arrived(p persistence.Position, t time.Time) {
	if i, ok := o.find(p); ok {
		if ms := millis(t); o.chunks[i].oldest == 0 || ms < o.chunks[i].oldest {
			o.chunks[i].oldest = ms
		}
	}
}

// oldest is about the arrival of the oldest open event; zero if unknown.
func (o *opens) oldest() time.Time {
	if len(o.chunks) == 0 {
		return time.Time{}
	}
	return fromMillis(o.chunks[0].oldest)
}

func (o *opens) find(p persistence.Position) (int, bool) {
	number := uint64(p) >> chunkBits
	return slices.BinarySearchFunc(o.chunks, number, func(c chunk, n uint64) int {
		switch {
		case c.number < n:
			return -1
		case c.number > n:
			return 1
		}
		return 0
	})
}
