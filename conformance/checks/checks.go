// Package checks holds the suite's requirements, a group a file. How one is written is said in package suite.
package checks

import (
	"maps"
	"slices"

	"hibachi/conformance/suite"
)

// Groups are all checks, in the order of the report. A group of one's own is a line here.
var Groups = []suite.Group{
	protocolHeader,
	framing,
	types,
	openClose,
	sessions,
	attaching,
	flows,
	transfers,
	dispositions,
	outcomes,
	messages,
	nodes,
	errorHygiene,
	transactions,
	sasl,
	limits,
	event,
}

// cases runs a case for each entry, in the order of the names.
func cases[V any](t *suite.T, inputs map[string]V, run func(t *suite.T, input V)) {
	for _, name := range slices.Sorted(maps.Keys(inputs)) {
		t.Case(name, func(t *suite.T) { run(t, inputs[name]) })
	}
}
