// Package mutants shows that the conformance suite has teeth: it plants faults in Hibachi, one at a time, and wants each to be caught by
// the group of checks that is there for it.
//
// A mutant is a replacement of source text. The compiler is given it as an overlay, so nothing in the tree changes and production code
// knows of no faults. A text that is no longer there, or is there twice, fails a test that runs with all the others; the mutants
// themselves, a build each, are run by make mutants.
package mutants

import (
	"fmt"
	"strings"
)

// mutant is a fault.
type mutant struct {
	name   string
	edits  []edit
	groups []string // of checks: each has to catch it
}

// edit replaces a text, which must be in the file exactly once.
type edit struct{ file, from, to string }

// one is the edit of a mutant that needs no more.
func one(file, from, to string) []edit { return []edit{{file, from, to}} }

// all are the faults. Each is a mistake that somebody could make.
var all = []mutant{
	{"accepted before it is stored", []edit{
		{"broker/nodes/producer.go", "import (\n", "import (\n\t\"time\"\n\n"},
		{"broker/nodes/producer.go", "\tp.tenant.Publish(&pub.event)\n",
			"\td.Settle(publishOutcome(nil))\n\ttime.AfterFunc(300*time.Millisecond, func() { p.tenant.Publish(&pub.event) })\n"},
	}, []string{"event"}},
	{"an event that is not durable is accepted", one("spec/hono/message.go", "if !h.Durable {", "if !h.Durable && m == nil {"), []string{"event"}},
	{"a settled transfer is accepted", one("broker/nodes/producer.go", "if d.Settled {", "if d.Settled && message == nil {"), []string{"event"}},
	{"a malformed message is accepted", one("spec/hono/message.go", "if err := m.Validate(); err != nil {", "if err := m.Validate(); err != nil && m == nil {"), []string{"event"}},
	{"ttl counted down", one("broker/nodes/header.go", "h.DeliveryCount = d.Attempts\n", "h.DeliveryCount = d.Attempts\n\tif h.TTL.Set && h.TTL.Value > 0 {\n\t\th.TTL.Value--\n\t}\n"), []string{"event"}},
	{"delivery-count of a message one too high", one("broker/nodes/header.go", "h.DeliveryCount = d.Attempts\n", "h.DeliveryCount = d.Attempts + 1\n"), []string{"event"}},
	{"a released event is lost", one("broker/nodes/outcome.go", "\tcase amqp.Released:\n", "\tcase amqp.Released:\n\t\tv.Verb = broker.Done\n"), []string{"event"}},
	{"order swapped after release", one("broker/ledger.go", "func (g *ledger) giveBack(l *lane) {\n\tg.takeBack(l)\n",
		"func (g *ledger) giveBack(l *lane) {\n\tg.takeBack(l)\n\tif l.q.n > 1 {\n\t\tl.q.first, l.q.rest[l.q.gone] = l.q.rest[l.q.gone], l.q.first\n\t}\n"), []string{"event"}},
	{"the second consumer starves", one("broker/subscription.go", "\ts.mu.Lock()\n\ts.consumers++\n", "\ts.mu.Lock()\n\tc.gone = s.consumers > 0\n\ts.consumers++\n"), []string{"event"}},
	{"all applications share one cursor", one("broker/nodes/consumer.go", "tenant.Attach(at.App(), link,", "tenant.Attach(\"shared\", link,"), []string{"event"}},
	{"a range of outcomes goes one too far", one("links/engine/disposition.go", "last = d.Last.Value\n", "last = d.Last.Value.Add(1)\n"), []string{"event"}},
	{"a refused link keeps its terminus", one("links/engine/attach.go", "\t\ta.Target = nil\n\t} else {", "\t\ta.Target = l.attach.Target\n\t} else {"), []string{"event", "AT"}},
	{"a refused link is detached without closing", one("links/engine/attach.go", "\tl.sendDetach(true, err)\n", "\tl.sendDetach(false, err)\n"), []string{"event", "AT"}},
	{"the first credit is the last", one("links/engine/receiver.go", "if r.grant.topUp(full, limit, r.outstanding()) {",
		"if r.grant.deliveryCount == r.attach.InitialDeliveryCount.Value && r.grant.topUp(full, limit, r.outstanding()) {"), []string{"event"}},
	{"credit of a consumer is not counted down", one("links/engine/credit.go", "\ta.credit--\n", "\ta.credit -= a.credit % 2\n"), []string{"event"}},
	{"a tag of 33 octets", one("links/engine/sender.go", "var tag [8]byte", "var tag [33]byte"), []string{"event"}},
	{"a frame above the peer's limit", one("links/engine/sender.go", "room := c.peer.maxFrame - (len(dst) - start)", "room := c.peer.maxFrame - (len(dst) - start) + 64"), []string{"event"}},
	{"delivery annotations are passed on", one("broker/nodes/header.go", "if cut.Start == cut.End {", "if cut.Start <= cut.End {"), []string{"MS"}},

	{"the window is never opened again", one("links/engine/window_in.go", "{ w.left = w.size }", "{ w.size += 0 }"), []string{"SE"}},
	{"the peer's window is not kept", one("links/engine/window_out.go", "\tw.remote--\n", "\tw.remote -= w.remote % 2\n"), []string{"SE"}},
	{"an echo is not answered", one("links/engine/flow.go", "\t\tif f.Echo {\n\t\t\ts.echo = true\n", "\t\tif f.Echo && !f.Handle.Set && f.IncomingWindow == 0 {\n\t\t\ts.echo = true\n"), []string{"SE"}},
	{"next-incoming-id is missing", one("links/engine/flow.go", "\t\tNextIncomingID: amqp.Some(s.incoming.next),\n", ""), []string{"SE"}},
	{"a drain is not answered", one("links/engine/sender.go", "\ts.drained = !f.Drain\n", "\ts.drained = true\n"), []string{"FL"}},
	{"delivery-count of a flow one too low", one("links/engine/flow.go", "f.DeliveryCount = amqp.Some(l.sender.deliveryCount)", "f.DeliveryCount = amqp.Some(l.sender.deliveryCount.Add(^uint32(0)))"), []string{"FL"}},
	{"a gap in the delivery-ids", one("links/engine/sender.go", "\ts.queue.begin()\n\tif s.settled {", "\ts.queue.begin()\n\ts.session.sent.push(delivery{})\n\tif s.settled {"), []string{"TR"}},
	{"an aborted delivery is delivered", one("links/engine/partial.go", "if t.Aborted { //", "if t.Aborted && r.partial == nil { //"), []string{"TR"}},
	{"a tag of 33 octets is taken", one("links/engine/partial.go", "case len(t.DeliveryTag) > maxTag:", "case len(t.DeliveryTag) > 2*maxTag:"), []string{"TR"}},
	{"a state that is not final settles", one("links/engine/disposition.go", "if !d.Settled && !d.State.Terminal() {", "if !d.Settled && d.State.Kind == 0 {"), []string{"DI"}},
	{"an outcome that is not settled is not answered", one("links/engine/disposition.go", "\t\tif !d.Settled {\n\t\t\ts.confirm(", "\t\tif d.Settled {\n\t\t\ts.confirm("), []string{"DI"}},
	{"no heartbeat", one("links/engine/idle.go", "\tc.heartbeat = true\n", "\tc.heartbeat = false\n"), []string{"OP"}},
	{"our own max-frame-size is not kept", one("links/engine/frames_in.go", "if len(b) >= 4 && binary.BigEndian.Uint32(b) > limit {", "if len(b) >= 4 && binary.BigEndian.Uint32(b) > 64*limit {"), []string{"FR"}},
	{"a performative that cannot be decoded is ignored", one("links/engine/frames_in.go", "body, payload, err := d.Decode(b, false)\n\tif err == nil {",
		"body, payload, err := d.Decode(b, false)\n\tif err != nil {\n\t\treturn\n\t}\n\tif err == nil {"), []string{"TY"}},
}

// apply makes the edits of one file in its text.
func (m *mutant) apply(file, text string) (string, error) {
	for _, e := range m.edits {
		if e.file != file {
			continue
		}
		if n := strings.Count(text, e.from); n != 1 {
			return "", fmt.Errorf("mutant %q: %s has %d times, and should have once:\n%s", m.name, file, n, e.from)
		}
		text = strings.Replace(text, e.from, e.to, 1)
	}
	return text, nil
}

// files are those that the mutant changes, each once.
func (m *mutant) files() []string {
	var files []string
	seen := map[string]bool{}
	for _, e := range m.edits {
		if !seen[e.file] {
			seen[e.file] = true
			files = append(files, e.file)
		}
	}
	return files
}
