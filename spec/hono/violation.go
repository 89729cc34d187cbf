package hono

import (
	"fmt"

	"hibachi/links/amqp"
)

// Violation is a rule that was broken, and what the peer is to be told of it.
type Violation struct {
	Requirement Requirement
	Condition   amqp.Symbol
	Description string // names the field, and what was found in it
}

// Error is the description with the requirement's id.
func (v *Violation) Error() string {
	return v.Description + " [" + v.Requirement.String() + "]"
}

// AMQP is the error to refuse a link or reject a message with.
func (v *Violation) AMQP() *amqp.Error {
	return &amqp.Error{Condition: v.Condition, Description: v.Error()}
}

// Violate makes a Violation with a formatted description.
func Violate(r Requirement, condition amqp.Symbol, format string, args ...any) *Violation {
	return &Violation{Requirement: r, Condition: condition, Description: fmt.Sprintf(format, args...)}
}

// excerpt keeps what a peer wrote short enough to be told back: an error has to fit into a frame of 512 bytes.
func excerpt(s string) string {
	const limit = 48
	if len(s) > limit {
		return fmt.Sprintf("%q... (%d bytes)", s[:limit], len(s))
	}
	return fmt.Sprintf("%q", s)
}
