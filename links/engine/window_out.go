package engine

import "hibachi/links/amqp"

// outgoingWindowSize is what we tell as our outgoing-window: a number that promises nothing, since we hold no transfers
// back for its sake.
const outgoingWindowSize = 1<<31 - 1

// outgoingWindow is how many transfer frames we may still send in a session. [transport 2.5.6]
type outgoingWindow struct {
	initial amqp.SequenceNo // initial-outgoing-id
	next    amqp.SequenceNo // next-outgoing-id
	remote  uint32          // remote-incoming-window
	asked   bool            // the peer was asked for more since remote became 0
}

func newOutgoingWindow(initial amqp.SequenceNo, remote uint32) outgoingWindow {
	return outgoingWindow{initial: initial, next: initial, remote: remote}
}

// take counts one transfer frame of ours.
func (w *outgoingWindow) take() {
	w.next = w.next.Add(1)
	w.remote--
}

// update takes what a flow says: remote-incoming-window = next-incoming-id + incoming-window - next-outgoing-id, where a
// next-incoming-id that is absent stands for our initial-outgoing-id. false: the peer claims transfers that were never sent.
func (w *outgoingWindow) update(f *amqp.Flow) bool {
	received := w.initial
	if f.NextIncomingID.Set {
		received = f.NextIncomingID.Value
	}
	inFlight := w.next.Sub(received)
	if inFlight < 0 {
		return false
	}
	w.remote = less(f.IncomingWindow, uint32(inFlight))
	if w.remote > 0 {
		w.asked = false
	}
	return true
}

// less is a - b, 0 if b is larger.
func less(a, b uint32) uint32 {
	if b >= a {
		return 0
	}
	return a - b
}
