package bench

import (
	"context"
	"fmt"

	"hibachi/cmd/hibachi/bench/lean"
	"hibachi/links/amqp"
)

// receiveCounts of one receiver.
type receiveCounts struct {
	Received uint64 // of this run, first or again
	Fresh    uint64 // for the first time
	Foreign  uint64 // of another run, or not ours at all
}

type receiveWorker struct {
	worker
	index   int
	tenants []int

	// Guarded by mu.
	counts receiveCounts
}

func newReceiveWorker(l *Load, i int, tenants []int) *receiveWorker {
	w := &receiveWorker{index: i, tenants: tenants}
	w.load, w.name, w.hist = l, fmt.Sprintf("receiver %d", i), newHistogram()
	return w
}

func (w *receiveWorker) connect(ctx context.Context) error {
	cfg := w.load.cfg.conn("receiver", w.index)
	cfg.Handler = w
	c, err := lean.Dial(ctx, w.load.cfg.url(w.index), cfg)
	if err != nil {
		return fmt.Errorf("%s: %w", w.name, err)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.conn = c
	credit := max(1, w.load.cfg.Credit/max(1, len(w.tenants)))
	for _, t := range w.tenants {
		if _, err := c.AttachReceiver(w.load.cfg.source(t), uint32(credit), true); err != nil {
			_ = c.Kill() // the attach has failed, which is the news
			return fmt.Errorf("%s: %w", w.name, err)
		}
	}
	return nil
}

func (w *receiveWorker) run(ctx context.Context) {
	w.runWith(ctx, func() bool { return false }, w.connect, func() {})
}

// Message checks an event and accepts it.
func (w *receiveWorker) Message(_ *lean.Receiver, message []byte) bool {
	s, ok := readEvent(message, w.load.cfg.Size)
	if !ok || s.Run != w.load.run {
		w.counts.Foreign++
		return true
	}
	w.counts.Received++
	if w.load.check.Received(s.Tenant, s.Device, s.Seq) {
		w.counts.Fresh++
		record(w.hist, w.load.now(w.conn.ReadAt())-s.At)
	}
	return true
}

// Outcome has no place on a receiving connection.
func (w *receiveWorker) Outcome(*lean.Sender, lean.Sent, *amqp.DeliveryState) {}

func (w *receiveWorker) snapshot() receiveCounts {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.counts
}
