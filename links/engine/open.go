package engine

import (
	"time"

	"hibachi/links/amqp"
)

// leastSilence is the shortest idle-time-out that we serve: below it, heartbeats would be a load of their own.
const leastSilence = 100 * time.Millisecond

// handleOpen answers the peer's open. Whatever is wrong with it is told in a close behind our own open [transport 2.4.3].
func (c *Connection) handleOpen(channel uint16, o *amqp.Open) error {
	if c.state != awaitOpen {
		return amqp.Errorf(amqp.ErrIllegalState, "a second open")
	}
	silence := time.Duration(o.IdleTimeout) * time.Millisecond
	switch {
	case channel != 0:
		return amqp.Errorf(amqp.ErrFraming, "open on channel %d", channel)
	case o.ContainerID == "":
		return amqp.Errorf(amqp.ErrInvalidField, "open without a container-id")
	case o.MaxFrameSize < amqp.MinMaxFrameSize:
		return amqp.Errorf(amqp.ErrFraming, "max-frame-size %d is below %d", o.MaxFrameSize, amqp.MinMaxFrameSize)
	case silence > 0 && silence < leastSilence:
		return amqp.Errorf(amqp.ErrNotAllowed, "idle-time-out %d ms is below %d ms", o.IdleTimeout, leastSilence.Milliseconds())
	}
	product, _ := o.Properties.Lookup("product").Text()
	c.peer = peer{
		Peer: Peer{
			Identity:    c.identity,
			ContainerID: o.ContainerID,
			Hostname:    o.Hostname,
			Product:     product,
			Properties:  o.Properties.Clone(),
		},
		maxFrame:   int(min(o.MaxFrameSize, c.cfg.MaxFrameSize)),
		channelMax: min(o.ChannelMax, c.cfg.ChannelMax),
		silence:    silence,
	}
	c.queueOpen(c.cfg.Properties)
	c.state = opened
	c.emit(EventOpen)
	return nil
}

// queueOpen sends our open. One that does not fit the peer's frames goes without what is optional.
func (c *Connection) queueOpen(properties amqp.Raw) {
	o := amqp.Open{
		ContainerID:         c.cfg.ContainerID,
		MaxFrameSize:        c.cfg.MaxFrameSize,
		ChannelMax:          c.cfg.ChannelMax,
		IdleTimeout:         c.advertisedSilence(),
		OfferedCapabilities: c.cfg.OfferedCapabilities,
		Properties:          properties,
	}
	if !c.queueFitting(0, &o) {
		o.OfferedCapabilities, o.Properties = nil, nil
		c.queue(0, &o)
	}
}

// queueFailedOpen sends the open that only introduces a close. Qpid JMS looks for the property to tell a refusal from a loss.
func (c *Connection) queueFailedOpen() {
	var pairs []any
	for k, v := range c.cfg.Properties.Map() {
		pairs = append(pairs, k, v)
	}
	pairs = append(pairs, amqp.Symbol("amqp:connection-establishment-failed"), true)
	c.queueOpen(amqp.MakeMap(pairs...))
}
