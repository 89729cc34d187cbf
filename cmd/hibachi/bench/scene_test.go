package bench

import (
	"context"
	"io"
	"log/slog"
	"os"
	"testing"
	"time"

	"hibachi/cmd/hibachi/server"
)

// serve runs a broker in this process and gives its URL.
func serve(t *testing.T) string {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	ready, ended := make(chan string, 1), make(chan error, 1)
	go func() {
		ended <- server.Run(ctx, server.Options{
			Listen: "127.0.0.1:0", Data: t.TempDir(), Log: slog.New(slog.DiscardHandler),
			Ready: func(r server.Ready) { ready <- "amqp://" + r.Address.String() },
		})
	}()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Errorf("the broker ended with %v", err)
		}
	})
	select {
	case url := <-ready:
		return url
	case err := <-ended:
		ended <- err
		t.Fatalf("the broker did not start: %v", err)
		return ""
	}
}

func small(url string) Config {
	return Config{URLs: []string{url}, Tenants: 2, Devices: 20, Senders: 2, Receivers: 4, Window: 50, Size: 200, PID: os.Getpid()}
}

func TestALoadIsMeasuredAndChecked(t *testing.T) {
	l, err := Open(t.Context(), small(serve(t)), io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	var sum uint64
	for range 2 {
		r, err := l.Phase(t.Context(), PhaseOptions{Name: "test", Bytes: 100_000})
		if err != nil {
			t.Fatal(err)
		}
		if r.Accepted < 500 || r.Received != r.Accepted || r.Refused > 0 || r.Repeats > 0 || r.Foreign > 0 {
			t.Errorf("%+v", r)
		}
		if r.Accept.Count != int64(r.Accepted) || r.Deliver.Count != int64(r.Received) || r.Accept.P50 <= 0 {
			t.Errorf("latencies %+v, %+v of %d events", r.Accept, r.Deliver, r.Accepted)
		}
		sum += r.Accepted
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	if v := l.Verdict(); v.Events != sum || v.Problem(0) != "" {
		t.Errorf("%+v over %d events", v, sum)
	}
}

// A load whose connections are cut goes on, and what is then repeated is not taken for a fault.
func TestALoadGoesOnAfterLosses(t *testing.T) {
	cfg := small(serve(t))
	cfg.Reconnect = true
	l, err := Open(t.Context(), cfg, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	cut := time.AfterFunc(50*time.Millisecond, func() {
		for _, w := range []*worker{&l.senders[0].worker, &l.receivers[1].worker} {
			w.mu.Lock()
			_ = w.conn.Kill()
			w.mu.Unlock()
		}
	})
	defer cut.Stop()
	for l.Losses() < 2 {
		if _, err := l.Phase(t.Context(), PhaseOptions{Name: "test", Duration: 200 * time.Millisecond}); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	if v := l.Verdict(); v.Events == 0 || v.Problem(l.Losses()) != "" {
		t.Errorf("%+v", v)
	}
}

func TestTheStuckScenePlays(t *testing.T) {
	cfg := small(serve(t))
	r, err := Stuck(t.Context(), cfg, StuckOptions{Events: 4000, Held: 20, Devices: 100, Consumers: 4}, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	if r.Verdict.Problem(0) != "" || r.Verdict.Events != 4000 || r.Others+r.HeldEvents != 4000 || r.HeldEvents < 1900 {
		t.Errorf("%+v", r)
	}
}

func TestIdleConnectionsAreOpened(t *testing.T) {
	cfg := small(serve(t))
	r, err := Idle(t.Context(), cfg, 10, 0, io.Discard)
	if err != nil || r.Connections != 10 || r.RSSAfter == 0 {
		t.Errorf("%+v, error %v", r, err)
	}
}

func TestRefusedAttachesEndALoadWithTheReason(t *testing.T) {
	cfg := small(serve(t))
	cfg.Target = "nonsense/{tenant}"
	if l, err := Open(t.Context(), cfg, io.Discard); err == nil {
		t.Errorf("a load on addresses that do not exist: %v", l.Close())
	}
}
