package main

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
)

// findings of a check.
type findings struct {
	counts
	unknown    int // outcomes that nobody knows
	stored     int // of these, the events that arrived somewhere
	rewinds    int // a device stepped back after a crash
	repeats    int // deliveries that had been made before
	longest    int // most numbers that one rewind went back
	refusals   map[string]int
	violations []violation
}

// violation is a broken promise.
type violation struct {
	reader
	what  string
	trace string
}

// check compares what was sent with what arrived. What is right, for each application and device:
//
//   - An event is there if it was accepted, or if it ever arrived anywhere. Every event that is there arrives at least once.
//   - Within one life of the broker, numbers rise and step over none that is there.
//   - In a new life a device may step back; from there on the same rule holds, so that what is repeated is a suffix, whole and
//     in order, up to where the device had been.
//
// Deliveries are ordered by life first: a consumer may note what an earlier life had sent it after another consumer has begun with the
// next. Within a life the broker itself puts them in order, as it gives an event of a device only after the one before is settled.
func (l *ledger) check() findings {
	l.mu.Lock()
	defer l.mu.Unlock()
	f := findings{counts: l.counts, refusals: maps.Clone(l.refusals)}
	devices := slices.SortedFunc(maps.Keys(l.sent), func(a, b device) int {
		return cmp.Or(cmp.Compare(a.tenant, b.tenant), cmp.Compare(a.number, b.number))
	})
	for _, d := range devices {
		there := l.there(d)
		for i, o := range l.sent[d] {
			if o == unknown {
				f.unknown++
				if there[i] {
					f.stored++
				}
			}
		}
		for _, app := range applications {
			f.follow(reader{app, d}, l.received[reader{app, d}], l.sent[d], there)
		}
	}
	for r := range l.received {
		if l.sent[r.device] == nil {
			f.violations = append(f.violations, violation{r, "events of a device that nobody sent", ""})
		}
	}
	return f
}

// there tells for each number whether the event is in the log.
func (l *ledger) there(d device) []bool {
	there := make([]bool, len(l.sent[d]))
	for i, o := range l.sent[d] {
		there[i] = o == accepted
	}
	for _, app := range applications {
		for _, x := range l.received[reader{app, d}] {
			if x.seq >= 1 && x.seq <= len(there) {
				there[x.seq-1] = true
			}
		}
	}
	return there
}

// follow goes through what one application got of one device.
func (f *findings) follow(r reader, got []delivery, sent []outcome, there []bool) {
	got = slices.Clone(got)
	slices.SortStableFunc(got, func(a, b delivery) int { return cmp.Compare(a.life, b.life) })
	arrived := make([]bool, len(there))
	for _, x := range got {
		if x.seq >= 1 && x.seq <= len(arrived) {
			arrived[x.seq-1] = true
		}
	}
	at, life, high := 0, 0, 0
	wrong := func(i int, format string, args ...any) {
		f.violations = append(f.violations, violation{r, fmt.Sprintf(format, args...), trace(got, i, sent)})
	}
	for i, x := range got {
		switch {
		case x.seq < 1 || x.seq > len(there):
			wrong(i, "number %d, where %d were sent", x.seq, len(there))
			continue
		case x.seq <= at && x.life == life:
			wrong(i, "%d after %d in the same life of the broker", x.seq, at)
		case x.seq <= at:
			f.rewinds++
			f.longest = max(f.longest, at-x.seq+1)
		default:
			if n := stepped(there, at, x.seq); n > 0 {
				wrong(i, "%d after %d steps over %d, which is there", x.seq, at, n)
			}
		}
		if x.seq <= high {
			f.repeats++
		}
		at, life, high = x.seq, x.life, max(high, x.seq)
	}
	if n := stepped(there, at, high+1); n > 0 {
		wrong(len(got)-1, "a repeat ends at %d, and %d does not come again", at, n)
	}
	var lost []int
	for i := range there {
		if there[i] && !arrived[i] {
			lost = append(lost, i+1)
		}
	}
	if len(lost) > 0 {
		wrong(len(got)-1, "LOST: %d events never arrived, the first %d", len(lost), lost[0])
	}
}

// stepped is the first number between from and to, both exclusive, that is there; 0 if none is.
func stepped(there []bool, from, to int) int {
	for n := from + 1; n < to; n++ {
		if there[n-1] {
			return n
		}
	}
	return 0
}

// trace shows the deliveries around number i of got, and the outcomes of the numbers around it.
func trace(got []delivery, i int, sent []outcome) string {
	var b strings.Builder
	b.WriteString("arrived")
	life := 0
	for _, x := range got[max(0, i-8):min(len(got), i+5)] {
		if x.life != life {
			life = x.life
			fmt.Fprintf(&b, " | life %d:", life)
		}
		fmt.Fprintf(&b, " %d", x.seq)
	}
	if i < 0 || i >= len(got) {
		return b.String()
	}
	b.WriteString("; sent")
	for n := max(1, got[i].seq-8); n <= min(len(sent), got[i].seq+5); n++ {
		fmt.Fprintf(&b, " %d%c", n, "?+-"[sent[n-1]])
	}
	return b.String() + " (+ accepted, - refused, ? unknown)"
}

// print says what was found, at most the first violations.
func (f findings) print(w io.Writer) {
	fmt.Fprintf(w, "%d events sent: %d accepted, %d refused, %d with unknown outcome, of which %d were stored\n",
		f.sent, f.accepted, f.refused, f.unknown, f.stored)
	fmt.Fprintf(w, "%d deliveries to %d applications: %d devices stepped back after a crash, %d events repeated, at most %d at once\n",
		f.deliveries, len(applications), f.rewinds, f.repeats, f.longest)
	for _, why := range slices.Sorted(maps.Keys(f.refusals)) {
		fmt.Fprintf(w, "refused %d times: %s\n", f.refusals[why], why)
	}
	const most = 10
	for i, v := range f.violations {
		if i == most {
			fmt.Fprintf(w, "… and %d more\n", len(f.violations)-most)
			break
		}
		fmt.Fprintf(w, "VIOLATION: application %s, tenant %d, device %d: %s\n    %s\n", v.application, v.tenant, v.number, v.what, v.trace)
	}
}
