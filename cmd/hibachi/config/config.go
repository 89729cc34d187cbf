// Package config is what `hibachi serve` can be told: one YAML file, flags over it, and a default for whatever neither says.
//
// It owns the names of the keys, their units, bounds and defaults (keys.go, the one table: docs/configuration.md is held against it), and
// where in a file what is wrong. It knows nothing of the packages that act on the values; whoever starts them hands the values on.
//
//	Read       a file and flags become Settings, or Problems: all that is wrong, not the first of it
//	Key        one row of the table; its kind says how a value is written, and which values there are
//	Settings   a Config, and for each key its Origin: default, file and line, flag
//	Problem    one mistake, with its place and what was expected there
//	Config     the values themselves, all filled in
//	Reloaded   what of a new Config a running broker takes over, and what waits for its next start
package config

import "time"

// Config is a value for each key; the comments say the key's section, keys.go has unit, bounds and default. One that Read made has them all.
type Config struct {
	Listen      string
	HTTP        string // empty: nowhere
	Data        string
	Users       string // empty: none
	Insecure    bool
	StopTimeOut time.Duration

	Log          Log
	Connections  Connections
	Links        Links
	Memory       Memory
	Store        Store
	Limits       Limits
	Applications Applications
	Rules        Rules
}

// Log is the section log.
type Log struct {
	Level  string // debug, info, warn, error
	Format string // text, json
}

// Connections is the section connections. Sizes are in bytes.
type Connections struct {
	Max              int64
	MaxHandshakes    int64
	HandshakeTimeOut time.Duration
	IdleTimeOut      time.Duration // negative: never
	WriteTimeOut     time.Duration
	CloseTimeOut     time.Duration
	MaxFrameSize     int64
	ChannelMax       int64
	HandleMax        int64
	SessionWindow    int64 // transfer frames
}

// Links is the section links.
type Links struct {
	Credit            int64
	MaxMessageSize    int64
	PartialTimeOut    time.Duration
	MaxUnsettled      int64
	MaxUnsettledBytes int64
}

// Memory is the section memory, in bytes.
type Memory struct {
	Receive          int64
	ReceivePerTenant int64
	Ring             int64 // negative: none
	Memtable         int64
	BlockCache       int64
	Ledgers          int64
	Output           int64 // per connection
	ReadAhead        int64 // per application, out of Ledgers
}

// Store is the section store.
type Store struct {
	Grace        time.Duration // negative: none
	MarkDelay    time.Duration
	FetchWorkers int64
}

// Limits is the section limits.
type Limits struct {
	MaxTenants      int64
	MaxApplications int64 // per tenant
}

// Applications is the section applications: each application's.
type Applications struct {
	MaxUnsettled int64
	MaxBlocked   int64
	MaxPositions int64
	BackoffMax   time.Duration
}

// Rules is the section rules.
type Rules struct {
	SettleMode string // lenient, strict
}
