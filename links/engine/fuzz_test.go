package engine

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"hibachi/links/amqp"
)

// FuzzFeed gives an engine whatever octets: behind an ordinary opening, or bare. The caller accepts, answers and sends. Nothing
// may panic, what is held stays bounded, all that is written is right, and the pieces in which octets come change nothing.
func FuzzFeed(f *testing.F) {
	for _, b := range sessionsOfScripts(f) {
		f.Add(b, uint8(0))
	}
	f.Add([]byte("GET / HTTP/1.1\r\n\r\n"), uint8(0))
	f.Add(opening(), uint8(1))
	f.Fuzz(func(t *testing.T, b []byte, kind uint8) {
		if kind%2 == 1 {
			b = append(opening(), b...)
		}
		whole, err := converse(b, len(b)+1)
		if err != nil {
			t.Fatal(err)
		}
		pieces, err := converse(b, 1+int(kind)/2)
		if err != nil {
			t.Fatal(err)
		}
		if whole != pieces {
			t.Fatalf("in pieces of %d:\n%s\nwhole:\n%s", 1+int(kind)/2, pieces, whole)
		}
	})
}

// TestMutatedSessions is a little of FuzzFeed in every run: real sessions with a few octets changed, cut or doubled.
func TestMutatedSessions(t *testing.T) {
	sessions := sessionsOfScripts(t)
	rng := rand.New(rand.NewPCG(3, 4))
	for i := range 3000 {
		b := bytes.Clone(sessions[rng.IntN(len(sessions))])
		for range rng.IntN(4) {
			b = mutate(rng, b)
		}
		whole, err := converse(b, len(b)+1)
		if err != nil {
			t.Fatalf("%d: % x: %v", i, b, err)
		}
		n := 1 + rng.IntN(20)
		if pieces, err := converse(b, n); err != nil || pieces != whole {
			t.Fatalf("%d: in pieces of %d (%v):\n%s\nwhole:\n%s\n% x", i, n, err, pieces, whole, b)
		}
	}
}

func mutate(rng *rand.Rand, b []byte) []byte {
	if len(b) == 0 {
		return b
	}
	i := rng.IntN(len(b))
	switch rng.IntN(4) {
	case 0:
		b[i] = byte(rng.Uint32())
	case 1:
		b[i] ^= 1 << rng.IntN(8)
	case 2:
		return append(b[:i:i], b[min(len(b), i+1+rng.IntN(8)):]...)
	case 3:
		j := min(len(b), i+rng.IntN(60))
		return append(b[:j:j], b[i:]...)
	}
	return b
}

func opening() []byte {
	b := append([]byte(nil), amqp.HeaderAMQP[:]...)
	b = amqp.AppendFrame(b, amqp.TypeAMQP, 0, &amqp.Open{ContainerID: "p", MaxFrameSize: 1 << 20, ChannelMax: 3}, nil)
	return amqp.AppendFrame(b, amqp.TypeAMQP, 0, &amqp.Begin{IncomingWindow: 100, OutgoingWindow: 100, HandleMax: 100}, nil)
}

// sessionsOfScripts are the peer's octets of all scripts, connection by connection.
func sessionsOfScripts(t testing.TB) (out [][]byte) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		var b []byte
		e := &scripted{}
		for line := range strings.Lines(string(text)) {
			words := strings.Fields(line)
			switch {
			case len(words) == 0:
			case words[0] == "new":
				out, b = append(out, b), nil
			case words[0] == "connect":
				b = append(b, opening()...)
			case words[0] == "peer" || words[0] == "peer+":
				b = append(b, e.frame(words[1], parseFields(words[2:]))...)
			}
		}
		out = append(out, b)
	}
	return out
}

// converse runs an engine over b, fed in pieces of n octets, with a caller that says yes to everything. It returns all that the
// peer was written.
//
// The caller acts when the peer has said everything that b holds, not in between: when it acts is seen in the output, and
// between two pieces it could act earlier than between two feeds.
func converse(b []byte, n int) (string, error) {
	cfg := (&Config{MaxFrameSize: 2048, MaxMessageSize: 1 << 16, IdleTimeout: -1, ContainerID: "h"}).Resolve()
	now := time.Unix(0, 0)
	c := New(cfg, now)
	var in []byte
	for len(b) > 0 {
		k := min(n, len(b))
		in, b = append(in, b[:k]...), b[k:]
		used, need := c.Feed(now, bytes.Clone(in))
		if need > int(cfg.MaxFrameSize) || used == 0 && need != 0 && need <= len(in) {
			return "", fmt.Errorf("%d octets were offered, %d are needed, %d were taken", len(in), need, used)
		}
		in = in[used:]
	}
	var log strings.Builder
	caller := fuzzCaller{c: c, log: &log}
	for range 5 {
		caller.act()
		now = now.Add(time.Second)
		c.Tick(now)
		if err := caller.read(now); err != nil {
			return "", err
		}
	}
	if got := len(c.control) + c.early + c.queued; got > 1<<20 {
		return "", fmt.Errorf("%d octets are held", got)
	}
	c.EOF(nil)
	caller.act()
	if c.links != 0 || c.unanswered != 0 || c.queued != 0 || c.early != 0 || !c.Finished() {
		return "", fmt.Errorf("left: %d links, %d unanswered, %d queued, %d early", c.links, c.unanswered, c.queued, c.early)
	}
	return log.String(), nil
}

// fuzzCaller says yes to everything.
type fuzzCaller struct {
	c       *Connection
	log     *strings.Builder
	auditor *auditor
}

func (f *fuzzCaller) act() {
	for {
		events := f.c.Events()
		if len(events) == 0 {
			break
		}
		for i := range events {
			f.handle(&events[i])
		}
		Recycle(events)
	}
	for _, s := range f.c.Runnable(nil) {
		n, _ := s.Want()
		for i := range min(n, 3) {
			s.Send(Message{Ref: uint64(i), Body: make([]byte, 3000)})
		}
		s.Exhausted()
	}
}

func (f *fuzzCaller) handle(e *Event) {
	fmt.Fprintf(f.log, "event %d %d %d %q %v\n", e.Kind, e.Delivery, e.Ref, e.Message, e.Err)
	switch e.Kind {
	case EventAttachReceiver:
		e.Receiver.Accept(Terms{})
	case EventAttachSender:
		e.Sender.Accept(Terms{})
	case EventMessage:
		e.Receiver.Settle(e.Delivery, amqp.DeliveryState{Kind: amqp.Accepted})
	}
}

// read takes what is written. The auditor does not know what credit the peer gave, so it is generous.
func (f *fuzzCaller) read(now time.Time) error {
	if f.auditor == nil {
		f.auditor = newAuditor()
		f.auditor.maxFrame = max(f.c.peer.maxFrame, amqp.MinMaxFrameSize)
		f.auditor.generous = true
	}
	for out := f.c.Append(now, nil); len(out) > 0; out = f.c.Append(now, nil) {
		fmt.Fprintf(f.log, "%x\n", out)
		if err := f.auditor.write(out); err != nil {
			return err
		}
	}
	return nil
}
