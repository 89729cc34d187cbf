package links

import (
	"sync/atomic"

	"hibachi/links/amqp"
)

// Stats is a snapshot of counters and gauges for metrics.
type Stats struct {
	Connections, Receivers, Senders         int64  // now
	ConnectionsAccepted, ConnectionsRefused uint64 // ever
	DeliveriesIn, DeliveriesOut             uint64
	Accepted, Rejected, Released, Modified  uint64 // outcomes that we gave
	LateAccepts                             uint64 // accepted after the peer had settled the delivery itself
	BytesIn, BytesOut                       uint64 // of the sockets
	BudgetUsed, BudgetLimit                 int64
}

// counters are shared by all connections of a server. They are added to once a pass or a read, not once a delivery.
type counters struct {
	connections, receivers, senders atomic.Int64
	accepted, refused               atomic.Uint64 // connections
	in, out                         atomic.Uint64 // deliveries
	outcomes                        [outcomeKinds]atomic.Uint64
	late                            atomic.Uint64
	bytesIn, bytesOut               atomic.Uint64
}

// outcomeKinds is how many kinds of state there are, one of which is an outcome's.
const outcomeKinds = amqp.StateUnknown + 1

// outcomeCounts is what one pass of a writer settled.
type outcomeCounts struct {
	kinds [outcomeKinds]uint32
	late  uint32
}

func (n *outcomeCounts) count(o *outcome, answered bool) {
	switch {
	case answered:
		n.kinds[o.kind]++
	case o.kind == amqp.Accepted && !o.receiver.link.Detached():
		n.late++
	}
}

func (c *counters) add(n *outcomeCounts) {
	for kind, some := range n.kinds {
		if some > 0 {
			c.outcomes[kind].Add(uint64(some))
		}
	}
	if n.late > 0 {
		c.late.Add(uint64(n.late))
	}
}

// Stats is a snapshot; its numbers need not be of the very same moment.
func (s *Server) Stats() Stats {
	n := &s.counters
	return Stats{
		Connections:         n.connections.Load(),
		Receivers:           n.receivers.Load(),
		Senders:             n.senders.Load(),
		ConnectionsAccepted: n.accepted.Load(),
		ConnectionsRefused:  n.refused.Load(),
		DeliveriesIn:        n.in.Load(),
		DeliveriesOut:       n.out.Load(),
		Accepted:            n.outcomes[amqp.Accepted].Load(),
		Rejected:            n.outcomes[amqp.Rejected].Load(),
		Released:            n.outcomes[amqp.Released].Load(),
		Modified:            n.outcomes[amqp.Modified].Load(),
		LateAccepts:         n.late.Load(),
		BytesIn:             n.bytesIn.Load(),
		BytesOut:            n.bytesOut.Load(),
		BudgetUsed:          s.budget.Used(),
		BudgetLimit:         s.budget.Limit(),
	}
}
