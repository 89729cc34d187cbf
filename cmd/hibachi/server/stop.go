package server

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// stop winds down from the outside in: what was received gets its outcome while the store still takes it, and whoever is connected hears
// why the connection ends.
func (p *process) stop() error {
	p.options.Log.Info("stopping")
	p.phases.enter(phaseDisconnect)
	// A part of the time is kept back for the store.
	ctx, cancel := context.WithTimeout(context.Background(), p.options.StopTimeout*7/10)
	defer cancel()
	if err := p.links.Shutdown(ctx); err != nil {
		p.options.Log.Warn("connections were cut that did not end in time", "error", err)
	}
	p.phases.enter(phaseCloseBroker)
	p.broker.Close()
	p.phases.enter(phaseCloseStore)
	if err := p.store.Close(); err != nil {
		return errors.Join(fmt.Errorf("close the store: %w", err), p.closeDoor())
	}
	p.phases.enter(phaseStopped)
	p.options.Log.Info("stopped")
	return p.closeDoor()
}

// abandonLimit is how long a process that failed waits for its parts: one of them may be stuck in what failed.
const abandonLimit = 5 * time.Second

// abandon lets go of what start took, as far as it came, or as far as that can be had in time. Errors are of no interest beside the one
// that led here.
func (p *process) abandon() {
	done := make(chan struct{})
	go func() {
		defer close(done)
		p.letGo()
	}()
	select {
	case <-done:
	case <-time.After(abandonLimit):
	}
}

func (p *process) letGo() {
	if p.amqp != nil {
		_ = p.amqp.Close()
	}
	if p.links != nil {
		cut, cancel := context.WithCancel(context.Background())
		cancel()
		_ = p.links.Shutdown(cut)
	}
	if p.broker != nil {
		p.broker.Close()
	}
	if p.store != nil {
		_ = p.store.Close()
	}
	_ = p.closeDoor()
}

func (p *process) closeDoor() error {
	if p.door == nil {
		return nil
	}
	return p.door.close()
}
