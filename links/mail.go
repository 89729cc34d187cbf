package links

import (
	"sync"

	"hibachi/links/amqp"
)

// mail is what others have to say to a connection; its writer reads it. Posting takes a leaf lock for a few instructions, never waits and
// never allocates in proportion to anything but what is posted.
//
// # Who is woken, and why no wake-up is lost
//
// The writer is parked (inside await), working (a pass over the engine and the Sources), or writing (inside Write, for as long as the
// peer likes). Whoever posts signals a parked writer, and only that one. A working one does not park and does not go writing before it
// has looked into the mail again under the lock: beginWrite refuses while there is mail, unless the writer has no room for more.
//
// A wake-up for a link is a promise: the Source chose this link among those that wait, so this connection must ask it, or see to it that
// the Source chooses another. Hence
//
//   - wake answers false while the writer is writing. The link is flagged and asked afterwards; the Source also tries the next link.
//   - Wake-ups that were answered true and that the writer cannot serve before it goes writing, because its output is full, are passed on:
//     the writer says that it is writing, and then asks these links' Sources with max 0, and they wake others. In that order, or two links
//     of one connection could pass a wake-up to each other for ever. The links are asked again after the Write with what they may really
//     take, since their Sources do not count them among those that wait.
//   - If a connection dies with flags set, its Sources are told Detached, which is a wake-up for somebody else.
//
// A list with a channel a link, and one goroutine that selects, was left aside: a wake-up would allocate or could be refused, and it would
// come one at a time where the writer wants all of them at once.
type mail struct {
	mu      sync.Mutex
	came    sync.Cond // Set once; on mu. Only the writer waits
	letters letters   // Guarded by mu, as is the rest.
	parked  bool
	writing bool
	closed  bool // nothing is delivered any more
}

// letters are the contents of a mail.
type letters struct {
	owed     bool // the engine may have something to write, or links to ask
	starved  bool // there may be credit for receivers that were denied it
	stop     bool // begin an orderly end
	ended    bool // the reader is through: write what is in last, and leave
	last     []byte
	outcomes []outcome
	answers  []*answer
	woken    []*Sender
	partings []parting
}

// outcome is what a delivery of the peer's is answered with.
type outcome struct {
	receiver *receiver
	state    *amqp.DeliveryState // nil: kind says all
	id       amqp.SequenceNo
	kind     amqp.StateKind
}

// parting is a Source's wish to end its link.
type parting struct {
	sender *Sender
	err    *amqp.Error
}

// keptLetters is how long a list may be to be kept by a writer that has nothing to do.
const keptLetters = 16

func (l *letters) empty() bool {
	return !l.owed && !l.starved && !l.stop && !l.ended &&
		len(l.outcomes) == 0 && len(l.answers) == 0 && len(l.woken) == 0 && len(l.partings) == 0
}

// cleared is l without contents, with its lists' memory.
func (l *letters) cleared() letters {
	clear(l.outcomes)
	clear(l.answers)
	clear(l.woken)
	clear(l.partings)
	return letters{outcomes: l.outcomes[:0], answers: l.answers[:0], woken: l.woken[:0], partings: l.partings[:0]}
}

// shrink lets go of lists that a burst made long.
func (l *letters) shrink() {
	if cap(l.outcomes) > keptLetters {
		putOutcomes(l.outcomes)
		l.outcomes = nil
	}
	if cap(l.woken) > keptLetters {
		l.woken = nil
	}
	if cap(l.answers) > keptLetters {
		l.answers = nil
	}
}

func (m *mail) init() { m.came.L = &m.mu }

// signalLocked wakes the writer if it is parked.
func (m *mail) signalLocked() {
	if m.parked {
		m.parked = false
		m.came.Signal()
	}
}

// settle posts an outcome.
func (m *mail) settle(o outcome) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return
	}
	if m.letters.outcomes == nil {
		m.letters.outcomes = getOutcomes()
	}
	m.letters.outcomes = append(m.letters.outcomes, o)
	m.signalLocked()
}

// answer posts the answer to an attach. false: nobody is left to take it.
func (m *mail) answer(a *answer) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return false
	}
	m.letters.answers = append(m.letters.answers, a)
	m.signalLocked()
	return true
}

// wake posts that a link's Source has something, and tells whether the writer is free to come.
func (m *mail) wake(s *Sender) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return false
	}
	if !s.flagged {
		s.flagged = true
		m.letters.woken = append(m.letters.woken, s)
	}
	m.signalLocked()
	return !m.writing
}

// part posts a Source's wish to end its link.
func (m *mail) part(s *Sender, err *amqp.Error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return
	}
	m.letters.partings = append(m.letters.partings, parting{s, err})
	m.signalLocked()
}

// owed posts that the engine may have something to write.
func (m *mail) owed() { m.flag(func(l *letters) { l.owed = true }) }

// refresh posts that there may be credit for receivers that were denied it.
func (m *mail) refresh() { m.flag(func(l *letters) { l.starved = true }) }

// stop posts that an orderly end is to begin.
func (m *mail) stop() { m.flag(func(l *letters) { l.stop = true }) }

// end posts that the reader is through. last is still to be written.
func (m *mail) end(last []byte) {
	m.flag(func(l *letters) { l.ended, l.last = true, last })
}

func (m *mail) flag(set func(*letters)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return
	}
	set(&m.letters)
	m.signalLocked()
}

// take swaps the mail with l, which is empty but for memory. false: there is none.
func (m *mail) take(l *letters) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.takeLocked(l)
}

// await waits for mail and takes it.
func (m *mail) await(l *letters) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.letters.empty() { // else there is mail since the writer looked, and its lists are not to be thrown away
		m.letters.shrink()
	}
	for !m.takeLocked(l) {
		m.parked = true
		m.came.Wait()
	}
	m.parked = false
}

func (m *mail) takeLocked(l *letters) bool {
	if m.letters.empty() {
		return false
	}
	for _, s := range m.letters.woken {
		s.flagged = false
	}
	*l, m.letters = m.letters, *l
	return true
}

// beginWrite says whether the writer may go writing: yes, unless there is mail. With full it must, having no room; then passOn are the
// links whose wake-ups were answered with true and that it will not come to before. They stay in the mail.
func (m *mail) beginWrite(full bool, passOn []*Sender) (_ []*Sender, ok bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !full && !m.letters.empty() {
		return passOn, false
	}
	m.writing = true
	return append(passOn, m.letters.woken...), true
}

// endWrite: wake-ups are welcome again. A writer that failed leaves it out.
func (m *mail) endWrite() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.writing = false
}

// close ends delivery and gives out what nobody will read.
func (m *mail) close() letters {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.closed = true
	rest := m.letters
	m.letters = letters{}
	return rest
}
