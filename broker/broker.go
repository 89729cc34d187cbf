// Package broker decides who gets which event, when.
//
// It owns the tenants and their applications, the device lanes that keep each device's events in order, the consumers that compete
// for an application's events, and the account of what is out with whom. It knows that events are kept by a persistence.Store, and
// nothing of how. It does not know that there is a wire: a consumer is somebody who takes when he has room and is woken when there is
// something again.
//
// Its types, in the order in which an event meets them:
//
//	Broker        the tenants of one store
//	Tenant        one event log, and the applications that read it
//	Event         on its way in; Publish gives it an envelope and a lane and hands it to the store
//	subscription  one application's reading: its ledger, its consumers, its one request to the store
//	ledger        what is open, who has it, what comes next; the hard half, with its essay
//	lane          the events of one device: at most one is out at a time
//	Consumer      takes deliveries and settles them; or browses
//	trouble       what is known of an event that came back
//	undertaker    makes dead letters of what was rejected, and of poison
//	waiters       the consumers that want more than there was
//
// Nothing here has a goroutine of its own. Work is done by whoever brings the occasion: a connection's writer takes, its reader
// settles, the store's goroutines tell that something is on disk or was read. Locks are leaves: while one of subscription.mu,
// waiters.mu, Tenant.mu, Broker.mu is held, no other type with a lock is called.
package broker

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"hibachi/persistence"
)

const maxTenantName = 255

// Broker is the tenants of one store. All methods may be called from any goroutine.
type Broker struct {
	// Set once.
	store persistence.Store
	env   *environment

	mu      sync.Mutex
	tenants map[string]*Tenant // Guarded by mu. nil: on disk, not used since the start
}

// environment is what all parts of one broker share. Set once, but for what is atomic.
type environment struct {
	store    persistence.Store
	limits   Options
	now      func() time.Time
	page     int // keys of one Scan
	memory   *memory
	counters counters
	closing  atomic.Bool
}

// New makes a broker on an open store. It reads nothing: tenants load on first use.
func New(s persistence.Store, o Options) (*Broker, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	o = o.withDefaults()
	b := &Broker{
		store:   s,
		env:     &environment{store: s, limits: o, now: o.Now, page: scanPage, memory: &memory{limit: o.LedgerMemory}},
		tenants: make(map[string]*Tenant),
	}
	for _, name := range TenantNames(s) {
		b.tenants[name] = nil
	}
	return b, nil
}

// poison gives an application's policy, with the defaults.
func (e *environment) poison(tenant, application string) Poison {
	var p Poison
	if e.limits.Poison != nil {
		p = e.limits.Poison(tenant, application)
	}
	if p.MaxAttempts <= 0 {
		p.MaxAttempts = defaultMaxAttempts
	}
	return p
}

// Tenant gives the tenant of that name (1 to 255 bytes, none of them 0), on first use a new one. Tenants on disk count for MaxTenants and
// are always found. Who does not need the tenant any more calls its Release: one that holds nothing by then is forgotten, so that nobody
// fills the broker with names.
func (b *Broker) Tenant(name string) (*Tenant, error) {
	if len(name) == 0 || len(name) > maxTenantName || !isTenant(name) {
		return nil, ErrTenantName
	}
	b.mu.Lock()
	t, known := b.tenants[name]
	full := len(b.tenants) >= b.env.limits.MaxTenants
	if t != nil {
		t.users++
	}
	b.mu.Unlock()
	switch {
	case t != nil:
		return t, nil
	case b.env.closing.Load():
		return nil, ErrClosing
	case !known && full:
		return nil, ErrTooManyTenants
	}
	log, err := b.store.Log(name)
	if err != nil {
		return nil, fmt.Errorf("open the log of tenant %q: %w", name, err)
	}
	t = newTenant(name, log, b.env)
	t.forget = b.forget
	return b.keep(t)
}

// keep enters t unless somebody was faster.
func (b *Broker) keep(t *Tenant) (*Tenant, error) {
	b.mu.Lock()
	first, known := b.tenants[t.name]
	full := !known && len(b.tenants) >= b.env.limits.MaxTenants
	switch {
	case first != nil:
		first.users++
	case !full:
		t.users = 1
		t.used.Store(known)
		b.tenants[t.name] = t
	}
	b.mu.Unlock()
	switch {
	case first != nil:
		return first, nil
	case full:
		return nil, ErrTooManyTenants
	}
	t.watch()
	return t, nil
}

// forget drops t if nobody uses it and nothing was ever to be kept of it.
func (b *Broker) forget(t *Tenant) {
	b.mu.Lock()
	t.users--
	gone := t.users == 0 && !t.used.Load()
	if gone {
		delete(b.tenants, t.name)
	}
	b.mu.Unlock()
	if gone {
		t.unwatch()
	}
}

// Close ends the intake: Publish and Attach answer ErrClosing from now on. Consumers stay and may settle and detach; the store is
// closed after them, by its owner.
func (b *Broker) Close() {
	b.env.closing.Store(true)
}

// used lists the tenants in memory.
func (b *Broker) used() []*Tenant {
	b.mu.Lock()
	defer b.mu.Unlock()
	list := make([]*Tenant, 0, len(b.tenants))
	for _, t := range b.tenants {
		if t != nil {
			list = append(list, t)
		}
	}
	return list
}
