package config

import (
	"strings"
	"time"
)

// Key is one setting.
type Key struct {
	Name    string // section.key, or the key alone
	Flag    string // of `hibachi serve`, without --; empty: it has none
	Default string // as it is written in a file; empty with Derived: see there
	Derived string // what the default is where another key decides it
	Live    bool   // taken over on SIGHUP; any other at the next start
	Help    string

	kind  kind
	field func(*Config) any // pointer to the value: *string, *bool, *int64 or *time.Duration
}

// split parts the section's name, empty at the top, from the name within it.
func (k *Key) split() (section, leaf string) {
	if section, leaf, ok := strings.Cut(k.Name, "."); ok {
		return section, leaf
	}
	return "", k.Name
}

// Expects says in words which values there are.
func (k *Key) Expects() string { return k.kind.expects() }

// IsSwitch tells whether the value is true or false, so that the flag alone is enough.
func (k *Key) IsSwitch() bool { _, ok := k.kind.(yesNo); return ok }

// Keys are all keys, those of a section side by side, those of none first. It is not to be changed.
func Keys() []*Key { return keys }

const (
	kib = 1 << 10
	mib = 1 << 20
	gib = 1 << 30
	tib = 1 << 40
)

var (
	bodies       = size{1 * kib, 1 * gib, ""}
	cache        = size{1 * mib, 1 * tib, ""}
	patience     = span{time.Second, time.Hour, ""}
	briefly      = span{time.Second, 10 * time.Minute, ""}
	aMillion     = number{1, 1_000_000}
	tenMillion   = number{1, 10_000_000}
	isAQuarter   = "a quarter of memory.receive"
	logLevels    = choice{"debug", "info", "warn", "error"}
	logFormats   = choice{"text", "json"}
	lenientOrNot = choice{"lenient", "strict"}
)

// keys is the table. What a key does not say is the same for all: a number, a size or a time of 0 means the default.
var keys = []*Key{
	{Name: "listen", Flag: "listen", Default: "127.0.0.1:5672", kind: address{}, field: func(c *Config) any { return &c.Listen },
		Help: "where AMQP 1.0 is spoken; port 0 takes any free one, and the ready line says which"},
	{Name: "http", Flag: "http", Default: "127.0.0.1:8080", kind: address{orEmpty: true}, field: func(c *Config) any { return &c.HTTP },
		Help: "where `/healthz`, `/readyz` and `/metrics` are served; empty for nowhere"},
	{Name: "data", Flag: "data", Default: "./data", kind: path{}, field: func(c *Config) any { return &c.Data },
		Help: "directory of the store; made, for its owner only, if it is missing. One process at a time"},
	{Name: "users", Flag: "users", Default: "", Live: true, kind: path{orEmpty: true}, field: func(c *Config) any { return &c.Users },
		Help: "`FILE` of the users (`hibachi user` writes it); without it this machine only may connect"},
	{Name: "insecure", Flag: "insecure", Default: "false", Live: true, kind: yesNo{}, field: func(c *Config) any { return &c.Insecure },
		Help: "let other machines connect without users"},
	{Name: "stop-time-out", Default: "10s", kind: briefly, field: func(c *Config) any { return &c.StopTimeOut },
		Help: "for an orderly stop; what then still runs is ended the hard way"},

	{Name: "log.level", Flag: "log-level", Default: "info", Live: true, kind: logLevels, field: func(c *Config) any { return &c.Log.Level },
		Help: "what is logged on stderr: this and worse"},
	{Name: "log.format", Flag: "log-format", Default: "text", kind: logFormats, field: func(c *Config) any { return &c.Log.Format },
		Help: "text for people, json for collectors"},

	{Name: "connections.max", Default: "10000", kind: number{2, 1_000_000}, field: func(c *Config) any { return &c.Connections.Max },
		Help: "connections at the same time; one more is closed at once"},
	{Name: "connections.max-handshakes", Default: "4000", kind: aMillion, field: func(c *Config) any { return &c.Connections.MaxHandshakes },
		Help: "connections, of those, that are not open yet"},
	{Name: "connections.handshake-time-out", Default: "10s", kind: briefly, field: func(c *Config) any { return &c.Connections.HandshakeTimeOut },
		Help: "from the first byte to the peer's `open`"},
	{Name: "connections.idle-time-out", Default: "1m", kind: span{time.Second, time.Hour, "never"},
		field: func(c *Config) any { return &c.Connections.IdleTimeOut },
		Help:  "a peer that is silent for so long is dropped; half of it is announced"},
	{Name: "connections.write-time-out", Default: "30s", kind: patience, field: func(c *Config) any { return &c.Connections.WriteTimeOut },
		Help: "a peer that takes nothing of what is written to it for so long, or half as long again, is dropped"},
	{Name: "connections.close-time-out", Default: "5s", kind: briefly, field: func(c *Config) any { return &c.Connections.CloseTimeOut },
		Help: "from our `close` to giving up on the peer's"},
	{Name: "connections.max-frame-size", Default: "64KiB", kind: size{512, 1 * mib, ""}, field: func(c *Config) any { return &c.Connections.MaxFrameSize },
		Help: "largest frame that is taken and written"},
	{Name: "connections.channel-max", Default: "255", kind: number{1, 65535}, field: func(c *Config) any { return &c.Connections.ChannelMax },
		Help: "highest channel: one less than the sessions of a connection"},
	{Name: "connections.handle-max", Default: "65535", kind: number{1, 1<<32 - 1}, field: func(c *Config) any { return &c.Connections.HandleMax },
		Help: "highest handle: one less than the links of a session, and the most links of a connection"},
	{Name: "connections.session-window", Default: "2048", kind: number{2, 1_000_000}, field: func(c *Config) any { return &c.Connections.SessionWindow },
		Help: "transfer frames that a peer may send on a session before it hears from us"},

	{Name: "links.credit", Default: "1000", kind: aMillion, field: func(c *Config) any { return &c.Links.Credit },
		Help: "events that a producer's link may send ahead"},
	{Name: "links.max-message-size", Default: "16MiB", kind: bodies, field: func(c *Config) any { return &c.Links.MaxMessageSize },
		Help: "largest event that is taken"},
	{Name: "links.partial-time-out", Default: "30s", kind: patience, field: func(c *Config) any { return &c.Links.PartialTimeOut },
		Help: "an event whose next frame does not come in this time ends its link"},
	{Name: "links.max-unsettled", Default: "1000", kind: aMillion, field: func(c *Config) any { return &c.Links.MaxUnsettled },
		Help: "events out at a consumer's link"},
	{Name: "links.max-unsettled-bytes", Default: "16MiB", kind: bodies, field: func(c *Config) any { return &c.Links.MaxUnsettledBytes },
		Help: "and their bytes"},

	{Name: "memory.receive", Default: "256MiB", kind: cache, field: func(c *Config) any { return &c.Memory.Receive },
		Help: "events received and not yet answered, over all connections. From half of it on producers get less credit, at the limit none, and what still comes is `released`"},
	{Name: "memory.receive-per-tenant", Derived: isAQuarter, kind: cache, field: func(c *Config) any { return &c.Memory.ReceivePerTenant },
		Help: "and those of one tenant"},
	{Name: "memory.ring", Default: "64MiB", kind: size{1 * mib, 1 * tib, "none"}, field: func(c *Config) any { return &c.Memory.Ring },
		Help: "newest events, for applications that keep up"},
	{Name: "memory.memtable", Default: "128MiB", kind: size{64 * kib, 1 * gib, ""}, field: func(c *Config) any { return &c.Memory.Memtable },
		Help: "newest writes before they go to a table, up to four times; taken as they fill. Events that are done with by then are never written a second time"},
	{Name: "memory.block-cache", Default: "128MiB", kind: cache, field: func(c *Config) any { return &c.Memory.BlockCache },
		Help: "blocks read from disk, for applications that fell behind"},
	{Name: "memory.ledgers", Default: "128MiB", kind: cache, field: func(c *Config) any { return &c.Memory.Ledgers },
		Help: "where applications are in their backlogs, and events read ahead for them"},
	{Name: "memory.read-ahead", Default: "4MiB", kind: size{64 * kib, 1 * gib, ""}, field: func(c *Config) any { return &c.Memory.ReadAhead },
		Help: "events, out of that, read ahead for one application; one event may always be larger"},
	{Name: "memory.output", Default: "256KiB", kind: size{64 * kib, 16 * mib, ""}, field: func(c *Config) any { return &c.Memory.Output },
		Help: "output of a connection that is being written to"},

	{Name: "store.grace", Default: "1h", kind: span{time.Second, 30 * day, "none"}, field: func(c *Config) any { return &c.Store.Grace },
		Help: "events that were there before a tenant's first application came stay for so long, so that applications rolled out together all get them"},
	{Name: "store.mark-delay", Default: "10ms", kind: span{time.Millisecond, time.Second, ""}, field: func(c *Config) any { return &c.Store.MarkDelay },
		Help: "what applications are done with is on disk after so long, or earlier together with events"},
	{Name: "store.fetch-workers", Default: "3", kind: number{1, 64}, field: func(c *Config) any { return &c.Store.FetchWorkers },
		Help: "goroutines that read from disk for applications that fell behind"},

	{Name: "limits.max-tenants", Default: "10000", kind: tenMillion, field: func(c *Config) any { return &c.Limits.MaxTenants },
		Help: "tenants, on disk and since the start"},
	{Name: "limits.max-applications", Default: "1000", kind: aMillion, field: func(c *Config) any { return &c.Limits.MaxApplications },
		Help: "applications of a tenant"},

	{Name: "applications.max-unsettled", Default: "100000", kind: tenMillion, field: func(c *Config) any { return &c.Applications.MaxUnsettled },
		Help: "events out at all consumers of an application"},
	{Name: "applications.max-blocked", Default: "100000", kind: tenMillion, field: func(c *Config) any { return &c.Applications.MaxBlocked },
		Help: "devices of an application whose next event is out or waits for its repetition; then it looks no further until some are free"},
	{Name: "applications.max-positions", Default: "262144", kind: number{16, 10_000_000}, field: func(c *Config) any { return &c.Applications.MaxPositions },
		Help: "positions of events that an application remembers while it looks ahead"},
	{Name: "applications.backoff-max", Default: "30s", kind: span{time.Millisecond, day, ""}, field: func(c *Config) any { return &c.Applications.BackoffMax },
		Help: "longest pause before an event that was given back comes again"},

	{Name: "rules.settle-mode", Default: "lenient", kind: lenientOrNot, field: func(c *Config) any { return &c.Rules.SettleMode },
		Help: "`strict` refuses links in settle mode `mixed`, as the Event API has it. A router in between makes `mixed` of every link, and many clients ask for it, `hibachi receive` too"},
}

var byName = func() map[string]*Key {
	m := make(map[string]*Key, len(keys))
	for _, k := range keys {
		m[k.Name] = k
	}
	return m
}()
