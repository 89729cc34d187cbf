package engine

import "hibachi/links/amqp"

// incomingWindow is how many transfer frames the peer may still send in a session. [transport 2.5.6]
type incomingWindow struct {
	next amqp.SequenceNo // next-incoming-id
	size uint32          // of the window when it is open
	left uint32
}

func newIncomingWindow(next amqp.SequenceNo, size uint32) incomingWindow {
	return incomingWindow{next: next, size: size, left: size}
}

// take counts one transfer frame, whatever becomes of it. false: the peer was not allowed to send it.
func (w *incomingWindow) take() bool {
	if w.left == 0 {
		return false
	}
	w.next = w.next.Add(1)
	w.left--
	return true
}

// low tells that it is time to open the window again, well before a peer that respects it has to wait.
func (w *incomingWindow) low() bool { return w.left <= w.size/2 }

// reopen is done by every flow: what was received is held elsewhere or gone, so the window can be whole again.
func (w *incomingWindow) reopen() { w.left = w.size }
