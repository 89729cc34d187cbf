// Package lean is a lean AMQP 1.0 client for load: it drives one connection with one session and any number of links from a
// single goroutine, and spends nothing on an event but its bytes.
//
// It owns the protocol of its connection: handshake, frame sizes, session windows, link credit, heartbeats, and the folding of
// acknowledgements into ranges. It knows nothing of what the messages mean, of rates, of histograms or of any particular broker.
//
// In the order in which an event meets them: [Sender.Send] puts a message behind the output, [Conn.Wait] writes the output and
// reads what the peer says, [Conn.Handle] takes the input apart and calls the [Handler] with outcomes and with messages that came
// on a [Receiver]; what the handler took is acknowledged behind the next Wait.
//
// One goroutine and not a reader beside a writer, because a load generator that has filled its window has nothing to do but to
// read: a second goroutine would only add two wake-ups to every round trip. It cannot lock up against a peer that reads and
// writes independently. A peer that stops reading until we have read would need more than a socket buffer of acknowledgements
// outstanding, and the windows here are far smaller.
//
// The client expects a peer that keeps the specification's order and answers errors by naming them; it is not meant to be
// exposed to hostile peers, though it checks the sizes of what it reads.
package lean

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"sync"
	"time"

	"hibachi/links/amqp"
)

// Config of a connection. Zero values mean the defaults.
type Config struct {
	ContainerID  string        // default "hibachi-bench"
	Hostname     string        // of open and SASL; default: none
	User         string        // with a user SASL PLAIN, without ANONYMOUS
	Password     string        //
	MaxFrameSize uint32        // of what we receive, bytes; default 64 KiB, at least 512 [transport 2.7.1]
	IdleTimeout  time.Duration // in which the peer has to send something; default 60 s, negative: none [transport 2.4.5]
	Timeout      time.Duration // for the handshake, and for each answer to attach; default 10 s
	ReadBuffer   int           // bytes to which the input may grow beyond one frame; default 256 KiB
	InFlight     int           // deliveries of ours without outcome that one connection may have; default 4096
	Handler      Handler       // may be nil if nothing is sent or received
}

func (c Config) withDefaults() Config {
	if c.ContainerID == "" {
		c.ContainerID = "hibachi-bench"
	}
	if c.MaxFrameSize == 0 {
		c.MaxFrameSize = 64 << 10
	}
	if c.IdleTimeout == 0 {
		c.IdleTimeout = time.Minute
	}
	if c.Timeout == 0 {
		c.Timeout = 10 * time.Second
	}
	if c.ReadBuffer == 0 {
		c.ReadBuffer = 256 << 10
	}
	if c.InFlight == 0 {
		c.InFlight = 4096
	}
	if c.Handler == nil {
		c.Handler = discard{}
	}
	return c
}

// Validate says which field is wrong and why.
func (c Config) Validate() error {
	if c.MaxFrameSize != 0 && c.MaxFrameSize < amqp.MinMaxFrameSize {
		return fmt.Errorf("MaxFrameSize %d: at least %d bytes", c.MaxFrameSize, amqp.MinMaxFrameSize)
	}
	if c.ReadBuffer < 0 || c.InFlight < 0 {
		return errors.New("ReadBuffer and InFlight: not below zero")
	}
	if c.InFlight > 1<<20 {
		return fmt.Errorf("InFlight %d: at most %d", c.InFlight, 1<<20)
	}
	return nil
}

// Handler hears what the peer sent. It is called by Handle, and by the calls that wait for an answer (AttachSender,
// AttachReceiver, Close), on their goroutine.
type Handler interface {
	// Message is one whole message; it aliases the input and is valid until the call returns. True accepts it; false leaves it unsettled for as long as the connection lives.
	Message(r *Receiver, message []byte) bool
	// Outcome is the peer's verdict on a delivery. state is valid until the call returns; Kind amqp.StateNone is a settlement
	// without a state.
	Outcome(s *Sender, d Sent, state *amqp.DeliveryState)
}

type discard struct{}

func (discard) Message(*Receiver, []byte) bool             { return true }
func (discard) Outcome(*Sender, Sent, *amqp.DeliveryState) {}

// Conn is one connection with one session. All methods but Interrupt and Kill belong to one goroutine at a time.
type Conn struct {
	// Set once, by the handshake.
	nc        net.Conn
	cfg       Config
	maxFrame  int           // of what we send
	heartbeat time.Duration // something has to be written this often; 0: the peer does not care
	silence   time.Duration // after which the peer is dead; 0: never

	// Owned by the goroutine of the caller.
	dec       amqp.Decoder
	in        input
	out       []byte
	session   session
	links     links
	lastRead  time.Time
	lastWrite time.Time
	armed     time.Time // read deadline in force; zero: none
	wakeAt    time.Time
	closed    bool // the peer has sent close

	// Guarded by mu.
	mu          sync.Mutex
	interrupted bool
}

// Dial connects to url (amqp://[user:password@]host[:port]) and opens the connection and its session. A user in the URL is used if
// cfg has none.
func Dial(ctx context.Context, rawURL string, cfg Config) (*Conn, error) {
	host, cfg, err := fromURL(rawURL, cfg)
	if err != nil {
		return nil, err
	}
	d := net.Dialer{Timeout: cfg.withDefaults().Timeout}
	nc, err := d.DialContext(ctx, "tcp", host)
	if err != nil {
		return nil, err
	}
	c, err := New(nc, cfg)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", host, err)
	}
	return c, nil
}

func fromURL(raw string, cfg Config) (host string, _ Config, err error) {
	u, err := url.Parse(raw)
	if err != nil {
		return "", cfg, err
	}
	if u.Scheme != "amqp" || u.Hostname() == "" {
		return "", cfg, fmt.Errorf("%s: not of the form amqp://host:port", u.Redacted())
	}
	if u.User != nil && cfg.User == "" {
		cfg.User = u.User.Username()
		cfg.Password, _ = u.User.Password()
	}
	port := u.Port()
	if port == "" {
		port = "5672"
	}
	return net.JoinHostPort(u.Hostname(), port), cfg, nil
}

// New opens a connection and its session on nc, which it owns from now on: it is closed if this fails.
func New(nc net.Conn, cfg Config) (*Conn, error) {
	if err := cfg.Validate(); err != nil {
		return nil, errors.Join(err, nc.Close())
	}
	cfg = cfg.withDefaults()
	now := time.Now()
	c := &Conn{nc: nc, cfg: cfg, maxFrame: amqp.MinMaxFrameSize, lastRead: now, lastWrite: now}
	c.in.limit = cfg.ReadBuffer
	c.session = newSession(cfg.InFlight)
	c.links = newLinks()
	if err := c.handshake(now.Add(cfg.Timeout)); err != nil {
		return nil, errors.Join(err, nc.Close())
	}
	return c, nil
}

// InFlight is the number of deliveries sent and without outcome, over all senders.
func (c *Conn) InFlight() int { return c.session.unsettled }

// ReadAt is when the input that Handle takes apart was read.
func (c *Conn) ReadAt() time.Time { return c.lastRead }

// Buffered is the number of bytes that the next Wait or Flush writes.
func (c *Conn) Buffered() int { return len(c.out) }

// Unsettled calls f with every delivery that has no outcome yet, in the order in which they were sent. It may be called after the
// connection was lost: these are the deliveries of which nobody knows.
func (c *Conn) Unsettled(f func(*Sender, Sent)) { c.session.eachUnsettled(f) }

// Close tells the peer, waits a moment for its answer and closes the socket. Messages and outcomes that come meanwhile still reach
// the handler.
func (c *Conn) Close() error {
	c.out = amqp.AppendFrame(c.out, amqp.TypeAMQP, 0, &amqp.Close{}, nil)
	deadline := time.Now().Add(min(c.cfg.Timeout, 2*time.Second))
	err := c.waitFor(deadline, func() bool { return c.closed })
	var told *PeerError
	if errors.As(err, &told) && told.Scope == ScopeConnection && told.Err == nil {
		err = nil
	}
	return errors.Join(err, c.nc.Close())
}

// Kill cuts the socket without a word, as a process that dies does. From any goroutine.
func (c *Conn) Kill() error { return c.nc.Close() }
