// Package broker decides who gets which event, when: tenants, applications (subscriptions), device lanes, consumers. It does not
// know that there is a wire.
package broker

// CONTRACT FILE: the broker's author spreads these declarations over one file a thing and fills the bodies;
// names and signatures stay (additions are welcome).

import (
	"errors"
	"time"

	"hibachi/persistence"
)

type Options struct {
	MaxTenants      int           // default 10000
	MaxApplications int           // per tenant; default 1000
	MaxUnsettled    int           // events out at the consumers of one application; default 100,000
	DeviceWindow    int           // unsettled events of one device; default 1 (only 1 now)
	MaxBlocked      int           // blocked lanes at which the scan stops; default 100,000
	MaxHeld         int           // positions held by one subscription's ledger (H); default 256k
	MaxLoadedBytes  int           // bodies held by one subscription; default 4 MiB
	LedgerMemory    int64         // all ledgers together; default 128 MiB
	BackoffMax      time.Duration // of a device whose event is returned; first retry at once, then exponential; default 30 s
	Now             func() time.Time
}

// Errors that callers turn into conditions.
var (
	ErrNoApplication       = errors.New("no such application")
	ErrTooManyTenants      = errors.New("too many tenants")
	ErrTooManyApplications = errors.New("too many applications")
	ErrClosing             = errors.New("the broker is stopping")
)

type Broker struct{ todo int }

// New makes a broker on an open store. It reads nothing: tenants load on first use.
func New(s persistence.Store, o Options) (*Broker, error) { panic("todo") }

// Tenant gives the tenant of that name, on first use a new one.
func (b *Broker) Tenant(name string) (*Tenant, error) { panic("todo") }
func (b *Broker) Close()                              { panic("todo") }

type Tenant struct{ todo int }

func (t *Tenant) Name() string { panic("todo") }

// Event is one event on its way in. Embed it where the outcome is needed: one allocation an event.
type Event struct {
	Device  string
	Arrived time.Time
	Expires time.Time // zero: never. (Kept in the envelope; acted on with expiry, later.)
	Message []byte    // not changed by anybody from now on
	Done    Publication

	append persistence.Append
}

// Publication hears what became of an event. Called once, from the store's goroutine, must not block. nil: it is on disk.
type Publication interface {
	Published(p persistence.Position, err error)
}

// Publish hands an event over. It never blocks.
func (t *Tenant) Publish(e *Event) { panic("todo") }

// Waker wakes a consumer's connection. See links.Sender.Wake.
type Waker interface {
	Wake() bool
}

// Consumer is one receiver of an application's events, or a browser.
type Consumer struct{ todo int }

// AttachOptions say how.
type AttachOptions struct {
	Create bool // the application, if it does not exist; else ErrNoApplication
}

// Attach adds a consumer to an application of the tenant. done is called once, from any goroutine, when the application is on disk.
func (t *Tenant) Attach(application string, w Waker, o AttachOptions, done func(*Consumer, error)) {
	panic("todo")
}

// Browse gives a consumer that sees every stored event once, from the earliest on, takes nothing and holds nothing back.
func (t *Tenant) Browse(w Waker) *Consumer { panic("todo") }

// Delivery is one event handed to a consumer.
type Delivery struct {
	Position    persistence.Position
	Attempts    uint32 // earlier deliveries that count for the header's delivery-count
	Redelivered bool   // somebody had it before
	Arrived     time.Time
	Expires     time.Time
	Device      string
	Message     []byte
}

// Take appends up to max deliveries of about maxBytes in all (the first may always be larger) to dst. It never blocks and reads no disk.
// idle: there is nothing (more) for this consumer now. After Detach it gives nothing.
func (c *Consumer) Take(dst []Delivery, max, maxBytes int) (_ []Delivery, idle bool) { panic("todo") }

// Untake puts back, uncounted, what could not be sent.
func (c *Consumer) Untake(ps []persistence.Position) { panic("todo") }

// Verb is what a consumer says of an event.
type Verb uint8

const (
	Done   Verb = iota // accepted
	Return             // released: back to the head of its lane, backs off; not counted in the header
	Failed             // modified(delivery-failed): as Return, and counted in the header
)

type Settlement struct {
	Position persistence.Position
	Verb     Verb
}

// Settle applies verdicts; those on events that this consumer does not hold are ignored.
func (c *Consumer) Settle(ss []Settlement) { panic("todo") }

// Detach returns everything that this consumer holds to the heads of their lanes, at once and uncounted.
func (c *Consumer) Detach() { panic("todo") }

// Stats for metrics.
type Stats struct {
	Tenants, Applications, Consumers                           int
	Published, Refused, Delivered, Redelivered, Done, Returned uint64
}

func (b *Broker) Stats() Stats { panic("todo") }

// ApplicationStats describes one application that is in memory.
type ApplicationStats struct {
	Tenant, Application string
	Consumers           int
	Unsettled           int       // out at consumers
	Held                int       // positions in the ledger
	Backlog             int64     // about: events not done
	Oldest              time.Time // arrival of the oldest event not done, zero if none or unknown
	Blocked, BackingOff int       // lanes
	Scan, Floor         persistence.Position
}

// Applications describes at most max applications, the ones with the largest backlog first.
func (b *Broker) Applications(max int) []ApplicationStats { panic("todo") }
