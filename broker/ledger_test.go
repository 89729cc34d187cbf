package broker

import (
	"testing"

	"hibachi/persistence"
)

// paper is a log for tests of the ledger alone.
type paper struct {
	t    *testing.T
	g    ledger
	c    *Consumer
	keys []persistence.Key
}

func newPaper(t *testing.T, maxHeld int) *paper {
	o := Options{MaxHeld: maxHeld}.withDefaults()
	return &paper{t: t, g: newLedger(o, &memory{limit: 1 << 30}), c: &Consumer{leases: laneList{at: inQueue}}}
}

// write looks at one event for each lane named, n times over.
func (p *paper) write(n int, lanes ...persistence.Lane) {
	p.t.Helper()
	for range n {
		for _, l := range lanes {
			k := persistence.Key{Position: persistence.Position(len(p.keys) + 1), Lane: l}
			p.keys = append(p.keys, k)
			if _, ok := p.g.look(k); !ok {
				p.t.Fatalf("there is no room for %v", k)
			}
		}
	}
}

// takeAll has the consumer take what is ready.
func (p *paper) takeAll() {
	keys := p.g.load(nil, p.g.ready.n)
	for _, k := range keys {
		p.g.supply([]persistence.Key{k}, []persistence.Record{{Key: k}})
	}
	for p.g.deliverables() > 0 {
		p.g.handOut(p.g.loaded.front, p.c)
	}
}

// settle ends what is out of these lanes.
func (p *paper) settle(lanes ...persistence.Lane) {
	for _, l := range lanes {
		p.g.settle(p.g.lanes[l])
	}
}

// backscan runs a pass by pages of size keys, and gives how many it read. 0: there was none.
func (p *paper) backscan(size int) (pages int) {
	p.t.Helper()
	if !p.g.passable() {
		return 0
	}
	for p.g.startPass(); p.g.pass.active; pages++ {
		from := int(p.g.pass.at)
		to := min(from+size, len(p.keys))
		p.g.backscanned(p.keys[from:to], persistence.Position(to))
	}
	return pages
}

func lanesFrom(first, n int) (all []persistence.Lane) {
	for i := range n {
		all = append(all, persistence.Lane(first+i))
	}
	return all
}

func TestPassMakesRoomAtTheCostOfBlockedLanes(t *testing.T) {
	p := newPaper(t, 64)
	a, b := lanesFrom(1, 12), lanesFrom(101, 4)
	p.write(20, append(a, b...)...)
	p.takeAll()
	p.settle(a...)
	if p.backscan(1000) == 0 || p.g.held != 64 {
		t.Fatalf("%d positions are held after the first pass", p.g.held)
	}
	p.takeAll() // and hangs with them
	p.settle(b...)
	if p.g.idle != 4 || p.backscan(1000) == 0 {
		t.Fatalf("%d lanes have nothing, and there is no pass for them", p.g.idle)
	}
	if p.g.ready.n != 4 {
		t.Errorf("%d lanes can go on", p.g.ready.n)
	}
}

func TestLookMakesRoomAtTheCostOfBlockedLanes(t *testing.T) {
	p := newPaper(t, 64)
	a := lanesFrom(1, 4)
	p.write(40, a...)
	p.takeAll()
	p.settle(a...)
	p.backscan(1000)
	p.takeAll()
	if p.g.held < 32 {
		t.Fatalf("%d positions are held", p.g.held)
	}
	if !p.g.lookable() {
		t.Fatal("four devices that hang stop the look")
	}
	p.write(1, 99)
}

func TestPassEndsWhenNobodyIsHungry(t *testing.T) {
	p := newPaper(t, 64)
	p.write(200, 1, 2)
	p.takeAll()
	p.settle(1, 2)
	p.takeAll()
	if p.g.hungry != 2 {
		t.Fatal("the lanes are not hungry")
	}
	if pages := p.backscan(10); pages == 0 || pages > 10 || p.g.held == 64 {
		t.Errorf("%d pages were read, of %d", pages, len(p.keys)/10)
	}
}

func TestPassFillsOnlyLanesThatFlow(t *testing.T) {
	p := newPaper(t, 256)
	p.write(100, 1, 2)
	p.takeAll() // 2 hangs
	before := p.g.lanes[2].q.n
	for !p.g.lanes[1].hungry {
		p.settle(1)
		p.takeAll()
	}
	had := p.g.lanes[1].q.n
	p.backscan(1000)
	if p.g.lanes[1].q.n <= had {
		t.Error("the hungry lane got nothing")
	}
	if p.g.lanes[2].q.n != before {
		t.Errorf("the lane that hangs had %d positions, and has %d", before, p.g.lanes[2].q.n)
	}
}

// What a pass has read for nothing, the next does not read again.
func TestPassGoesOnWhereTheLastOneStopped(t *testing.T) {
	p := newPaper(t, 64)
	others := lanesFrom(100, 30)
	p.write(1, 1)
	p.write(1, others...)
	p.takeAll()
	p.write(1, 1)
	p.write(20, others...)
	p.write(1, 1)
	p.g.cutAll()
	p.settle(1)
	p.settle(others...)
	if p.g.idle != 31 {
		t.Fatalf("%d lanes have nothing", p.g.idle)
	}
	p.backscan(10)
	if p.g.pass.at == p.g.scan {
		t.Fatal("the pass was to end for want of room")
	}
	p.takeAll()
	if after := p.g.lanes[1].after; after < p.g.pass.at {
		t.Errorf("a lane is to be read again from %d on, though the pass came to %d", after, p.g.pass.at)
	}
}

// cutAll spills what stands behind first events.
func (g *ledger) cutAll() {
	for _, l := range g.lanes {
		if l.q.n > 1 {
			g.cut(l, 1)
		}
	}
}
