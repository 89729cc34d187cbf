package server

import (
	"fmt"
	"net"
	"os"
	"time"

	"hibachi/broker"
)

// Ready is what there is to say when events are served.
type Ready struct {
	Address net.Addr // of AMQP
	HTTP    net.Addr // nil: none
	Data    string
	Tenants int
	Events  int64
	Exact   bool // Events is; else some of the newest may be missing in it
	Took    time.Duration
}

// countedTenants is up to how many tenants are counted before the start is over: some thousand keys are read for each. With more of them
// each is counted when somebody first asks for it.
const countedTenants = 16

func (p *process) ready() Ready {
	tenants := broker.TenantNames(p.store)
	r := Ready{
		Address: p.amqp.Addr(),
		Data:    p.options.Data,
		Tenants: len(tenants),
		Exact:   len(tenants) <= countedTenants && p.load(tenants),
	}
	r.Events = p.store.Stats().Records
	r.Took = time.Since(p.began)
	if p.door != nil {
		r.HTTP = p.door.listener.Addr()
	}
	return r
}

// load has the store look at the logs. One that it cannot load is no reason to keep the others waiting; whoever asks for it hears of it.
func (p *process) load(tenants []string) (all bool) {
	all = true
	for _, name := range tenants {
		if _, err := p.store.Log(name); err != nil {
			p.options.Log.Error("a tenant cannot be served", "tenant", name, "error", err)
			all = false
		}
	}
	return all
}

// String is the line that `hibachi serve` prints.
func (r Ready) String() string {
	return fmt.Sprintf("hibachi ready on amqp://%s, data in %s, %s, %s, %d ms",
		r.Address, r.Data, count(int64(r.Tenants), "tenant"), r.events(), r.Took.Milliseconds())
}

func (r Ready) events() string {
	switch {
	case r.Exact && r.Events == 0:
		return "no events"
	case r.Exact:
		return count(r.Events, "event")
	}
	return "about " + count(r.Events, "event")
}

func count(n int64, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// containerID names this process to its peers.
func containerID() string {
	host, err := os.Hostname()
	if err != nil || host == "" {
		host = "localhost"
	}
	return "hibachi-" + host
}
