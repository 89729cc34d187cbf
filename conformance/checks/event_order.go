package checks

import (
	"fmt"
	"time"

	"hibachi/conformance/suite"
	"hibachi/conformance/wire"
)

// eventOrder: the events of one device are delivered in the order in which they were received, whatever consumers do.
var eventOrder = []suite.Check{
	{
		ID: "receive.order", Section: pageReceive, Level: suite.Must, Needs: on(),
		Title: "one consumer gets the events of each device in the order in which they were accepted",
		Run: func(t *suite.T) {
			n := t.Tenant()
			l := eventReceiver(t, n.Default(), 100)
			putEvents(t, eventSender(t, n), n, 20, "a", "b", "c")
			watch := newOrderWatch(t)
			for range 60 {
				d := l.Receive()
				watch.take(l, d)
				watch.settle(l, d)
			}
		},
	},
	{
		ID: "event.order-several", Section: pageReceive, Level: suite.Must, Needs: on(suite.CompetingOnNode, suite.OrderPerDevice, suite.HeldWithoutAny), Takes: 20 * time.Second,
		Title: "several consumers of one application: no event of a device goes out while another consumer holds an earlier one",
		Run: func(t *suite.T) {
			n := t.Tenant()
			putEvents(t, eventSender(t, n), n, 20, "a", "b", "c", "d", "e")
			var links []*suite.Link
			for range 3 {
				links = append(links, eventReceiver(t, n.Default(), 200))
			}
			newOrderWatch(t).drain(100, links...)
		},
	},
	{
		ID: "event.order-release", Section: pageReceive, Level: suite.Must, Needs: on(),
		Title: "an event that is released comes again before the later ones of its device",
		Run: func(t *suite.T) {
			t.Case("one credit at a time", func(t *suite.T) {
				n := t.Tenant()
				l := eventReceiver(t, n.Default(), 0)
				putEvents(t, eventSender(t, n), n, 4, "a")
				next := func() *suite.Delivery { l.Grant(1); return l.Receive() }
				d := next()
				wantEvent(t, d, "a", 0)
				accept(l, d)
				for range 2 {
					d = next()
					wantEvent(t, d, "a", 1)
					release(l, d)
				}
				for i := 1; i < 4; i++ {
					d = next()
					wantEvent(t, d, "a", i)
					accept(l, d)
				}
			})
			t.Case("with credit for all of them", func(t *suite.T) {
				t.Need(suite.OrderPerDevice)
				n := t.Tenant()
				putEvents(t, eventSender(t, n), n, 4, "a")
				l := eventReceiver(t, n.Default(), 50)
				d := l.Receive()
				wantEvent(t, d, "a", 0)
				release(l, d)
				for i := range 4 {
					d = l.Receive()
					wantEvent(t, d, "a", i)
					accept(l, d)
				}
			})
			t.Case("two consumers", func(t *suite.T) {
				t.Need(suite.OrderPerDevice)
				t.Need(suite.CompetingOnNode)
				n := t.Tenant()
				first, second := eventReceiver(t, n.Default(), 50), eventReceiver(t, n.Default(), 50)
				putEvents(t, eventSender(t, n), n, 6, "a", "b")
				watch := newOrderWatch(t)
				l, d := watch.any(first, second)
				release(l, d)
				watch.drain(12, first, second)
			})
		},
	},
	{
		ID: "event.order-crash", Section: pageReceive, Level: suite.Must, Needs: on(),
		Title: "what a consumer held whose connection broke goes to the next one first, in order, and nothing is lost",
		Run: func(t *suite.T) {
			n := t.Tenant()
			dead := eventReceiver(t, n.Default(), 2)
			putEvents(t, eventSender(t, n), n, 5, "a", "b")
			dead.Receive()
			dead.Receive()
			dead.Session().Conn().Drop()
			l := eventReceiver(t, n.Default(), 50)
			newOrderWatch(t).drain(10, l)
		},
	},
	{
		ID: "event.order-crash-beside", Section: pageReceive, Level: suite.Must, Needs: on(suite.CompetingOnNode, suite.OrderPerDevice, suite.HeldWithoutAny),
		Title: "a consumer that dies beside another one: what it held comes to the other before the later events of those devices",
		Run: func(t *suite.T) {
			n := t.Tenant()
			dead, alive := eventReceiver(t, n.Default(), 2), eventReceiver(t, n.Default(), 0)
			putEvents(t, eventSender(t, n), n, 5, "a", "b", "c", "d")
			dead.Receive()
			dead.Receive()
			alive.Grant(100)
			alive.Session().Conn().Alive()
			dead.Session().Conn().Drop()
			newOrderWatch(t).drain(20, alive)
		},
	},
	{
		ID: "event.order-newcomer", Section: pageReceive, Level: suite.Must, Needs: on(suite.CompetingOnNode, suite.OrderPerDevice, suite.HeldWithoutAny),
		Title: "a consumer that comes later gets no event of a device of which another one still holds an earlier event",
		Run: func(t *suite.T) {
			n := t.Tenant()
			putEvents(t, eventSender(t, n), n, 4, "a", "b")
			first := eventReceiver(t, n.Default(), 50)
			watch := newOrderWatch(t)
			d := first.Receive()
			watch.take(first, d)
			later := eventReceiver(t, n.Default(), 50)
			later.Session().Conn().Alive()
			watch.settle(first, d)
			watch.drain(7, first, later)
		},
	},
	{
		ID: "event.order-mixed", Section: pageReceive, Level: suite.Must, Needs: on(suite.CompetingOnNode, suite.OrderPerDevice, suite.HeldWithoutAny), Takes: 20 * time.Second,
		Title: "returns of every kind, by several consumers, leave each device's order as it was",
		Run: func(t *suite.T) {
			n := t.Tenant()
			putEvents(t, eventSender(t, n), n, 10, "a", "b", "c", "d")
			links := []*suite.Link{eventReceiver(t, n.Default(), 200), eventReceiver(t, n.Default(), 200)}
			watch := newOrderWatch(t)
			given := map[string]bool{}
			for got := 0; got < 40; {
				l, d := watch.any(links...)
				device, number := watch.take(l, d)
				key := fmt.Sprint(device, number)
				if number%3 != 1 || given[key] {
					watch.settle(l, d)
					got++
					continue
				}
				given[key] = true
				watch.giveBack(l, d, map[int]*wire.Composite{
					1: wire.Released.With(),
					4: wire.Modified.With(wire.F{"delivery-failed": true, "undeliverable-here": false}),
					7: wire.Modified.With(wire.F{"delivery-failed": false, "undeliverable-here": false}),
				}[number])
			}
		},
	},
}

// orderWatch follows what consumers hold. An event may come when all earlier ones of its device are settled, or when the consumer that
// gets it has them already: a consumer takes what it got in the order in which it came.
type orderWatch struct {
	t    *suite.T
	next map[string]int             // the first number of each device that is not settled
	held map[string][]*suite.Link   // who holds next, next+1, …
	note map[*suite.Delivery][2]any // device and number of what is held
	turn int                        // of any
}

func newOrderWatch(t *suite.T) *orderWatch {
	return &orderWatch{t: t, next: map[string]int{}, held: map[string][]*suite.Link{}, note: map[*suite.Delivery][2]any{}}
}

// take judges a delivery that l got.
func (w *orderWatch) take(l *suite.Link, d *suite.Delivery) (device string, number int) {
	device, number = eventBody(w.t, d)
	held := w.held[device]
	if due := w.next[device] + len(held); number != due {
		w.t.FailWant(fmt.Sprintf("event %d of %s", due, device), fmt.Sprintf("event %d", number))
	}
	for i, other := range held {
		if other != l {
			w.t.Fail("event %d of %s came to a consumer while another one holds event %d of it", number, device, w.next[device]+i)
		}
	}
	w.held[device] = append(held, l)
	w.note[d] = [2]any{device, number}
	return device, number
}

// settle accepts what take took: the first that is held of its device.
func (w *orderWatch) settle(l *suite.Link, d *suite.Delivery) {
	device := w.note[d][0].(string)
	w.next[device]++
	w.held[device] = w.held[device][1:]
	accept(l, d)
}

// giveBack returns what take took. Nothing else of its device may be held.
func (w *orderWatch) giveBack(l *suite.Link, d *suite.Delivery, state *wire.Composite) {
	device := w.note[d][0].(string)
	w.held[device] = nil
	l.Settle(d, state)
}

// any waits for a delivery to one of the links.
func (w *orderWatch) any(links ...*suite.Link) (*suite.Link, *suite.Delivery) {
	for end := time.Now().Add(w.t.Patience()); time.Now().Before(end); {
		w.turn++
		l := links[w.turn%len(links)]
		if d := l.TryReceive(10 * time.Millisecond); d != nil {
			return l, d
		}
	}
	w.t.FailWant(fmt.Sprintf("a delivery to one of %d consumers; settled so far %v", len(links), w.next), "nothing")
	panic("not reached")
}

// drain takes and accepts count events from the links. Each consumer holds what it has for a round, so that the others could overtake it.
func (w *orderWatch) drain(count int, links ...*suite.Link) {
	type holding struct {
		l *suite.Link
		d *suite.Delivery
	}
	var held []holding
	for got := 0; got < count; got++ {
		l, d := w.anySettling(links, func() bool {
			if len(held) == 0 {
				return false
			}
			w.settle(held[0].l, held[0].d)
			held = held[1:]
			return true
		})
		w.take(l, d)
		held = append(held, holding{l, d})
		if len(held) > 2 {
			w.settle(held[0].l, held[0].d)
			held = held[1:]
		}
	}
	for _, h := range held {
		w.settle(h.l, h.d)
	}
}

// anySettling is any that settles something of what is held when nothing comes.
func (w *orderWatch) anySettling(links []*suite.Link, settle func() bool) (*suite.Link, *suite.Delivery) {
	for {
		for range links {
			w.turn++
			l := links[w.turn%len(links)]
			if d := l.TryReceive(time.Millisecond); d != nil {
				return l, d
			}
		}
		if !settle() {
			return w.any(links...)
		}
	}
}
