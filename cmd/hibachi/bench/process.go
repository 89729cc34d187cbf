package bench

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strconv"
	"time"
)

// usage is what a process has used until now.
type usage struct {
	CPU time.Duration // user and system
	RSS int64         // bytes resident now
}

// clockTick is the unit of CPU times in /proc: 100 Hz on every Linux that Go runs on.
const clockTick = 10 * time.Millisecond

// processUsage reads /proc: Linux only, an error elsewhere.
func processUsage(pid int) (usage, error) {
	dir := "/proc/" + strconv.Itoa(pid)
	stat, err := os.ReadFile(dir + "/stat")
	if err != nil {
		return usage{}, err
	}
	cpu, err := parseStat(stat)
	if err != nil {
		return usage{}, fmt.Errorf("%s/stat: %w", dir, err)
	}
	// Exact where the kernel tells it so; the counters of status may lag by some pages for each thread.
	for _, from := range []struct{ file, key string }{{"/smaps_rollup", "Rss:"}, {"/status", "VmRSS:"}} {
		var b []byte
		if b, err = os.ReadFile(dir + from.file); err != nil {
			continue
		}
		var rss int64
		if rss, err = parseKilobytes(b, from.key); err == nil {
			return usage{CPU: cpu, RSS: rss}, nil
		}
	}
	return usage{}, fmt.Errorf("resident memory of %d: %w", pid, err)
}

// parseStat takes utime and stime, fields 14 and 15, out of a line whose second field may contain anything.
func parseStat(b []byte) (time.Duration, error) {
	_, after, ok := cutLast(b, ')')
	fields := bytes.Fields(after)
	if !ok || len(fields) < 13 {
		return 0, errors.New("not the fields that were expected")
	}
	var ticks uint64
	for _, f := range fields[11:13] {
		n, err := strconv.ParseUint(string(f), 10, 64)
		if err != nil {
			return 0, err
		}
		ticks += n
	}
	return time.Duration(ticks) * clockTick, nil
}

func cutLast(b []byte, sep byte) (before, after []byte, ok bool) {
	i := bytes.LastIndexByte(b, sep)
	if i < 0 {
		return b, nil, false
	}
	return b[:i], b[i+1:], true
}

// parseKilobytes finds a line such as "Rss:   1234 kB".
func parseKilobytes(b []byte, key string) (int64, error) {
	for line := range bytes.Lines(b) {
		rest, ok := bytes.CutPrefix(line, []byte(key))
		if !ok {
			continue
		}
		f := bytes.Fields(rest)
		if len(f) != 2 || string(f[1]) != "kB" {
			return 0, fmt.Errorf("%q is not a size", line)
		}
		n, err := strconv.ParseInt(string(f[0]), 10, 64)
		return n << 10, err
	}
	return 0, fmt.Errorf("no %s", key)
}

// meter measures a process over a while. A nil meter measures nothing.
type meter struct {
	pid    int
	start  usage
	peak   int64
	failed error
}

// startMeter begins to measure pid, 0 is nobody.
func startMeter(pid int) *meter {
	if pid == 0 {
		return nil
	}
	m := &meter{pid: pid}
	m.start, m.failed = processUsage(pid)
	m.peak = m.start.RSS
	return m
}

// sample looks at the memory.
func (m *meter) sample() usage {
	if m == nil || m.failed != nil {
		return usage{}
	}
	u, err := processUsage(m.pid)
	m.failed = err
	m.peak = max(m.peak, u.RSS)
	return u
}

// Usage of a process over a phase. Bytes and seconds.
type Usage struct {
	CPUSeconds float64 `json:"cpuSeconds"`
	CPUMicros  float64 `json:"cpuMicrosPerEvent"`
	RSSBefore  int64   `json:"rssBefore"`
	RSSPeak    int64   `json:"rssPeak"`
	RSSAfter   int64   `json:"rssAfter"`
}

// stop ends the measurement; nil if there was none or it failed.
func (m *meter) stop(events uint64) *Usage {
	end := m.sample()
	if m == nil || m.failed != nil {
		return nil
	}
	cpu := end.CPU - m.start.CPU
	u := &Usage{CPUSeconds: cpu.Seconds(), RSSBefore: m.start.RSS, RSSPeak: m.peak, RSSAfter: end.RSS}
	if events > 0 {
		u.CPUMicros = float64(cpu.Microseconds()) / float64(events)
	}
	return u
}
