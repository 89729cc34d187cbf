package links

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"hibachi/links/amqp"
)

func TestCreditShrinksFromHalfOfTheLimitOn(t *testing.T) {
	for _, c := range []struct {
		used int
		want uint32
	}{{0, 1000}, {500, 1000}, {501, 998}, {750, 500}, {990, 20}, {1000, 0}} {
		b := NewBudget(1000, 1000)
		a := b.Account("t").(*account)
		if !a.Charge(c.used) {
			t.Fatalf("%d of 1000 do not fit", c.used)
		}
		if got := a.Credit(1000); got != c.want {
			t.Errorf("at %d of 1000: credit %d, want %d", c.used, got, c.want)
		}
	}
}

func TestAccountIsBoundByItsShareAndByTheNode(t *testing.T) {
	b := NewBudget(100, 60)
	x, y := b.Account("x"), b.Account("y")
	if x.Charge(61) || !x.Charge(60) || x.Charge(1) {
		t.Error("the share of 60 does not hold")
	}
	if y.Charge(41) || !y.Charge(40) {
		t.Error("the node's 100 do not hold")
	}
	if b.Used() != 100 || y.Credit(10) != 0 {
		t.Errorf("%d used, credit %d", b.Used(), y.Credit(10))
	}
	x.Refund(60)
	y.Refund(40)
	if b.Used() != 0 {
		t.Errorf("%d used", b.Used())
	}
	defer func() {
		if recover() == nil {
			t.Error("giving back too much went unnoticed")
		}
	}()
	x.Refund(1)
}

func TestAccountsOfOneNameAreOneWhileHeld(t *testing.T) {
	b := NewBudget(0, 0)
	a := b.Account("t")
	if b.Account("t") != a || b.Account("u") == a {
		t.Error("a name is not an account")
	}
	runtime.KeepAlive(a)
	for i := range 100 {
		b.Account(fmt.Sprint("tenant ", i)).Charge(1)
	}
	for range 100 {
		runtime.GC()
		b.mu.Lock()
		n := len(b.accounts)
		b.mu.Unlock()
		if n <= 2 {
			return
		}
		runtime.Gosched()
	}
	t.Error("accounts that nobody holds are kept")
}

func TestFullBudgetStopsSendersAndLetsThemGoOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse()
		h.budget = NewBudget(40_000, 10_000)
		in := h.target("in")
		in.hold = true
		s := serve(t, h, func(o *Options) { o.Budget = h.budget; o.Engine.Credit = 10 })
		p, late, elsewhere := connect(t, s), connect(t, s), connect(t, s)
		p.open()
		p.attachSender(0, "in")
		for id := range uint32(10) {
			p.transfer(0, id, strings.Repeat("x", 1000))
		}
		p.flush()
		p.wantIdle("the share is full: no more credit")
		if used := s.Stats().BudgetUsed; used != 10_000 {
			t.Errorf("%d used", used)
		}
		late.open()
		if credit := late.attachSender(0, "in"); credit != 0 {
			t.Errorf("a link to a full account was granted %d", credit)
		}
		elsewhere.open()
		if credit := elsewhere.attachSender(0, "other"); credit != 10 {
			t.Errorf("a link to another account was granted %d", credit)
		}
		in.settle(amqp.DeliveryState{Kind: amqp.Accepted})
		if credit := p.wantOutcomes(10, amqp.Accepted); credit == 0 && want[*amqp.Flow](p, "credit again").LinkCredit.Value == 0 {
			t.Error("no credit although all is answered")
		}
		if f := want[*amqp.Flow](late, "credit for who waited"); f.LinkCredit.Value == 0 {
			t.Errorf("%v", f)
		}
		if used := h.budget.Used(); used != 0 {
			t.Errorf("%d used", used)
		}
		for _, p := range []*peer{p, late, elsewhere} {
			p.nc.Close()
		}
	})
}

func TestDeniedSendersGetTheirTurnWhileOthersAreBusy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := NewBudget(1600, 1600)
		a := b.Account("t").(*account)
		var m mail
		m.init()
		link := &meter{account: a, who: &m}
		a.Charge(1600)
		if link.Credit(10) != 0 {
			t.Fatal("credit from a full account")
		}
		told := func() bool {
			synctest.Wait()
			var l letters
			return m.take(&l) && l.starved
		}
		if told() {
			t.Error("told too early")
		}
		for range 10 { // use never falls below 99 %
			a.Refund(10)
			a.Charge(10)
		}
		if !told() {
			t.Error("a sixteenth of the limit went by, and the one who waits was not told")
		}
		if told() {
			t.Error("told twice")
		}
		if link.Credit(10) != 0 {
			t.Fatal("credit from a full account")
		}
		a.Refund(801)
		if !told() {
			t.Error("not told although use fell to half")
		}
	})
}

// TestNothingLeaksFromTheBudget sends random deliveries over connections that break at random moments, in the middle of deliveries, too.
func TestNothingLeaksFromTheBudget(t *testing.T) {
	for seed := range uint64(8) {
		synctest.Test(t, func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 1))
			h := newHouse()
			h.budget = NewBudget(60_000, 30_000)
			s := serve(t, h, func(o *Options) { o.Budget = h.budget; o.Engine.Credit = 50 })
			for range 25 {
				p := connect(t, s)
				p.open()
				address := fmt.Sprint("in", r.IntN(3))
				sink := h.target(address)
				sink.mu.Lock()
				sink.hold = r.IntN(2) == 0
				sink.mu.Unlock()
				credit := p.attachSender(0, address)
				for id := range min(credit, uint32(r.IntN(40))) {
					p.put(&amqp.Transfer{Handle: 0, DeliveryID: amqp.Some(amqp.SequenceNo(id)), DeliveryTag: []byte{byte(id)},
						MessageFormat: amqp.Some[uint32](0), More: true}, make([]byte, r.IntN(1500)))
					switch r.IntN(8) {
					case 0:
						p.put(&amqp.Transfer{Aborted: true}, nil)
					default:
						p.put(&amqp.Transfer{}, make([]byte, r.IntN(1500)))
					}
				}
				if r.IntN(2) == 0 {
					p.put(&amqp.Transfer{Handle: 0, DeliveryID: amqp.Some(amqp.SequenceNo(1000)), DeliveryTag: []byte{1}, More: true}, make([]byte, 700))
				}
				switch r.IntN(4) {
				case 0:
					p.put(&amqp.Detach{Handle: 0, Closed: true}, nil)
				case 1:
					p.put(&amqp.End{}, nil)
				}
				cut := len(p.out)
				if r.IntN(2) == 0 {
					cut = r.IntN(len(p.out) + 1)
				}
				p.out = p.out[:cut]
				if cut > 0 {
					p.flush()
				}
				switch r.IntN(3) {
				case 0:
					p.nc.Close()
				case 1:
					synctest.Wait()
					p.nc.Close()
				case 2:
					time.AfterFunc(time.Minute, func() { p.nc.Close() })
				}
				go sink.settle(amqp.DeliveryState{Kind: amqp.Accepted})
			}
			time.Sleep(2 * time.Minute)
			for i := range 3 {
				h.target(fmt.Sprint("in", i)).settle(amqp.DeliveryState{Kind: amqp.Rejected, Err: amqp.Errorf(amqp.ErrInternal, "late")})
			}
			synctest.Wait()
			if used := h.budget.Used(); used != 0 {
				t.Errorf("seed %d: %d bytes are charged for nothing", seed, used)
			}
		})
	}
}

func TestChargesOfManyGoroutinesNeverExceedTheLimit(t *testing.T) {
	b := NewBudget(1000, 400)
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			a := b.Account(fmt.Sprint(i % 3))
			r := rand.New(rand.NewPCG(uint64(i), 0))
			for range 5000 {
				n := 1 + r.IntN(200)
				if !a.Charge(n) {
					continue
				}
				if used := b.Used(); used > 1000 {
					t.Errorf("%d used", used)
				}
				a.Refund(n)
			}
		})
	}
	all.Wait()
	if b.Used() != 0 {
		t.Errorf("%d used", b.Used())
	}
}
