package sasl

import (
	"maps"
	"slices"
)

// Names lists the users, sorted.
func (u *Users) Names() []string { return slices.Sorted(maps.Keys(u.table.Load().verifiers)) }
