package main

import (
	"hibachi/cmd/hibachi/config"
	"hibachi/cmd/hibachi/server"
)

// serverOptions hands each value on to who acts on it. None is too large for its type: config has bounds.
func serverOptions(c config.Config) server.Options {
	var o server.Options
	o.Listen, o.HTTP, o.Data = c.Listen, c.HTTP, c.Data
	o.Users, o.Insecure = c.Users, c.Insecure
	o.StopTimeout = c.StopTimeOut
	o.Receive, o.ReceivePerTenant = c.Memory.Receive, c.Memory.ReceivePerTenant
	connectionOptions(&o, c)
	brokerOptions(&o, c)
	storeOptions(&o, c)
	return o
}

func connectionOptions(o *server.Options, c config.Config) {
	l := &o.Links
	l.MaxConnections = int(c.Connections.Max)
	l.MaxHandshakes = int(c.Connections.MaxHandshakes)
	l.WriteTimeout = c.Connections.WriteTimeOut

	e := &l.Engine
	e.HandshakeTimeout = c.Connections.HandshakeTimeOut
	e.IdleTimeout = c.Connections.IdleTimeOut
	e.CloseTimeout = c.Connections.CloseTimeOut
	e.MaxFrameSize = uint32(c.Connections.MaxFrameSize)
	e.ChannelMax = uint16(c.Connections.ChannelMax)
	e.HandleMax = uint32(c.Connections.HandleMax)
	e.IncomingWindow = uint32(c.Connections.SessionWindow)
	e.Credit = uint32(c.Links.Credit)
	e.MaxMessageSize = uint64(c.Links.MaxMessageSize)
	e.PartialTimeout = c.Links.PartialTimeOut
	e.MaxUnsettled = int(c.Links.MaxUnsettled)
	e.MaxUnsettledBytes = int(c.Links.MaxUnsettledBytes)
	e.OutputLimit = int(c.Memory.Output)
}

func brokerOptions(o *server.Options, c config.Config) {
	o.Nodes.Strict = c.Rules.SettleMode == "strict"
	b := &o.Broker
	b.MaxTenants = int(c.Limits.MaxTenants)
	b.MaxApplications = int(c.Limits.MaxApplications)
	b.MaxUnsettled = int(c.Applications.MaxUnsettled)
	b.MaxBlocked = int(c.Applications.MaxBlocked)
	b.MaxHeld = int(c.Applications.MaxPositions)
	b.BackoffMax = c.Applications.BackoffMax
	b.MaxLoadedBytes = int(c.Memory.ReadAhead)
	b.LedgerMemory = c.Memory.Ledgers
}

func storeOptions(o *server.Options, c config.Config) {
	s := &o.Store
	s.MemTableSize = c.Memory.Memtable
	s.CacheSize = c.StoreCache()
	s.RingBytes = c.Memory.Ring
	s.Grace = c.Store.Grace
	s.MarkDelay = c.Store.MarkDelay
	s.FetchWorkers = int(c.Store.FetchWorkers)
}
