package links

import (
	"log/slog"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"hibachi/links/amqp"
	"hibachi/links/engine"
)

// house is a Container in memory. A target's messages are accepted at once unless the test says otherwise; a source is a queue that
// competing links share, with the broker's rules of waking.
type house struct {
	mu      sync.Mutex
	targets map[string]*sink
	sources map[string]*queue
	ask     func(a *Attach, answer func(error)) // nil: attaches are answered at once
	budget  *Budget                             // nil: nobody is charged
}

func newHouse() *house {
	return &house{targets: make(map[string]*sink), sources: make(map[string]*queue)}
}

func (h *house) target(address string) *sink {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.targets[address] == nil {
		h.targets[address] = &sink{}
	}
	return h.targets[address]
}

func (h *house) source(address string) *queue {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.sources[address] == nil {
		h.sources[address] = &queue{}
	}
	return h.sources[address]
}

func (h *house) answer(a *Attach, do func(error)) {
	if h.ask == nil {
		do(nil)
		return
	}
	h.ask(a, do)
}

func (h *house) AttachTarget(a *Attach, done func(Target, engine.Terms, error)) {
	var terms engine.Terms
	if h.budget != nil {
		terms.Account = h.budget.Account(a.Target.Address)
	}
	h.answer(a, func(err error) {
		if err != nil {
			done(nil, terms, err)
			return
		}
		done(h.target(a.Target.Address), terms, nil)
	})
}

func (h *house) AttachSource(a *Attach, link *Sender, done func(Source, engine.Terms, error)) {
	h.answer(a, func(err error) {
		if err != nil {
			done(nil, engine.Terms{}, err)
			return
		}
		done(h.source(a.Source.Address).join(link), engine.Terms{}, nil)
	})
}

// sink is a Target. With hold, deliveries wait for the test to settle them.
type sink struct {
	mu       sync.Mutex
	slow     bool // Receive takes its time
	busy     bool // it runs
	hold     bool
	refuse   error
	messages []string
	held     []Delivery
	detached []error
}

func (s *sink) Receive(d Delivery, message []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.busy {
		panic("Receive is called by two goroutines at once")
	}
	if s.slow {
		s.busy = true
		s.mu.Unlock()
		time.Sleep(time.Millisecond)
		s.mu.Lock()
		s.busy = false
	}
	if s.refuse != nil {
		return s.refuse
	}
	s.messages = append(s.messages, string(message))
	if s.hold {
		s.held = append(s.held, d)
		return nil
	}
	d.Settle(amqp.DeliveryState{Kind: amqp.Accepted})
	return nil
}

func (s *sink) Detached(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.detached = append(s.detached, err)
}

// settle answers all that is held.
func (s *sink) settle(state amqp.DeliveryState) {
	s.mu.Lock()
	held := s.held
	s.held = nil
	s.mu.Unlock()
	for _, d := range held {
		d.Settle(state)
	}
}

func (s *sink) got() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.messages)
}

func (s *sink) ended() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.detached)
}

// queue is what several links take from. Its rules of waking are those that Source demands, in their simplest form.
type queue struct {
	mu      sync.Mutex
	next    uint64
	loaded  []item // in order of number
	waiting []*tap
	taps    map[*tap]struct{}
	settled map[amqp.StateKind]int
	untaken int
	onTake  func() // before each Take
}

type item struct {
	ref  uint64
	body []byte
}

// tap is one link's end of a queue: a Source.
type tap struct {
	of    *queue
	link  *Sender
	out   map[uint64]item // taken and not settled
	waits bool
	gone  bool
}

func (q *queue) join(link *Sender) *tap {
	q.mu.Lock()
	defer q.mu.Unlock()
	t := &tap{of: q, link: link, out: make(map[uint64]item)}
	if q.taps == nil {
		q.taps = make(map[*tap]struct{})
		q.settled = make(map[amqp.StateKind]int)
	}
	q.taps[t] = struct{}{}
	return t
}

// put adds messages and wakes as many links.
func (q *queue) put(bodies ...string) {
	q.mu.Lock()
	for _, b := range bodies {
		q.next++
		q.loaded = append(q.loaded, item{q.next, []byte(b)})
	}
	q.mu.Unlock()
	q.wake(len(bodies))
}

// wake has n links come. One that is busy writing is flagged and does not count.
func (q *queue) wake(n int) {
	for n > 0 {
		q.mu.Lock()
		if len(q.waiting) == 0 || len(q.loaded) == 0 {
			q.mu.Unlock()
			return
		}
		t := q.waiting[0]
		q.waiting = q.waiting[1:]
		t.waits = false
		q.mu.Unlock()
		if t.link.Wake() {
			n--
		}
	}
}

func (t *tap) Take(dst []engine.Message, max, maxBytes int) (_ []engine.Message, idle bool) {
	q := t.of
	if q.onTake != nil {
		q.onTake()
	}
	q.mu.Lock()
	taken, bytes := 0, 0
	for !t.gone && taken < max && len(q.loaded) > 0 && (taken == 0 || bytes+len(q.loaded[0].body) <= maxBytes) {
		i := q.loaded[0]
		q.loaded = q.loaded[1:]
		t.out[i.ref] = i
		dst = append(dst, engine.Message{Ref: i.ref, Body: i.body})
		taken++
		bytes += len(i.body)
	}
	idle = len(q.loaded) == 0
	if !t.gone && taken < max && idle && !t.waits {
		t.waits = true
		q.waiting = append(q.waiting, t)
	}
	q.mu.Unlock()
	if !idle {
		q.wake(1)
	}
	return dst, idle
}

// back returns items to the queue.
func (t *tap) back(items ...item) {
	q := t.of
	q.loaded = append(q.loaded, items...)
	slices.SortFunc(q.loaded, func(a, b item) int { return int(a.ref) - int(b.ref) })
}

func (t *tap) Untake(refs []uint64) {
	q := t.of
	q.mu.Lock()
	n := 0
	for _, ref := range refs {
		if i, ok := t.out[ref]; ok {
			delete(t.out, ref)
			t.back(i)
			n++
		}
	}
	q.untaken += n
	q.mu.Unlock()
	q.wake(n)
}

func (t *tap) Settle(ss []Settlement) {
	q := t.of
	q.mu.Lock()
	n := 0
	for _, s := range ss {
		i, ok := t.out[s.Ref]
		if !ok {
			continue
		}
		delete(t.out, s.Ref)
		q.settled[s.State.Kind]++
		if s.State.Kind != amqp.Accepted {
			t.back(i)
			n++
		}
	}
	q.mu.Unlock()
	q.wake(n)
}

func (t *tap) Detached(error) {
	q := t.of
	q.mu.Lock()
	if t.gone {
		q.mu.Unlock()
		panic("detached twice")
	}
	t.gone = true
	delete(q.taps, t)
	q.waiting = slices.DeleteFunc(q.waiting, func(w *tap) bool { return w == t })
	n := len(t.out)
	for _, i := range t.out {
		t.back(i)
	}
	t.out = nil
	q.mu.Unlock()
	q.wake(n + 1) // it may have been woken and not have come
}

// links are those that take from the queue.
func (q *queue) links() []*tap {
	q.mu.Lock()
	defer q.mu.Unlock()
	return slices.Collect(maps.Keys(q.taps))
}

// count is how many items are there, how many out, how many accepted.
func (q *queue) count() (loaded, out, accepted int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for t := range q.taps {
		out += len(t.out)
	}
	return len(q.loaded), out, q.settled[amqp.Accepted]
}

// serve makes a server around a container.
func serve(t *testing.T, c Container, change ...func(*Options)) *Server {
	t.Helper()
	o := Options{Engine: engine.Config{ContainerID: "links"}, Log: slog.New(slog.DiscardHandler)}
	for _, f := range change {
		f(&o)
	}
	s, err := NewServer(c, o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}
