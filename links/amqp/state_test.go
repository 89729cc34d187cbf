package amqp

import (
	"slices"
	"testing"
)

var someStates = []DeliveryState{
	{},
	{Kind: Received, SectionNumber: 1, SectionOffset: 2},
	{Kind: Received, SectionNumber: 1},
	{Kind: Accepted},
	{Kind: Rejected},
	{Kind: Rejected, Err: &Error{Condition: ErrNotFound}},
	{Kind: Rejected, Err: &Error{Condition: ErrNotFound, Description: "no such node"}},
	{Kind: Rejected, Err: &Error{Condition: ErrNotFound, Description: "no such node", Info: MakeMap(Symbol("k"), 1)}},
	{Kind: Released},
	{Kind: Modified},
	{Kind: Modified, DeliveryFailed: true},
	{Kind: Modified, UndeliverableHere: true},
	{Kind: Modified, Annotations: MakeMap(Symbol("k"), 1)},
	{Kind: Declared, Raw: MakeDescribed(uint64(codeDeclared), []any{[]byte{1}})},
	{Kind: Transactional, Raw: MakeDescribed(uint64(codeTransactional), []any{[]byte{1}})},
	{Kind: StateUnknown, Raw: MakeDescribed("odd", nil)},
}

// TestStates: each is equal to itself alone, comes back from the wire, and survives the bytes that it came in.
func TestStates(t *testing.T) {
	for i, s := range someStates {
		for k, o := range someStates {
			if s.Equal(o) != (i == k) {
				t.Errorf("%v equal to %v: %v", s, o, s.Equal(o))
			}
		}
		b := (&Disposition{Role: RoleReceiver, State: s}).Append(nil)
		body, err := decode(b)
		if err != nil {
			t.Errorf("%v: %v", s, err)
			continue
		}
		got := body.(*Disposition).State
		if !got.Equal(s) {
			t.Errorf("%v came back as %v", s, got)
		}
		clone := got.Clone()
		clear(b)
		if !clone.Equal(s) {
			t.Errorf("the clone of %v aliases: %v", s, clone)
		}
		terminal := slices.Contains([]StateKind{Accepted, Rejected, Released, Modified, Declared}, s.Kind)
		if s.Terminal() != terminal {
			t.Errorf("%v terminal: %v", s, s.Terminal())
		}
	}
}

func TestMalformedStates(t *testing.T) {
	for what, state := range map[string]Raw{
		"state: delivery state expected, list found":         Make([]any{}),
		"received: section-number is missing":                performative(codeReceived),
		"received: section-offset is missing":                performative(codeReceived, Make(uint32(1))),
		"received: section-offset: ulong expected":           performative(codeReceived, Make(uint32(1)), Make(uint32(1))),
		"accepted: more fields":                              performative(codeAccepted, nil),
		"accepted: list expected, map found":                 MakeDescribed(uint64(codeAccepted), MakeMap()),
		"released: more fields":                              performative(codeReleased, nil),
		"rejected: error: described list expected":           performative(codeRejected, Make("no")),
		"rejected: error: error expected, something else":    performative(codeRejected, performative(codeAccepted)),
		"rejected: error: condition is missing":              performative(codeRejected, performative(codeError)),
		"rejected: error: condition: symbol expected":        performative(codeRejected, performative(codeError, Make("text"))),
		"modified: delivery-failed: boolean expected":        performative(codeModified, Make(1)),
		"modified: message-annotations: map expected":        performative(codeModified, nil, nil, Make(1)),
		"state: value goes on behind the end of what hold":   {ctorDescribed},
		"state: 1 elements said, 0 found":                    {ctorDescribed, ctorSmallUlong, codeDeclared, ctorList8, 1, 1},
		"released: cut off before its list":                  {ctorDescribed, ctorSmallUlong, codeReleased},
		"released: list goes on behind the end of what hold": {ctorDescribed, ctorSmallUlong, codeReleased, ctorList8, 9},
	} {
		condition := ErrDecode
		if what[len(what)-7:] == "missing" {
			condition = ErrInvalidField
		}
		wantError(t, what, performative(codeDisposition, Make(true), Make(uint32(0)), nil, nil, state), condition, "disposition: ", what)
	}
}

func TestErrorAsText(t *testing.T) {
	for want, e := range map[string]*Error{
		"amqp:not-found":                                  {Condition: ErrNotFound},
		`amqp:not-found("no such node")`:                  Errorf(ErrNotFound, "no such %s", "node"),
		`amqp:invalid-field("" info={x: 1})`:              {Condition: ErrInvalidField, Info: MakeMap(Symbol("x"), 1)},
		`"odd condition"("line\nbreak")`:                  {Condition: "odd condition", Description: "line\nbreak"},
		`amqp:connection:forced("a \"quoted\" \x00 end")`: {Condition: ErrConnectionForced, Description: "a \"quoted\" \x00 end"},
	} {
		if got := e.String(); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
	if got := Errorf(ErrNotFound, "x").Error(); got != "amqp:not-found: x" {
		t.Error(got)
	}
}
