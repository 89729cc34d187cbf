package links

import (
	"testing"
	"testing/synctest"

	"hibachi/links/amqp"
	"hibachi/links/engine"
)

func newMail() *mail {
	m := &mail{}
	m.init()
	return m
}

// The writer finds no mail, and decides to park; before it does, an outcome comes into a list that a burst made long. It must not be thrown
// away with the list.
func TestOutcomePostedBeforeParkingArrives(t *testing.T) {
	m := newMail()
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

func TestMailWakesAParkedWriter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMail()
		var got []letters
		go func() {
			for {
				var l letters
				m.await(&l)
				got = append(got, l)
				if l.ended {
					return
				}
			}
		}()
		synctest.Wait()
		if len(got) != 0 {
			t.Fatal("the writer was woken by nothing")
		}
		m.settle(outcome{id: 1, kind: amqp.Accepted})
		m.settle(outcome{id: 2, kind: amqp.Accepted})
		synctest.Wait()
		n := 0
		for _, l := range got {
			n += len(l.outcomes)
		}
		if n != 2 {
			t.Errorf("%d outcomes arrived", n)
		}
		m.end([]byte("last"))
		synctest.Wait()
		if l := got[len(got)-1]; !l.ended || string(l.last) != "last" {
			t.Errorf("%+v", l)
		}
	})
}

func TestWakeTellsWhetherTheWriterComes(t *testing.T) {
	m := newMail()
	a, b := &Sender{}, &Sender{}
	if !m.wake(a) {
		t.Error("a working writer will come")
	}
	if _, ok := m.beginWrite(false, nil); ok {
		t.Error("the writer went writing over a wake-up")
	}
	m.wake(a)
	links, ok := m.beginWrite(true, nil)
	if !ok || len(links) != 1 || links[0] != a {
		t.Errorf("without room it goes, and passes on %v", links)
	}
	if m.wake(b) || m.wake(a) {
		t.Error("a writer inside Write was said to come")
	}
	m.endWrite()
	var l letters
	if !m.take(&l) || len(l.woken) != 2 || l.woken[0] != a || l.woken[1] != b {
		t.Errorf("after the Write: %v", l.woken)
	}
	if !m.wake(a) {
		t.Error("a working writer will come")
	}
	l = l.cleared()
	m.take(&l)
	if links, ok := m.beginWrite(false, nil); !ok || len(links) != 0 {
		t.Errorf("with no mail: %v, %v", links, ok)
	}
}

func TestClosedMailTakesNothing(t *testing.T) {
	m := newMail()
	m.answer(&answer{})
	if rest := m.close(); len(rest.answers) != 1 {
		t.Errorf("%+v", rest)
	}
	if m.answer(&answer{}) || m.wake(&Sender{}) {
		t.Error("it pretends to deliver")
	}
	m.settle(outcome{})
	m.owed()
	var l letters
	if m.take(&l) {
		t.Errorf("it delivers %+v", l)
	}
}

func TestAnAttachIsAnsweredOnce(t *testing.T) {
	c := &conn{}
	c.mail.init()
	a := &answer{conn: c, receiver: &receiver{}}
	a.byTarget(nil, engine.Terms{}, nil)
	defer func() {
		if recover() == nil {
			t.Error("a second answer went unnoticed")
		}
	}()
	a.byTarget(nil, engine.Terms{}, nil)
}
