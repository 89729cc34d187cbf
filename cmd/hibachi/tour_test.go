package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// devices are what the tests send from.
const devices = "d0,d1,d2,d3,d4,d5,d6,d7,d8,d9"

// sent is what numbers gives for n events over devices.
func sent(n int) map[string][]int {
	all := map[string][]int{}
	for i := range n {
		device := fmt.Sprint("d", i%10)
		all[device] = append(all[device], i+1)
	}
	return all
}

func TestEveryApplicationReceivesEverythingInOrder(t *testing.T) {
	b := serve(t, t.TempDir())
	apps := []string{"dashboard", "billing", "$default"}
	for _, app := range apps {
		hibachi(t, "", b.to("receive", "acme", "--app", app, "--create", "--quiet", "1ms")...).wantOK(t)
	}
	summary := hibachi(t, "", b.to("send", "acme", "--device", devices, "--count", "200", "--body", "{n}")...).wantOK(t)
	if len(summary) != 1 || !strings.HasPrefix(summary[0], "sent 200 events to event/acme in ") || !strings.HasSuffix(summary[0], ": 200 accepted") {
		t.Errorf("send says %q", summary)
	}
	for _, app := range apps {
		got := hibachi(t, "", b.to("receive", "acme", "--app", app, "--count", "200")...).wantOK(t)
		if !reflect.DeepEqual(numbers(t, got), sent(200)) {
			t.Errorf("%s received\n%v", app, numbers(t, got))
		}
		again := hibachi(t, "", b.to("receive", "acme", "--app", app)...)
		if got := again.wantOK(t); len(got) > 0 {
			t.Errorf("%s received again:\n%s", app, again.out)
		}
	}
}

// What waited for the first application stays a while for those that come with it.
func TestApplicationsRolledOutTogetherAllGetWhatWasHeld(t *testing.T) {
	b := serve(t, t.TempDir())
	hibachi(t, "", b.to("send", "acme", "--device", devices, "--count", "30", "--body", "{n}")...).wantOK(t)
	for _, app := range []string{"first", "second"} {
		got := hibachi(t, "", b.to("receive", "acme", "--app", app, "--create", "--count", "30")...).wantOK(t)
		if !reflect.DeepEqual(numbers(t, got), sent(30)) {
			t.Errorf("%s received\n%v", app, numbers(t, got))
		}
	}
}

func TestWhatWasAcceptedSurvivesARestartAndWhatWasTakenStaysTaken(t *testing.T) {
	dir := t.TempDir()
	b := serve(t, dir)
	if !strings.Contains(b.ready, "hibachi ready on amqp://127.0.0.1:") || !strings.Contains(b.ready, "data in "+dir+", 0 tenants, no events, ") {
		t.Errorf("the ready line is %q", b.ready)
	}
	hibachi(t, "", b.to("send", "acme", "--device", devices, "--count", "50", "--body", "{n}")...).wantOK(t)
	before := hibachi(t, "", b.to("receive", "acme", "--app", "a", "--create", "--count", "20")...).wantOK(t)
	b.stop(t)

	b = serve(t, dir)
	if !strings.Contains(b.ready, ", 1 tenant, 50 events, ") { // what came before the first application stays for an hour
		t.Errorf("the ready line is %q", b.ready)
	}
	after := hibachi(t, "", b.to("receive", "acme", "--app", "a", "--count", "30")...).wantOK(t)
	if got := numbers(t, append(before, after...)); !reflect.DeepEqual(got, sent(50)) {
		t.Errorf("received before and after the restart:\n%v", got)
	}
	if got := hibachi(t, "", b.to("receive", "acme", "--app", "a")...).wantOK(t); len(got) > 0 {
		t.Errorf("received once more: %q", got)
	}
}

func TestBrowsingTakesNothing(t *testing.T) {
	b := serve(t, t.TempDir())
	hibachi(t, "", b.to("send", "acme", "--device", devices, "--count", "30", "--body", "{n}")...).wantOK(t)
	for range 2 {
		r := hibachi(t, "", b.to("receive", "acme")...)
		if got := numbers(t, r.wantOK(t)); !reflect.DeepEqual(got, sent(30)) {
			t.Errorf("seen:\n%v", got)
		}
		if !strings.Contains(r.err, "30 events of tenant acme, nothing taken") {
			t.Errorf("the summary is %q", r.err)
		}
	}
	got := hibachi(t, "", b.to("receive", "acme", "--app", "a", "--create", "--count", "30")...).wantOK(t)
	if !reflect.DeepEqual(numbers(t, got), sent(30)) {
		t.Errorf("received after browsing:\n%v", numbers(t, got))
	}
}

func TestEventsAreReceivedAsJSON(t *testing.T) {
	b := serve(t, t.TempDir())
	hibachi(t, "\x00\xff", b.to("send", "acme", "--device", "d", "--body", "-", "--ttl", "1h")...).wantOK(t)
	got := hibachi(t, "", b.to("receive", "acme", "--json")...).wantOK(t)
	if len(got) != 1 {
		t.Fatalf("%d lines: %q", len(got), got)
	}
	var e struct {
		Device      string         `json:"device"`
		ContentType string         `json:"content-type"`
		Body        []byte         `json:"body-base64"`
		Header      map[string]any `json:"header"`
		Properties  map[string]any `json:"properties"`
	}
	if err := json.Unmarshal([]byte(got[0]), &e); err != nil {
		t.Fatal(err)
	}
	if e.Device != "d" || e.ContentType != "application/octet-stream" || string(e.Body) != "\x00\xff" ||
		e.Header["ttl"] != 3.6e6 || e.Header["durable"] != true || e.Properties["to"] != "event/acme" {
		t.Errorf("received %s", got[0])
	}
}

// An interrupted receive has accepted what it printed, and nothing else: together with what comes after it there is everything, once.
func TestInterruptedReceiveLosesNothing(t *testing.T) {
	b := serve(t, t.TempDir())
	hibachi(t, "", b.to("send", "acme", "--device", devices, "--count", "300", "--body", "{n}")...).wantOK(t)
	ctx, interrupt := context.WithCancel(t.Context())
	seen, out := io.Pipe()
	var first buffer
	go func() {
		// The reader dawdles on purpose: the interrupt comes while there is more at hand than was printed.
		p := make([]byte, 64)
		for {
			n, err := seen.Read(p)
			first.Write(p[:n])
			if len(lines(first.String())) > 30 {
				interrupt()
			}
			if err != nil {
				return
			}
		}
	}()
	var errs buffer
	if code := run(ctx, b.to("receive", "acme", "--app", "a", "--create", "--follow"), streams{strings.NewReader(""), out, &errs}); code != exitOK {
		t.Fatalf("exit code %d: %s", code, &errs)
	}
	before := lines(first.String())
	after := hibachi(t, "", b.to("receive", "acme", "--app", "a", "--count", fmt.Sprint(300-len(before)))...).wantOK(t)
	if got := numbers(t, append(before, after...)); !reflect.DeepEqual(got, sent(300)) {
		t.Errorf("received before (%d) and after (%d) the interrupt:\n%v", len(before), len(after), got)
	}
}

func TestRefusedEventsAreReported(t *testing.T) {
	b := serve(t, t.TempDir())
	tooLong := strings.Repeat("d", 300)
	r := hibachi(t, "", b.to("send", "acme", "--device", "good", "--device", tooLong, "--count", "4")...)
	r.wantError(t, exitFailed, "rejected: amqp:", "device_id", "sent 4 events", "2 accepted, 2 rejected", "2 of 4 not accepted")
	if got := hibachi(t, "", b.to("receive", "acme")...).wantOK(t); len(got) != 2 {
		t.Errorf("%d events are there: %q", len(got), got)
	}
}

func TestCompetingReceiversShare(t *testing.T) {
	b := serve(t, t.TempDir())
	hibachi(t, "", b.to("receive", "acme", "--app", "a", "--create")...).wantOK(t)
	results := make(chan result, 3)
	for range 3 {
		go func() {
			results <- hibachiUntil(t.Context(), "", b.to("receive", "acme", "--app", "a", "--count", "40", "--follow")...)
		}()
	}
	hibachi(t, "", b.to("send", "acme", "--device", devices, "--count", "120", "--body", "{n}")...).wantOK(t)
	all := map[int]bool{}
	for range 3 {
		got := (<-results).wantOK(t)
		for device, ns := range numbers(t, got) {
			if !slices.IsSorted(ns) {
				t.Errorf("%s came out of order: %v", device, ns)
			}
			for _, n := range ns {
				if all[n] {
					t.Errorf("%d came twice", n)
				}
				all[n] = true
			}
		}
	}
	if len(all) != 120 {
		t.Errorf("%d of 120 came: %v", len(all), slices.Sorted(maps.Keys(all)))
	}
}

// A broker that stops under a sender leaves no event in doubt that it had answered: what was accepted is there, what is without an
// outcome may be, nothing else is.
func TestAStopInTheMiddleOfSending(t *testing.T) {
	dir := t.TempDir()
	b := serve(t, dir)
	sending := make(chan result, 1)
	go func() {
		sending <- hibachiUntil(context.Background(), "", b.to("send", "acme", "--device", devices, "--count", "1000000", "--body", "{n}")...)
	}()
	for {
		if _, text := b.get(t, "/metrics"); !strings.Contains(text, "\nhibachi_events_published_total 0\n") {
			break
		}
	}
	b.stop(t)
	r := <-sending
	r.wantError(t, exitFailed, "amqp:connection:forced")
	accepted, unknown := count(t, r.out, `(\d+) accepted`), count(t, r.out, `(\d+) without an outcome`)
	if accepted == 0 {
		t.Error("nothing was accepted before the stop")
	}

	b = serve(t, dir)
	got := numbers(t, hibachi(t, "", b.to("receive", "acme")...).wantOK(t))
	stored := 0
	for device, ns := range got {
		if !slices.IsSorted(ns) {
			t.Errorf("the events of %s are out of order", device)
		}
		stored += len(ns)
	}
	if stored < accepted || stored > accepted+unknown {
		t.Errorf("%d are stored, of %d accepted and %d without an outcome\n%s", stored, accepted, unknown, r.out)
	}
}

// An interrupted send waits for the outcomes of what is out and says how far it came.
func TestInterruptedSendKnowsWhatBecameOfItsEvents(t *testing.T) {
	b := serve(t, t.TempDir())
	ctx, interrupt := context.WithCancel(t.Context())
	sending := make(chan result, 1)
	go func() {
		sending <- hibachiUntil(ctx, "", b.to("send", "acme", "--count", "1000000", "--body", "{n}")...)
	}()
	for {
		if _, text := b.get(t, "/metrics"); !strings.Contains(text, "\nhibachi_events_published_total 0\n") {
			break
		}
	}
	interrupt()
	r := <-sending
	r.wantError(t, exitFailed, "interrupted after")
	accepted := count(t, r.out, `(\d+) accepted`)
	if got := hibachi(t, "", b.to("receive", "acme")...).wantOK(t); len(got) != accepted {
		t.Errorf("%d events are there\n%s", len(got), r.out)
	}
}

// count is the number that the pattern's group finds, 0 if it finds none.
func count(t *testing.T, text, pattern string) int {
	t.Helper()
	m := regexp.MustCompile(pattern).FindStringSubmatch(text)
	if m == nil {
		return 0
	}
	n, err := strconv.Atoi(m[1])
	if err != nil {
		t.Fatal(err)
	}
	return n
}
