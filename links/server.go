package links

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"hibachi/links/engine"
)

// Server accepts connections. All methods may be called from any goroutine.
type Server struct {
	// Set once.
	container      Container
	engine         engine.Config // resolved
	budget         *Budget
	log            *slog.Logger
	now            func() time.Time
	writeTimeout   time.Duration
	maxConnections int
	maxHandshakes  int64

	counters   counters
	handshakes atomic.Int64 // connections that are not open
	running    sync.WaitGroup

	mu        sync.Mutex
	closing   bool // Guarded by mu, as is the rest.
	conns     map[*conn]struct{}
	listeners map[net.Listener]struct{}
	refusals  refusals
}

// NewServer makes a server. It fails on options that make no sense.
func NewServer(c Container, o Options) (*Server, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	o = o.withDefaults()
	return &Server{
		container:      c,
		engine:         *o.Engine.Resolve(),
		budget:         o.Budget,
		log:            o.Log,
		now:            o.Now,
		writeTimeout:   o.WriteTimeout,
		maxConnections: o.MaxConnections,
		maxHandshakes:  int64(o.MaxHandshakes),
		conns:          make(map[*conn]struct{}),
		listeners:      make(map[net.Listener]struct{}),
	}, nil
}

// Serve accepts on l until Shutdown, and then returns nil, or until an error that does not go away. It closes l.
func (s *Server) Serve(l net.Listener) error {
	defer l.Close()
	if !s.listen(l) {
		return nil
	}
	defer s.unlisten(l)
	var delay time.Duration
	for {
		nc, err := l.Accept()
		if err == nil {
			delay = 0
			go s.ServeConn(nc)
			continue
		}
		if s.isClosing() {
			return nil
		}
		if !temporary(err) {
			return err
		}
		delay = min(max(2*delay, 5*time.Millisecond), time.Second)
		s.log.Warn("no connection could be accepted", slog.Any("error", err), slog.Duration("retry", delay))
		time.Sleep(delay)
	}
}

// temporary errors of Accept go away: no file descriptor is free, mostly.
func temporary(err error) bool {
	var t interface{ Temporary() bool }
	return errors.As(err, &t) && t.Temporary()
}

func (s *Server) listen(l net.Listener) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closing {
		return false
	}
	s.listeners[l] = struct{}{}
	return true
}

func (s *Server) unlisten(l net.Listener) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.listeners, l)
}

func (s *Server) isClosing() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.closing
}

// ServeConn runs one connection until it is over, and closes nc.
func (s *Server) ServeConn(nc net.Conn) {
	c, why := s.admit(nc)
	if c == nil {
		s.refuse(nc, why)
		return
	}
	defer s.running.Done()
	c.run()
	s.mu.Lock()
	delete(s.conns, c)
	s.mu.Unlock()
	s.counters.connections.Add(-1)
}

// admit takes a connection in, or says why not.
func (s *Server) admit(nc net.Conn) (_ *conn, why string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.closing:
		return nil, "the server is stopping"
	case len(s.conns) >= s.maxConnections:
		return nil, "too many connections"
	case s.handshakes.Load() >= s.maxHandshakes:
		return nil, "too many connections that are not opened"
	}
	c := newConn(s, nc)
	s.conns[c] = struct{}{}
	s.running.Add(1)
	s.handshakes.Add(1)
	s.counters.accepted.Add(1)
	s.counters.connections.Add(1)
	return c, ""
}

// refusals keeps a storm of connections from becoming a storm of log lines.
type refusals struct {
	logged time.Time
	since  int
}

// refuse closes a connection. At most one a second is logged.
func (s *Server) refuse(nc net.Conn, why string) {
	nc.Close()
	s.counters.refused.Add(1)
	now := s.now()
	s.mu.Lock()
	s.refusals.since++
	n := s.refusals.since
	due := now.Sub(s.refusals.logged) >= time.Second
	if due {
		s.refusals = refusals{logged: now}
	}
	s.mu.Unlock()
	if due {
		s.log.Warn("connection refused", slog.String("why", why), slog.Any("remote", nc.RemoteAddr()), slog.Int("refused", n))
	}
}

// Shutdown stops in order: no new connections, no more credit, what was received gets its outcome, links are detached and
// connections closed with amqp:connection:forced. When ctx ends, sockets are cut, and ctx's error is returned.
func (s *Server) Shutdown(ctx context.Context) error {
	s.mu.Lock()
	s.closing = true
	for l := range s.listeners {
		l.Close()
	}
	for c := range s.conns {
		c.mail.stop()
	}
	s.mu.Unlock()
	over := make(chan struct{})
	go func() {
		defer close(over)
		s.running.Wait()
	}()
	select {
	case <-over:
		return nil
	case <-ctx.Done():
	}
	s.mu.Lock()
	cut := len(s.conns)
	for c := range s.conns {
		c.nc.Close()
	}
	s.mu.Unlock()
	<-over
	if cut == 0 {
		return nil
	}
	return ctx.Err()
}
