package bench

import (
	"strings"
	"testing"
	"time"
)

func TestPercentileTable(t *testing.T) {
	h := newHistogram()
	for i := range 1000 {
		record(h, int64(time.Duration(i+1)*time.Millisecond))
	}
	var b strings.Builder
	if err := table(&b, latencyRows(latencyRow{"sent to accepted", summary(h)}, latencyRow{"none", Latency{}})); err != nil {
		t.Fatal(err)
	}
	want := `
                  count     p50     p99   p99.9      max
sent to accepted  1,000  500 ms  990 ms  999 ms  1000 ms
none                  0       -       -       -        -
`
	if got := "\n" + b.String(); got != want {
		t.Errorf("got%s\nwant%s", got, want)
	}
}

func TestLatenciesOutOfRangeCount(t *testing.T) {
	h := newHistogram()
	record(h, -5)
	record(h, int64(24*time.Hour))
	if s := summary(h); s.Count != 2 || s.Max < 10*time.Minute {
		t.Errorf("%+v", s)
	}
}

func TestUnits(t *testing.T) {
	for _, tt := range []struct{ got, want string }{
		{number(0), "0"}, {number(999), "999"}, {number(1000), "1,000"}, {number(1234567.4), "1,234,567"}, {number(-1234), "-1,234"},
		{span(123 * time.Microsecond), "0.12 ms"}, {span(12345 * time.Microsecond), "12.3 ms"}, {span(2 * time.Second), "2000 ms"},
		{span(75 * time.Second), "75.0 s"},
		{size(40 << 10), "40.0 KiB"}, {size(117 << 20), "117.0 MiB"}, {size(12 << 30), "12.0 GiB"},
	} {
		if tt.got != tt.want {
			t.Errorf("got %s, want %s", tt.got, tt.want)
		}
	}
	for s, want := range map[string]uint64{"4096": 4096, "1GiB": 1 << 30, "64MiB": 64 << 20, "2KiB": 2048, "7B": 7} {
		var b byteSize
		if err := b.Set(s); err != nil || uint64(b) != want {
			t.Errorf("%s is %d, error %v", s, b, err)
		}
	}
	for _, s := range []string{"", "GiB", "5GB", "-1"} {
		var b byteSize
		if b.Set(s) == nil {
			t.Errorf("%q was taken for %d bytes", s, b)
		}
	}
}

func TestFiguresStandBesideTheirAims(t *testing.T) {
	round := func(in, cpu, raw float64) Pair {
		return Pair{Broker: Result{Name: "r", InRate: in + 1, OutRate: in, Broker: &Usage{CPUMicros: cpu}}, Raw: RawResult{Rate: raw}, Fresh: RawResult{Rate: raw / 2}}
	}
	f := Figures{
		Config:     Config{}.WithDefaults(),
		Start:      41 << 20,
		Idle:       &IdleResult{PerConnection: 30 << 10},
		Throughput: []Pair{round(50_000, 25, 400_000), round(70_000, 15, 600_000), round(61_000, 19, 500_000)},
		OneFlight:  []Pair{round(3000, 0, 6000), round(4000, 0, 6000)},
	}
	var b strings.Builder
	if err := f.write(&b); err != nil {
		t.Fatal(err)
	}
	for _, want := range [][]string{
		{"events/s in and out at once", "61,000", "≥ 60,000", "met", "0.12", "500,000", "250,000"},
		{"broker CPU per event", "19.0 µs", "≤ 20 µs", "met"},
		{"events/s at one in flight", "3,500", "≥ 0.6 of raw", "missed", "0.58", "6,000", "3,000"},
		{"memory per idle connection", "30.0 KiB", "≤ 40.0 KiB", "met"},
		{"memory after start, empty", "41.0 MiB", "≤ 40.0 MiB", "missed"},
		{"order per device: right over 0 events"},
	} {
		if !hasRow(b.String(), want) {
			t.Errorf("no row %q in\n%s", want, b.String())
		}
	}
	f.Problems = []string{"3 gaps"}
	b.Reset()
	if err := f.write(&b); err != nil || !strings.Contains(b.String(), "WRONG: 3 gaps") || strings.Contains(b.String(), "order per device: right") {
		t.Errorf("error %v, a run with gaps reads\n%s", err, b.String())
	}
}

// hasRow: a line begins with the first and has the others behind it in order.
func hasRow(text string, cells []string) bool {
	for line := range strings.Lines(text) {
		rest, ok := strings.CutPrefix(line, cells[0])
		for _, c := range cells[1:] {
			if ok {
				_, rest, ok = strings.Cut(rest, c)
			}
		}
		if ok {
			return true
		}
	}
	return false
}
