package bench

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

func ownPID() int { return os.Getpid() }

// table writes columns, those after the first flush right.
func table(w io.Writer, rows [][]string) error {
	var width []int
	for _, r := range rows {
		for i, cell := range r {
			if i == len(width) {
				width = append(width, 0)
			}
			width[i] = max(width[i], utf8.RuneCountInString(cell))
		}
	}
	var b strings.Builder
	for _, r := range rows {
		line := fmt.Sprintf("%-*s", width[0], r[0])
		for i, cell := range r[1:] {
			line += fmt.Sprintf("  %*s", width[i+1], cell)
		}
		b.WriteString(strings.TrimRight(line, " ") + "\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// latencyRows are the rows of a percentile table, its header included.
func latencyRows(rows ...latencyRow) [][]string {
	out := [][]string{{"", "count", "p50", "p99", "p99.9", "max"}}
	for _, r := range rows {
		l := r.latency
		if l.Count == 0 {
			out = append(out, []string{r.name, "0", "-", "-", "-", "-"})
			continue
		}
		out = append(out, []string{r.name, number(float64(l.Count)), span(l.P50), span(l.P99), span(l.P999), span(l.Max)})
	}
	return out
}

type latencyRow struct {
	name    string
	latency Latency
}

// number is n with its thousands apart.
func number(n float64) string {
	s := strconv.FormatFloat(n, 'f', 0, 64)
	sign := ""
	if strings.HasPrefix(s, "-") {
		sign, s = "-", s[1:]
	}
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return sign + s
}

// span is a duration with three digits.
func span(d time.Duration) string {
	switch {
	case d < 10*time.Millisecond:
		return fmt.Sprintf("%.2f ms", d.Seconds()*1e3)
	case d < 100*time.Millisecond:
		return fmt.Sprintf("%.1f ms", d.Seconds()*1e3)
	case d < 10*time.Second:
		return fmt.Sprintf("%.0f ms", d.Seconds()*1e3)
	}
	return fmt.Sprintf("%.1f s", d.Seconds())
}

// size is bytes in a unit that fits.
func size(b int64) string {
	switch {
	case b < 1<<20:
		return fmt.Sprintf("%.1f KiB", float64(b)/(1<<10))
	case b < 10<<30:
		return fmt.Sprintf("%.1f MiB", float64(b)/(1<<20))
	}
	return fmt.Sprintf("%.1f GiB", float64(b)/(1<<30))
}

// write prints a result for people.
func (r Result) write(w io.Writer) error {
	fmt.Fprintf(w, "%s: %s events in and %s out in %.1f s, %.1f s more to receive the rest\n",
		r.Name, number(float64(r.Accepted)), number(float64(r.Received)), r.Seconds, r.Drain)
	rows := [][]string{
		{"events/s accepted", number(r.InRate)},
		{"events/s received", number(r.OutRate)},
	}
	for _, u := range []struct {
		who string
		u   *Usage
	}{{"broker", r.Broker}, {"client", r.Client}} {
		if u.u == nil {
			continue
		}
		rows = append(rows,
			[]string{u.who + " CPU per event", fmt.Sprintf("%.1f µs", u.u.CPUMicros)},
			[]string{u.who + " memory, peak", size(u.u.RSSPeak)})
	}
	if r.Refused > 0 {
		rows = append(rows, []string{"not accepted", number(float64(r.Refused))})
	}
	if r.Repeats > 0 {
		rows = append(rows, []string{"received again", number(float64(r.Repeats))})
	}
	if r.Foreign > 0 {
		rows = append(rows, []string{"of other runs", number(float64(r.Foreign))})
	}
	if err := table(w, rows); err != nil {
		return err
	}
	if r.Refusal != "" {
		fmt.Fprintln(w, "first refusal:", r.Refusal)
	}
	return table(w, latencyRows(latencyRow{"sent to accepted", r.Accept}, latencyRow{"sent to received", r.Deliver}))
}

func writeJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

// orderLine says what the check found.
func orderLine(v Verdict, losses int) string {
	if p := v.Problem(losses); p != "" {
		return "ORDER: WRONG: " + p
	}
	s := fmt.Sprintf("order per device: right over %s events, no gap", number(float64(v.Events)))
	if losses == 0 {
		return s + ", no duplicate"
	}
	return s + fmt.Sprintf("; %d connections were lost, %s events repeated in order after that", losses, number(float64(v.Repeats)))
}

func say(w io.Writer, line string) error {
	_, err := fmt.Fprintln(w, line)
	return err
}
