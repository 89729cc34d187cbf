package sasl

import "sync"

// proof is a keyed hash of a name, its password and its verifier; see Users.proof.
type proof [32]byte

// generation is how many proofs are kept before older ones go: far above the number of services, 64 KiB of memory twice.
const generation = 1024

// proven remembers passwords that were right. No password is in it, only proofs under a key that lives in this process: who can read its
// memory reads the passwords that arrive, too. A proof names the verifier, so it dies with a changed password; wrong ones are not kept.
//
// Two generations make it bounded and cheap: when the young one is full, it becomes the old one and the old one is forgotten.
type proven struct {
	mu         sync.Mutex
	young, old map[proof]struct{} // Guarded by mu.
}

func newProven() *proven {
	return &proven{young: map[proof]struct{}{}}
}

func (p *proven) has(x proof) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, ok := p.young[x]; ok {
		return true
	}
	if _, ok := p.old[x]; !ok {
		return false
	}
	p.addLocked(x)
	return true
}

func (p *proven) add(x proof) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.addLocked(x)
}

func (p *proven) addLocked(x proof) {
	if len(p.young) >= generation {
		p.old, p.young = p.young, map[proof]struct{}{}
	}
	p.young[x] = struct{}{}
}
