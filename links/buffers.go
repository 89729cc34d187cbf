package links

import (
	"sync"

	"hibachi/links/engine"
)

const (
	smallInput  = 4 << 10   // what a parked reader holds
	slabSize    = 64 << 10  // what it reads with while there is much to read
	smallOutput = 8 << 10   // what a writer begins with that wrote little the last time
	largeOutput = 320 << 10 // and one that wrote much: the engine's OutputLimit and a frame
	keptOutput  = 1 << 20   // larger ones go to the collector
)

// Buffers that connections share. What is parked holds none of them.
var (
	slabs        = sync.Pool{New: func() any { return new([slabSize]byte) }}
	smallOutputs = sync.Pool{New: func() any { return &output{make([]byte, 0, smallOutput)} }}
	largeOutputs = sync.Pool{New: func() any { return &output{make([]byte, 0, largeOutput)} }}
	messageLists = sync.Pool{New: func() any { return new(messageList) }}
	outcomeLists sync.Pool // of *[]outcome

	settlementLists = sync.Pool{New: func() any { return new(settlementList) }}
)

// output is what a writer gathers.
type output struct{ b []byte }

// getOutput gives an empty one, for about expect bytes.
func getOutput(expect int) *output {
	if expect > smallOutput {
		return largeOutputs.Get().(*output)
	}
	return smallOutputs.Get().(*output)
}

func putOutput(o *output) {
	o.b = o.b[:0]
	switch size := cap(o.b); {
	case size < largeOutput/2:
		smallOutputs.Put(o)
	case size <= keptOutput:
		largeOutputs.Put(o)
	}
}

// messageList is what the Sources gave in one pass.
type messageList struct{ m []engine.Message }

func putMessages(l *messageList) {
	clear(l.m)
	l.m = l.m[:0]
	messageLists.Put(l)
}

// settlementList is what a peer said of one link's deliveries.
type settlementList struct{ s []Settlement }

func (l *settlementList) put(used []Settlement) {
	clear(used)
	l.s = used[:0]
	settlementLists.Put(l)
}

// getOutcomes gives a list that was long once, or nil.
func getOutcomes() []outcome {
	if l, ok := outcomeLists.Get().(*[]outcome); ok {
		return *l
	}
	return nil
}

func putOutcomes(l []outcome) {
	l = l[:0]
	outcomeLists.Put(&l)
}

// input is a reader's buffer. buf is small, or a slab, or a frame's own when a frame is larger than a slab.
type input struct {
	small []byte
	slab  *[slabSize]byte
	buf   []byte
	have  int // octets in buf that are not consumed
}

func newInput() input {
	small := make([]byte, smallInput)
	return input{small: small, buf: small}
}

// free is where to read to; never empty.
func (in *input) free() []byte { return in.buf[in.have:] }

// filled notes that n octets were read.
func (in *input) filled(n int) []byte {
	in.have += n
	return in.buf[:in.have]
}

// consumed drops the first n octets and chooses the buffer for the next read, which is to hold need octets in all. A read that filled
// the buffer is followed by one with a slab. One that did not has emptied the socket, so the reader is about to park.
func (in *input) consumed(n, need int) {
	full := in.have == len(in.buf)
	rest := in.buf[n:in.have]
	in.have = len(rest)
	switch size := max(need, len(rest)+1); {
	case size > slabSize && len(in.buf) < size:
		in.use(make([]byte, size), rest)
	case size > slabSize, in.slab != nil && (full || size > smallInput):
		copy(in.buf, rest)
	case full, size > smallInput:
		slab := slabs.Get().(*[slabSize]byte)
		in.use(slab[:], rest)
		in.slab = slab
	default:
		in.use(in.small, rest)
	}
}

// use goes on with buf, which begins with rest.
func (in *input) use(buf, rest []byte) {
	copy(buf, rest)
	in.buf = buf
	in.release()
}

// release gives the slab back. What was in it is not used any more.
func (in *input) release() {
	if in.slab != nil {
		slabs.Put(in.slab)
		in.slab = nil
	}
}
