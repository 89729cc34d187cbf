package broker

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"hibachi/persistence"
)

// application is one of a tenant's readers while it is in memory. On disk it is the store's cursor of the same name, and lives from its first
// attach on.
//
//	(nothing) -> opening -> open -> retiring -> (nothing)
//
// It is opened by the first consumer. When the last one is gone its ledger is kept for a while, since most come back at once. Then it
// retires: when the store has heard of all that was done, the cursor is closed and the memory given back; the next consumer opens it
// again and finds what the store knows to be done left out. An attach that meets opening or retiring waits for its end.
type application struct {
	name string // Set once.

	// Guarded by Tenant.mu.
	state   applicationState
	sub     *subscription
	creates bool        // the opening under way creates it on disk
	pending []attaching // opening, retiring
	users   int         // open: consumers
}

type applicationState uint8

const (
	opening applicationState = iota
	open
	retiring
)

// linger is how long a ledger without consumers is kept.
const linger = 30 * time.Second

const maxApplicationName = 128

// AttachOptions say how.
type AttachOptions struct {
	Create bool // the application, if it does not exist; else ErrNoApplication
}

// attaching is an Attach that is not answered yet.
type attaching struct {
	waker  Waker
	create bool
	done   func(*Consumer, error)
}

// Attach adds a consumer to an application (1 to 128 bytes) of the tenant. done is called once, from any goroutine and perhaps before
// Attach returns, when the application is on disk; it must not block. A new application owes every event still stored.
//
// Errors: ErrNoApplication, ErrTooManyApplications, ErrApplicationName, ErrClosing, or the store's.
func (t *Tenant) Attach(name string, w Waker, o AttachOptions, done func(*Consumer, error)) {
	switch {
	case len(name) == 0 || len(name) > maxApplicationName:
		done(nil, ErrApplicationName)
		return
	case t.env.closing.Load():
		done(nil, ErrClosing)
		return
	}
	t.attach(name, attaching{w, o.Create, done})
}

func (t *Tenant) attach(name string, p attaching) {
	if p.create {
		t.used.Store(true)
	}
	t.mu.Lock()
	if a := t.applications[name]; a != nil && a.state == open {
		a.users++
		sub := a.sub
		t.mu.Unlock()
		p.done(sub.add(p.waker), nil)
		return
	}
	t.mu.Unlock()

	onDisk := t.log.Cursors()
	t.mu.Lock()
	a := t.applications[name]
	switch {
	case p.create && t.fullLocked(name, onDisk):
		t.mu.Unlock()
		p.done(nil, ErrTooManyApplications)
	case a == nil:
		a = &application{name: name, pending: []attaching{p}}
		t.applications[name] = a
		begin := t.openLocked(a, p.create)
		t.mu.Unlock()
		begin()
	case a.state == open:
		a.users++
		t.mu.Unlock()
		p.done(a.sub.add(p.waker), nil)
	default:
		a.pending = append(a.pending, p)
		t.mu.Unlock()
	}
}

// fullLocked tells whether one more application would be too many: name is neither on disk nor being created, and there is no room.
func (t *Tenant) fullLocked(name string, onDisk []string) bool {
	n := len(onDisk)
	if n+len(t.applications) < t.env.limits.MaxApplications {
		return false // Usually it is far from full, and not worth the search.
	}
	if _, found := slices.BinarySearch(onDisk, name); found {
		return false
	}
	for _, a := range t.applications {
		if a.state != opening || !a.willExist() {
			continue
		}
		if a.name == name {
			return false
		}
		if _, found := slices.BinarySearch(onDisk, a.name); !found {
			n++
		}
	}
	return n >= t.env.limits.MaxApplications
}

// willExist tells whether an application that is opening will be on disk thereafter.
func (a *application) willExist() bool {
	return a.creates || slices.ContainsFunc(a.pending, creates)
}

func creates(p attaching) bool { return p.create }

// openLocked prepares the opening of an application; begin is to be called without the lock.
func (t *Tenant) openLocked(a *application, create bool) (begin func()) {
	sub := newSubscription(t, a.name, func() { t.left(a) })
	a.state, a.sub, a.creates = opening, sub, create
	return func() {
		t.log.OpenCursor(a.name, create, sub, func(c persistence.Cursor, err error) {
			if err != nil {
				t.notOpened(a, err)
				return
			}
			t.opened(a, sub, c)
		})
	}
}

func (t *Tenant) opened(a *application, sub *subscription, c persistence.Cursor) {
	sub.open(c)
	t.follow(sub)
	t.env.counters.applications.Add(1)
	t.becomeOpen(a)
}

// becomeOpen serves who waited.
func (t *Tenant) becomeOpen(a *application) {
	t.mu.Lock()
	a.state = open
	pending := a.pending
	a.pending = nil
	a.users += len(pending)
	sub := a.sub
	t.mu.Unlock()
	for _, p := range pending {
		p.done(sub.add(p.waker), nil)
	}
}

// notOpened answers who waited; those who would create what is not there have it tried again.
func (t *Tenant) notOpened(a *application, err error) {
	missing := errors.Is(err, persistence.ErrNoCursor)
	var begin func()
	t.mu.Lock()
	refused := a.pending
	a.pending = nil
	if missing {
		for _, p := range refused {
			if p.create {
				a.pending = append(a.pending, p)
			}
		}
		refused = slices.DeleteFunc(refused, creates)
	}
	if len(a.pending) > 0 {
		begin = t.openLocked(a, true)
	} else {
		delete(t.applications, a.name)
	}
	t.mu.Unlock()

	for _, p := range refused {
		p.done(nil, attachError(a.name, err))
	}
	if begin != nil {
		begin()
	}
}

func attachError(application string, err error) error {
	switch {
	case errors.Is(err, persistence.ErrNoCursor):
		return ErrNoApplication
	case errors.Is(err, persistence.ErrClosed):
		return ErrClosing
	}
	return fmt.Errorf("open application %q: %w", application, err)
}

// left is called when a consumer of a is gone.
func (t *Tenant) left(a *application) {
	t.mu.Lock()
	defer t.mu.Unlock()
	a.users--
	t.lingerLocked(a)
}

func (t *Tenant) lingerLocked(a *application) {
	if a.users == 0 && !t.env.closing.Load() {
		time.AfterFunc(linger, func() { t.retire(a) })
	}
}

// retire ends an application that nobody has used for a while; with several timers under way, the first that finds nobody.
func (t *Tenant) retire(a *application) {
	t.mu.Lock()
	if a.state != open || a.users > 0 || t.env.closing.Load() {
		t.mu.Unlock()
		return
	}
	a.state = retiring
	sub := a.sub
	t.mu.Unlock()

	if !sub.finish() {
		t.becomeOpen(a)
		t.mu.Lock()
		t.lingerLocked(a)
		t.mu.Unlock()
		return
	}
	t.unfollow(sub)
	sub.cursor.Close()
	t.env.counters.applications.Add(-1)
	t.becomeRetired(a)
}

// becomeRetired forgets the application, or opens it again for who came meanwhile.
func (t *Tenant) becomeRetired(a *application) {
	t.mu.Lock()
	begin := func() {}
	if len(a.pending) > 0 {
		begin = t.openLocked(a, slices.ContainsFunc(a.pending, creates))
	} else {
		delete(t.applications, a.name)
	}
	t.mu.Unlock()
	begin()
}
