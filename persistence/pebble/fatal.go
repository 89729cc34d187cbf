package pebble

import (
	"fmt"
	"log/slog"
	"sync"
	"time"
)

// fatal is the end of the store: after a failed write or sync of the write-ahead log nobody can say what is on disk. A restart can, by reading it.
// A disk that takes no tables any more ends it as well; see flushes.
type fatal struct {
	// Set once.
	logger *slog.Logger
	tell   func(error)
	refuse func()        // has the queue take no more
	dead   chan struct{} // closed by fail

	once  sync.Once
	cause error // set before dead is closed
}

func (f *fatal) init(logger *slog.Logger, tell func(error), refuse func()) {
	f.logger, f.tell, f.refuse, f.dead = logger, tell, refuse, make(chan struct{})
}

// fail ends the store. Only the first cause counts.
func (f *fatal) fail(err error) {
	f.once.Do(func() {
		f.cause = err
		close(f.dead)
		f.refuse()
		f.logger.Error("the disk failed under the store; nothing that was not acknowledged before is promised. Check the disk and start again", "err", err.Error())
		f.tell(err)
	})
}

// err is nil while the store lives.
func (f *fatal) err() error {
	select {
	case <-f.dead:
		return f.cause
	default:
		return nil
	}
}

// complaints logs what can come in floods: each kind at most once in a while, with the number of those left out. The logging is done by a goroutine of
// its own, since Pebble complains with its locks held, about the disk that the log may be on.
type complaints struct {
	logger *slog.Logger // set once

	mu   sync.Mutex // a leaf; guards:
	last map[string]complaint
}

type complaint struct {
	at      time.Time
	skipped int
}

const complainEvery = 10 * time.Second

func (c *complaints) about(kind string, err error) {
	if skipped, ok := c.due(kind, time.Now()); ok {
		go c.logger.Error("store: "+kind, "err", err.Error(), "skipped", skipped) // as text: Pebble's errors would print their stacks
	}
}

func (c *complaints) due(kind string, now time.Time) (skipped int, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	last := c.last[kind]
	if !last.at.IsZero() && now.Sub(last.at) < complainEvery {
		last.skipped++
		c.last[kind] = last
		return 0, false
	}
	if c.last == nil {
		c.last = make(map[string]complaint)
	}
	c.last[kind] = complaint{at: now}
	return last.skipped, true
}

// engineLogger takes what Pebble logs.
type engineLogger struct {
	logger   *slog.Logger
	complain *complaints
	fatal    *fatal
}

func (l engineLogger) Infof(format string, args ...any) {
	l.logger.Debug(fmt.Sprintf(format, args...))
}

func (l engineLogger) Errorf(format string, args ...any) {
	l.complain.about("engine", fmt.Errorf(format, args...))
}

// Fatalf never returns: Pebble calls it with its own locks held and does not expect to go on.
func (l engineLogger) Fatalf(format string, args ...any) {
	l.fatal.fail(fmt.Errorf(format, args...))
	select {}
}
