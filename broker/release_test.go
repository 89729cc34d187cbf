package broker

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
)

// Names that nobody sends events to must not use up the tenants for ever: they count while somebody has them, and no longer.
func TestNamesWithoutEventsAreForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, Options{MaxTenants: 2}, 0)
		defer h.close()
		for i := range 10 {
			junk, err := h.broker.Tenant(fmt.Sprint("junk-", i))
			if err != nil {
				t.Fatalf("name %d: %v", i, err)
			}
			junk.Release()
		}
		first, err := h.broker.Tenant("one")
		if err != nil {
			t.Fatal(err)
		}
		again, err := h.broker.Tenant("one")
		if err != nil || again != first {
			t.Fatalf("tenant %p, error %v, want the one that is there, %p", again, err, first)
		}
		again.Release()
		if _, err := h.broker.Tenant("two"); err != nil {
			t.Fatal(err)
		}
		if _, err := h.broker.Tenant("three"); !errors.Is(err, ErrTooManyTenants) {
			t.Fatalf("error %v while two names are in use", err)
		}
		h.publish("one", 1, "d")
		first.Release() // the first Tenant's
		first.Release() // publish's
		if kept, err := h.broker.Tenant("one"); err != nil || kept != first {
			t.Fatalf("tenant %p, error %v: one that has an event is not forgotten", kept, err)
		}
	})
}
