package broker

import (
	"time"
	"unsafe"
)

// trouble is what is known of an event that a consumer's verdict brought back. Most events never have one; it goes with the event.
type trouble struct {
	returns  uint32 // verdicts
	failures uint32 // those of them that count for the header
	attempts uint32 // those of them that speak against the event, see attempt

	returned time.Time // the last one
	accepted uint64    // how many events the application had accepted by then
	due      time.Time // waiting: when it may come again

	remarks [][]byte // Settlement.Remark of its returns; replaced as a whole, since deliveries share it

	excluded []*Consumer // who is not to get it again
	shunned  time.Time   // aside: since when that is everybody; zero: it is not
}

const (
	troubleSize = int(unsafe.Sizeof(trouble{}))

	// attemptAfter is how long after a return the next one counts even if the application has accepted nothing meanwhile.
	attemptAfter = time.Hour

	maxRemarks     = 16
	maxRemarkBytes = 16 << 10
)

// attempt notes a return at now, when the application has accepted so many events, and tells whether it speaks against the event.
//
// Poison is an event that fails while others succeed. An application whose database is down returns everything, again and again, and no
// event is to blame. So a return counts if the application accepted some other event since this event's return before (nobody else can
// have: this one was not accepted). The first one counts: there was none before. And for an application that has nothing but the one
// event, one return an hour counts, so that it ends one day.
func (t *trouble) attempt(now time.Time, accepted uint64) {
	if t.returns == 0 || accepted > t.accepted || now.Sub(t.returned) >= attemptAfter {
		t.attempts++
	}
	t.returns++
	t.returned, t.accepted = now, accepted
}

// failed is how often the header is to say that the event failed.
func (t *trouble) failed() uint32 {
	if t == nil {
		return 0
	}
	return t.failures
}

// remark keeps what a consumer said with a return.
func (t *trouble) remark(b []byte) {
	if len(b) == 0 || len(b) > maxRemarkBytes {
		return
	}
	room := maxRemarkBytes - len(b)
	first := len(t.remarks)
	for first > 0 && len(t.remarks)-first < maxRemarks-1 && len(t.remarks[first-1]) <= room {
		first--
		room -= len(t.remarks[first])
	}
	kept := append([][]byte(nil), t.remarks[first:]...)
	t.remarks = append(kept, b)
}

// said is what is to be told with the event.
func (t *trouble) said() [][]byte {
	if t == nil {
		return nil
	}
	return t.remarks
}

func (t *trouble) excludes(c *Consumer) bool {
	if t == nil {
		return false
	}
	for _, x := range t.excluded {
		if x == c {
			return true
		}
	}
	return false
}

// exclude has c not get the event again, and forgets who is gone.
func (t *trouble) exclude(c *Consumer) {
	kept := t.excluded[:0]
	for _, x := range t.excluded {
		if !x.gone && x != c {
			kept = append(kept, x)
		}
	}
	clear(t.excluded[len(kept):])
	t.excluded = append(kept, c)
}

// troubleOf gives the first event of a lane its trouble.
func (g *ledger) troubleOf(l *lane) *trouble {
	if l.trouble == nil {
		l.trouble = new(trouble)
		g.account.force(troubleSize)
	}
	return l.trouble
}

// calm forgets it.
func (g *ledger) calm(l *lane) {
	if l.trouble != nil {
		l.trouble = nil
		g.account.refund(troubleSize)
	}
}
