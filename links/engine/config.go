package engine

import (
	"time"

	"hibachi/links/amqp"
)

// Config is shared by all connections of a server and never changed. Zero means the default.
type Config struct {
	ContainerID         string        // of ours; default "hibachi"
	MaxFrameSize        uint32        // largest frame we take, and write; default 64 KiB, at least 512 [transport 2.7.1]
	ChannelMax          uint16        // default 255
	HandleMax           uint32        // default 65535, also the most links of a connection: a router puts all its links into one session
	IdleTimeout         time.Duration // we drop a peer silent for this long and advertise half of it; default 60 s, negative: never
	HandshakeTimeout    time.Duration // from New to the peer's open; default 10 s
	CloseTimeout        time.Duration // from our close to giving up on the peer's; default 5 s
	PartialTimeout      time.Duration // a delivery whose next transfer does not come in this time ends its link; default 30 s
	MaxMessageSize      uint64        // announced at attach, checked while fragments arrive; default 16 MiB
	Credit              uint32        // for each link on which the peer sends; default 1000, topped up at half
	IncomingWindow      uint32        // transfer frames a session; default 2048, re-opened at half
	MaxUnsettled        int           // deliveries of ours out on one link; default 1000
	MaxUnsettledBytes   int           // their bytes; default 16 MiB
	OutputLimit         int           // bytes that Append gathers at a time; default 256 KiB
	OfferedCapabilities []amqp.Symbol // of the connection
	Properties          amqp.Raw      // of our open: product, version
	Authenticator       Authenticator // nil: no SASL layer is required and ANONYMOUS is offered

	resolved bool
	startID  amqp.SequenceNo // first transfer-id, delivery-id and delivery-count of ours; tests put it near the wrap
}

// Resolve returns a copy with the defaults filled in; a server that resolves once spares each connection its own copy.
func (c *Config) Resolve() *Config {
	if c.resolved {
		return c
	}
	r := *c
	r.resolved = true
	orDefault(&r.ContainerID, "hibachi")
	orDefault(&r.MaxFrameSize, 64<<10)
	r.MaxFrameSize = max(r.MaxFrameSize, amqp.MinMaxFrameSize)
	orDefault(&r.ChannelMax, 255)
	orDefault(&r.HandleMax, 65535)
	orDefault(&r.IdleTimeout, time.Minute)
	orDefault(&r.HandshakeTimeout, 10*time.Second)
	orDefault(&r.CloseTimeout, 5*time.Second)
	orDefault(&r.PartialTimeout, 30*time.Second)
	orDefault(&r.MaxMessageSize, 16<<20)
	orDefault(&r.Credit, 1000)
	orDefault(&r.IncomingWindow, 2048)
	orDefault(&r.MaxUnsettled, 1000)
	orDefault(&r.MaxUnsettledBytes, 16<<20)
	orDefault(&r.OutputLimit, 256<<10)
	if r.Authenticator == nil {
		r.Authenticator = anonymous{}
	}
	return &r
}

func orDefault[T comparable](v *T, d T) {
	var zero T
	if *v == zero {
		*v = d
	}
}
