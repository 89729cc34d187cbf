package broker

import (
	"testing"
	"testing/synctest"
	"time"
)

func bubble(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	synctest.Test(t, f)
}

func TestEventSurvivesRestart(t *testing.T) {
	bubble(t, func(t *testing.T) {
		h := newHouse(t, Options{}, 0)
		h.publish("acme", 1, "d1", "d2", "d1")
		c := h.attach("acme", "billing")
		got := c.get(10)
		if names(got) != "d1/1 d2/2" {
			t.Fatalf("got %s", names(got))
		}
		c.settle(Done, got[0])
		if got := c.get(10); names(got) != "d1/3" {
			t.Fatalf("after the first of d1 was settled: got %s", names(got))
		}
		time.Sleep(time.Second) // the mark is on disk

		h.crash()
		c = h.attach("acme", "billing")
		if got := c.get(10); names(got) != "d2/2 d1/3" {
			t.Fatalf("after the restart: got %s", names(got))
		}
		h.close()
	})
}
