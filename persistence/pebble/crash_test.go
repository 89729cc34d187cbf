package pebble

import (
	"cmp"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	cockroach "github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"hibachi/persistence"
)

// The crash test. A world is a store on a disk that can lose power, with logs, producers and cursors that behave as the broker's do. At random moments
// the power goes: what had been promised until then is noted first, then the disk is cloned as the power cut leaves it, and a store opened on the
// clone must hold every promise. The run goes on with the clone. Syncs take a random while of a bubble's fake time, so that a crash often falls
// between applying and syncing.
type world struct {
	rng  *rand.Rand
	wrap func(env) env // what to put between the store and its disk
	o    Options

	fs     *vfs.MemFS
	store  *Store
	quick  *atomic.Bool // the store's syncs take no time
	logs   []*model
	broken []string // promises found broken
	plugs  int      // times that the power went
}

// model is what one log has promised. Callbacks come from the store's goroutines, hence the lock.
type model struct {
	name string
	l    *log

	mu      sync.Mutex
	bodies  map[persistence.Position]string // accepted
	flying  map[string]bool                 // bodies handed over and not yet accepted
	top     persistence.Position            // the last accepted
	orders  []string                        // bodies accepted, in order
	cursors []*reader
	serial  int
}

// reader is a cursor with a ledger that reads by Scan and is done with records in any order.
type reader struct {
	m    *model
	name string
	c    persistence.Cursor

	mu      sync.Mutex
	durable bool // creation was reported
	scan    persistence.Position
	open    []persistence.Key               // looked at and not done
	done    []persistence.Key               // for TakeDone
	handed  map[persistence.Position]bool   // done, taken or not
	maybe   map[persistence.Position]bool   // all others were done with it at the time of creation: it may be gone, or be owed
	mustOwe map[persistence.Position]string // until looked at: what it has to be given, since somebody was owed it when it was created
	taken   []persistence.Position          // given to the committer, in order
	safe    int                             // so many of taken are known to be on disk
}

func (r *reader) TakeDone(dst []persistence.Key) ([]persistence.Key, persistence.Position) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, k := range r.done {
		r.taken = append(r.taken, k.Position)
	}
	dst = append(dst, r.done...)
	r.done = r.done[:0]
	floor := r.scan
	for _, k := range r.open {
		floor = min(floor, k.Position-1)
	}
	return dst, floor
}

func newReader(m *model, name string) *reader {
	return &reader{m: m, name: name, handed: map[persistence.Position]bool{}, maybe: map[persistence.Position]bool{}}
}

func newWorld(seed uint64, grace time.Duration, wrap func(env) env) *world {
	w := &world{rng: rand.New(rand.NewPCG(seed, 1)), wrap: wrap, fs: vfs.NewCrashableMem()}
	w.o = small(nil)
	w.o.Grace = grace
	w.o.RingBytes = 8 << 10
	for i := range 2 {
		w.logs = append(w.logs, &model{name: fmt.Sprintf("log%d", i), bodies: map[persistence.Position]string{}, flying: map[string]bool{}})
	}
	return w
}

// slowSyncs makes each sync of the write-ahead log take up to 3 ms, until the store is to be closed: closing syncs under Pebble's lock, and a bubble's
// time stands still while somebody waits for a lock.
func (w *world) slowSyncs(fs vfs.FS) vfs.FS {
	quick := new(atomic.Bool)
	w.quick = quick
	rng := rand.New(rand.NewPCG(w.rng.Uint64(), 2))
	var mu sync.Mutex
	return errorfs.Wrap(fs, errorfs.InjectorFunc(func(op errorfs.Op) error {
		if !quick.Load() && strings.HasSuffix(op.Path, ".log") && (op.Kind == errorfs.OpFileSync || op.Kind == errorfs.OpFileSyncData) {
			mu.Lock()
			d := time.Duration(rng.IntN(3000)) * time.Microsecond
			mu.Unlock()
			time.Sleep(d)
		}
		return nil
	}))
}

func (w *world) open(t testing.TB) {
	t.Helper()
	o := w.o
	o.FS = w.slowSyncs(w.fs)
	s, err := open(o, w.wrap)
	if err != nil {
		t.Fatal(err)
	}
	w.store = s
	for _, m := range w.logs {
		m.l = mustLog(t, s, m.name)
	}
}

func (w *world) breaks(format string, args ...any) {
	w.broken = append(w.broken, fmt.Sprintf(format, args...))
}

// step does something at random.
func (w *world) step(t testing.TB) {
	m := w.logs[w.rng.IntN(len(w.logs))]
	switch n := w.rng.IntN(20); {
	case n < 8:
		m.publish(w)
	case n < 9 && len(m.cursors) < 3:
		m.addReader(w)
	case n < 18 && len(m.cursors) > 0:
		r := m.cursors[w.rng.IntN(len(m.cursors))]
		r.read(w)
		r.settle(w)
	case n < 19 && len(m.cursors) > 0:
		m.cursors[w.rng.IntN(len(m.cursors))].reopen(t)
	default:
		time.Sleep(time.Duration(w.rng.IntN(4000)) * time.Microsecond)
	}
}

type accepted struct {
	w    *world
	m    *model
	body string
}

func (a accepted) Appended(p persistence.Position, err error) {
	a.m.mu.Lock()
	defer a.m.mu.Unlock()
	if err != nil {
		return
	}
	if p <= a.m.top {
		a.w.breaks("%s: position %d given after %d", a.m.name, p, a.m.top)
	}
	delete(a.m.flying, a.body)
	a.m.bodies[p], a.m.top = a.body, p
	a.m.orders = append(a.m.orders, a.body)
}

func (m *model) publish(w *world) {
	for range 1 + w.rng.IntN(12) {
		m.mu.Lock()
		m.serial++
		body := fmt.Sprintf("%06d%s", m.serial, strings.Repeat("x", w.rng.IntN(900)))
		m.flying[body] = true
		m.mu.Unlock()
		m.l.Append(&persistence.Append{
			Lane: persistence.Lane(w.rng.IntN(5)), Envelope: []byte("env"), Body: []byte(body), Done: accepted{w, m, body},
		})
	}
}

// addReader creates a cursor, without waiting.
func (m *model) addReader(w *world) {
	r := newReader(m, fmt.Sprintf("c%d", len(m.cursors)))
	r.mustOwe = m.owed()
	m.mu.Lock()
	for p := range m.bodies {
		if _, owed := r.mustOwe[p]; !owed {
			r.maybe[p] = true
		}
	}
	m.cursors = append(m.cursors, r)
	m.mu.Unlock()
	m.l.OpenCursor(r.name, true, r, func(c persistence.Cursor, err error) {
		r.mu.Lock()
		defer r.mu.Unlock()
		if err != nil {
			w.breaks("create %s: %v", r.name, err)
			return
		}
		r.c, r.durable = c, true
	})
}

// owed lists accepted positions that some cursor is not done with, or all if there is none.
func (m *model) owed() map[persistence.Position]string {
	m.mu.Lock()
	defer m.mu.Unlock()
	owed := maps.Clone(m.bodies)
	for p := range owed {
		if len(m.cursors) > 0 && !slices.ContainsFunc(m.cursors, func(r *reader) bool { return !r.isDone(p) }) {
			delete(owed, p)
		}
	}
	return owed
}

func (r *reader) isDone(p persistence.Position) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.handed[p] || r.maybe[p]
}

// read looks at a page.
func (r *reader) read(w *world) {
	r.mu.Lock()
	c, after := r.c, r.scan
	r.mu.Unlock()
	if c == nil {
		return
	}
	keys, through, err := scanPage(r.m.l, c, after, 1+w.rng.IntN(40))
	if err != nil {
		w.breaks("scan: %v", err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, k := range keys {
		if r.handed[k.Position] {
			w.breaks("%s: %s is given %d a second time", r.m.name, r.name, k.Position)
		}
		if k.Position <= after || k.Position > through {
			w.breaks("%s: scan after %d through %d gives %d", r.m.name, after, through, k.Position)
		}
		delete(r.maybe, k.Position)
		delete(r.mustOwe, k.Position)
	}
	for p := range r.mustOwe {
		if p <= through {
			w.breaks("%s: new cursor %s is not given %d", r.m.name, r.name, p)
		}
	}
	r.open, r.scan = append(r.open, keys...), through
}

// settle is done with a random part of what is open.
func (r *reader) settle(w *world) {
	r.mu.Lock()
	c := r.c
	percent := []int{30, 80, 100}[w.rng.IntN(3)]
	r.open = slices.DeleteFunc(r.open, func(k persistence.Key) bool {
		if w.rng.IntN(100) >= percent {
			return false
		}
		r.done = append(r.done, k)
		r.handed[k.Position] = true
		return true
	})
	r.mu.Unlock()
	if c == nil {
		return
	}
	c.Dirty()
	if w.rng.IntN(3) > 0 {
		return
	}
	// Note how much is on disk, once something behind it is.
	r.m.l.store.queue.push(item{log: r.m.l, op: func(c *committer, g *group) {
		r.mu.Lock()
		n := len(r.taken)
		r.mu.Unlock()
		g.then = append(g.then, func() {
			r.mu.Lock()
			r.safe = max(r.safe, n)
			r.mu.Unlock()
		})
	}})
}

// reopen closes the cursor and opens it with an empty ledger.
func (r *reader) reopen(t testing.TB) {
	r.mu.Lock()
	c := r.c
	r.mu.Unlock()
	if c == nil {
		return
	}
	c.Close()
	barrier(r.m.l)
	r.mu.Lock()
	r.open, r.scan = nil, 0
	r.mu.Unlock()
	c, err := openCur(r.m.l, r.name, false, r)
	if err != nil {
		t.Errorf("reopen %s: %v", r.name, err)
		return
	}
	r.mu.Lock()
	r.c = c
	r.mu.Unlock()
}

// promise is what was promised for a log until the power went.
type promise struct {
	m       *model
	bodies  map[persistence.Position]string
	orders  []string
	top     persistence.Position
	cursors map[string]map[persistence.Position]bool // durable cursors: what they are durably done with
}

func (m *model) promised() promise {
	m.mu.Lock()
	defer m.mu.Unlock()
	p := promise{m, maps.Clone(m.bodies), slices.Clone(m.orders), m.top, map[string]map[persistence.Position]bool{}}
	for _, r := range m.cursors {
		r.mu.Lock()
		if r.durable {
			done := map[persistence.Position]bool{}
			for _, p := range r.taken[:r.safe] {
				done[p] = true
			}
			p.cursors[r.name] = done
		}
		r.mu.Unlock()
	}
	return p
}

// crash pulls the plug, checks what is left, and goes on with it.
func (w *world) crash(t testing.TB) {
	t.Helper()
	w.plugs++
	var promises []promise
	for _, m := range w.logs {
		promises = append(promises, m.promised()) // before the clone
	}
	clone := w.fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: []int{0, 0, 50}[w.rng.IntN(3)], RNG: w.rng})
	var allowed []map[persistence.Position]string
	for _, m := range w.logs {
		allowed = append(allowed, m.owed()) // after it: what was handed over meanwhile may be gone
	}
	w.fs = clone
	for _, m := range w.logs {
		m.retire()
	}
	w.close(t)
	w.open(t)
	for i, p := range promises {
		w.check(t, p, allowed[i])
	}
}

// retire cuts the model off from the callbacks of the store that lost power.
func (m *model) retire() {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, r := range m.cursors {
		r.mu.Lock()
		r.c = nil
		r.mu.Unlock()
	}
}

// check compares the log on the clone with what was promised, and takes the clone's truth for the time to come.
func (w *world) check(t testing.TB, p promise, owed map[persistence.Position]string) {
	t.Helper()
	m := p.m
	keys := scanAll(t, m.l, nil)
	found := map[persistence.Position]string{}
	for _, r := range fetchAll(t, m.l, keys) {
		found[r.Position] = string(r.Body)
	}
	if len(found) != len(keys) {
		w.breaks("%s: %d keys, %d records", m.name, len(keys), len(found))
	}
	if !slices.IsSortedFunc(keys, func(a, b persistence.Key) int { return cmp.Compare(a.Position, b.Position) }) {
		w.breaks("%s: keys out of order", m.name)
	}
	if st := m.l.Stats(); st.Count != int64(len(keys)) {
		w.breaks("%s: count %d of %d", m.name, st.Count, len(keys))
	}
	w.checkRecords(p, owed, found)
	for name, done := range p.cursors {
		w.checkCursor(t, p, name, done, owed)
	}
	m.restart(t, p, found)
}

func (w *world) checkRecords(p promise, owed, found map[persistence.Position]string) {
	m := p.m
	for pos, body := range p.bodies {
		if _, still := owed[pos]; still && found[pos] != body {
			w.breaks("%s: LOST %d %.6s, found %.6q", m.name, pos, body, found[pos])
		}
		if got, ok := found[pos]; ok && got != body {
			w.breaks("%s: %d was accepted as %.6s and is %.6s", m.name, pos, body, got)
		}
	}
	last := ""
	for _, pos := range slices.Sorted(maps.Keys(found)) {
		body := found[pos]
		if body <= last {
			w.breaks("%s: %.6s after %.6s", m.name, body, last)
		}
		last = body
	}
	if m.l.Head() < p.top {
		w.breaks("%s: head %d, accepted was %d", m.name, m.l.Head(), p.top)
	}
}

func (w *world) checkCursor(t testing.TB, p promise, name string, done map[persistence.Position]bool, owed map[persistence.Position]string) {
	m := p.m
	var a account
	c, err := openCur(m.l, name, false, &a)
	if err != nil {
		w.breaks("%s: cursor %s: %v", m.name, name, err)
		return
	}
	given := map[persistence.Position]bool{}
	for _, k := range scanPages(t, m.l, c, 7+w.rng.IntN(50)) {
		given[k.Position] = true
		if done[k.Position] {
			w.breaks("%s: %s went back: %d was done", m.name, name, k.Position)
		}
	}
	i := slices.IndexFunc(m.cursors, func(r *reader) bool { return r.name == name })
	for pos := range p.bodies {
		if _, still := owed[pos]; still && !m.cursors[i].isDone(pos) && !given[pos] {
			w.breaks("%s: %s is not given %d", m.name, name, pos)
		}
	}
	c.Close()
	barrier(m.l)
}

// restart takes over what the clone holds.
func (m *model) restart(t testing.TB, p promise, found map[persistence.Position]string) {
	names := m.l.Cursors()
	m.mu.Lock()
	m.bodies, m.top = found, m.l.Head()
	m.flying = map[string]bool{}
	cursors := m.cursors[:0:0]
	for _, r := range m.cursors {
		if !slices.Contains(names, r.name) {
			break // its creation was not durable; those created later are not either
		}
		cursors = append(cursors, r)
	}
	m.cursors = cursors
	m.mu.Unlock()
	for i, r := range cursors {
		fresh := newReader(m, r.name)
		fresh.durable = true
		c, err := openCur(m.l, r.name, false, fresh)
		if err != nil {
			t.Fatal(err)
		}
		fresh.c = c
		owes := map[persistence.Position]bool{}
		for _, k := range scanAll(t, m.l, c) {
			owes[k.Position] = true
		}
		for pos := range found {
			if !owes[pos] { // done before
				fresh.handed[pos] = true
				fresh.taken = append(fresh.taken, pos)
			}
		}
		fresh.safe = len(fresh.taken)
		m.mu.Lock()
		m.cursors[i] = fresh
		m.mu.Unlock()
	}
}

// run lives until the power went so many times, or a promise was broken.
func (w *world) run(t *testing.T, plugs int) {
	synctest.Test(t, func(t *testing.T) {
		w.open(t)
		for w.plugs < plugs && len(w.broken) == 0 {
			for range 5 + w.rng.IntN(25) {
				w.step(t)
			}
			w.crash(t)
		}
		w.close(t)
	})
}

func (w *world) close(t testing.TB) {
	t.Helper()
	w.quick.Store(true)
	if err := w.store.Close(); err != nil {
		t.Error(err)
	}
}

// One world after the other: Pebble pools objects that belong to the bubble that uses them.
func TestAcceptedSurvivesCrash(t *testing.T) {
	const worlds, plugs = 40, 13
	for seed := range uint64(worlds) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			grace := []time.Duration{-1, -1, 200 * time.Millisecond}[seed%3]
			w := newWorld(seed, grace, func(e env) env { return e })
			w.run(t, plugs)
			for _, b := range w.broken {
				t.Error(b)
			}
		})
	}
}

// TestEarlyAckIsCaught plants what the crash test is there to find: records reported as durable before they are. It proves that the test above can fail.
func TestEarlyAckIsCaught(t *testing.T) {
	early := func(e env) env {
		var waiting sync.WaitGroup
		wait := e.sync
		e.sync = func(b *cockroach.Batch) error {
			waiting.Go(func() {
				if wait(b) == nil {
					b.Close()
				}
			})
			return nil
		}
		e.release = func(*cockroach.Batch) error { return nil }
		return e
	}
	w := newWorld(1, -1, early)
	w.run(t, 100)
	if len(w.broken) == 0 {
		t.Fatalf("no broken promise in %d crashes", w.plugs)
	}
	t.Logf("caught by crash %d: %s", w.plugs, w.broken[0])
}
