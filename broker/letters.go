package broker

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"hibachi/persistence"
)

// The dead letters of an application are a log beside its tenant's, named tenant NUL application, which is no tenant's name. It is read like
// a tenant's log that has one application, by a ledger without order: each dead letter is a lane of its own.

const (
	lettersMark   = "\x00"
	lettersReader = "$reader"
)

// isTenant tells whether a log's name is a tenant's.
func isTenant(name string) bool { return !strings.Contains(name, lettersMark) }

// TenantNames lists the tenants on a store's disk, sorted.
func TenantNames(s persistence.Store) []string {
	return slices.DeleteFunc(s.Names(), func(name string) bool { return !isTenant(name) })
}

// letters gives the dead letters of an application. It may read the disk.
func (t *Tenant) letters(application string) (*Tenant, error) {
	t.mu.Lock()
	l := t.graves[application]
	t.mu.Unlock()
	if l != nil {
		return l, nil
	}
	name := t.name + lettersMark + application
	log, err := t.env.store.Log(name)
	if err != nil {
		return nil, fmt.Errorf("open the dead letters of application %q: %w", application, err)
	}
	l = newTenant(name, log, t.env)
	l.unordered = true
	t.mu.Lock()
	if first := t.graves[application]; first != nil {
		t.mu.Unlock()
		return first, nil
	}
	if t.graves == nil {
		t.graves = make(map[string]*Tenant)
	}
	t.graves[application] = l
	t.mu.Unlock()
	l.watch()
	return l, nil
}

// AttachDeadLetters adds a consumer to the dead letters of an application, which is not created. They come without order; what is
// returned, failed or rejected comes again after all others, uncounted. done is as Attach's, with the same errors.
func (t *Tenant) AttachDeadLetters(application string, w Waker, done func(*Consumer, error)) {
	letters, err := t.lettersOf(application)
	if err != nil {
		done(nil, err)
		return
	}
	letters.attach(lettersReader, attaching{w, true, done})
}

// BrowseDeadLetters is Browse for the dead letters of an application. ErrNoApplication, or the store's errors.
func (t *Tenant) BrowseDeadLetters(application string, w Waker) (*Consumer, error) {
	letters, err := t.lettersOf(application)
	if err != nil {
		return nil, err
	}
	return letters.Browse(w), nil
}

func (t *Tenant) lettersOf(application string) (*Tenant, error) {
	switch {
	case t.env.closing.Load():
		return nil, ErrClosing
	case !slices.Contains(t.log.Cursors(), application):
		return nil, ErrNoApplication
	}
	return t.letters(application)
}

// room is how many more dead letters there may be, about: what is on its way to the disk is not counted.
func (t *Tenant) room() int {
	st := t.log.Stats()
	if st.Bytes >= t.env.limits.MaxDeadLetterBytes {
		return 0
	}
	return int(min(int64(t.env.limits.MaxDeadLetters)-st.Count, math.MaxInt))
}

// DeadLetters is how many dead letters of an application are stored, and their size in bytes, about; 0 if there are none.
func (t *Tenant) DeadLetters(application string) (count, bytes int64) {
	t.mu.Lock()
	l := t.graves[application]
	t.mu.Unlock()
	if l == nil {
		return 0, 0 // Unknown until somebody asks for them: that may read the disk.
	}
	st := l.log.Stats()
	return st.Count, st.Bytes
}

var _ persistence.Appended = (*burial)(nil)
