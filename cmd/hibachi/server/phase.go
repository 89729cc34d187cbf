package server

import "sync/atomic"

// phase is what the process is up to. Only in phaseReady does it serve.
type phase string

const (
	phaseListening   phase = "starting: taking the ports"
	phaseOpening     phase = "starting: opening the store"
	phaseReady       phase = "ready"
	phaseDisconnect  phase = "stopping: finishing what was received and closing the connections"
	phaseCloseBroker phase = "stopping: winding up the applications"
	phaseCloseStore  phase = "stopping: closing the store"
	phaseStopped     phase = "stopped"
	phaseFailed      phase = "failed: the store cannot write any more"
)

// phases holds the current phase. All methods may be called from any goroutine.
type phases struct {
	current atomic.Value // a phase
}

func (p *phases) enter(next phase) { p.current.Store(next) }

func (p *phases) now() phase {
	now, ok := p.current.Load().(phase)
	if !ok {
		return phaseListening
	}
	return now
}
