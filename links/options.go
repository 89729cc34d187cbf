package links

import (
	"errors"
	"fmt"
	"log/slog"
	"time"

	"hibachi/links/engine"
)

// Options of a Server. Zero means the default.
type Options struct {
	Engine         engine.Config    // protocol limits; ContainerID must be set
	MaxConnections int              // default 10000; one more is closed at once
	MaxHandshakes  int              // connections not yet open, at the same time; default 4000
	Budget         *Budget          // bytes received and not yet answered; nil makes one of the default size
	WriteTimeout   time.Duration    // a peer that takes nothing of what we write for this long, or half as long again, is dropped; default 30 s
	Log            *slog.Logger     // connections opened, refused, lost; default slog.Default()
	Now            func() time.Time // the engine's clock; default time.Now
}

// Validate says which field is out of its bounds, and why.
func (o Options) Validate() error {
	switch {
	case o.Engine.ContainerID == "":
		return errors.New("links: Engine.ContainerID is empty; every AMQP container has a name")
	case o.MaxConnections < 0:
		return fmt.Errorf("links: MaxConnections is %d", o.MaxConnections)
	case o.MaxHandshakes < 0:
		return fmt.Errorf("links: MaxHandshakes is %d", o.MaxHandshakes)
	case o.WriteTimeout < 0:
		return fmt.Errorf("links: WriteTimeout is %v", o.WriteTimeout)
	}
	return nil
}

func (o Options) withDefaults() Options {
	orDefault(&o.MaxConnections, 10000)
	orDefault(&o.MaxHandshakes, 4000)
	orDefault(&o.WriteTimeout, 30*time.Second)
	if o.Budget == nil {
		o.Budget = NewBudget(0, 0)
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return o
}

func orDefault[T int | int64 | time.Duration](v *T, d T) {
	if *v == 0 {
		*v = d
	}
}
