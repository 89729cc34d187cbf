package links

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"hibachi/links/amqp"
)

// peer is the other end of a connection: a client with verbs. It reads in a goroutine of its own, unless it was told not to.
type peer struct {
	t   *testing.T
	nc  net.Conn
	out []byte

	mu    sync.Mutex
	inbox []frame
	err   error // why reading ended

	came chan struct{} // tells of changes in inbox or err
}

// frame is one frame from the server. body is nil for a heartbeat, or a protocol header's name.
type frame struct {
	header  string
	channel uint16
	body    amqp.Body
	payload []byte
}

func (f frame) String() string {
	switch {
	case f.header != "":
		return fmt.Sprintf("header %q", f.header)
	case f.body == nil:
		return "heartbeat"
	case f.payload != nil:
		return fmt.Sprintf("%v %q", f.body, f.payload)
	}
	return f.body.String()
}

// connect has the server run a connection and gives its other end.
func connect(t *testing.T, s *Server) *peer {
	t.Helper()
	ours, theirs := net.Pipe()
	go s.ServeConn(theirs)
	return newPeer(t, ours)
}

func newPeer(t *testing.T, nc net.Conn) *peer {
	p := &peer{t: t, nc: nc, came: make(chan struct{}, 1)}
	go p.read()
	return p
}

func (p *peer) read() {
	for {
		f, err := p.readFrame()
		p.mu.Lock()
		if err == nil {
			p.inbox = append(p.inbox, f)
		}
		p.err = err
		p.mu.Unlock()
		select {
		case p.came <- struct{}{}:
		default:
		}
		if err != nil {
			return
		}
	}
}

func (p *peer) readFrame() (f frame, err error) {
	var head [8]byte
	if _, err := io.ReadFull(p.nc, head[:]); err != nil {
		return f, err
	}
	if string(head[:4]) == "AMQP" {
		return frame{header: string(head[:])}, nil
	}
	b := make([]byte, binary.BigEndian.Uint32(head[:]))
	copy(b, head[:])
	if _, err := io.ReadFull(p.nc, b[8:]); err != nil {
		return f, err
	}
	f.channel = binary.BigEndian.Uint16(b[6:])
	if len(b) == 8 {
		return f, nil
	}
	f.body, f.payload, err = new(amqp.Decoder).Decode(b[8:], b[5] == amqp.TypeSASL)
	return f, err
}

// stopReading has the peer take nothing more from now on.
func (p *peer) stopReading() {
	synctest.Wait()
	p.nc.SetReadDeadline(time.Now()) // it waits inside Read, between two frames
	synctest.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	if !errors.Is(p.err, os.ErrDeadlineExceeded) {
		p.t.Fatalf("it was reading until %v", p.err)
	}
	p.err = nil
}

// readOn undoes stopReading.
func (p *peer) readOn() {
	p.nc.SetReadDeadline(time.Time{})
	go p.read()
}

// write sends octets as they are.
func (p *peer) write(b []byte) {
	p.t.Helper()
	if _, err := p.nc.Write(b); err != nil {
		p.t.Fatalf("write: %v", err)
	}
}

// put gathers a frame, flush sends what was gathered.
func (p *peer) put(body amqp.Body, payload []byte) {
	p.out = amqp.AppendFrame(p.out, amqp.TypeAMQP, 0, body, payload)
}

func (p *peer) flush() {
	p.t.Helper()
	b := p.out
	p.out = nil
	p.write(b)
}

func (p *peer) say(bodies ...amqp.Body) {
	p.t.Helper()
	for _, b := range bodies {
		p.put(b, nil)
	}
	p.flush()
}

// look gives what came and is not taken, and why no more will, once there is either. It waits for as long as it takes in the bubble's time.
func (p *peer) look() (inbox []frame, err error) {
	for late := time.After(5 * time.Minute); ; {
		p.mu.Lock()
		inbox, err = p.inbox, p.err
		p.mu.Unlock()
		if len(inbox) > 0 || err != nil {
			return inbox, err
		}
		select {
		case <-p.came:
		case <-late:
			return nil, errors.New("five minutes went by")
		}
	}
}

func (p *peer) next(why string) frame {
	p.t.Helper()
	inbox, err := p.look()
	if len(inbox) == 0 {
		p.t.Fatalf("%s: no frame came: %v", why, err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.inbox = p.inbox[1:]
	return inbox[0]
}

// want is the next frame, which must be a B.
func want[B amqp.Body](p *peer, why string) B {
	p.t.Helper()
	b, _ := wantPayload[B](p, why)
	return b
}

func wantPayload[B amqp.Body](p *peer, why string) (B, []byte) {
	p.t.Helper()
	f := p.next(why)
	b, ok := f.body.(B)
	if !ok {
		p.t.Fatalf("%s: got %v", why, f)
	}
	return b, f.payload
}

func (p *peer) wantHeader(h [8]byte, why string) {
	p.t.Helper()
	if f := p.next(why); f.header != string(h[:]) {
		p.t.Fatalf("%s: got %v", why, f)
	}
}

// wantIdle: nothing more comes, now that everybody has done what they could.
func (p *peer) wantIdle(why string) {
	p.t.Helper()
	synctest.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.inbox) > 0 || p.err != nil {
		p.t.Fatalf("%s: got %v, %v", why, p.inbox, p.err)
	}
}

// wantOutcomes waits until n deliveries are answered, all in the same way, and returns the credit that flows told meanwhile, 0 if none did.
func (p *peer) wantOutcomes(n int, kind amqp.StateKind) (credit uint32) {
	p.t.Helper()
	for n > 0 {
		switch b := p.next("outcomes").body.(type) {
		case *amqp.Disposition:
			last := b.First
			if b.Last.Set {
				last = b.Last.Value
			}
			if !b.Settled || b.State.Kind != kind {
				p.t.Fatalf("got %v", b)
			}
			n -= int(last.Sub(b.First)) + 1
		case *amqp.Flow:
			credit = b.LinkCredit.Value
		default:
			p.t.Fatalf("got %v among outcomes", b)
		}
	}
	return credit
}

// dropFlows forgets flows that came, where a test is not about them.
func (p *peer) dropFlows() {
	synctest.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.inbox = slices.DeleteFunc(p.inbox, func(f frame) bool {
		_, flow := f.body.(*amqp.Flow)
		return flow
	})
}

// wantEnd: the server closes, having said nothing more.
func (p *peer) wantEnd(why string) {
	p.t.Helper()
	if inbox, err := p.look(); len(inbox) > 0 || !errors.Is(err, io.EOF) {
		p.t.Fatalf("%s: got %v, %v", why, inbox, err)
	}
}

// open goes through headers, open and a session.
func (p *peer) open() {
	p.t.Helper()
	p.write(amqp.HeaderAMQP[:])
	p.wantHeader(amqp.HeaderAMQP, "the header is answered")
	p.say(&amqp.Open{ContainerID: "peer", MaxFrameSize: 64 << 10, ChannelMax: 10})
	want[*amqp.Open](p, "open is answered")
	p.begin(1 << 20)
}

func (p *peer) begin(window uint32) {
	p.t.Helper()
	p.say(&amqp.Begin{IncomingWindow: window, OutgoingWindow: window, HandleMax: 1000})
	want[*amqp.Begin](p, "begin is answered")
}

// attachSender attaches a link on which the peer sends, and returns its first credit.
func (p *peer) attachSender(handle uint32, address string) (credit uint32) {
	p.t.Helper()
	p.say(senderAttach(handle, address))
	if a := want[*amqp.Attach](p, "attach is answered"); a.Target == nil {
		p.t.Fatalf("attach to %s was refused: %v", address, p.next("why"))
	}
	return want[*amqp.Flow](p, "credit comes along").LinkCredit.Value
}

func senderAttach(handle uint32, address string) *amqp.Attach {
	return &amqp.Attach{LinkName: fmt.Sprint("out-", handle), Handle: handle, Role: amqp.RoleSender, Source: &amqp.Source{},
		Target: &amqp.Target{Address: address, HasAddress: true}, InitialDeliveryCount: amqp.Some(amqp.SequenceNo(0))}
}

// attachReceiver attaches a link on which the peer receives, and grants credit.
func (p *peer) attachReceiver(handle uint32, address string, credit uint32) {
	p.t.Helper()
	p.say(receiverAttach(handle, address))
	if a := want[*amqp.Attach](p, "attach is answered"); a.Source == nil {
		p.t.Fatalf("attach to %s was refused: %v", address, p.next("why"))
	}
	if credit > 0 {
		p.credit(handle, 0, credit)
	}
}

func receiverAttach(handle uint32, address string) *amqp.Attach {
	return &amqp.Attach{LinkName: fmt.Sprint("in-", handle), Handle: handle, Role: amqp.RoleReceiver,
		Source: &amqp.Source{Address: address, HasAddress: true}, Target: &amqp.Target{}}
}

// credit grants credit on a link of which count deliveries came.
func (p *peer) credit(handle, count, credit uint32) {
	p.t.Helper()
	p.say(&amqp.Flow{NextIncomingID: amqp.Some(amqp.SequenceNo(0)), IncomingWindow: 1 << 20, OutgoingWindow: 1 << 20,
		Handle: amqp.Some(handle), DeliveryCount: amqp.Some(amqp.SequenceNo(count)), LinkCredit: amqp.Some(credit)})
}

// transfer puts one whole delivery.
func (p *peer) transfer(handle, id uint32, message string) {
	p.put(&amqp.Transfer{Handle: handle, DeliveryID: amqp.Some(amqp.SequenceNo(id)), DeliveryTag: []byte{byte(id >> 8), byte(id)},
		MessageFormat: amqp.Some[uint32](0)}, []byte(message))
}

// settle tells an outcome for deliveries of the server.
func (p *peer) settle(first, last amqp.SequenceNo, kind amqp.StateKind) {
	p.t.Helper()
	p.say(&amqp.Disposition{Role: amqp.RoleReceiver, First: first, Last: amqp.Some(last), Settled: true, State: amqp.DeliveryState{Kind: kind}})
}

// close ends the connection in order.
func (p *peer) close() {
	p.t.Helper()
	p.say(&amqp.Close{})
	want[*amqp.Close](p, "close is answered")
	p.nc.Close()
	synctest.Wait()
}
