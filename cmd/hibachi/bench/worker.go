package bench

import (
	"context"
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"hibachi/cmd/hibachi/bench/lean"
)

// retryEvery is how long a worker waits between attempts to connect again.
const retryEvery = 200 * time.Millisecond

// worker is what senders and receivers have in common: a connection and the goroutine that drives it.
type worker struct {
	// Set once.
	load *Load
	name string

	// Guarded by mu, which is held while input is handled and output is prepared, not while the socket is read or written.
	mu   sync.Mutex
	conn *lean.Conn
	hist *hdrhistogram.Histogram

	// Owned by run; read by Close after it has ended.
	closeErr error
}

func (w *worker) interrupt() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.conn != nil {
		w.conn.Interrupt()
	}
}

// swapHistogram gives what was recorded since the last time.
func (w *worker) swapHistogram(h *hdrhistogram.Histogram) *hdrhistogram.Histogram {
	w.mu.Lock()
	defer w.mu.Unlock()
	old := w.hist
	w.hist = h
	return old
}

// drive runs the connection until stop or its loss. work is called with the lock held after input was handled; it reports whether it
// wants to go on at once after a flush.
func (w *worker) drive(work func() (more bool)) error {
	for !w.load.stopping.Load() {
		w.mu.Lock()
		more := work()
		w.mu.Unlock()
		if more {
			if err := w.conn.Flush(); err != nil {
				return err
			}
			continue
		}
		if err := w.conn.Wait(); err != nil {
			return err
		}
		w.mu.Lock()
		err := w.conn.Handle()
		w.mu.Unlock()
		if err != nil {
			return err
		}
	}
	return nil
}

// run drives the connection, and connects again if that is wanted.
func (w *worker) runWith(ctx context.Context, work func() bool, connect func(context.Context) error, lost func()) {
	for {
		err := w.drive(work)
		if err == nil {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.closeErr = w.conn.Close()
			return
		}
		// The connection is lost already: what closing it says is of no interest.
		_ = w.conn.Kill()
		if !w.load.lost(w.name, err) {
			return
		}
		lost()
		if !w.connectAgain(ctx, connect) {
			return
		}
	}
}

func (w *worker) connectAgain(ctx context.Context, connect func(context.Context) error) bool {
	for ctx.Err() == nil && !w.load.stopping.Load() {
		if connect(ctx) == nil {
			return true
		}
		select {
		case <-ctx.Done():
		case <-time.After(retryEvery):
		}
	}
	return false
}
