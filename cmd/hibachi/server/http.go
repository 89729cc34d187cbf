package server

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// door is the HTTP side of the process: health, readiness and metrics, and nothing else.
type door struct {
	server   *http.Server
	listener net.Listener
}

// openDoor serves on l from now on, so that a probe gets an answer while the store still opens.
func openDoor(l net.Listener, p *phases, r *prometheus.Registry, log *slog.Logger) *door {
	d := &door{
		listener: l,
		server: &http.Server{
			Handler: doorHandler(p, r, log),
			// Whoever dawdles is sent away, so that nobody can fill the process with open requests.
			ReadHeaderTimeout: 5 * time.Second,
			ReadTimeout:       10 * time.Second,
			WriteTimeout:      30 * time.Second,
			IdleTimeout:       60 * time.Second,
			MaxHeaderBytes:    16 << 10,
			ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug),
		},
	}
	go func() {
		if err := d.server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			log.Error("health and metrics are no longer served", "error", err)
		}
	}()
	return d
}

// close cuts it off. Metrics that nobody has fetched by then are lost with the process anyway.
func (d *door) close() error { return d.server.Close() }

func doorHandler(p *phases, r *prometheus.Registry, log *slog.Logger) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { answer(w, http.StatusOK, "alive") })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		if now := p.now(); now != phaseReady {
			answer(w, http.StatusServiceUnavailable, "not ready: "+string(now))
			return
		}
		answer(w, http.StatusOK, "ready")
	})
	mux.Handle("GET /metrics", promhttp.HandlerFor(r, promhttp.HandlerOpts{
		ErrorLog:            slog.NewLogLogger(log.Handler(), slog.LevelError),
		ErrorHandling:       promhttp.ContinueOnError, // a fault in one metric must not blind the operator for the rest
		MaxRequestsInFlight: 4,
	}))
	mux.HandleFunc("GET /", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusNotFound, "there is only /healthz, /readyz and /metrics here; events go over AMQP")
	})
	return mux
}

func answer(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, text+"\n") // whoever asked may be gone: nothing is to be done about it
}

// listenHTTP takes the port of the door. address "" means no door: nil.
func listenHTTP(address string) (net.Listener, error) {
	if address == "" {
		return nil, nil
	}
	l, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("serve health and metrics: %w", explainListen(address, "--http", err))
	}
	return l, nil
}
