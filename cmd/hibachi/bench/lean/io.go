package lean

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"time"

	"hibachi/links/amqp"
)

// input is the bytes read and not yet taken apart: buf[start:end].
type input struct {
	buf        []byte
	start, end int
	limit      int
}

const smallInput = 4 << 10

// room makes space behind end for at least one more byte, and for a whole frame of size need.
func (i *input) room(need int) {
	if i.start == i.end {
		i.start, i.end = 0, 0
	}
	if i.buf == nil {
		i.buf = make([]byte, max(smallInput, need))
	}
	full := i.end == len(i.buf)
	if i.start > 0 && (full || i.start+need > len(i.buf)) {
		copy(i.buf, i.buf[i.start:i.end])
		i.start, i.end = 0, i.end-i.start
	}
	if need > len(i.buf) || i.end == len(i.buf) {
		i.grow(need)
	}
}

func (i *input) grow(need int) {
	bigger := make([]byte, max(need, 2*len(i.buf)))
	i.end = copy(bigger, i.buf[i.start:i.end])
	i.start, i.buf = 0, bigger
}

// filled notes n bytes more; an input that a read filled to the brim is worth more room.
func (i *input) filled(n int) {
	i.end += n
	if i.end == len(i.buf) && len(i.buf) < i.limit {
		i.grow(min(4*len(i.buf), i.limit))
	}
}

// frame gives the next whole frame. need is the size of the frame that is not yet complete, 8 if even that is unknown.
func (i *input) frame(maxSize uint32) (h amqp.FrameHeader, frame []byte, need int, err error) {
	b := i.buf[i.start:i.end]
	if len(b) < amqp.FrameHeaderSize {
		return h, nil, amqp.FrameHeaderSize, nil
	}
	if h, err = amqp.ParseFrameHeader(b); err != nil {
		return h, nil, 0, err
	}
	if h.Size > maxSize {
		return h, nil, 0, protocolError("a frame of %d bytes, where at most %d were agreed", h.Size, maxSize)
	}
	if uint32(len(b)) < h.Size {
		return h, nil, int(h.Size), nil
	}
	i.start += int(h.Size)
	return h, b[:h.Size], 0, nil
}

// wholeFrame reports whether Handle would find something to do.
func (i *input) wholeFrame() (ok bool, need int) {
	b := i.buf[i.start:i.end]
	if len(b) < amqp.FrameHeaderSize {
		return false, amqp.FrameHeaderSize
	}
	size := binary.BigEndian.Uint32(b)
	if uint32(len(b)) >= size {
		return true, 0
	}
	return false, int(size)
}

// Flush writes what is buffered. It blocks while the peer does not read.
func (c *Conn) Flush() error {
	if len(c.out) == 0 {
		return nil
	}
	_, err := c.nc.Write(c.out)
	c.out = c.out[:0]
	c.lastWrite = time.Now()
	if err != nil {
		return c.ended(err)
	}
	return nil
}

// Wait writes what is buffered and blocks until the peer has sent something, Interrupt was called, the time set by WakeAt has
// come, or a heartbeat was due (which it sends). Handle comes next.
func (c *Conn) Wait() error {
	if err := c.Flush(); err != nil {
		return err
	}
	ok, need := c.in.wholeFrame()
	if ok {
		return nil
	}
	if int64(need) > int64(max(c.cfg.MaxFrameSize, amqp.MinMaxFrameSize)) {
		return nil // for Handle to refuse
	}
	if c.armDeadline() {
		return nil
	}
	c.in.room(need)
	n, err := c.nc.Read(c.in.buf[c.in.end:])
	if n > 0 {
		c.in.filled(n)
		c.lastRead = time.Now()
		return nil
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		c.armed = time.Unix(0, 1) // spent: arm it anew
		return c.tick(time.Now())
	}
	return fmt.Errorf("connection lost: %w", err)
}

// ended prefers the peer's own words about the end of the connection, which may lie unread behind a failed write.
func (c *Conn) ended(cause error) error {
	if err := c.nc.SetReadDeadline(time.Now().Add(200 * time.Millisecond)); err != nil {
		return cause
	}
	for {
		c.in.room(amqp.FrameHeaderSize)
		n, err := c.nc.Read(c.in.buf[c.in.end:])
		c.in.filled(n)
		var told *PeerError
		if herr := c.Handle(); errors.As(herr, &told) {
			return told
		}
		if err != nil || n == 0 {
			return cause
		}
	}
}

// WakeAt makes Wait return at t at the latest; the zero time takes that back.
func (c *Conn) WakeAt(t time.Time) { c.wakeAt = t }

// Interrupt makes a Wait that blocks, or else the next one, return. From any goroutine.
func (c *Conn) Interrupt() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.interrupted = true
	// An error here is the connection's end, which Wait is about to see by itself.
	_ = c.nc.SetReadDeadline(time.Unix(0, 1))
}

// armDeadline sets the read deadline to the next thing that is due. It reports whether an Interrupt came.
//
// A deadline that is too early costs one spurious return of Wait, one that is renewed at every read costs more: so it is moved
// only when it is spent or too late.
func (c *Conn) armDeadline() (interrupted bool) {
	due := c.due()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.interrupted {
		c.interrupted = false
		c.armed = time.Unix(0, 1)
		return true
	}
	early := !c.armed.IsZero() && c.armed.After(c.lastRead) && (due.IsZero() || !c.armed.After(due))
	if early || c.armed.Equal(due) {
		return false
	}
	c.armed = due
	// An error here is the connection's end, which the read is about to see by itself.
	_ = c.nc.SetReadDeadline(due)
	return false
}

// due is when Wait has to return at the latest; zero is never.
func (c *Conn) due() time.Time {
	due := c.wakeAt
	if c.heartbeat > 0 {
		due = earlier(due, c.lastWrite.Add(c.heartbeat))
	}
	if c.silence > 0 {
		due = earlier(due, c.lastRead.Add(c.silence))
	}
	return due
}

func earlier(a, b time.Time) time.Time {
	if a.IsZero() || b.Before(a) {
		return b
	}
	return a
}

// tick does what is due at now.
func (c *Conn) tick(now time.Time) error {
	if c.silence > 0 && now.Sub(c.lastRead) >= c.silence {
		return ErrSilent
	}
	if c.heartbeat > 0 && now.Sub(c.lastWrite) >= c.heartbeat {
		c.out = amqp.AppendFrame(c.out, amqp.TypeAMQP, 0, nil, nil)
		return c.Flush()
	}
	return nil
}

// waitFor runs the connection until done says so.
func (c *Conn) waitFor(deadline time.Time, done func() bool) error {
	before := c.wakeAt
	c.wakeAt = deadline
	defer func() { c.wakeAt = before }()
	for !done() {
		if !time.Now().Before(deadline) {
			return ErrTimeout
		}
		if err := c.Wait(); err != nil {
			return err
		}
		if err := c.Handle(); err != nil {
			return err
		}
	}
	return nil
}
