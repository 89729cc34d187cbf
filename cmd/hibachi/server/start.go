package server

import (
	"context"
	"fmt"
	"net"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"hibachi/broker"
	"hibachi/broker/nodes"
	"hibachi/links"
	"hibachi/links/amqp"
	"hibachi/persistence"
	"hibachi/persistence/pebble"
)

// process is one run of the server. Its fields are set while it starts, by run's goroutine, and only read afterwards.
type process struct {
	options  Options
	began    time.Time
	phases   phases
	registry *prometheus.Registry
	broken   chan error // what ends the process although nobody asked: the store or the listener failed
	access   access

	amqp   net.Listener
	door   *door // nil: none
	store  persistence.Store
	broker *broker.Broker
	links  *links.Server
}

func newProcess(o Options) *process {
	p := &process{options: o, began: time.Now(), broken: make(chan error, 2)}
	p.registry = newRegistry(&p.phases, o.Version)
	return p
}

// run is the whole life: start, serve, stop.
func (p *process) run(ctx context.Context) error {
	if err := p.start(); err != nil {
		p.abandon()
		return err
	}
	go p.takeChanges(ctx)
	select {
	case err := <-p.broken:
		p.abandon()
		return err
	case <-ctx.Done():
		return p.stop()
	}
}

// start takes the ports first: that they are taken must not be found out after a long replay. A connection that comes meanwhile waits.
func (p *process) start() error {
	p.phases.enter(phaseListening)
	if err := p.access.set(p.options); err != nil {
		return err
	}
	if err := p.listen(); err != nil {
		return err
	}
	p.phases.enter(phaseOpening)
	if err := p.open(); err != nil {
		return err
	}
	if err := p.serve(); err != nil {
		return err
	}
	found := p.ready()
	p.phases.enter(phaseReady)
	p.options.Ready(found)
	return nil
}

func (p *process) listen() error {
	var err error
	if p.amqp, err = net.Listen("tcp", p.options.Listen); err != nil {
		return explainListen(p.options.Listen, "--listen", err)
	}
	http, err := listenHTTP(p.options.HTTP)
	if err != nil {
		return err
	}
	if http != nil {
		p.door = openDoor(http, &p.phases, p.registry, p.options.Log)
	}
	return nil
}

// open opens the store and the broker on it.
func (p *process) open() error {
	o := p.options.Store
	o.Dir, o.Log, o.Fatal = p.options.Data, p.options.Log, p.storeFailed
	store, err := pebble.Open(o)
	if err != nil {
		return explainOpen(p.options.Data, err)
	}
	p.store = store
	limits := p.options.Broker
	limits.Label = nodes.Label
	p.broker, err = broker.New(store, limits)
	if err != nil {
		return fmt.Errorf("start the broker: %w", err)
	}
	return nil
}

// storeFailed is told that nothing more can be promised. Nobody is answered from then on; only a new start finds out what is on disk.
func (p *process) storeFailed(err error) {
	p.phases.enter(phaseFailed)
	p.fail(fmt.Errorf("the store in %s failed, and nothing was accepted that is not on disk: %w; see to the disk and start again", p.options.Data, err))
}

// fail ends the process with err unless something else already does.
func (p *process) fail(err error) {
	select {
	case p.broken <- err:
	default:
	}
}

// serve lets connections in.
func (p *process) serve() error {
	budget := links.NewBudget(p.options.Receive, p.options.ReceivePerTenant)
	n := p.options.Nodes
	n.Budget, n.Authorizer = budget, &p.access
	container := nodes.New(p.broker, n)
	var err error
	p.links, err = links.NewServer(container, p.linksOptions(budget))
	if err != nil {
		return fmt.Errorf("serve AMQP: %w", err)
	}
	p.registry.MustRegister(newCollector(sources{
		links:        p.links.Stats,
		broker:       p.broker.Stats,
		nodes:        container.Stats,
		applications: p.broker.Applications,
		store:        p.store.Stats,
		now:          time.Now,
	}))
	go func() {
		if err := p.links.Serve(p.amqp); err != nil && p.phases.now() == phaseReady {
			p.fail(fmt.Errorf("accept connections on %s: %w", p.amqp.Addr(), err))
		}
	}()
	return nil
}

func (p *process) linksOptions(budget *links.Budget) links.Options {
	o := p.options.Links
	o.Budget, o.Log = budget, p.options.Log
	o.Engine.ContainerID = containerID()
	o.Engine.Authenticator = &p.access
	o.Engine.Properties = amqp.MakeMap(amqp.Symbol("product"), "hibachi", amqp.Symbol("version"), p.options.Version)
	return o
}
