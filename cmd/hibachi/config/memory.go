package config

import "fmt"

// Share is a part of the memory that a configuration allows.
type Share struct {
	Bytes int64
	For   string
}

const (
	memtables      = 4        // that the store holds at most
	idleConnection = 40 * kib // with two links, measured
	application    = 64 * kib // that its ledger has for itself
)

// Budget is what is taken at most whoever is connected, by what it is for.
func (c Config) Budget() []Share {
	return []Share{
		{c.Memory.Receive, "events received and not yet answered (memory.receive)"},
		{max(c.Memory.Ring, 0), "newest events (memory.ring)"},
		{memtables * c.Memory.Memtable, "four memtables (memory.memtable)"},
		{c.Memory.BlockCache, "blocks read from disk (memory.block-cache)"},
		{c.Memory.Ledgers, "backlogs and events read ahead (memory.ledgers)"},
	}
}

// ConnectionMemory is what connections.max connections take beside that: idle ones, and what comes on top if all are written to at once.
func (c Config) ConnectionMemory() (idle, output Share) {
	n := c.Connections.Max
	return Share{n * idleConnection, fmt.Sprintf("%d idle connections with two links, %s each", n, Bytes(idleConnection))},
		Share{n * c.Memory.Output, fmt.Sprintf("if all of them are written to at once, %s each (memory.output)", Bytes(c.Memory.Output))}
}

// Sum adds shares up.
func Sum(shares []Share) (bytes int64) {
	for _, s := range shares {
		bytes += s.Bytes
	}
	return bytes
}

// StoreCache is the size of the store's cache, out of which it reserves its memtables.
func (c Config) StoreCache() int64 { return c.Memory.BlockCache + memtables*c.Memory.Memtable }
