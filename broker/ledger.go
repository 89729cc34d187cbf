package broker

import (
	"time"
	"unsafe"

	"hibachi/persistence"
)

// ledger is one application's account of its tenant's log: what is open, which device each event belongs to, who has it, what comes
// next. It is memory only, has no lock, reads nothing and knows no clock; its subscription does all that.
//
// # The problem
//
// An application must get each device's events one after the other, through many consumers, any of which may hold a device for as long
// as it likes; and a device that is held must hold up nobody else, though the events of the others stand behind its own in one log of
// perhaps a hundred million. Choosing what comes next must not cost more because much is blocked or much is waiting, and memory must
// not grow with the backlog.
//
// # The outline
//
// The log is looked at once, in order: scan is how far. A look puts each event into the lane of its device. A lane whose first event
// can go is ready; when the body is in memory it is loaded; Take pops the loaded FIFO. The lane then stays out until its consumer
// settles, and its next event becomes ready at once: before the done is on disk, since a crash between can only repeat a suffix.
//
//	look -> lane -> ready -> loading -> loaded -> out -> done: the next of the lane, ready
//	                  ^                   |        |
//	                  |                 aside      +--> burying: rejected, or poison; done when its dead letter is on disk
//	                  |                            |
//	                  |                            +--> parked: poison that is not to be a dead letter
//	                  +---------- waiting <--------+ returned: the same event again
//
// The dead letters of an application are read with a ledger too, an unordered one: each is a lane of its own, and what is returned goes
// behind all others.
//
// A lane holds positions (16 bytes with their slack), not events. When it has its share of them, 8 when it is blocked and 64 when it
// flows, or when there is no room, the look keeps nothing more of it: the lane is spilled, and remembers only after, above which
// something of it was passed over. So the look runs on to other devices at the price of one number per blocked device. When a spilled
// lane flows again and is about to run dry it is hungry, and a back-scan (backscan.go) reads the log again from where it stopped; all
// hungry lanes share one.
//
// # The invariants
//
//   - Each event at or below scan is done, or in its lane's q, or its lane is spilled and it is above the lane's after.
//   - q ascends, and everything spilled is above it. So what is first in q is the lane's oldest event that is not done.
//   - At most one event of a lane is loading, loaded or out, and it is the first of q.
//   - opens counts each event at or below scan that is not done, spilled ones too: the floor is right whatever lanes forgot.
//
// # The limits
//
// held positions stop at MaxHeld. A look may use only half of it, and a quarter for more than a lane's first: the rest is for the back-scan,
// or a log full of blocked devices would leave no room to serve the free ones. What blocked lanes hold beyond their first is cut when others need room. Looking stops also at MaxBlocked blocked lanes: an application that returns everything
// would otherwise make a lane of every device it has. Bodies in memory stop at MaxLoadedBytes. All of it, lanes included, is charged to
// the broker's LedgerMemory. Whatever stops, something is out, backing off or loaded then, and its end starts it again.
//
// # What it costs
//
// Choosing is O(1). Memory is O(out + blocked). Reading again is not O(1): a pass costs about 0.15 µs a key, and lanes of equal speed need
// about spilled / MaxHeld + 2 passes over what they share.
//
// # Roads not taken
//
// Partitions with an owner each (a consumer that hangs then stops a partition, not a device); a queue for each device on disk (every
// event is written and deleted twice, and an empty queue for a device seen once costs more than its event); a timer that takes held
// events away (order is lost with the first consumer that was only slow).
type ledger struct {
	// Set once.
	maxHeld, maxBlocked, maxOut, maxLoaded int
	unordered                              bool

	account account
	scan    persistence.Position // everything up to here was looked at
	opens   opens
	lanes   map[persistence.Lane]*lane
	spare   []*lane // to be used again

	ready, loaded laneList
	waiting       waitings
	out           map[persistence.Position]*lane
	behind        laneList
	aside         laneList
	asideDue      time.Time // when the patience with one of them may be over; zero: with none
	burying       int       // lanes
	parked        int       // lanes

	held        int  // positions in all q
	fat         int  // those of them that stand behind the first of a blocked lane
	idle        int  // lanes with nothing in q
	loadedBytes int  // of loaded lanes
	asideBytes  int  // of those that are aside
	starved     bool // there was no memory for something
	starvedAt   int  // what was used then

	spilled laneList
	hungry  int
	pass    pass

	done []persistence.Key // not yet taken by the store
}

const (
	shareBlocked = 8  // positions that a look keeps of a blocked lane
	shareFlowing = 64 // and of one that is on its way

	positionSize = 16
	laneSize     = int(unsafe.Sizeof(lane{})) + 64 // with its entry in a map
	maxSpare     = 1024
)

func newLedger(o Options, pool *memory) ledger {
	return ledger{
		maxHeld:    o.MaxHeld,
		maxBlocked: o.MaxBlocked,
		maxOut:     o.MaxUnsettled,
		maxLoaded:  o.MaxLoadedBytes,
		account:    account{pool: pool},
		lanes:      make(map[persistence.Lane]*lane),
		out:        make(map[persistence.Position]*lane),
		ready:      laneList{at: inQueue},
		loaded:     laneList{at: inQueue},
		aside:      laneList{at: inQueue},
		behind:     laneList{at: inQueue},
		spilled:    laneList{at: inSpills},
		pass:       pass{number: 1},
	}
}

// lookable tells whether a look would take anything. It is as strict as look, or the two would go round in circles.
func (g *ledger) lookable() bool {
	if over := g.held - g.maxHeld/2; over >= 0 {
		g.trim(over + g.maxHeld/8)
	}
	return !g.stopped() && !g.short()
}

// stopped tells whether a limit is in the way of a new lane.
func (g *ledger) stopped() bool { return g.held >= g.maxHeld/2 || g.blocked() >= g.maxBlocked }

// short tells whether it is no use to ask for memory: since it was refused, less than an eighth was given back, and there is something
// to go on with.
func (g *ledger) short() bool {
	less := g.starvedAt - g.account.used
	if less > g.starvedAt/8 || less > 0 && g.ready.n+g.loaded.n == 0 {
		g.starved = false
	}
	return g.starved
}

func (g *ledger) becomeStarved() { g.starved, g.starvedAt = true, g.account.used }

// blocked is how many lanes cannot go on by themselves.
func (g *ledger) blocked() int {
	return len(g.out) + len(g.waiting) + g.aside.n + g.burying + g.parked
}

// look takes the next event of the log into its lane. It reports false if it did not: the look stops before this event.
func (g *ledger) look(k persistence.Key) (*lane, bool) {
	l := g.lanes[k.Lane]
	switch {
	case g.stopped():
		return nil, false
	case l == nil:
		if !g.account.charge(laneSize + positionSize) {
			g.becomeStarved()
			return nil, false
		}
		l = g.newLane(k.Lane)
		g.hold(l, k.Position)
		g.becomeReady(l)
	case l.spilled:
		// Above l.after: the back-scan will find it.
	case l.q.n < g.share(l) && g.held < g.maxHeld/4 && g.account.charge(positionSize):
		g.hold(l, k.Position)
	default:
		g.spill(l, k.Position)
	}
	g.opens.open(k.Position)
	g.scan = k.Position
	return l, true
}

// lookRecord is look for an event whose body is at hand.
func (g *ledger) lookRecord(r persistence.Record) bool {
	l, ok := g.look(r.Key)
	if ok && l.state == ready && l.q.first == r.Position && g.roomForBodies() {
		g.ready.remove(l)
		g.becomeLoaded(l, r)
	}
	return ok
}

// looked notes that there is nothing more up to through.
func (g *ledger) looked(through persistence.Position) { g.scan = max(g.scan, through) }

func (g *ledger) share(l *lane) int {
	if l.blocked() {
		return shareBlocked
	}
	return shareFlowing
}

// hold enters a position that is charged for.
func (g *ledger) hold(l *lane, p persistence.Position) {
	l.q.push(p)
	g.held++
	if l.blocked() {
		g.fat++
	}
}

// spill forgets the event at p, the first of its lane that is not held.
func (g *ledger) spill(l *lane, p persistence.Position) {
	l.spilled, l.after, l.quota = true, p-1, shareFlowing
	g.spilled.push(l)
}

func (g *ledger) unspill(l *lane) {
	g.fed(l)
	l.spilled = false
	g.spilled.remove(l)
}

func (g *ledger) roomForBodies() bool { return g.loadedBytes < g.maxLoaded }

// load appends to dst the first events of up to n ready lanes, which are loading from now on.
func (g *ledger) load(dst []persistence.Key, n int) []persistence.Key {
	for ; n > 0 && g.ready.n > 0; n-- {
		l := g.ready.front
		g.ready.remove(l)
		l.state = loading
		dst = append(dst, persistence.Key{Position: l.q.first, Lane: l.id})
	}
	return dst
}

// supply answers load: records is what was found of keys, both ascending.
func (g *ledger) supply(keys []persistence.Key, records []persistence.Record) {
	for _, k := range keys {
		for len(records) > 0 && records[0].Position < k.Position {
			records = records[1:]
		}
		l := g.lanes[k.Lane]
		if len(records) > 0 && records[0].Position == k.Position {
			g.becomeLoaded(l, records[0])
		} else {
			g.next(l) // It is no longer stored, so there is no done to report.
		}
	}
}

// unload answers load when nothing could be read.
func (g *ledger) unload(keys []persistence.Key) {
	for _, k := range keys {
		g.becomeReady(g.lanes[k.Lane])
	}
}

// dropBodies makes the loaded ready again, before all others: nobody is there to take them.
func (g *ledger) dropBodies() {
	for g.aside.n > 0 {
		g.comeForward(g.aside.back)
	}
	for g.loaded.n > 0 {
		l := g.loaded.back
		g.dropBody(l)
		l.state = ready
		g.ready.pushFront(l)
	}
}

// dropBody takes a loaded lane off its list.
func (g *ledger) dropBody(l *lane) {
	g.loaded.remove(l)
	size := bodySize(l.record)
	g.loadedBytes -= size
	g.letGo(l, size)
}

func (g *ledger) letGo(l *lane, size int) {
	g.account.refund(size)
	l.record = persistence.Record{}
}

func bodySize(r persistence.Record) int { return len(r.Body) + len(r.Envelope) }

// deliverables is how many events take would give.
func (g *ledger) deliverables() int { return max(0, min(g.loaded.n, g.maxOut-len(g.out))) }

// handOut gives the event of a lane, loaded or aside with its body, to c.
func (g *ledger) handOut(l *lane, c *Consumer) persistence.Record {
	r := l.record
	g.leave(l)
	l.state, l.consumer = out, c
	g.fat += l.q.n - 1
	c.leases.push(l)
	g.out[r.Position] = l
	return r
}

// leave takes a lane that is loaded or aside off its list.
func (g *ledger) leave(l *lane) {
	if l.state == aside {
		g.leaveAside(l)
		return
	}
	g.dropBody(l)
}

// expire ends an event that is loaded or aside, and that nobody is to have any more.
func (g *ledger) expire(l *lane) {
	g.leave(l)
	g.finish(l)
}

// heldBy gives the lane whose event at p is out at c, or nil.
func (g *ledger) heldBy(c *Consumer, p persistence.Position) *lane {
	if l := g.out[p]; l != nil && l.consumer == c {
		return l
	}
	return nil
}

// settle ends what is out with done: the lane goes on.
func (g *ledger) settle(l *lane) {
	g.takeBack(l)
	g.finish(l)
}

// finish ends the first event of a lane, which is in no list, with done.
func (g *ledger) finish(l *lane) {
	g.done = append(g.done, persistence.Key{Position: l.q.first, Lane: l.id})
	l.moved = g.pass.number
	g.next(l)
}

// giveBack ends what is out with its event at the head of its lane again.
func (g *ledger) giveBack(l *lane) {
	g.takeBack(l)
	g.comeAgain(l)
}

// giveBackLater is giveBack, but the lane backs off until due.
func (g *ledger) giveBackLater(l *lane, due time.Time) {
	g.takeBack(l)
	g.wait(l, due)
}

// wait has a lane, which is in no list, back off.
func (g *ledger) wait(l *lane, due time.Time) {
	l.state = waiting
	g.troubleOf(l).due = due
	g.fat += l.q.n - 1
	g.waiting.push(l)
}

// comeAgain has the first event of a lane, which is in no list, handed out once more: after all others if there is no order.
func (g *ledger) comeAgain(l *lane) {
	if !g.unordered {
		g.becomeReady(l)
		return
	}
	l.state = behind
	g.behind.push(l)
}

// bringBehind has those that were returned come again. All others went before.
func (g *ledger) bringBehind() {
	for g.behind.n > 0 {
		l := g.behind.front
		g.behind.remove(l)
		g.becomeReady(l)
	}
}

// bury has a lane, which is in no list, wait for the dead letter of its first event.
func (g *ledger) bury(l *lane) {
	l.state = burying
	g.burying++
	g.fat += l.q.n - 1
}

// unbury ends that; the lane is in no list.
func (g *ledger) unbury(l *lane) {
	g.burying--
	g.fat -= l.q.n - 1
}

// park holds a lane, which is in no list.
func (g *ledger) park(l *lane) {
	l.state = parked
	g.parked++
	g.fat += l.q.n - 1
}

// unpark ends that; the lane is in no list.
func (g *ledger) unpark(l *lane) {
	g.parked--
	g.fat -= l.q.n - 1
}

// ripe makes the lanes ready whose wait is over, and gives when the next one's is (zero: none waits).
func (g *ledger) ripe(now time.Time) (next time.Time) {
	for len(g.waiting) > 0 && !g.waiting[0].trouble.due.After(now) {
		l := g.waiting.pop()
		g.fat -= l.q.n - 1
		g.comeAgain(l)
	}
	if len(g.waiting) == 0 {
		return time.Time{}
	}
	return g.waiting[0].trouble.due
}

func (g *ledger) takeBack(l *lane) {
	delete(g.out, l.q.first)
	g.fat -= l.q.n - 1
	l.consumer.leases.remove(l)
	l.consumer = nil
}

// next drops the first event of a lane, which is in no list, and goes on with what is behind it.
func (g *ledger) next(l *lane) {
	g.opens.done(l.q.first)
	l.q.pop()
	g.held--
	g.account.refund(positionSize)
	g.calm(l)
	l.seen = false
	switch {
	case l.q.n > 0:
		g.becomeReady(l)
	case l.spilled:
		l.state = idle
		g.idle++
	default:
		g.forget(l)
		return
	}
	if l.spilled && l.q.n < max(1, l.quota/4) {
		g.starve(l)
	}
}

func (g *ledger) becomeReady(l *lane) {
	l.state = ready
	g.ready.push(l)
}

func (g *ledger) becomeLoaded(l *lane, r persistence.Record) {
	l.state, l.record = loaded, r
	g.loaded.push(l)
	size := bodySize(r)
	g.loadedBytes += size
	g.account.force(size)
}

func (g *ledger) newLane(id persistence.Lane) *lane {
	var l *lane
	if n := len(g.spare); n > 0 {
		l, g.spare[n-1] = g.spare[n-1], nil
		g.spare = g.spare[:n-1]
	} else {
		l = new(lane)
	}
	l.id = id
	g.lanes[id] = l
	return l
}

// forget ends a lane of which nothing is left.
func (g *ledger) forget(l *lane) {
	delete(g.lanes, l.id)
	g.account.refund(laneSize)
	*l = lane{q: l.q}
	if len(g.spare) < maxSpare {
		g.spare = append(g.spare, l)
	}
}

// close gives all memory back. Nothing is out, and nobody uses g again.
func (g *ledger) close() { g.account.refund(g.account.used) }

// takeDone is persistence.Ledger's TakeDone.
func (g *ledger) takeDone(dst []persistence.Key) ([]persistence.Key, persistence.Position) {
	dst = append(dst, g.done...)
	if cap(g.done) > 4096 {
		g.done = nil
	}
	g.done = g.done[:0]
	return dst, g.opens.advance(g.scan)
}
