package engine

import (
	"errors"
	"fmt"
	"unicode/utf8"

	"hibachi/links/amqp"
)

// linkError ends one link: detach, closed, with the error.
type linkError struct {
	link *Link
	err  *amqp.Error
}

func (e *linkError) Error() string { return "link: " + e.err.Error() }

// sessionError ends one session.
type sessionError struct {
	session *session
	err     *amqp.Error
}

func (e *sessionError) Error() string { return "session: " + e.err.Error() }

// failf makes a linkError.
func (l *Link) failf(condition amqp.Symbol, format string, args ...any) error {
	return &linkError{l, amqp.Errorf(condition, format, args...)}
}

// failf makes a sessionError.
func (s *session) failf(condition amqp.Symbol, format string, args ...any) error {
	return &sessionError{s, amqp.Errorf(condition, format, args...)}
}

// fail does what an error demands: the type of err says how much dies.
func (c *Connection) fail(err error) {
	switch e := err.(type) {
	case *linkError:
		e.link.detach(e.err)
	case *sessionError:
		e.session.end(e.err)
	default:
		c.closeWith(asError(err), true)
	}
}

// failFraming ends a connection of which we no longer know where its next frame begins.
func (c *Connection) failFraming(err *amqp.Error) { c.closeWith(err, false) }

// asError is what the peer is told of err.
func asError(err error) *amqp.Error {
	var e *amqp.Error
	if errors.As(err, &e) {
		return e
	}
	var d *amqp.DecodeError
	if errors.As(err, &d) {
		return &amqp.Error{Condition: d.Condition, Description: fmt.Sprintf("%s (at byte %d)", d.What, d.Offset)}
	}
	return &amqp.Error{Condition: amqp.ErrInternal, Description: "internal error"}
}

// shorten takes at least over octets off an error, for a peer with small frames: first of the description, then the info.
func shorten(e *amqp.Error, over int) *amqp.Error {
	s := &amqp.Error{Condition: e.Condition, Info: e.Info}
	if keep := len(e.Description) - over; keep > 0 {
		for keep > 0 && !utf8.RuneStart(e.Description[keep]) {
			keep--
		}
		s.Description = e.Description[:keep]
		return s
	}
	s.Info = nil
	return s
}
