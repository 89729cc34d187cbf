package links

import (
	"errors"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync"
	"time"

	"hibachi/links/amqp"
	"hibachi/links/engine"
)

const (
	// lingerTime is how long a connection that is over may take beyond the engine's CloseTimeout until its socket is closed, whatever
	// the peer does: to take our last octets, and to end its side.
	lingerTime = 5 * time.Second
	// lingerBytes is how much is read and thrown away in that time.
	lingerBytes = 16 << 20
	// tickGrain is how late a deadline that came up since the last tick may be noticed. A deadline that is known is met exactly.
	tickGrain = time.Second
)

// conn is one connection. ServeConn is its reader; its writer and its timer end with it.
type conn struct {
	// Set once.
	server *Server
	nc     net.Conn
	remote string
	began  time.Time

	mail mail

	mu       sync.Mutex
	engine   *engine.Connection // Guarded by mu, as is the rest.
	handling bool               // somebody is the handler; see handler.go
	timer    *time.Timer
	armed    time.Time // when the timer fires; zero: it is not set
	ticked   time.Time
	cutBy    time.Time // when the socket is closed without further ado; zero: not yet
	lost     error     // the first reason why the connection ended
	readOver bool      // the reader is through, and posts what is still to be written

	handlers sync.WaitGroup // the handler, while there is one

	// Owned by the handler.
	peer   engine.Peer
	opened bool
	in     uint64 // deliveries

	// Owned by the writer.
	writeBy time.Time // the deadline that is set on the socket
	out     uint64    // deliveries
}

func newConn(s *Server, nc net.Conn) *conn {
	now := s.now()
	c := &conn{server: s, nc: nc, began: now, engine: engine.New(&s.engine, now)}
	if a := nc.RemoteAddr(); a != nil {
		c.remote = a.String()
	}
	c.mail.init()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.timer = time.AfterFunc(time.Hour, c.tick)
	c.tickLocked(now)
	return c
}

// run reads and writes until the connection is over and everybody who had to do with it has been told.
func (c *conn) run() {
	done := make(chan struct{})
	go func() {
		defer close(done)
		c.write()
	}()
	c.read()
	<-done
	c.nc.Close()
	c.mu.Lock()
	c.cutBy = time.Time{}
	c.timer.Stop()
	c.mu.Unlock()
	c.handlers.Wait()
	for _, a := range c.mail.close().answers {
		a.disown()
	}
	c.logEnd()
}

// tick does what time demands. Called by the timer.
func (c *conn) tick() {
	now := c.server.now()
	c.mu.Lock()
	c.armed = time.Time{}
	if !c.cutBy.IsZero() && !now.Before(c.cutBy) {
		c.mu.Unlock()
		c.nc.Close()
		return
	}
	c.tickLocked(now)
	events := c.claimLocked()
	c.mu.Unlock()
	c.handle(events)
	c.mail.owed()
}

// tickLocked asks the engine what time demands and arms the timer.
func (c *conn) tickLocked(now time.Time) {
	c.ticked = now
	c.armLocked(now, c.engine.Tick(now))
	c.armLocked(now, c.cutBy)
}

// tickSoonLocked sees to it that a deadline that came up just now is noticed. Asking the engine after each read would cost more.
func (c *conn) tickSoonLocked(now time.Time) {
	if soon := c.ticked.Add(tickGrain); now.Before(soon) {
		c.armLocked(now, soon)
	} else {
		c.tickLocked(now)
	}
}

// armLocked has the timer fire at a time, zero being never, unless it fires earlier.
func (c *conn) armLocked(now, at time.Time) {
	if at.IsZero() || !c.armed.IsZero() && !at.Before(c.armed) {
		return
	}
	c.armed = at
	c.timer.Reset(at.Sub(now))
}

// onOpen: the peer is open and answered.
func (c *conn) onOpen() {
	now := c.server.now()
	c.mu.Lock()
	c.peer = c.engine.Peer()
	c.tickLocked(now)
	c.mu.Unlock()
	c.opened = true
	c.server.handshakes.Add(-1)
	c.log().Info("connection opened", slog.String("container", clip(c.peer.ContainerID)), slog.String("identity", c.peer.Identity),
		slog.String("product", clip(c.peer.Product)))
}

// onClose: the connection is over as far as the protocol goes. From here on it is a matter of seconds.
func (c *conn) onClose(err *amqp.Error) {
	now := c.server.now()
	c.mu.Lock()
	defer c.mu.Unlock()
	if err != nil {
		c.loseLocked(err)
	}
	c.cutBy = now.Add(c.server.engine.CloseTimeout + lingerTime)
	c.tickLocked(now)
}

// lose notes why the connection ends. The first reason counts.
func (c *conn) lose(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.loseLocked(err)
}

func (c *conn) loseLocked(err error) {
	if c.lost == nil {
		c.lost = err
	}
}

func (c *conn) log() *slog.Logger {
	return c.server.log.With(slog.String("remote", c.remote))
}

// loggedText is how many octets of what a peer says go into a line of the log: a frame's worth a connection would fill the disk.
const loggedText = 256

func clip(s string) string {
	if len(s) <= loggedText {
		return s
	}
	return strings.ToValidUTF8(s[:loggedText], "") + "…"
}

// logEnd tells people how it ended.
func (c *conn) logEnd() {
	lasted := slog.Duration("lasted", c.server.now().Sub(c.began).Round(time.Millisecond))
	c.mu.Lock()
	lost := c.lost
	c.mu.Unlock()
	if !c.opened {
		c.server.handshakes.Add(-1)
	}
	switch {
	case !c.opened && errors.Is(lost, io.EOF): // something looks whether the port is open
		c.log().Debug("connection closed before it was opened", lasted)
	case !c.opened && lost == nil:
		c.log().Warn("connection refused", slog.String("why", "bad credentials, or not the protocol that we speak"), lasted)
	case !c.opened:
		c.log().Warn("connection refused", slog.String("why", clip(lost.Error())), lasted)
	case lost != nil && lost != error(errStopping):
		c.log().Warn("connection lost", slog.String("error", clip(lost.Error())), lasted, slog.String("container", clip(c.peer.ContainerID)),
			slog.Uint64("received", c.in), slog.Uint64("sent", c.out))
	default:
		c.log().Info("connection closed", lasted, slog.String("container", clip(c.peer.ContainerID)),
			slog.Uint64("received", c.in), slog.Uint64("sent", c.out))
	}
}
