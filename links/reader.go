package links

import (
	"errors"
	"io"
	"net"
	"time"

	"hibachi/links/engine"
)

// read reads until the peer's end, or ours.
func (c *conn) read() {
	in := newInput()
	discarded := 0
	for {
		n, err := c.nc.Read(in.free())
		if n > 0 {
			used, need, events, finished := c.feed(in.filled(n))
			in.consumed(used, need)
			c.handle(events)
			c.rouseWriter()
			if finished {
				discarded += n
			}
		}
		if err == nil && discarded > lingerBytes {
			err = net.ErrClosed
		}
		if err != nil {
			in.release()
			c.readEnd(err)
			return
		}
	}
}

// feed gives octets to the engine. finished: they were not looked at any more.
func (c *conn) feed(b []byte) (used, need int, events []engine.Event, finished bool) {
	now := c.server.now()
	c.mu.Lock()
	defer c.mu.Unlock()
	finished = c.engine.Finished()
	used, need = c.engine.Feed(now, b)
	c.tickSoonLocked(now)
	return used, need, c.claimLocked(), finished
}

// rouseWriter has the writer come if there is something for it. Mostly there is not: a message waits for the disk, an outcome asks for
// nothing.
func (c *conn) rouseWriter() {
	c.mu.Lock()
	owes := c.engine.Owes()
	c.mu.Unlock()
	if owes {
		c.mail.owed()
	}
}

// readEnd tells the engine that nothing more will come, and the writer what is still to be written: a peer that closed its side only
// (close and FIN in one go) still reads. After anything else than such an end the socket is closed at once, so that the writer is not kept.
func (c *conn) readEnd(err error) {
	clean := errors.Is(err, io.EOF)
	c.mu.Lock()
	var last []byte
	if clean {
		last = c.appendLocked(nil)
	}
	c.engine.EOF(err)
	c.readOver = true
	events := c.claimLocked()
	over := !c.cutBy.IsZero() // the close was said before, by either side
	if !over {
		c.loseLocked(err)
	}
	c.mu.Unlock()
	if !clean {
		c.nc.Close()
	}
	c.handle(events)
	c.mail.end(last)
}

// appendLocked is all that the engine owes, behind dst.
func (c *conn) appendLocked(dst []byte) []byte {
	dst, _ = c.fillLocked(dst, c.server.engine.OutputLimit, c.server.now())
	return dst
}

// fillLocked puts what the engine owes behind dst until limit is reached. drained: it owes nothing more.
func (c *conn) fillLocked(dst []byte, limit int, now time.Time) (_ []byte, drained bool) {
	for len(dst) < limit {
		had := len(dst)
		if dst = c.engine.Append(now, dst); len(dst) == had {
			return dst, true
		}
	}
	return dst, false
}
