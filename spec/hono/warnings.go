package hono

import "iter"

// Warnings is a set of requirements that an event breaks and is taken nevertheless.
type Warnings uint64

const _ = uint(64 - NumRequirements) // they fit

func (w *Warnings) add(r Requirement) { *w |= 1 << r }

// Has tells whether r is among them.
func (w Warnings) Has(r Requirement) bool { return w&(1<<r) != 0 }

// All yields them in order.
func (w Warnings) All() iter.Seq[Requirement] {
	return func(yield func(Requirement) bool) {
		for r := Requirement(1); r < NumRequirements; r++ {
			if w.Has(r) && !yield(r) {
				return
			}
		}
	}
}
