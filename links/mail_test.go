package links

import (
	"testing"

	"hibachi/links/amqp"
)

// The writer finds no mail, and decides to park; before it does, an outcome comes into a list that a burst made long. It must not be thrown
// away with the list.
func TestOutcomePostedBeforeParkingArrives(t *testing.T) {
	var m mail
	m.init()
	var l letters
	for range 10 * keptLetters {
		m.settle(outcome{kind: amqp.Accepted})
	}
	if !m.take(&l) || len(l.outcomes) != 10*keptLetters {
		t.Fatalf("%d outcomes, want the burst", len(l.outcomes))
	}
	l = l.cleared()
	if m.take(&l) { // swaps nothing: the long list stays with the writer
		t.Fatal("mail where none was posted")
	}
	m.settle(outcome{kind: amqp.Released, id: 1})
	m.letters.outcomes = append(make([]outcome, 0, 10*keptLetters), m.letters.outcomes...)
	m.await(&l)
	if len(l.outcomes) != 1 || l.outcomes[0].id != 1 {
		t.Fatalf("outcomes %v, want the one that was posted", l.outcomes)
	}
}
