package pebble

import (
	"sync"

	"hibachi/persistence"
)

// fetchers are the few goroutines that read for those who fell behind, first come first served. Asking never blocks.
type fetchers struct {
	workers sync.WaitGroup

	mu     sync.Mutex // a leaf; guards:
	some   *sync.Cond
	jobs   fifo[job]
	closed bool
}

// job is a read. It is called once: with nil to read, with an error if it will not be read.
type job func(refused error)

func startFetchers(n int) *fetchers {
	f := &fetchers{}
	f.some = sync.NewCond(&f.mu)
	f.workers.Add(n)
	for range n {
		go f.work()
	}
	return f
}

func (f *fetchers) do(j job) {
	f.mu.Lock()
	if f.closed {
		f.mu.Unlock()
		go j(persistence.ErrClosed)
		return
	}
	f.jobs.push(j)
	f.mu.Unlock()
	f.some.Signal()
}

func (f *fetchers) work() {
	defer f.workers.Done()
	for {
		j, refused := f.next()
		if j == nil {
			return
		}
		j(refused)
	}
}

// next gives nil when there is nothing left to do.
func (f *fetchers) next() (j job, refused error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for f.jobs.len() == 0 && !f.closed {
		f.some.Wait()
	}
	if f.jobs.len() == 0 {
		return nil, nil
	}
	if f.closed {
		refused = persistence.ErrClosed
	}
	return f.jobs.pop(), refused
}

// close refuses what waits.
func (f *fetchers) close() {
	f.mu.Lock()
	f.closed = true
	f.mu.Unlock()
	f.some.Broadcast()
}

// wait returns, after close, when the last read is over. A disk that failed may keep it for ever.
func (f *fetchers) wait() { f.workers.Wait() }
