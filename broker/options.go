package broker

import (
	"fmt"
	"time"
)

// Options of a Broker. Zero means the default. The limits of a subscription are explained at the type ledger.
type Options struct {
	MaxTenants      int           // on disk and since the start; default 10000
	MaxApplications int           // per tenant; default 1000
	MaxUnsettled    int           // events out at the consumers of one application; default 100,000
	DeviceWindow    int           // unsettled events of one device; default 1, and nothing else yet
	MaxBlocked      int           // devices of one application whose next event is out or backing off, at which looking ahead stops; default 100,000
	MaxHeld         int           // positions held by one subscription's ledger; default 262,144, at least 16
	MaxLoadedBytes  int           // bodies held by one subscription for its consumers; default 4 MiB. One body may always be larger
	LedgerMemory    int64         // bytes of all ledgers together; default 128 MiB. Beside it each ledger in use has 64 KiB of its own
	BackoffMax      time.Duration // between two deliveries of an event that is returned again and again; default 30 s
	MaxTTL          time.Duration // after its arrival an event is over, whatever its own time to live; default: none
	Now             func() time.Time

	Poison             func(tenant, application string) Poison        // each application's policy; default: dead letters after 10 attempts. Must not block
	MaxDeadLetters     int                                            // of one application; default 100,000. At the limit devices are parked instead
	MaxDeadLetterBytes int64                                          // of one application; default 1 GiB
	Label              func(message []byte, letter DeadLetter) []byte // gives the message of a dead letter; default: the event's, as it is
}

// Validate says which field is out of its bounds, and why.
func (o Options) Validate() error {
	for _, f := range []struct {
		name       string
		value, min int64
	}{
		{"MaxTenants", int64(o.MaxTenants), 1},
		{"MaxApplications", int64(o.MaxApplications), 1},
		{"MaxUnsettled", int64(o.MaxUnsettled), 1},
		{"DeviceWindow", int64(o.DeviceWindow), 1},
		{"MaxBlocked", int64(o.MaxBlocked), 1},
		{"MaxHeld", int64(o.MaxHeld), 16},
		{"MaxLoadedBytes", int64(o.MaxLoadedBytes), 1},
		{"LedgerMemory", o.LedgerMemory, 1},
		{"BackoffMax", int64(o.BackoffMax), 1},
		{"MaxTTL", int64(o.MaxTTL), 1},
		{"MaxDeadLetters", int64(o.MaxDeadLetters), 1},
		{"MaxDeadLetterBytes", o.MaxDeadLetterBytes, 1},
	} {
		if f.value != 0 && f.value < f.min {
			return fmt.Errorf("broker: %s is %d, but at least %d (or 0 for the default)", f.name, f.value, f.min)
		}
	}
	if o.DeviceWindow > 1 {
		return fmt.Errorf("broker: DeviceWindow is %d, but only 1 keeps the order and nothing else is built", o.DeviceWindow)
	}
	return nil
}

func (o Options) withDefaults() Options {
	setDefault(&o.MaxTenants, 10_000)
	setDefault(&o.MaxApplications, 1000)
	setDefault(&o.MaxUnsettled, 100_000)
	setDefault(&o.DeviceWindow, 1)
	setDefault(&o.MaxBlocked, 100_000)
	setDefault(&o.MaxHeld, 256<<10)
	setDefault(&o.MaxLoadedBytes, 4<<20)
	setDefault(&o.LedgerMemory, 128<<20)
	setDefault(&o.BackoffMax, 30*time.Second)
	setDefault(&o.MaxDeadLetters, 100_000)
	setDefault(&o.MaxDeadLetterBytes, 1<<30)
	if o.Now == nil {
		o.Now = time.Now
	}
	return o
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}
