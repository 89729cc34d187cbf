package engine

import (
	"sync"

	"hibachi/links/amqp"
)

// Message is one delivery to the peer: Head and Body together are the encoded message. Body is not changed and may be shared.
type Message struct {
	Ref     uint64 // the caller's own, comes back in EventSettled
	Head    [amqp.MaxHeaderSize]byte
	HeadLen uint8
	Body    []byte
	Format  uint32
}

func (m *Message) size() int { return int(m.HeadLen) + len(m.Body) }

// queue is what was handed to Send and is not written yet. It holds memory only while it is not empty: what most links
// have queued is written in the same pass.
type queue struct {
	slab *slab
	next int  // index of the first
	part bool // its first transfer was written
	done int  // octets of it that were written
}

type slab struct{ m []Message }

var queueSlabs = sync.Pool{New: func() any { return new(slab) }}

// largestSlab is how many messages' place goes back to the pool.
const largestSlab = 1024

func (q *queue) push(m Message) {
	if q.slab == nil {
		q.slab = queueSlabs.Get().(*slab)
	}
	q.slab.m = append(q.slab.m, m)
}

func (q *queue) len() int {
	if q.slab == nil {
		return 0
	}
	return len(q.slab.m) - q.next
}

// begun tells whether the first delivery has been begun.
func (q *queue) begun() bool { return q.part }
func (q *queue) begin()      { q.part = true }

// unbegun is how many deliveries have no delivery-id yet.
func (q *queue) unbegun() int {
	n := q.len()
	if q.part {
		n--
	}
	return n
}

func (q *queue) front() *Message { return &q.slab.m[q.next] }

// rest is how many octets of the first delivery are to be written.
func (q *queue) rest() int { return q.front().size() - q.done }

// take puts the next n octets of the first delivery behind dst.
func (q *queue) take(dst []byte, n int) []byte {
	m := q.front()
	if head := m.Head[:m.HeadLen]; q.done < len(head) {
		k := min(n, len(head)-q.done)
		dst = append(dst, head[q.done:q.done+k]...)
		q.done += k
		n -= k
	}
	from := q.done - int(m.HeadLen)
	q.done += n
	return append(dst, m.Body[from:from+n]...)
}

// pop lets go of the first delivery.
func (q *queue) pop() {
	q.slab.m[q.next] = Message{}
	q.next++
	q.part, q.done = false, 0
}

// beyond is what is not begun, but for the first n of that.
func (q *queue) beyond(n int) []Message {
	if q.unbegun() <= n {
		return nil
	}
	return q.slab.m[len(q.slab.m)-(q.unbegun()-n):]
}

// keep drops what is beyond n.
func (q *queue) keep(n int) {
	if drop := q.beyond(n); drop != nil {
		clear(drop)
		q.slab.m = q.slab.m[:len(q.slab.m)-len(drop)]
	}
}

// bytes is how many octets are to be written.
func (q *queue) bytes() (n int) {
	for i := q.next; i < q.next+q.len(); i++ {
		n += q.slab.m[i].size()
	}
	return n - q.done
}

// clear empties the queue and gives its memory back.
func (q *queue) clear() {
	if s := q.slab; s != nil {
		clear(s.m)
		if s.m = s.m[:0]; cap(s.m) <= largestSlab {
			queueSlabs.Put(s)
		}
	}
	*q = queue{}
}
