package links

import (
	"crypto/tls"
	"errors"
	"fmt"
	"os"
	"time"

	"hibachi/links/amqp"
	"hibachi/links/engine"
)

const (
	// maxPasses is how many passes may follow on each other because of new mail, with output waiting to be written.
	maxPasses = 4
	// leastShare is how many bytes a link is asked for at least, if many links want to send at once.
	leastShare = 32 << 10
	// writeChunk is how much is given to one Write: a peer that takes so little in WriteTimeout does not make progress.
	writeChunk = 64 << 10
)

// errStopping is what peers are told by Shutdown.
var errStopping = &amqp.Error{Condition: amqp.ErrConnectionForced, Description: "the server is stopping"}

// writer is a connection's writer: it is parked, or makes passes, or writes what these gathered. See mail for how it is woken.
//
// A pass is: take the mail; under the lock, apply it and see which links could send how much; without it, ask their Sources; under the
// lock, give the engine what they had and gather what is owed; without it, give back what could not be sent. Links that there was no
// room to ask stay in the list for the next pass.
type writer struct {
	conn *conn

	letters letters
	list    []*Sender // to be asked, the longest waiting first
	asks    []ask
	scratch []*engine.Sender
	output  *output // nil while parked
	last    int     // how much was written the last time

	passOn   []*Sender // memory of passOnWakes
	passedOn []Source

	more     bool // there is something to do without new mail
	ended    bool // the reader is through
	finished bool // the engine is through: nothing follows what is gathered
	closed   bool // our side of the socket is closed
	stopping bool // Shutdown was called
	forced   bool // and the engine was told
}

// ask is a question to a Source, and its answer.
type ask struct {
	sender    *Sender
	source    Source
	max       int // deliveries
	maxBytes  int
	from, end int  // its messages in the list
	idle      bool // and it had nothing more
}

// write runs until the connection is over.
func (c *conn) write() {
	w := &writer{conn: c}
	defer w.park()
	for passes := 1; ; passes++ {
		w.takeMail()
		w.pass()
		if err := w.flush(passes >= maxPasses); err != nil {
			c.lose(err)
			c.nc.Close()
			return
		}
		switch {
		case len(w.output.b) > 0:
			continue
		case w.ended:
			return
		case w.finished && !w.closed:
			w.closed = true
			c.closeWrite()
		}
		passes = 0
	}
}

// takeMail takes what mail there is, and waits for some if there is nothing else to do.
func (w *writer) takeMail() {
	w.letters = w.letters.cleared()
	if !w.conn.mail.take(&w.letters) && !w.more {
		w.park()
		w.conn.mail.await(&w.letters)
	}
	if w.output == nil {
		w.output = getOutput(w.last)
	}
}

// park lets go of all that a parked writer does not hold.
func (w *writer) park() {
	if w.output != nil {
		putOutput(w.output)
		w.output = nil
	}
	w.letters.shrink()
	if cap(w.list) > keptLetters {
		w.list, w.asks, w.scratch, w.passOn, w.passedOn = nil, nil, nil, nil, nil
	}
}

// full tells that what is gathered is to be written before anything else.
func (w *writer) full() bool { return len(w.output.b) >= w.conn.server.engine.OutputLimit }

// pass turns mail and what links may send into output.
func (w *writer) pass() {
	c := w.conn
	now := c.server.now()
	var settled outcomeCounts
	for _, a := range w.letters.answers {
		a.prepare()
	}
	c.mu.Lock()
	orphans := w.applyLocked(now, &settled)
	w.listLocked()
	w.asksLocked()
	if len(w.asks) > 0 {
		c.mu.Unlock()
		messages := w.askSources()
		c.mu.Lock()
		w.sendLocked(messages)
		w.gatherLocked(now)
		w.listLocked()
		c.mu.Unlock()
		w.giveBack(messages)
		putMessages(messages)
		c.mu.Lock()
	} else {
		w.gatherLocked(now)
		w.listLocked()
	}
	w.more = w.more || len(w.list) > 0
	events := c.claimLocked()
	c.mu.Unlock()
	c.server.counters.add(&settled)
	for _, a := range orphans {
		a.disown()
	}
	if len(events) > 0 {
		c.handle(events)
		w.more = true
	}
}

// applyLocked gives the engine what came by mail. It returns answers whose links went in the meantime.
func (w *writer) applyLocked(now time.Time, settled *outcomeCounts) (orphans []*answer) {
	c, l := w.conn, &w.letters
	for i := range l.outcomes {
		o := &l.outcomes[i]
		settled.count(o, o.receiver.link.Settle(o.id, o.delivered()))
	}
	for _, a := range l.answers {
		if a.applyLocked() {
			orphans = append(orphans, a)
		}
	}
	for _, p := range l.partings {
		p.sender.link.Detach(p.err)
	}
	for _, s := range l.woken {
		if s.source != nil {
			s.woken = true
			s.link.Wake()
		}
	}
	if l.starved {
		c.engine.RefreshCredit()
	}
	if l.stop {
		w.stopping = true
		c.engine.StopCredit()
	}
	if w.stopping && !w.forced && c.engine.Unanswered() == 0 {
		w.forced = true
		c.engine.Shutdown(errStopping)
		c.tickLocked(now)
	}
	w.ended = w.ended || l.ended
	return orphans
}

// listLocked adds the links that the engine wants asked.
func (w *writer) listLocked() {
	w.scratch = w.conn.engine.Runnable(w.scratch[:0])
	for _, link := range w.scratch {
		if s := link.User.(*Sender); !s.listed {
			s.listed = true
			w.list = append(w.list, s)
		}
	}
	clear(w.scratch)
}

// asksLocked takes links off the list as long as there is room for what they want, and writes down the questions. A link that may send
// nothing is asked only if it was woken.
func (w *writer) asksLocked() {
	w.asks = w.asks[:0]
	room := w.conn.server.engine.OutputLimit - len(w.output.b)
	share := max(room/max(len(w.list), 1), leastShare)
	n := 0
	for ; n < len(w.list) && room > 0; n++ {
		s := w.list[n]
		s.listed = false
		deliveries, bytes := s.link.Want()
		if deliveries == 0 && !s.woken {
			continue
		}
		s.woken = false
		bytes = min(bytes, share)
		room -= bytes
		w.asks = append(w.asks, ask{sender: s, source: s.source, max: deliveries, maxBytes: bytes})
	}
	rest := copy(w.list, w.list[n:])
	clear(w.list[rest:])
	w.list = w.list[:rest]
}

// askSources asks, without the lock.
func (w *writer) askSources() *messageList {
	list := messageLists.Get().(*messageList)
	for i := range w.asks {
		a := &w.asks[i]
		a.from = len(list.m)
		list.m, a.idle = a.source.Take(list.m, a.max, a.maxBytes)
		a.end = len(list.m)
		// A Source that gave all it was asked for does not expect to wake this link, whatever it says of having more.
		a.idle = a.idle && a.end-a.from < a.max
	}
	return list
}

// sendLocked gives the engine what the Sources had. What it does not take is left at the end of the ask, from a.from on.
func (w *writer) sendLocked(list *messageList) {
	sent := 0
	for i := range w.asks {
		a := &w.asks[i]
		for a.from < a.end && a.sender.link.Send(list.m[a.from]) {
			a.from++
			sent++
		}
		if a.idle {
			a.sender.link.Exhausted()
		}
	}
	if sent > 0 {
		w.conn.out += uint64(sent)
		w.conn.server.counters.out.Add(uint64(sent))
	}
}

// giveBack returns to the Sources what could not be sent.
func (w *writer) giveBack(list *messageList) {
	for i := range w.asks {
		a := &w.asks[i]
		if a.from < a.end {
			refs := make([]uint64, 0, a.end-a.from)
			for _, m := range list.m[a.from:a.end] {
				refs = append(refs, m.Ref)
			}
			a.source.Untake(refs)
		}
	}
	clear(w.asks)
}

// gatherLocked collects what the engine owes, and notes what that leaves to do.
func (w *writer) gatherLocked(now time.Time) {
	c := w.conn
	drained := false
	w.output.b, drained = c.fillLocked(w.output.b, c.server.engine.OutputLimit, now)
	w.more = !drained
	w.finished = c.engine.Finished() && !c.readOver
	if w.ended {
		w.output.b = append(w.output.b, w.letters.last...)
		w.letters.last = nil
		w.more = false
	}
}

// flush writes what was gathered, unless there is reason to make another pass first.
func (w *writer) flush(now bool) error {
	if len(w.output.b) == 0 {
		return nil
	}
	c := w.conn
	now = now || w.full() || w.ended
	if !now && len(w.list) > 0 {
		return nil
	}
	links, ok := c.mail.beginWrite(now, w.passOn[:0])
	if !ok {
		return nil
	}
	w.passOnWakes(links)
	if err := c.send(w.output.b); err != nil {
		return err
	}
	w.last = len(w.output.b)
	w.output.b = w.output.b[:0]
	c.mail.endWrite()
	return nil
}

// passOnWakes has Sources wake somebody else instead of links that this writer, about to write, does not come to for now: those still in
// the mail, and those in the list that there was no room to ask. All of them are asked again after the Write.
func (w *writer) passOnWakes(inMail []*Sender) {
	if len(inMail) == 0 && len(w.list) == 0 {
		return
	}
	sources := w.passedOn[:0]
	w.conn.mu.Lock()
	for _, s := range inMail {
		if s.source != nil {
			sources = append(sources, s.source)
		}
	}
	for _, s := range w.list {
		if s.woken {
			s.woken = false
			sources = append(sources, s.source)
		}
	}
	w.conn.mu.Unlock()
	list := messageLists.Get().(*messageList)
	for _, s := range sources {
		list.m, _ = s.Take(list.m[:0], 0, 0)
	}
	putMessages(list)
	clear(inMail)
	clear(sources)
	w.passOn, w.passedOn = inMail[:0], sources[:0]
}

// send writes b. A peer may be slow, but not stand still: each chunk has WriteTimeout, and one of which anything was taken another.
func (c *conn) send(b []byte) error {
	_, whole := c.nc.(*tls.Conn) // after a time-out in the middle of a record nothing can follow
	for len(b) > 0 {
		if err := c.extendDeadline(); err != nil {
			return err
		}
		n, err := c.nc.Write(b[:min(len(b), writeChunk)])
		c.server.counters.bytesOut.Add(uint64(n))
		b = b[n:]
		if err == nil {
			continue
		}
		if stuck := errors.Is(err, os.ErrDeadlineExceeded); stuck && n == 0 {
			return fmt.Errorf("the peer took nothing for %v: %w", c.server.writeTimeout, err)
		} else if whole || !stuck {
			return err
		}
	}
	return nil
}

// extendDeadline sees to it that the socket's write deadline is at least WriteTimeout away. Setting it half as far again spares most
// writes the setting.
func (c *conn) extendDeadline() error {
	now, timeout := time.Now(), c.server.writeTimeout
	if c.writeBy.Sub(now) >= timeout {
		return nil
	}
	c.writeBy = now.Add(timeout + timeout/2)
	return c.nc.SetWriteDeadline(c.writeBy)
}

// closeWrite ends our side, so that the peer can read our last octets to their end, and answer with its own. A socket that has no sides is
// closed.
func (c *conn) closeWrite() {
	if half, ok := c.nc.(interface{ CloseWrite() error }); ok && half.CloseWrite() == nil {
		return
	}
	c.nc.Close()
}
