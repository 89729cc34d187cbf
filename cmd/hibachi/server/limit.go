package server

import (
	"context"
	"fmt"
	"time"
)

// within returns what run returns, or an error that names the phase it hangs in, if it has not returned limit after the end of ctx.
func within(ctx context.Context, limit time.Duration, run func(context.Context) error, now func() phase) error {
	done := make(chan error, 1)
	go func() { done <- run(ctx) }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
	}
	hard := time.NewTimer(limit)
	defer hard.Stop()
	select {
	case err := <-done:
		return err
	case <-hard.C:
		return fmt.Errorf("not stopped within %s, still %s: ended the hard way; every event that was accepted is on disk", limit, now())
	}
}
