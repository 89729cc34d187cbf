package server

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
)

func testOptions(t *testing.T, ready func(Ready)) Options {
	return Options{Listen: "127.0.0.1:0", Data: t.TempDir(), Log: slog.New(slog.DiscardHandler), Ready: ready}.withDefaults()
}

func TestAStoreThatFailsEndsTheProcess(t *testing.T) {
	failed := errors.New("sync: input/output error")
	ready := make(chan Ready, 1)
	p := newProcess(testOptions(t, func(r Ready) { ready <- r }))
	ended := make(chan error, 1)
	go func() { ended <- p.run(t.Context()) }()
	<-ready
	p.storeFailed(failed)
	p.storeFailed(failed) // told twice, it ends once
	err := <-ended
	if !errors.Is(err, failed) || !strings.Contains(err.Error(), p.options.Data) || !strings.Contains(err.Error(), "see to the disk") {
		t.Errorf("it ended with %v", err)
	}
	if now := p.phases.now(); now != phaseFailed {
		t.Errorf("readiness says %q", now)
	}
}

// Whatever goes wrong on the way up, what was taken is let go: the next try finds port and directory free.
func TestAFailedStartLetsGo(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	o := testOptions(t, nil)
	o.Ready = func(r Ready) {
		again := o
		again.Listen, again.Ready = r.Address.String(), nil
		if err := Run(ctx, again); err == nil || !strings.Contains(err.Error(), "--listen") {
			t.Errorf("on a port in use: %v", err)
		}
		again.Listen, again.HTTP = "127.0.0.1:0", r.Address.String()
		if err := Run(ctx, again); err == nil || !strings.Contains(err.Error(), "--http") {
			t.Errorf("on an HTTP port in use: %v", err)
		}
		again.HTTP = ""
		if err := Run(ctx, again); err == nil || !strings.Contains(err.Error(), "stop that process") {
			t.Errorf("on a directory in use: %v", err)
		}
		cancel()
	}
	if err := Run(ctx, o); err != nil {
		t.Fatal(err)
	}
	ctx, cancel = context.WithCancel(t.Context())
	defer cancel()
	o.Ready = func(Ready) { cancel() }
	if err := Run(ctx, o); err != nil {
		t.Errorf("after all that: %v", err)
	}
}
