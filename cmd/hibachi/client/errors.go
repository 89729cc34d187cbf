package client

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"syscall"

	"github.com/Azure/go-amqp"
)

// explainDial says what a failed dial means for the person at the keyboard.
func (e Endpoint) explainDial(ctx context.Context, err error) error {
	var refused *amqp.Error
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return fmt.Errorf("nothing listens at %s: `hibachi serve` starts a broker, --url names another address", e.URL)
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return fmt.Errorf("%s did not answer within %s: is that an AMQP 1.0 broker?", e.URL, e.Timeout)
	case errors.Is(ctx.Err(), context.Canceled):
		return context.Canceled
	case errors.As(err, &refused):
		return fmt.Errorf("%s refused the connection: %s", e.URL, describe(refused))
	case strings.Contains(err.Error(), "auth failed"): // the library has no type for it
		return fmt.Errorf("%s does not know user %q with this password", e.URL, e.User)
	case strings.Contains(err.Error(), "no supported auth mechanism") && e.User == "":
		return fmt.Errorf("%s lets nobody in without a user: give --user and --password-file", e.URL)
	case strings.Contains(err.Error(), "no supported auth mechanism"):
		return fmt.Errorf("%s does not offer SASL PLAIN: leave --user away if it has no users", e.URL)
	}
	return fmt.Errorf("connect to %s: %w", e.URL, err)
}

// condition is the AMQP error condition in err, "" if a peer said none.
func condition(err error) string {
	var e *amqp.Error
	if errors.As(err, &e) {
		return string(e.Condition)
	}
	return ""
}

// describe renders a peer's error for people.
func describe(e *amqp.Error) string {
	if e == nil {
		return "no reason given"
	}
	if e.Description == "" {
		return string(e.Condition)
	}
	return string(e.Condition) + ": " + e.Description
}

// reason renders whatever error, a peer's in its own words.
func reason(err error) string {
	var e *amqp.Error
	if errors.As(err, &e) {
		return describe(e)
	}
	return err.Error()
}
