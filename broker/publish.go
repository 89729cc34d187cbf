package broker

import (
	"time"

	"hibachi/persistence"
)

// Event is one event on its way in. Embed it where the outcome is needed: one allocation an event. Its fields are not changed between
// Publish and Published.
type Event struct {
	Device  string // whose lane it is in; at most 32 KiB
	Arrived time.Time
	Expires time.Time // zero: never, or as Options.MaxTTL says. Then it is not delivered any more
	Message []byte    // not changed by anybody from now on
	Done    Publication

	tenant *Tenant
	append persistence.Append
}

// Publication hears what became of an event. Called once, from the store's goroutine (or, for an event that cannot even be handed to
// the store, from within Publish), must not block. nil: it is on disk.
type Publication interface {
	Published(p persistence.Position, err error)
}

// Publish hands an event over. It never blocks. Events of one tenant are stored in the order of the calls.
func (t *Tenant) Publish(e *Event) {
	envelope, err := t.admit(e)
	if err != nil {
		t.env.counters.refused.Add(1)
		e.Done.Published(0, err)
		return
	}
	if !t.used.Load() {
		t.used.Store(true)
	}
	e.tenant = t
	e.append = persistence.Append{Lane: laneOf(e.Device), Envelope: envelope, Body: e.Message, Done: (*appended)(e)}
	t.log.Append(&e.append)
}

// admit gives the envelope of an event that may come in.
func (t *Tenant) admit(e *Event) ([]byte, error) {
	if t.env.closing.Load() {
		return nil, ErrClosing
	}
	if len(e.Device) > maxDevice {
		return nil, ErrDeviceTooLong
	}
	return envelope{e.Arrived, t.env.limits.expiry(e), e.Device}.encode()
}

// expiry is when an event's time is over, by its own word or the broker's.
func (o *Options) expiry(e *Event) time.Time {
	if o.MaxTTL == 0 {
		return e.Expires
	}
	latest := e.Arrived.Add(o.MaxTTL)
	if e.Expires.IsZero() || latest.Before(e.Expires) {
		return latest
	}
	return e.Expires
}

// appended is an Event as the store sees it: the outcome without the method being everybody's.
type appended Event

func (e *appended) Appended(p persistence.Position, err error) {
	if err != nil {
		e.tenant.env.counters.refused.Add(1)
	} else {
		e.tenant.env.counters.published.Add(1)
	}
	e.Done.Published(p, err)
}
