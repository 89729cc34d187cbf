package server

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"

	"hibachi/broker/nodes"
	"hibachi/links/sasl"
	"hibachi/spec/hono"
)

func usersFile(t *testing.T) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "users")
	v, err := sasl.MakeVerifier("secret")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := sasl.SetUser(name, "ann", v); err != nil {
		t.Fatal(err)
	}
	return name
}

// letsAnybody tells whether a peer without a name gets in and may do something.
func (a *access) letsAnybody() bool {
	return !a.Required() && a.Begin("ANONYMOUS") != nil && a.Authorize("", nodes.Send, hono.Address{})
}

func TestAChangeLetsInOthersOrNothingChanges(t *testing.T) {
	users := usersFile(t)
	empty := filepath.Join(t.TempDir(), "empty")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name    string
		listen  string
		from    Change
		to      Change
		refused string // empty: it is taken over
		anybody bool   // gets in afterwards
	}{
		{"users appear", "127.0.0.1:0", Change{}, Change{Users: users}, "", false},
		{"users go where only this machine connects", "127.0.0.1:0", Change{Users: users}, Change{}, "", true},
		{"users go where others connect", "0.0.0.0:0", Change{Users: users}, Change{}, "open to other machines", false},
		{"users go where others connect, and that is meant", "0.0.0.0:0", Change{Users: users}, Change{Insecure: true}, "", true},
		{"insecure goes where others connect", "0.0.0.0:0", Change{Insecure: true}, Change{}, "open to other machines", true},
		{"insecure, with users", "0.0.0.0:0", Change{Users: users}, Change{Users: users, Insecure: true}, "without users", false},
		{"a file that is not there", "127.0.0.1:0", Change{}, Change{Users: users + "x"}, "no such file", true},
		{"a file with nobody in it", "127.0.0.1:0", Change{Users: users}, Change{Users: empty}, "nobody is in", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			o := testOptions(t, nil)
			o.Listen, o.Users, o.Insecure = tt.listen, tt.from.Users, tt.from.Insecure
			p := newProcess(o)
			if err := p.access.set(o); err != nil {
				t.Fatal(err)
			}
			err := p.change(tt.to)
			if (err == nil) != (tt.refused == "") || err != nil && !strings.Contains(err.Error(), tt.refused) {
				t.Errorf("%v", err)
			}
			if p.access.letsAnybody() != tt.anybody {
				t.Errorf("anybody gets in: %t", !tt.anybody)
			}
		})
	}
}

// The users are read again although the file's name is the same; who asks for a change hears of it, and of nothing after the end.
func TestChangesAreTakenUntilTheEnd(t *testing.T) {
	users := usersFile(t)
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		o := testOptions(t, nil)
		changes := make(chan Change)
		o.Users, o.Changes = users, changes
		p := newProcess(o)
		if err := p.access.set(o); err != nil {
			t.Fatal(err)
		}
		go p.takeChanges(ctx)
		var heard []error
		done := func(err error) { heard = append(heard, err) }
		changes <- Change{Users: users, Done: done}
		synctest.Wait()
		if err := os.Remove(users); err != nil {
			t.Fatal(err)
		}
		changes <- Change{Users: users, Done: done}
		synctest.Wait()
		if len(heard) != 2 || heard[0] != nil || heard[1] == nil {
			t.Errorf("heard %v", heard)
		}
		cancel()
		synctest.Wait()
		select {
		case changes <- Change{Done: done}:
			t.Error("a change is taken after the end")
		default:
		}
	})
}
