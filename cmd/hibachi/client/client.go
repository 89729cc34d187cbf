// Package client plays the two parties that stand beside a broker: the adapter that sends a device's events (Send), and the
// business application that receives them (Receive). It works with any AMQP 1.0 broker that serves Hono's Event API.
//
// An Endpoint says where the broker is and who we are. Send builds Hono messages (message.go), keeps a window of them in flight
// and reports each outcome that is not accepted. Receive prints events (print.go) and accepts each one once it is printed. What goes
// wrong at the broker comes back as an error that says what to do about it (errors.go).
//
// It knows nothing of how Hibachi works inside, and shares no code with its protocol engine.
package client

import (
	"context"
	"fmt"
	"net/url"
	"time"

	"github.com/Azure/go-amqp"
)

// DefaultURL is where `hibachi serve` listens unless it is told otherwise.
const DefaultURL = "amqp://127.0.0.1:5672"

// Endpoint is a broker and who we are to it.
type Endpoint struct {
	URL      string        // amqp://host[:port] or amqps://host[:port]; default DefaultURL
	User     string        // SASL PLAIN; empty is ANONYMOUS
	Password string        // of User
	Timeout  time.Duration // for each step to be answered; default 30 s
}

const (
	defaultTimeout = 30 * time.Second
	closeTimeout   = 2 * time.Second // for a goodbye: whatever counts has been answered before it
)

func (e Endpoint) withDefaults() Endpoint {
	if e.URL == "" {
		e.URL = DefaultURL
	}
	if e.Timeout == 0 {
		e.Timeout = defaultTimeout
	}
	return e
}

// Validate says what is wrong with e, before anything is dialled.
func (e Endpoint) Validate() error {
	e = e.withDefaults()
	u, err := url.Parse(e.URL)
	switch {
	case err != nil:
		return fmt.Errorf("the URL %q is malformed; it looks like %s", e.URL, DefaultURL)
	case u.Scheme != "amqp" && u.Scheme != "amqps":
		return fmt.Errorf("the URL %q must begin with amqp:// or amqps://", e.URL)
	case u.Hostname() == "":
		return fmt.Errorf("the URL %q names no host; it looks like %s", e.URL, DefaultURL)
	case u.User != nil:
		return fmt.Errorf("no user in the URL, please: give --user and --password-file, so that no password shows up in the list of processes")
	case e.Timeout < 0:
		return fmt.Errorf("a timeout of %s is not possible", e.Timeout)
	}
	return nil
}

// session is a connection with the one session that we need on it.
type session struct {
	*amqp.Session
	conn *amqp.Conn
}

// dial connects, authenticates and begins a session.
func (e Endpoint) dial(ctx context.Context) (*session, error) {
	ctx, cancel := context.WithTimeout(ctx, e.Timeout)
	defer cancel()
	mechanism := amqp.SASLTypeAnonymous()
	if e.User != "" {
		mechanism = amqp.SASLTypePlain(e.User, e.Password)
	}
	conn, err := amqp.Dial(ctx, e.URL, &amqp.ConnOptions{
		SASLType:   mechanism,
		Properties: map[string]any{"product": "hibachi-cli"},
	})
	if err != nil {
		return nil, e.explainDial(ctx, err)
	}
	s, err := conn.NewSession(ctx, nil)
	if err != nil {
		_ = conn.Close() // the error of the session says why
		return nil, fmt.Errorf("begin a session with %s: %w", e.URL, err)
	}
	return &session{s, conn}, nil
}

// close says goodbye. An error is of no interest any more: everything that counts has been answered, or its error told.
func (s *session) close() { _ = s.conn.Close() }
