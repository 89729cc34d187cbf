package engine

import (
	"bytes"
	"encoding/hex"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"hibachi/links/amqp"
)

var rewrite = flag.Bool("rewrite", false, "write what the scripts printed into testdata")

// TestScripts runs testdata/*.txt. A script is blocks of commands, each followed by ---- and by what the engine then said: events
// for its caller, and frames (->) for the peer. -rewrite writes the files anew; read the diff.
//
// Each script is run three times, with the peer's bytes in one piece a command, octet by octet, and in pieces of three:
// segmentation may change nothing.
//
//	new                          another connection, with nothing left of the one before
//	config key=value...          limits; before the first byte
//	connect [key=value...]       AMQP header, open and begin of an ordinary peer; prints nothing
//	peer FRAME key=value...      one frame of the peer; header amqp|sasl|HEX, empty, raw HEX as well; ch=N is its channel
//	peer+ ...                    the same, but kept and fed together with the next
//	accept LINK key=value...     answers an attach: settled, account=NAME, max-message-size=N
//	refuse LINK condition text
//	detach LINK [condition text]
//	settle LINK ID[-ID] STATE    answers deliveries; prints what was too late
//	want LINK, exhausted LINK, wake LINK, runnable
//	send LINK [size=N] TEXT...   queues one delivery for each TEXT
//	account NAME credit=N bytes=N   what an account allows from now on
//	pass [N]                     one Append, with an output limit of N; without it all that is owed is printed at the end
//	hold, go                     nothing is printed of what is owed, until go
//	tick DURATION                time passes; prints when the engine wants to be called next
//	eof, shutdown condition text, stop-credit, refresh-credit
//	state                        prints Finished, Unanswered, Starved
//
// LINK is the link's name; name#2 is the second attach of it, name/r or name/s one of two directions.
func TestScripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	for _, f := range files {
		t.Run(strings.TrimSuffix(filepath.Base(f), ".txt"), func(t *testing.T) {
			old, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			got := runScript(t, string(old), 1<<30)
			for _, piece := range []int{1, 3} {
				if again := runScript(t, string(old), piece); again != got {
					t.Errorf("in pieces of %d octets:\n%s", piece, firstDifference(got, again))
				}
			}
			if *rewrite {
				if err := os.WriteFile(f, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			} else if got != string(old) {
				t.Error(firstDifference(string(old), got))
			}
		})
	}
}

// firstDifference shows the first line that differs, with some context.
func firstDifference(want, got string) string {
	w, g := strings.Split(want, "\n"), strings.Split(got, "\n")
	i := 0
	for i < len(w) && i < len(g) && w[i] == g[i] {
		i++
	}
	from := max(0, i-6)
	return fmt.Sprintf("line %d\nwant:\n%s\ngot:\n%s", i+1,
		strings.Join(w[from:min(len(w), i+3)], "\n"), strings.Join(g[from:min(len(g), i+3)], "\n"))
}

// runScript runs a script and returns it with what was printed in place of what was expected.
func runScript(t *testing.T, script string, piece int) string {
	t.Helper()
	e := newScripted(t, piece)
	var out, block strings.Builder
	flush := func() {
		if block.Len() == 0 {
			return
		}
		out.WriteString("----\n")
		e.printOwed()
		out.WriteString(e.out.String())
		e.out.Reset()
		out.WriteString("\n")
		block.Reset()
	}
	expectation := false
	for line := range strings.Lines(script) {
		line = strings.TrimRight(line, "\n")
		switch {
		case line == "----":
			expectation = true
		case expectation && line != "":
		case line == "":
			expectation = false
			flush()
		case strings.HasPrefix(line, "#"):
			flush()
			if s := out.String(); s != "" && !strings.HasSuffix(s, "\n\n") && !strings.HasPrefix(lastLine(s), "#") {
				out.WriteString("\n")
			}
			out.WriteString(line + "\n")
		default:
			out.WriteString(line + "\n")
			block.WriteString(line)
			e.run(line)
		}
	}
	flush()
	return strings.TrimRight(out.String(), "\n") + "\n"
}

func lastLine(s string) string {
	lines := strings.Split(strings.TrimRight(s, "\n"), "\n")
	return lines[len(lines)-1]
}

// scripted is an engine that a script drives.
type scripted struct {
	t        *testing.T
	cfg      Config
	c        *Connection
	now      time.Time
	piece    int
	in       []byte // offered and not consumed
	kept     []byte // peer+
	held     bool
	out      strings.Builder
	links    map[string]*Link
	times    map[string]int
	accounts map[string]*scriptAccount
	ref      uint64
	decoder  amqp.Decoder
}

func newScripted(t *testing.T, piece int) *scripted {
	return &scripted{
		t: t, piece: piece,
		cfg:      Config{ContainerID: "hibachi", IdleTimeout: -1, Credit: 10},
		now:      time.Unix(0, 0).UTC(),
		links:    map[string]*Link{},
		times:    map[string]int{},
		accounts: map[string]*scriptAccount{},
	}
}

// scriptAccount allows what the script says.
type scriptAccount struct{ credit, bytes, used int }

func (a *scriptAccount) Charge(n int) bool {
	if a.used+n > a.bytes {
		return false
	}
	a.used += n
	return true
}
func (a *scriptAccount) Refund(n int)              { a.used -= n }
func (a *scriptAccount) Credit(most uint32) uint32 { return min(most, uint32(a.credit)) }

// printf prints a line, the middle of a long one left out.
func (e *scripted) printf(format string, args ...any) {
	line := []rune(fmt.Sprintf(format, args...))
	if n := len(line); n > 300 {
		line = append(append(line[:150:150], []rune(fmt.Sprintf(" ...%d... ", n-200))...), line[n-50:]...)
	}
	e.out.WriteString(string(line) + "\n")
}

// conn is the connection, made by the first command that needs it.
func (e *scripted) conn() *Connection {
	if e.c == nil {
		e.c = New(&e.cfg, e.now)
	}
	return e.c
}

func (e *scripted) run(line string) {
	words := splitWords(e.t, line)
	f := parseFields(words[1:])
	switch words[0] {
	case "new":
		e.printOwed()
		out := e.out.String()
		*e = *newScripted(e.t, e.piece)
		e.out.WriteString(out)
	case "config":
		e.config(f)
	case "connect":
		e.connect(f)
	case "peer":
		e.feed(e.frame(words[1], parseFields(words[2:])))
	case "peer+":
		e.kept = append(e.kept, e.frame(words[1], parseFields(words[2:]))...)
	case "hold":
		e.held = true
	case "go":
		e.held = false
	case "pass":
		e.pass(words[1:])
	case "tick":
		e.tick(words[1])
	case "eof":
		e.conn().EOF(nil)
	case "shutdown":
		e.conn().Shutdown(scriptError(words[1:]))
	case "stop-credit":
		e.conn().StopCredit()
	case "refresh-credit":
		e.conn().RefreshCredit()
	case "runnable":
		e.runnable()
	case "state":
		c := e.conn()
		e.printf("finished=%v unanswered=%d starved=%v", c.Finished(), c.Unanswered(), c.Starved())
	case "account":
		a := e.account(words[1])
		a.credit = int(f.number("credit", uint64(a.credit)))
		a.bytes = int(f.number("bytes", uint64(a.bytes)))
		e.printf("used=%d", a.used)
	default:
		e.runLink(words, f)
	}
}

// runLink runs the commands about one link.
func (e *scripted) runLink(words []string, f fields) {
	e.printEvents()
	l := e.links[words[1]]
	if l == nil {
		e.t.Fatalf("%q: no link %q", words, words[1])
	}
	switch words[0] {
	case "accept":
		e.accept(l, f)
	case "refuse":
		if l.receiver != nil {
			l.receiver.Refuse(scriptError(words[2:]))
		} else {
			l.sender.Refuse(scriptError(words[2:]))
		}
	case "detach":
		if l.receiver != nil {
			l.receiver.Detach(scriptError(words[2:]))
		} else {
			l.sender.Detach(scriptError(words[2:]))
		}
	case "settle":
		e.settle(l, words[2], words[3:])
	case "want":
		n, b := l.sender.Want()
		e.printf("want %d deliveries, %d octets", n, b)
	case "exhausted":
		l.sender.Exhausted()
	case "wake":
		l.sender.Wake()
	case "send":
		for _, text := range words[2:] {
			if strings.HasPrefix(text, "size=") {
				continue
			}
			e.send(l.sender, text, int(f.number("size", 0)))
		}
	default:
		e.t.Fatalf("no command %q", words[0])
	}
}

func (e *scripted) accept(l *Link, f fields) {
	terms := Terms{Settled: f.has("settled"), MaxMessageSize: f.number("max-message-size", 0)}
	if name := f["account"]; name != "" {
		terms.Account = e.account(name)
	}
	if n := f.number("properties-size", 0); n > 0 {
		terms.Properties = amqp.MakeMap(amqp.Symbol("x"), strings.Repeat("x", int(n)))
	}
	if l.receiver != nil {
		l.receiver.Accept(terms)
	} else {
		l.sender.Accept(terms)
	}
}

func (e *scripted) account(name string) *scriptAccount {
	if e.accounts[name] == nil {
		e.accounts[name] = &scriptAccount{credit: 1 << 20, bytes: 1 << 20}
	}
	return e.accounts[name]
}

// settle answers one id or a range, in descending order if the first is the larger.
func (e *scripted) settle(l *Link, ids string, state []string) {
	a, b, many := strings.Cut(ids, "-")
	first, last := serial(e.t, a), serial(e.t, a)
	if many {
		last = serial(e.t, b)
	}
	step := uint32(1)
	if last.Less(first) {
		step = ^uint32(0)
	}
	for id := first; ; id = id.Add(step) {
		if !l.receiver.Settle(id, scriptState(e.t, state)) {
			e.printf("too late for %d", id)
		}
		if id == last {
			return
		}
	}
}

func (e *scripted) send(s *Sender, text string, size int) {
	e.ref++
	body := []byte(text)
	if size > 0 {
		body = bytes.Repeat(body, size/len(body)+1)[:size]
	}
	m := Message{Ref: e.ref, HeadLen: 2, Body: body}
	copy(m.Head[:], "H:")
	if !s.Send(m) {
		e.printf("not sent: %d", m.Ref)
	}
}

func (e *scripted) runnable() {
	names := []string{}
	for _, s := range e.conn().Runnable(nil) {
		names = append(names, s.Attach().LinkName)
	}
	e.printf("runnable: %s", strings.Join(names, " "))
}

func (e *scripted) connect(f fields) {
	begin := fields{"incoming-window": "2048", "outgoing-window": "2048"}
	open := fields{"container-id": "peer"}
	for k, v := range f {
		if _, ok := begin[k]; ok || k == "next-outgoing-id" || k == "handle-max" {
			begin[k] = v
		} else {
			open[k] = v
		}
	}
	e.feed(e.frame("header", fields{"amqp": ""}))
	e.feed(e.frame("open", open))
	e.feed(e.frame("begin", begin))
	Recycle(e.conn().Events())
	for len(e.conn().Append(e.now, nil)) > 0 {
	}
}

// feed gives bytes to the engine, in pieces, and offers again what it did not take.
func (e *scripted) feed(b []byte) {
	b = append(e.kept, b...)
	e.kept = nil
	for len(b) > 0 {
		k := min(len(b), e.piece)
		e.in = append(e.in, b[:k]...)
		b = b[k:]
		n, need := e.conn().Feed(e.now, bytes.Clone(e.in))
		if n > len(e.in) || need > int(max(e.conn().cfg.MaxFrameSize, 8)) {
			e.t.Fatalf("consumed %d of %d, need %d", n, len(e.in), need)
		}
		if rest := len(e.in) - n; rest > 0 && need <= rest && n == 0 && need != 0 {
			e.t.Fatalf("%d octets were offered, %d needed, none taken", rest, need)
		}
		e.in = e.in[n:]
	}
}

func (e *scripted) tick(d string) {
	step, err := time.ParseDuration(d)
	if err != nil {
		e.t.Fatal(err)
	}
	e.now = e.now.Add(step)
	if next := e.conn().Tick(e.now); next.IsZero() {
		e.printf("next: never")
	} else {
		e.printf("next: in %v", next.Sub(e.now))
	}
}

// pass is one Append.
func (e *scripted) pass(words []string) {
	if len(words) > 0 {
		n, err := strconv.Atoi(words[0])
		if err != nil {
			e.t.Fatal(err)
		}
		e.conn().cfg.OutputLimit = n
	}
	e.printEvents()
	e.printFrames(e.conn().Append(e.now, nil))
	e.printf("(pass)")
}

// printOwed prints all events and all that is owed.
func (e *scripted) printOwed() {
	e.printEvents()
	if e.held {
		return
	}
	var out []byte
	for i := 0; ; i++ {
		n, owes := len(out), e.conn().Owes()
		if out = e.conn().Append(e.now, out); len(out) == n {
			break
		}
		if !owes {
			e.t.Fatalf("Owes says no, and Append writes %x", out[n:])
		}
		if i > 10000 {
			e.t.Fatal("Append does not come to an end")
		}
	}
	e.printFrames(out)
	e.printEvents()
}

func (e *scripted) printEvents() {
	events := e.conn().Events()
	for i := range events {
		e.printEvent(&events[i])
	}
	Recycle(events)
}

func (e *scripted) printEvent(v *Event) {
	var b strings.Builder
	add := func(format string, args ...any) { fmt.Fprintf(&b, " "+format, args...) }
	switch v.Kind {
	case EventOpen:
		p := e.c.Peer()
		add("open container-id=%s identity=%q hostname=%q product=%q", p.ContainerID, p.Identity, p.Hostname, p.Product)
	case EventAttachReceiver:
		add("attach receiver %s", e.register(&v.Receiver.Link, "r"))
	case EventAttachSender:
		add("attach sender %s", e.register(&v.Sender.Link, "s"))
	case EventMessage:
		add("message %s delivery=%d %s", v.Receiver.Attach().LinkName, v.Delivery, payloadText(v.Message))
		if v.Settled {
			add("settled")
		}
		if v.Format != 0 {
			add("format=%d", v.Format)
		}
	case EventAbandoned:
		add("abandoned %s delivery=%d %v", v.Receiver.Attach().LinkName, v.Delivery, v.State)
	case EventSettled:
		add("settled %s ref=%d %v", v.Sender.Attach().LinkName, v.Ref, v.State)
	case EventUnsent:
		add("unsent %s ref=%d", v.Sender.Attach().LinkName, v.Ref)
	case EventReceiverDetached:
		add("detached receiver %s closed=%v", v.Receiver.Attach().LinkName, v.Closed)
	case EventSenderDetached:
		add("detached sender %s closed=%v", v.Sender.Attach().LinkName, v.Closed)
	case EventClose:
		add("close")
	}
	if v.Err != nil {
		add("%v", v.Err)
	}
	e.printf("event%s", b.String())
}

// register makes a link known under its name, its name with direction, and its name with number.
func (e *scripted) register(l *Link, direction string) string {
	name := l.Attach().LinkName
	e.times[name]++
	e.links[name] = l
	e.links[name+"/"+direction] = l
	e.links[fmt.Sprintf("%s#%d", name, e.times[name])] = l
	return fmt.Sprintf("%s source=%v target=%v", name, l.Attach().Source != nil, l.Attach().Target != nil)
}

// printFrames prints what the peer would read, and holds it to what holds for all frames.
func (e *scripted) printFrames(b []byte) {
	for len(b) > 0 {
		if bytes.HasPrefix(b, []byte("AMQP")) {
			e.printf("-> header %s", headerName(b[:8]))
			b = b[8:]
			continue
		}
		h, err := amqp.ParseFrameHeader(b)
		if err != nil || int(h.Size) > len(b) {
			e.t.Fatalf("our frame % x: %v", b[:min(len(b), 16)], err)
		}
		if int(h.Size) > max(e.c.peer.maxFrame, 512) {
			e.t.Fatalf("our frame has %d octets, the peer takes %d", h.Size, e.c.peer.maxFrame)
		}
		e.printFrame(h, b[4*int(h.DataOffset):h.Size])
		b = b[h.Size:]
	}
}

func (e *scripted) printFrame(h amqp.FrameHeader, b []byte) {
	channel := ""
	if h.Channel != 0 {
		channel = fmt.Sprintf("ch=%d ", h.Channel)
	}
	if len(b) == 0 {
		e.printf("-> %sempty", channel)
		return
	}
	body, payload, err := e.decoder.Decode(b, h.Type == amqp.TypeSASL)
	if err != nil {
		e.t.Fatalf("our frame % x: %v", b, err)
	}
	text := body.String()
	if _, ok := body.(*amqp.Transfer); ok {
		text += " " + payloadText(payload)
	}
	e.printf("-> %s%s", channel, text)
}

func headerName(b []byte) string {
	switch [8]byte(b) {
	case amqp.HeaderAMQP:
		return "amqp"
	case amqp.HeaderSASL:
		return "sasl"
	}
	return hex.EncodeToString(b)
}

func payloadText(b []byte) string {
	if len(b) > 24 {
		return fmt.Sprintf("(%d octets)", len(b))
	}
	return strconv.Quote(string(b))
}
