package broker

import (
	"time"

	"hibachi/persistence"
)

// Waker wakes a consumer's connection. Called from any goroutine with no lock of the broker's held; must not block.
type Waker interface {
	// Wake says that Take may have something, and has it called at least once. It reports whether that can be at once; false: the
	// connection is inside a Write and comes afterwards.
	Wake() bool
}

// Consumer is one receiver of an application's events, or a browser.
//
// Take and Untake are called by one goroutine (the writer of its connection), Settle and Detach by one (its reader); the two may be
// different and at it at the same time.
type Consumer struct {
	// Set once.
	of    deliverer
	waker Waker

	wait place // Guarded by waiters.mu.

	// Guarded by subscription.mu.
	leases   laneList // what it has
	appetite int      // what it lately wanted
	promised bool     // it was told that more may come, and hears when it is known
	gone     bool     // it is detached
}

// deliverer is where a consumer's events come from: a subscription or a browser.
type deliverer interface {
	take(c *Consumer, dst []Delivery, max, maxBytes int) ([]Delivery, bool)
	untake(c *Consumer, ps []persistence.Position)
	settle(c *Consumer, ss []Settlement)
	detach(c *Consumer)
}

// Delivery is one event handed to a consumer.
type Delivery struct {
	Position    persistence.Position
	Attempts    uint32 // earlier deliveries that count for the header's delivery-count
	Redelivered bool   // somebody had it before
	Arrived     time.Time
	Expires     time.Time // zero: never
	Device      string
	Message     []byte // shared; must not be changed
	// Remarks are what consumers that returned the event had to say beside it, the oldest first; what they mean is their business. They
	// live as long as the event's attempts do, and are bounded: of many or large ones the latest are kept.
	Remarks [][]byte
}

// Take appends up to max deliveries of about maxBytes in all (the first may always be larger) to dst. It never blocks and reads no disk.
// If it gave less than max the consumer is woken when there is more. After Detach it gives nothing.
//
// idle: there is nothing (more) for this consumer now: every event on disk was looked at, and none can go. If it is false and Take gave
// less than max, a reading is under way, and the consumer is woken when it is over, even if it brought nothing.
//
// With max 0 a consumer that was woken and has no room lets somebody else have its turn.
func (c *Consumer) Take(dst []Delivery, max, maxBytes int) (_ []Delivery, idle bool) {
	return c.of.take(c, dst, max, maxBytes)
}

// Untake puts back, uncounted, what Take gave and could not be sent. What is not held (any more) is ignored.
func (c *Consumer) Untake(ps []persistence.Position) { c.of.untake(c, ps) }

// Verb is what a consumer says of an event.
type Verb uint8

const (
	Done   Verb = iota // accepted
	Return             // released: back to the head of its lane, backs off; not counted in the header
	Failed             // modified(delivery-failed): as Return, and counted in the header
	Reject             // rejected: a dead letter at once
	Unfit              // it could not even be sent: back to the head of its lane for others than this consumer, as if it had never been taken
)

// Settlement is a consumer's verdict on one event.
type Settlement struct {
	Position persistence.Position
	Verb     Verb
	NotHere  bool   // of Return and Failed: this consumer does not want it again
	Why      string // of Reject: what the consumer said
	Remark   []byte // of Return and Failed: goes with the event from now on, see Delivery.Remarks; not changed by anybody any more
}

// Settle applies verdicts; those on events that this consumer does not hold are ignored. A Done is on disk some milliseconds later; after
// a crash before that, the event comes again.
func (c *Consumer) Settle(ss []Settlement) { c.of.settle(c, ss) }

// Detach returns everything that this consumer holds to the heads of their lanes, at once and uncounted. Calling it again does nothing.
func (c *Consumer) Detach() { c.of.detach(c) }
