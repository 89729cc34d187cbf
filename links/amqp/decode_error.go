package amqp

import "fmt"

// DecodeError says what was wrong with bytes, and at which byte of the slice that was given to be parsed.
type DecodeError struct {
	// Condition is for the peer: ErrDecode for what is malformed or of the wrong type, ErrInvalidField for a mandatory
	// field that is missing or a value that is none of the allowed, ErrFraming for impossible frames, ErrNotImplemented
	// for a performative that the specification does not define.
	Condition Symbol
	What      string
	Offset    int
}

func (e *DecodeError) Error() string {
	return fmt.Sprintf("%s: %s (at byte %d)", e.Condition, e.What, e.Offset)
}

// ForPeer is the error as it is told to the peer.
func (e *DecodeError) ForPeer() *Error {
	return Errorf(e.Condition, "%s (at byte %d)", e.What, e.Offset)
}

// malformed is a decode-error at offset.
func malformed(offset int, format string, args ...any) error {
	return &DecodeError{Condition: ErrDecode, What: fmt.Sprintf(format, args...), Offset: offset}
}

// truncated is the decode-error for a value that goes on behind the end of what holds it.
func truncated(offset int) error {
	return &DecodeError{Condition: ErrDecode, What: "value goes on behind the end of what holds it", Offset: offset}
}

func tooDeep(offset int) error { return malformed(offset, "nested deeper than %d", MaxDepth) }
