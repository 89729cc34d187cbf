package engine

import (
	"time"

	"hibachi/links/amqp"
)

// quantum is how much one sender writes before it is another's turn.
const quantum = 32 << 10

// maxControl is how many octets of answers may wait for a peer that asks for ever more and reads none, besides some for
// each of its links.
const (
	maxControl        = 512 << 10
	maxControlPerLink = 1 << 10
)

// Append gathers up to about OutputLimit bytes of what is owed to the peer behind dst. One pass writes, in this order: headers and
// SASL, queued open/begin/attach/detach/end/close in the order they arose, dispositions folded into ranges, transfers round
// robin over links, flows, drain answers. It returns dst unchanged when nothing is owed. Call again until then.
func (c *Connection) Append(now time.Time, dst []byte) []byte {
	c.now = now
	start := len(dst)
	limit := start + c.cfg.OutputLimit
	dst = c.appendControl(dst, limit)
	if c.state == opened && len(dst) < limit {
		dst = c.appendDispositions(dst, limit)
		dst = c.appendTransfers(dst, limit)
		dst = c.appendFlows(dst, limit)
		dst = c.appendHeartbeat(dst, start)
	}
	if len(dst) > start {
		c.lastWrite = now
		c.heartbeat = false
	}
	return dst
}

// appendControl writes what is encoded already. It is octets by now: a cut anywhere does no harm, as long as nothing gets
// in between.
func (c *Connection) appendControl(dst []byte, limit int) []byte {
	n := min(len(c.control), limit-len(dst))
	dst = append(dst, c.control[:n]...)
	if n == len(c.control) {
		c.control = nil
	} else {
		c.control = c.control[n:]
	}
	return dst
}

// appendTransfers gives each sender with a queue its turn, one after the other.
func (c *Connection) appendTransfers(dst []byte, limit int) []byte {
	for !c.sending.empty() && len(dst) < limit {
		dst = c.sending.first.owner.appendTurn(dst, min(limit, len(dst)+quantum))
	}
	if c.queued < c.cfg.OutputLimit {
		for e := c.crowded.first; e != nil; e = c.crowded.first {
			e.unlink()
			e.owner.relieve()
		}
	}
	return dst
}

// appendHeartbeat writes an empty frame if one is due and nothing else was written. [transport 2.4.5]
func (c *Connection) appendHeartbeat(dst []byte, start int) []byte {
	if !c.heartbeat || len(dst) > start {
		return dst
	}
	return amqp.AppendFrame(dst, amqp.TypeAMQP, 0, nil, nil)
}

// queue encodes a frame into control, whatever its size.
func (c *Connection) queue(channel uint16, body amqp.Body) {
	c.control = amqp.AppendFrame(c.control, amqp.TypeAMQP, channel, body, nil)
}

// queueFitting encodes a frame into control unless it is larger than the peer takes.
func (c *Connection) queueFitting(channel uint16, body amqp.Body) bool {
	start := len(c.control)
	c.queue(channel, body)
	if len(c.control)-start > c.peer.maxFrame {
		c.control = c.control[:start]
		return false
	}
	return true
}

// queueError encodes a frame that carries an error, shortened until it fits the peer's frames. [transport 2.7.1]
func (c *Connection) queueError(channel uint16, err *amqp.Error, body func(*amqp.Error) amqp.Body) {
	start := len(c.control)
	for {
		c.queue(channel, body(err))
		over := len(c.control) - start - c.peer.maxFrame
		if over <= 0 || err == nil || err.Description == "" && err.Info == nil {
			return
		}
		c.control = c.control[:start]
		err = shorten(err, over)
	}
}

// controlLimit refuses to answer a peer that does not read what it was answered.
func (c *Connection) controlLimit() error {
	if len(c.control) > maxControl+c.links*maxControlPerLink {
		return amqp.Errorf(amqp.ErrResourceLimitExceeded, "too many answers wait to be read")
	}
	return nil
}

// openFrame puts the header of an AMQP frame behind dst; amqp.EndFrame fills in its size. Between them a body is appended as
// its own type: through the Body interface it would have to live on the heap.
func openFrame(dst []byte, channel uint16) []byte {
	return append(dst, 0, 0, 0, 0, amqp.FrameHeaderSize/4, amqp.TypeAMQP, byte(channel>>8), byte(channel))
}
