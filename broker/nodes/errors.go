package nodes

import (
	"errors"
	"fmt"

	"hibachi/broker"
	"hibachi/links/amqp"
	"hibachi/persistence"
)

// conditions says how the broker's errors are told to a peer. What is not here is ours alone: logged, and told as internal-error or
// released.
var conditions = []struct {
	err       error
	condition amqp.Symbol
}{
	{broker.ErrNoApplication, amqp.ErrNotFound},
	{broker.ErrTenantName, amqp.ErrInvalidField},
	{broker.ErrTooManyTenants, amqp.ErrResourceLimitExceeded},
	{broker.ErrTooManyApplications, amqp.ErrResourceLimitExceeded},
	{broker.ErrClosing, amqp.ErrDetachForced},
	{persistence.ErrClosed, amqp.ErrDetachForced},
}

func conditionOf(err error) (amqp.Symbol, bool) {
	for _, c := range conditions {
		if errors.Is(err, c.err) {
			return c.condition, true
		}
	}
	return "", false
}

// attachError is what ends an attach: an *amqp.Error for the peer if it is one of the table, else err with what was being done.
func attachError(doing string, err error) error {
	if condition, ok := conditionOf(err); ok {
		return amqp.Errorf(condition, "%s: %v", doing, err)
	}
	return fmt.Errorf("%s: %w", doing, err)
}

// publishOutcome is the answer to an event of which the store said err. Hono blames the device for whatever is rejected, but for a limit: that,
// and released, it reports as "come again".
func publishOutcome(err error) amqp.DeliveryState {
	if err == nil {
		return amqp.DeliveryState{Kind: amqp.Accepted}
	}
	if condition, ok := conditionOf(err); ok && condition == amqp.ErrResourceLimitExceeded {
		return amqp.DeliveryState{Kind: amqp.Rejected, Err: amqp.Errorf(condition, "%v", err)}
	}
	return amqp.DeliveryState{Kind: amqp.Released}
}
