package bench

import (
	"fmt"
	"sync"
)

// Check follows the sequence of each device as the consumers of one application together receive it.
//
// The senders number the events of each device from 1. What is then right is: every number in order. After a connection was lost,
// a device may also step back once and repeat what it had from there on, in order and to its end (a suffix); that is counted as
// repeats. Without a lost connection a repeat is a duplicate and wrong. A number that was stepped over and comes later is out of
// order, one that never comes is a gap, unless the broker had refused that event.
//
// Consumers that compete for a device may both be told of it only one after the other, so received is called from any goroutine,
// before the event is acknowledged.
type Check struct {
	tenants []tenantCheck
}

type tenantCheck struct {
	mu sync.Mutex
	// Guarded by mu.
	devices []deviceCheck
	missing map[event]struct{} // stepped over and not seen since
	refused map[event]struct{} // the broker gave another outcome than accepted
	found   Verdict
	_       [32]byte // keeps neighbours off this cache line
}

type deviceCheck struct {
	high uint32 // the largest number seen
	cur  uint32 // the last one seen
}

type event struct{ device, seq uint32 }

// Verdict is what the check found.
type Verdict struct {
	Events     uint64 `json:"events"`     // received for the first time
	Repeats    uint64 `json:"repeats"`    // received again, in order
	Gaps       uint64 `json:"gaps"`       // accepted and never received
	OutOfOrder uint64 `json:"outOfOrder"` // received after a later one of the same device
	Broken     uint64 `json:"broken"`     // repeats that did not go to the end of what the device had
	Strange    uint64 `json:"strange"`    // of a device or number that nobody sent
	First      string `json:"first,omitempty"`
}

// maxMissing bounds the memory of one tenant's check; a run with more gaps than that has nothing more to learn from them.
const maxMissing = 1 << 20

// NewCheck makes a check for so many tenants with so many devices each.
func NewCheck(tenants, devices int) *Check {
	c := &Check{tenants: make([]tenantCheck, tenants)}
	for i := range c.tenants {
		t := &c.tenants[i]
		t.devices = make([]deviceCheck, devices)
		t.missing, t.refused = map[event]struct{}{}, map[event]struct{}{}
	}
	return c
}

// Received notes an event. It reports whether it came for the first time.
func (c *Check) Received(tenant, device, seq uint32) (fresh bool) {
	if int(tenant) >= len(c.tenants) {
		t := &c.tenants[0]
		t.mu.Lock()
		defer t.mu.Unlock()
		t.note(&t.found.Strange, "event of tenant %d, which this run does not have", tenant)
		return false
	}
	t := &c.tenants[tenant]
	t.mu.Lock()
	defer t.mu.Unlock()
	if int(device) >= len(t.devices) || seq == 0 {
		t.note(&t.found.Strange, "event %d of device %d, which this run does not have", seq, device)
		return false
	}
	return t.received(device, seq)
}

func (t *tenantCheck) received(device, seq uint32) (fresh bool) {
	d := &t.devices[device]
	switch {
	case seq > d.high:
		if d.cur < d.high {
			t.note(&t.found.Broken, "device %d: %d came after a repeat that ended at %d of %d", device, seq, d.cur, d.high)
		}
		t.skip(device, d.high+1, seq)
		d.high, d.cur = seq, seq
		t.found.Events++
		return true
	case t.wasMissing(device, seq):
		t.note(&t.found.OutOfOrder, "device %d: %d came after %d", device, seq, d.high)
		t.found.Events++
		return true
	case seq > d.cur+1 && !t.allMissing(device, d.cur+1, seq):
		t.note(&t.found.Broken, "device %d: a repeat leaps from %d to %d of %d", device, d.cur, seq, d.high)
	}
	d.cur = seq
	t.found.Repeats++
	return false
}

// skip notes that numbers from up to but not including to were stepped over.
func (t *tenantCheck) skip(device, from, to uint32) {
	for ; from < to && len(t.missing) < maxMissing; from++ {
		t.missing[event{device, from}] = struct{}{}
	}
	t.found.Gaps += uint64(to - from) // beyond the bound: counted, not remembered
}

// allMissing: none of the numbers from up to but not including to was ever seen, so a repeat does not have them either.
func (t *tenantCheck) allMissing(device, from, to uint32) bool {
	for ; from < to; from++ {
		if _, ok := t.missing[event{device, from}]; !ok {
			return false
		}
	}
	return true
}

func (t *tenantCheck) wasMissing(device, seq uint32) bool {
	if len(t.missing) == 0 {
		return false
	}
	e := event{device, seq}
	_, ok := t.missing[e]
	delete(t.missing, e)
	return ok
}

// Refused notes that an event was not accepted, so that nobody has to receive it.
func (c *Check) Refused(tenant, device, seq uint32) {
	t := &c.tenants[tenant]
	t.mu.Lock()
	defer t.mu.Unlock()
	t.refused[event{device, seq}] = struct{}{}
}

// SentUpTo closes a device's account: numbers up to last were sent and answered, and nothing more is to come.
func (c *Check) SentUpTo(tenant, device, last uint32) {
	t := &c.tenants[tenant]
	t.mu.Lock()
	defer t.mu.Unlock()
	if d := &t.devices[device]; last > d.high {
		t.skip(device, d.high+1, last+1)
		d.high, d.cur = last, last
	}
}

// High is the largest number received of a device.
func (c *Check) High(tenant, device uint32) uint32 {
	t := &c.tenants[tenant]
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.devices[device].high
}

func (t *tenantCheck) note(counter *uint64, format string, args ...any) {
	*counter++
	if t.found.First == "" {
		t.found.First = fmt.Sprintf(format, args...)
	}
}

// Verdict sums up so far. What is missing now counts as a gap.
func (c *Check) Verdict() Verdict {
	var sum Verdict
	for i := range c.tenants {
		v := c.tenants[i].verdict()
		sum.Events += v.Events
		sum.Repeats += v.Repeats
		sum.Gaps += v.Gaps
		sum.OutOfOrder += v.OutOfOrder
		sum.Broken += v.Broken
		sum.Strange += v.Strange
		if sum.First == "" && v.First != "" {
			sum.First = fmt.Sprintf("tenant %d, %s", i, v.First)
		}
	}
	return sum
}

func (t *tenantCheck) verdict() Verdict {
	t.mu.Lock()
	defer t.mu.Unlock()
	v := t.found
	for e := range t.missing {
		if _, ok := t.refused[e]; ok {
			continue
		}
		v.Gaps++
		if v.First == "" {
			v.First = fmt.Sprintf("device %d: %d never came", e.device, e.seq)
		}
	}
	return v
}

// Problem says what is wrong, "" if nothing is. losses is the number of connections that were lost: without any, nothing may come
// twice.
func (v Verdict) Problem(losses int) string {
	var duplicates uint64
	if losses == 0 {
		duplicates = v.Repeats
	}
	if v.Gaps+v.OutOfOrder+v.Broken+v.Strange+duplicates == 0 {
		return ""
	}
	s := fmt.Sprintf("%d gaps, %d out of order, %d duplicates, %d broken repeats, %d strange",
		v.Gaps, v.OutOfOrder, duplicates, v.Broken, v.Strange)
	if v.First != "" {
		s += " (first: " + v.First + ")"
	}
	return s
}
