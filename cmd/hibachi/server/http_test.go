package server

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestDoor(t *testing.T) {
	for _, tt := range []struct {
		phase  phase
		method string
		path   string
		status int
		body   string // what it contains
	}{
		{phaseOpening, "GET", "/healthz", 200, "alive"},
		{phaseReady, "GET", "/healthz", 200, "alive"},
		{phaseFailed, "GET", "/healthz", 200, "alive"},
		{"", "GET", "/readyz", 503, "starting"},
		{phaseOpening, "GET", "/readyz", 503, "not ready: starting: opening the store"},
		{phaseReady, "GET", "/readyz", 200, "ready"},
		{phaseReady, "HEAD", "/readyz", 200, ""},
		{phaseDisconnect, "GET", "/readyz", 503, "not ready: stopping"},
		{phaseFailed, "GET", "/readyz", 503, "cannot write"},
		{phaseOpening, "GET", "/metrics", 200, "hibachi_ready 0"},
		{phaseReady, "GET", "/metrics", 200, "hibachi_ready 1"},
		{phaseReady, "GET", "/metrics", 200, `hibachi_build_info{version="v1"} 1`},
		{phaseReady, "GET", "/metrics", 200, "go_goroutines"},
		{phaseReady, "GET", "/", 404, "/healthz, /readyz and /metrics"},
		{phaseReady, "GET", "/metrics/x", 404, "/healthz, /readyz and /metrics"},
		{phaseReady, "GET", "/debug/pprof/", 404, "/healthz, /readyz and /metrics"},
		{phaseReady, "POST", "/readyz", 405, ""},
	} {
		t.Run(tt.method+" "+tt.path+" "+string(tt.phase), func(t *testing.T) {
			var p phases
			if tt.phase != "" {
				p.enter(tt.phase)
			}
			w := httptest.NewRecorder()
			doorHandler(&p, newRegistry(&p, "v1"), slog.New(slog.DiscardHandler)).ServeHTTP(w, httptest.NewRequest(tt.method, tt.path, http.NoBody))
			if w.Code != tt.status || !strings.Contains(w.Body.String(), tt.body) {
				t.Errorf("answered %d %q, not %d with %q", w.Code, w.Body, tt.status, tt.body)
			}
		})
	}
}
