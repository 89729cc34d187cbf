// Package server runs Hibachi as one process: it opens the store, puts the broker and its nodes on it, lets links accept connections in
// front of them, and serves health and metrics beside it.
//
// It owns the order of starting and stopping, who may listen where, and the metrics' names. It decides nothing about events.
//
//	Options   what `hibachi serve` was told
//	Run       from the first port taken to the store closed, or to the hard limit (limit.go)
//	process   one run: start.go brings it up, stop.go winds it down
//	phases    what it is up to, for /readyz and for the message at the hard limit
//	access    who is let in; a Change replaces it while events are served (access.go)
//	door      health and metrics over HTTP; collector and metricTable are what is counted
package server

import (
	"context"
	"log/slog"
	"time"

	"hibachi/broker"
	"hibachi/broker/nodes"
	"hibachi/links"
	"hibachi/persistence/pebble"
)

// Options of a run. Zero means the default where there is one.
type Options struct {
	Listen   string // host:port of AMQP; port 0 takes any
	HTTP     string // host:port of health and metrics; empty: none
	Data     string // directory of the store
	Users    string // file of users; empty: everybody is let in
	Insecure bool   // no users, and still other machines may connect
	Version  string // of this build, for the metrics

	StopTimeout      time.Duration // for an orderly stop; default 10 s
	Receive          int64         // bytes received and not yet answered; as links.NewBudget
	ReceivePerTenant int64

	// Of these the limits; what makes the parts know each other is put in here.
	Links  links.Options
	Nodes  nodes.Options
	Broker broker.Options
	Store  pebble.Options

	Log   *slog.Logger // default slog.Default()
	Ready func(Ready)  // called once, when events are served

	Changes <-chan Change // taken over while events are served; may be nil
}

// Change asks a server that runs to let in others from now on. The users are read again in any case; connections that are open stay.
type Change struct {
	Users    string
	Insecure bool
	Done     func(error) // called once; after an error everything is as it was. It must not block
}

func (o Options) withDefaults() Options {
	if o.StopTimeout == 0 {
		o.StopTimeout = 10 * time.Second
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	if o.Ready == nil {
		o.Ready = func(Ready) {}
	}
	return o
}

// Validate says what is wrong with o, before anything is touched; a Conflict if it is about who is let in.
func (o Options) Validate() error {
	if o.Users != "" && o.Insecure {
		return &Conflict{[]string{"insecure", "users"}, "insecure is for running without users: leave it away, or the users"}
	}
	if err := checkListen(o.Listen, o.Users != "", o.Insecure); err != nil {
		return &Conflict{[]string{"listen", "users", "insecure"}, err.Error()}
	}
	return nil
}

// Conflict is options that do not go together.
type Conflict struct {
	Options []string // names of their flags, the one to blame first
	text    string
}

func (c *Conflict) Error() string { return c.text }

// Run serves until ctx ends and then stops in order. An error says what to do about it. It returns at the latest StopTimeout after the end of
// ctx; what is still running then can only be ended with the process.
func Run(ctx context.Context, o Options) error {
	o = o.withDefaults()
	if err := o.Validate(); err != nil {
		return err
	}
	p := newProcess(o)
	return within(ctx, o.StopTimeout, p.run, p.phases.now)
}
