package links

import (
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"weak"

	"hibachi/links/engine"
)

// Budget bounds the bytes received and not yet answered, partial deliveries included, over all connections, and each account's (a
// tenant's) share of them. It is what lets a reader never wait: a sender that is faster than the store runs out of credit here.
//
// Up to half of a limit, links get all the credit they want; from there on it shrinks in proportion, to none when the limit is reached. A
// peer may still send on credit that it has; what then goes over the limit is dropped by the engine and answered `released`.
//
// # Who was denied credit and how he gets it
//
// A link that was granted nothing asks again only when told to. Its connection registers with the gauge (the node's, or the account's)
// that said no, and the gauge wakes all who are registered, once, when
//
//   - use falls through half of the limit: from above it always does in the end, since everything received is answered or lost; or
//   - above half, another sixteenth of the limit was given back: else, while busy senders keep use high, those who were denied would
//     never get their turn.
//
// To miss no wake-up, a link registers first and then looks once more: if the fall came before, it sees the room; if not, it is woken.
// The waking itself is done by a goroutine of its own, since those who give bytes back (the store's finisher) may not do work that grows
// with the number of connections.
type Budget struct {
	node  gauge
	share int64

	mu       sync.Mutex
	accounts map[string]weak.Pointer[account] // Guarded by mu. An account lives while a link or a delivery holds it
}

// NewBudget limits to limit bytes in all (default 256 MiB) and share bytes for one account (default a quarter of limit).
func NewBudget(limit, share int64) *Budget {
	orDefault(&limit, 256<<20)
	orDefault(&share, max(limit/4, 1))
	b := &Budget{share: share, accounts: make(map[string]weak.Pointer[account])}
	b.node.limit = limit
	return b
}

// Used is how many bytes are charged now, Limit how many may be.
func (b *Budget) Used() int64  { return b.node.used.Load() }
func (b *Budget) Limit() int64 { return b.node.limit }

// Account is one tenant's share; the same name gives the same account while anybody holds it. From any goroutine.
func (b *Budget) Account(name string) engine.Account {
	b.mu.Lock()
	defer b.mu.Unlock()
	if a := b.accounts[name].Value(); a != nil {
		return a
	}
	a := &account{node: &b.node}
	a.own.limit = b.share
	b.accounts[name] = weak.Make(a)
	runtime.AddCleanup(a, b.forget, name)
	return a
}

// forget drops the name of an account that nobody holds, unless there is a new one of that name.
func (b *Budget) forget(name string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.accounts[name].Value() == nil {
		delete(b.accounts, name)
	}
}

// account is a share of a budget.
type account struct {
	node *gauge
	own  gauge
}

// Charge takes n bytes, or nothing if they do not fit.
func (a *account) Charge(n int) bool {
	if !a.own.charge(int64(n)) {
		return false
	}
	if !a.node.charge(int64(n)) {
		a.own.refund(int64(n))
		return false
	}
	return true
}

// Refund gives n charged bytes back. Some constant work, from any goroutine.
func (a *account) Refund(n int) {
	a.own.refund(int64(n))
	a.node.refund(int64(n))
}

// Credit is how much of limit may be granted now.
func (a *account) Credit(limit uint32) uint32 {
	return min(a.own.credit(limit), a.node.credit(limit))
}

// meter is an account as one link uses it: it knows whom to wake when there is room again.
type meter struct {
	*account
	who *mail
}

// Credit is the account's; a link that gets none is woken when there is some.
func (m *meter) Credit(limit uint32) uint32 {
	credit := m.account.Credit(limit)
	if credit > 0 {
		return credit
	}
	m.own.await(m.who)
	m.node.await(m.who)
	return m.account.Credit(limit)
}

// gauge is a number of bytes with a limit.
type gauge struct {
	limit    int64        // Set once.
	used     atomic.Int64 // 0 … limit
	returned atomic.Int64 // while above half, since the last wake-up

	mu      sync.Mutex
	waiting map[*mail]struct{} // Guarded by mu. Were granted no credit
}

// charge never goes above the limit, not for a moment: somebody might be denied credit in that moment, and nobody would wake him.
func (g *gauge) charge(n int64) bool {
	for {
		used := g.used.Load()
		if used+n > g.limit {
			return false
		}
		if g.used.CompareAndSwap(used, used+n) {
			return true
		}
	}
}

func (g *gauge) refund(n int64) {
	now, half := g.used.Add(-n), g.limit/2
	if now < 0 {
		panic(fmt.Sprintf("links: %d bytes were given back that nobody had charged", -now))
	}
	if now+n <= half {
		return
	}
	if now <= half || g.returned.Add(n) >= g.limit/16 {
		g.returned.Store(0)
		g.wake()
	}
}

// credit shrinks in proportion from half of the limit on.
func (g *gauge) credit(limit uint32) uint32 {
	used, half := g.used.Load(), g.limit/2
	switch {
	case used <= half:
		return limit
	case used >= g.limit:
		return 0
	}
	return uint32(float64(limit) * float64(g.limit-used) / float64(g.limit-half))
}

// await has m told, once, when there may be credit again.
func (g *gauge) await(m *mail) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.waiting == nil {
		g.waiting = make(map[*mail]struct{})
	}
	g.waiting[m] = struct{}{}
}

// wake tells all who wait.
func (g *gauge) wake() {
	g.mu.Lock()
	waiting := g.waiting
	g.waiting = nil
	g.mu.Unlock()
	if len(waiting) == 0 {
		return
	}
	go func() {
		for m := range waiting {
			m.refresh()
		}
	}()
}
