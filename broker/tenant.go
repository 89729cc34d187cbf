package broker

import (
	"slices"
	"sync"
	"sync/atomic"

	"hibachi/persistence"
)

// Tenant is one event log and the applications that read it. All methods may be called from any goroutine. A tenant that nobody uses is
// this struct and nothing else.
type Tenant struct {
	// Set once.
	name string
	log  persistence.Log
	env  *environment
	// unordered: these are the dead letters of an application (letters.go).
	unordered bool
	forget    func(*Tenant)
	unwatch   func()

	users int         // Guarded by Broker.mu: who has it and did not release it.
	used  atomic.Bool // something of it is on disk, or on its way there

	// followers are told when the log's head moves. Read by the store's goroutine without a lock; replaced as a whole, under mu.
	followers atomic.Pointer[[]follower]

	mu           sync.Mutex
	applications map[string]*application // Guarded by mu: those in memory.
	graves       map[string]*Tenant      // Guarded by mu: the dead letters of applications, as far as they were used.
}

// follower is a subscription or a browser.
type follower interface{ advanced(n int) }

func newTenant(name string, log persistence.Log, env *environment) *Tenant {
	return &Tenant{name: name, log: log, env: env, applications: make(map[string]*application)}
}

// Name is the name of the tenant and of its log.
func (t *Tenant) Name() string { return t.name }

// watch has the followers told for as long as the store lives; what follows nobody costs one look at a pointer for each commit group.
func (t *Tenant) watch() { t.unwatch = t.log.Watch((*headWatcher)(t)) }

// Release ends what Broker.Tenant began; t is not used any more by who had it. Once for each.
func (t *Tenant) Release() { t.forget(t) }

// headWatcher is a Tenant as the store sees it.
type headWatcher Tenant

func (t *headWatcher) Advanced(n int) {
	if all := t.followers.Load(); all != nil {
		for _, f := range *all {
			f.advanced(n)
		}
	}
}

func (t *Tenant) follow(f follower) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.setFollowersLocked(append(t.followersLocked(), f))
}

func (t *Tenant) unfollow(f follower) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.setFollowersLocked(slices.DeleteFunc(t.followersLocked(), func(g follower) bool { return g == f }))
}

// followersLocked gives a copy.
func (t *Tenant) followersLocked() []follower {
	if all := t.followers.Load(); all != nil {
		return slices.Clone(*all)
	}
	return nil
}

func (t *Tenant) setFollowersLocked(all []follower) {
	if len(all) == 0 {
		t.followers.Store(nil)
		return
	}
	t.followers.Store(&all)
}
