package broker

import "hibachi/persistence"

// pass is one back-scan: a reading of the log from start up to the ledger's scan, for all spilled lanes at once.
//
// It is started when a lane is hungry, at the least after of the hungry ones, and goes by pages, each applied at once. A lane takes part if
// it was spilled at or above start, and until it has left. It is given each event above its after. At its quota it leaves, for good: were
// it let in again when it has drained, it would miss what went by meanwhile. The pass ends when there is no room, when no hungry lane is left in it, or at
// scan; there, and only there, the lanes that never left have everything, and are not spilled any more.
//
// A lane that does not flow (it is blocked, and nothing of it was done since the pass before) leaves at its first event with what it has:
// a consumer that hangs does not fill the ledger with what it will not take. For the same reason what such lanes got when they still
// flowed is cut back to a blocked lane's share when room is short.
type pass struct {
	number uint32 // of this pass or, between two, of the last one
	active bool
	start  persistence.Position
	at     persistence.Position // read up to here
	quota  int
	hungry int    // lanes in it that are hungry
	pages  uint64 // read, ever
}

const (
	quotaMin = 4
	quotaMax = 4096

	fewAtHand = 64 // lanes
)

// flows tells whether a lane is worth filling.
func (g *ledger) flows(l *lane) bool {
	return !l.blocked() || l.moved+1 >= g.pass.number
}

// takesPart tells whether the events of a lane that the pass comes to are all that it misses.
func (p *pass) takesPart(l *lane) bool {
	return p.active && l.spilled && l.after >= p.start && l.left != p.number
}

// starve makes a lane hungry.
func (g *ledger) starve(l *lane) {
	if l.hungry {
		return
	}
	l.hungry = true
	g.hungry++
	if g.pass.takesPart(l) {
		g.pass.hungry++
	}
}

// fed ends it.
func (g *ledger) fed(l *lane) {
	if !l.hungry {
		return
	}
	if g.pass.takesPart(l) {
		g.pass.hungry--
	}
	l.hungry = false
	g.hungry--
}

// passable tells whether a page of a back-scan would serve anybody: one is under way, or lanes are hungry and there is room for them.
func (g *ledger) passable() bool {
	return g.pass.active || g.hungry > 0 && (g.idle > 0 || !g.short()) && g.roomForPass()
}

// roomForPass makes sure that a pass is worth its reading: that it may bring half of MaxHeld or, when it is urgent since lanes have nothing
// at all and hardly another can go, an eighth. If there is not even that, then the most is held by lanes that can go, and their going
// makes room; or MaxHeld is nearly full of the first events of blocked lanes, which is the limit that it states.
func (g *ledger) roomForPass() bool {
	if g.maxHeld-g.held >= g.maxHeld/2 {
		return true
	}
	if g.idle == 0 || g.ready.n+g.loaded.n >= fewAtHand {
		return false
	}
	eighth := g.maxHeld / 8
	if g.maxHeld-g.held < eighth {
		g.trim(eighth)
	}
	return g.maxHeld-g.held >= eighth
}

// trim frees positions of blocked lanes, worth or a little more, if it pays and no pass is under way. First goes what lanes that do
// not flow have beyond their share; only if need be that of others, and then what stands behind first events. A lane that is out
// but flows loses a little reading by it; but who can say that its consumer will not hang? It walks all lanes, of which there
// are hardly more than MaxHeld: a few for each position that it frees.
func (g *ledger) trim(worth int) {
	if g.pass.active || g.fat < g.maxHeld/8 {
		return
	}
	for _, l := range g.lanes {
		if l.q.n > shareBlocked && !g.flows(l) {
			worth -= g.cut(l, shareBlocked)
		}
	}
	for _, keep := range []int{shareBlocked, 1} {
		for _, l := range g.lanes {
			if worth <= 0 {
				return
			}
			if l.q.n > keep && l.blocked() {
				worth -= g.cut(l, keep)
			}
		}
	}
}

// cut spills what a blocked lane has beyond n. Only between two passes: in one it would miss what went by.
func (g *ledger) cut(l *lane, n int) (freed int) {
	freed = l.q.n - n
	p := l.q.cut(n)
	g.held -= freed
	g.fat -= freed
	g.account.refund(freed * positionSize)
	if l.spilled {
		l.after = p - 1
	} else {
		g.spill(l, p)
	}
	return freed
}

// startPass begins a back-scan for the hungry.
func (g *ledger) startPass() {
	p := &g.pass
	p.number++
	p.active = true
	p.start = g.scan
	for l := g.spilled.front; l != nil; l = l.spills.next {
		if l.hungry {
			p.start = min(p.start, l.after)
		}
	}
	flowing := 0
	p.hungry = 0
	for l := g.spilled.front; l != nil; l = l.spills.next {
		if l.after >= p.start && g.flows(l) {
			flowing++
		}
		if l.hungry {
			p.hungry++
		}
	}
	p.at = p.start
	p.quota = min(max((g.maxHeld-g.held)/max(1, flowing), quotaMin), quotaMax)
}

// backscanned applies one page: keys above pass.at, ascending, and all there are up to through but for what is done.
func (g *ledger) backscanned(keys []persistence.Key, through persistence.Position) {
	p := &g.pass
	p.pages++
	for _, k := range keys {
		if k.Position > g.scan {
			break
		}
		l := g.lanes[k.Lane]
		if l == nil || !p.takesPart(l) || k.Position <= l.after {
			continue
		}
		if !g.feed(l, k.Position) {
			p.at = k.Position - 1
			g.endPass(false)
			return
		}
	}
	p.at = min(through, g.scan)
	if p.at == g.scan || p.hungry == 0 {
		g.endPass(p.at == g.scan)
	}
}

// feed gives a lane of the pass its next event, or has it leave. It reports false when there is no room.
func (g *ledger) feed(l *lane, at persistence.Position) bool {
	p := &g.pass
	switch {
	case g.held >= g.maxHeld:
		return false
	case l.q.n == 0:
		g.account.force(positionSize) // Who has nothing gets one in any case, or lanes without memory would wait for each other.
		g.idle--
		g.becomeReady(l)
	case l.q.n >= p.quota || !g.flows(l) || !g.feedable():
		g.fed(l)
		l.left = p.number
		return true
	}
	g.hold(l, at)
	l.after, l.quota = at, p.quota
	if l.q.n >= p.quota {
		g.fed(l)
	}
	return true
}

// feedable takes the memory for one position.
func (g *ledger) feedable() bool {
	ok := g.account.charge(positionSize)
	if !ok {
		g.becomeStarved()
	}
	return ok
}

// endPass. Who took part to the end has everything up to pass.at.
func (g *ledger) endPass(all bool) {
	p := &g.pass
	for l := g.spilled.front; l != nil; {
		next := l.spills.next
		if p.takesPart(l) {
			if all {
				g.unspill(l)
			} else {
				l.after = max(l.after, p.at)
			}
		}
		if !l.spilled && l.q.n == 0 { // It was idle, and there was nothing more of it.
			g.idle--
			g.forget(l)
		}
		l = next
	}
	p.active = false
}
