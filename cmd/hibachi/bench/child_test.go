package bench

import (
	"strings"
	"testing"
)

func TestTheReadyLineIsFound(t *testing.T) {
	var log strings.Builder
	ready := make(chan string, 1)
	said := "starting\nhibachi ready on amqp://127.0.0.1:40001, data in /d, 0 tenants\nready on amqp://127.0.0.1:2, no\nlast words"
	if err := copyLog(&log, strings.NewReader(said), ready); err != nil {
		t.Fatal(err)
	}
	if url := <-ready; url != "amqp://127.0.0.1:40001" {
		t.Errorf("address %q", url)
	}
	if log.String() != said {
		t.Errorf("log %q", log.String())
	}
}
