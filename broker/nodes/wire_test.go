package nodes

import (
	"context"
	"errors"
	"maps"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	client "github.com/Azure/go-amqp"
	"github.com/cockroachdb/pebble/v2/vfs"

	"hibachi/links"
	"hibachi/links/engine"
	"hibachi/spec/hono"
)

// The tests of this file go the whole way: a foreign client over a pipe, the server, the nodes, the broker, the store on a disk in memory.

// house is all of it but the sockets.
type house struct {
	*floor
	serve *links.Server
}

func openHouse(t *testing.T, fs *vfs.MemFS) *house {
	t.Helper()
	budget := links.NewBudget(0, 0)
	f := openFloor(t, fs, Options{Budget: budget})
	s, err := links.NewServer(f.nodes, links.Options{Engine: engine.Config{ContainerID: "hibachi"}, Budget: budget, Log: quiet()})
	if err != nil {
		t.Fatal(err)
	}
	h := &house{floor: f, serve: s}
	t.Cleanup(func() { h.close(t) })
	return h
}

func newHouse(t *testing.T) *house { return openHouse(t, vfs.NewMem()) }

// close ends everything, once.
func (h *house) close(t *testing.T) {
	if h.serve == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := h.serve.Shutdown(ctx); err != nil {
		t.Errorf("shutdown: %v", err)
	}
	h.serve = nil
	h.floor.close(t)
}

// dial gives a session of a new connection.
func (h *house) dial(t *testing.T) *client.Session {
	t.Helper()
	ours, theirs := net.Pipe()
	go h.serve.ServeConn(ours)
	c, err := client.NewConn(patience(t), theirs, &client.ConnOptions{SASLType: client.SASLTypeAnonymous()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() }) // the house may have closed it before
	s, err := c.NewSession(patience(t), nil)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// patience bounds a wait: it ends a test that would hang, and decides nothing else.
func patience(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func (h *house) sender(t *testing.T, address string) *client.Sender {
	t.Helper()
	s, err := h.dial(t).NewSender(patience(t), address, &client.SenderOptions{SettlementMode: client.SenderSettleModeUnsettled.Ptr()})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func (h *house) receiver(t *testing.T, address string) *client.Receiver {
	t.Helper()
	r, err := h.dial(t).NewReceiver(patience(t), address, &client.ReceiverOptions{Credit: 10})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// event is a message as Hono's adapters send it.
func event(device, body string) *client.Message {
	m := client.NewMessage([]byte(body))
	to, contentType, created := "event/acme", "text/plain", time.UnixMilli(1700000000000)
	m.Header = &client.MessageHeader{Durable: true, Priority: 7, TTL: time.Minute}
	m.DeliveryAnnotations = client.Annotations{"x-opt-hop": "this one"}
	m.Annotations = client.Annotations{"device_id": device}
	m.Properties = &client.MessageProperties{To: &to, ContentType: &contentType, CreationTime: &created}
	m.ApplicationProperties = map[string]any{"device_id": device}
	return m
}

func send(t *testing.T, s *client.Sender, m *client.Message) {
	t.Helper()
	if err := s.Send(patience(t), m, nil); err != nil {
		t.Fatalf("send: %v", err)
	}
}

func receive(t *testing.T, r *client.Receiver) *client.Message {
	t.Helper()
	m, err := r.Receive(patience(t), nil)
	if err != nil {
		t.Fatalf("receive: %v", err)
	}
	return m
}

func accept(t *testing.T, r *client.Receiver, m *client.Message) {
	t.Helper()
	if err := r.AcceptMessage(patience(t), m); err != nil {
		t.Fatalf("accept: %v", err)
	}
}

func TestAnEventReachesTwoApplications(t *testing.T) {
	h := newHouse(t)
	billing, fleet := h.receiver(t, "event/acme::billing"), h.receiver(t, "event/acme/fleet")
	send(t, h.sender(t, "event/acme"), event("4711", "t=21"))
	for name, r := range map[string]*client.Receiver{"billing": billing, "fleet": fleet} {
		m := receive(t, r)
		if string(m.GetData()) != "t=21" || m.Annotations["device_id"] != "4711" || m.ApplicationProperties["device_id"] != "4711" ||
			*m.Properties.To != "event/acme" || *m.Properties.ContentType != "text/plain" {
			t.Errorf("%s got %+v, properties %+v", name, m, m.Properties)
		}
		if want := (client.MessageHeader{Durable: true, Priority: 7, TTL: time.Minute, FirstAcquirer: true}); *m.Header != want {
			t.Errorf("%s: header %+v, want %+v", name, *m.Header, want)
		}
		if m.DeliveryAnnotations != nil {
			t.Errorf("%s got the sender's delivery annotations: %v", name, m.DeliveryAnnotations)
		}
		accept(t, r, m)
	}
}

func TestEventsWaitForTheirApplication(t *testing.T) {
	h := newHouse(t)
	s := h.sender(t, "event/acme")
	for _, body := range []string{"1", "2", "3"} {
		send(t, s, event("4711", body))
	}
	r := h.receiver(t, "event/acme")
	for _, want := range []string{"1", "2", "3"} {
		m := receive(t, r)
		if got := string(m.GetData()); got != want {
			t.Fatalf("received %s, want %s", got, want)
		}
		accept(t, r, m)
	}
}

func TestAcceptedEventsAreThereAfterARestart(t *testing.T) {
	fs := vfs.NewMem()
	h := openHouse(t, fs)
	s, r := h.sender(t, "event/acme"), h.receiver(t, "event/acme::billing")
	for _, body := range []string{"1", "2"} {
		send(t, s, event("4711", body))
	}
	accept(t, r, receive(t, r))
	// That the second comes says that the first is settled: they are of one device. The second is not.
	if got := string(receive(t, r).GetData()); got != "2" {
		t.Fatalf("received %s, want 2", got)
	}
	send(t, s, event("4712", "3"))
	h.close(t)

	h = openHouse(t, fs)
	r = h.receiver(t, "event/acme::billing")
	got := []string{string(receive(t, r).GetData()), string(receive(t, r).GetData())}
	if slices.Sort(got); !slices.Equal(got, []string{"2", "3"}) {
		t.Errorf("after the restart there are %v, want 2 and 3", got)
	}
}

func TestOutcomesOfAConsumer(t *testing.T) {
	type header struct {
		count uint32
		first bool
	}
	for _, tt := range []struct {
		name   string
		settle func(*client.Receiver, *client.Message) error
		again  header
	}{
		{"released", func(r *client.Receiver, m *client.Message) error { return r.ReleaseMessage(t.Context(), m) }, header{0, false}},
		{"modified", func(r *client.Receiver, m *client.Message) error {
			return r.ModifyMessage(t.Context(), m, &client.ModifyMessageOptions{})
		}, header{0, false}},
		{"modified, delivery-failed", func(r *client.Receiver, m *client.Message) error {
			return r.ModifyMessage(t.Context(), m, &client.ModifyMessageOptions{DeliveryFailed: true})
		}, header{1, false}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h := newHouse(t)
			r := h.receiver(t, "event/acme")
			send(t, h.sender(t, "event/acme"), event("4711", "t=21"))
			m := receive(t, r)
			if got := (header{m.Header.DeliveryCount, m.Header.FirstAcquirer}); got != (header{0, true}) {
				t.Errorf("at first: %+v", got)
			}
			if err := tt.settle(r, m); err != nil {
				t.Fatal(err)
			}
			m = receive(t, r)
			if got := (header{m.Header.DeliveryCount, m.Header.FirstAcquirer}); got != tt.again || string(m.GetData()) != "t=21" {
				t.Errorf("again: %+v %s, want %+v", got, m.GetData(), tt.again)
			}
			accept(t, r, m)
		})
	}
}

// A rejected event is in the application's dead letters, with the reason, and otherwise as it was sent.
func TestRejectedEventIsADeadLetter(t *testing.T) {
	h := newHouse(t)
	r := h.receiver(t, "event/acme::billing")
	sent := event("4711", "t=21")
	send(t, h.sender(t, "event/acme"), sent)
	m := receive(t, r)
	if err := r.RejectMessage(patience(t), m, &client.Error{Condition: "hono:bad-request", Description: "cannot read it"}); err != nil {
		t.Fatal(err)
	}
	letters := h.receiver(t, "event/acme/billing/$dead-letter")
	d := receive(t, letters)
	if when, ok := d.Annotations["x-opt-deadletter-time"].(time.Time); !ok || time.Since(when) > time.Hour || time.Since(when) < 0 {
		t.Errorf("the time is %v", d.Annotations["x-opt-deadletter-time"])
	}
	delete(d.Annotations, "x-opt-deadletter-time")
	if want := (client.Annotations{
		"device_id":                        "4711",
		"x-opt-deadletter-reason":          "rejected",
		"x-opt-deadletter-description":     "hono:bad-request: cannot read it",
		"x-opt-deadletter-application":     "billing",
		"x-opt-deadletter-attempts":        uint32(1),
		"x-opt-deadletter-source-position": uint64(1),
	}); !maps.Equal(d.Annotations, want) {
		t.Errorf("annotations %v, want %v", d.Annotations, want)
	}
	if string(d.GetData()) != "t=21" || *d.Properties.To != *sent.Properties.To || !maps.Equal(d.ApplicationProperties, sent.ApplicationProperties) ||
		d.Header.TTL != sent.Header.TTL || d.Header.DeliveryCount != 0 || !d.Header.FirstAcquirer {
		t.Errorf("the letter is %+v of %+v", d, d.Header)
	}
	if err := letters.ReleaseMessage(patience(t), d); err != nil {
		t.Fatal(err)
	}
	d = receive(t, letters)
	if d.Header.DeliveryCount != 0 || d.Header.FirstAcquirer {
		t.Errorf("a returned dead letter has %+v", d.Header)
	}
	accept(t, letters, d)
}

func TestBrokenRulesAreRejectedWithTheReason(t *testing.T) {
	h := newHouse(t)
	s := h.sender(t, "event/acme")
	transient := event("4711", "x")
	transient.Header.Durable = false
	nobody := event("4711", "x")
	nobody.Annotations, nobody.ApplicationProperties = nil, nil
	for _, tt := range []struct {
		m         *client.Message
		condition client.ErrCond
		says      string
	}{
		{transient, client.ErrCondPreconditionFailed, "header field durable is not true"},
		{nobody, client.ErrCondInvalidField, "application property device_id is missing"},
	} {
		err := s.Send(patience(t), tt.m, nil)
		var e *client.Error
		if !errors.As(err, &e) || e.Condition != tt.condition || !strings.Contains(e.Description, tt.says) {
			t.Errorf("answered %v, want rejected, %s: …%s…", err, tt.condition, tt.says)
		}
	}
	elsewhere := event("4711", "t=21")
	to := "event/other"
	elsewhere.Properties.To = &to
	send(t, s, elsewhere) // the link is alive, and a warning is no refusal

	stats := h.nodes.Stats()
	if want := (map[hono.Requirement]uint64{hono.ForwardDurable: 1, hono.MessageDevice: 1}); !maps.Equal(stats.Violations, want) {
		t.Errorf("violations %v, want %v", stats.Violations, want)
	}
	if want := (map[hono.Requirement]uint64{hono.MessageTo: 1}); !maps.Equal(stats.Warnings, want) {
		t.Errorf("warnings %v, want %v", stats.Warnings, want)
	}
}

func TestASettledTransferEndsTheLink(t *testing.T) {
	h := newHouse(t)
	session := h.dial(t)
	s, err := session.NewSender(patience(t), "event/acme", nil) // mixed
	if err != nil {
		t.Fatal(err)
	}
	// The answer is a detach; the sending meets it now or the next time.
	for err == nil {
		err = s.Send(patience(t), event("4711", "x"), &client.SendOptions{Settled: true})
	}
	wantRefused(t, err, client.ErrCondNotAllowed, "transfer field settled is true")
	if _, err := session.NewSender(patience(t), "event/acme", nil); err != nil {
		t.Errorf("the session is not usable any more: %v", err)
	}
}

func TestRefusedAttachesOverTheWire(t *testing.T) {
	h := newHouse(t)
	session := h.dial(t)
	_, err := session.NewSender(patience(t), "telemetry/acme", nil)
	wantRefused(t, err, client.ErrCondNotImplemented, "telemetry is not served")
	_, err = session.NewSender(patience(t), "event/acme", &client.SenderOptions{SettlementMode: client.SenderSettleModeSettled.Ptr()})
	wantRefused(t, err, client.ErrCondNotAllowed, "snd-settle-mode is settled")
	_, err = session.NewReceiver(patience(t), "event/acme::billing", &client.ReceiverOptions{SettlementMode: client.ReceiverSettleModeSecond.Ptr()})
	wantRefused(t, err, client.ErrCondNotAllowed, "rcv-settle-mode is second")

	known := &client.ReceiverOptions{Properties: map[string]any{propertyCreate: false}}
	_, err = session.NewReceiver(patience(t), "event/acme::billing", known)
	wantRefused(t, err, client.ErrCondNotFound, "event/acme::billing")
	h.receiver(t, "event/acme::billing")
	if _, err = session.NewReceiver(patience(t), "event/acme::billing", known); err != nil {
		t.Errorf("an application that is there was refused: %v", err)
	}
}

func wantRefused(t *testing.T, err error, condition client.ErrCond, says string) {
	t.Helper()
	var told *client.Error
	if !errors.As(err, &told) || told.Condition != condition || !strings.Contains(told.Description, says) {
		t.Errorf("answered %v, want %s: …%s…", err, condition, says)
	}
}

func TestALostConsumersEventsGoToTheNext(t *testing.T) {
	h := newHouse(t)
	first := h.receiver(t, "event/acme")
	send(t, h.sender(t, "event/acme"), event("4711", "t=21"))
	receive(t, first)
	if err := first.Close(patience(t)); err != nil {
		t.Fatal(err)
	}
	m := receive(t, h.receiver(t, "event/acme"))
	if string(m.GetData()) != "t=21" || m.Header.DeliveryCount != 0 || m.Header.FirstAcquirer {
		t.Errorf("the next got %s with %+v", m.GetData(), m.Header)
	}
}
