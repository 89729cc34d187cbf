package server

import (
	"net"
	"strings"
	"testing"
)

func TestOnlyThisMachineIsLetInWithoutUsers(t *testing.T) {
	for _, tt := range []struct {
		address         string
		users, insecure bool
		want            string // "": listens
	}{
		{"127.0.0.1:5672", false, false, ""},
		{"127.8.9.10:5672", false, false, ""},
		{"[::1]:5672", false, false, ""},
		{"localhost:0", false, false, ""},
		{"0.0.0.0:5672", false, false, "--users"},
		{":5672", false, false, "--insecure"},
		{"[::]:5672", false, false, "--users"},
		{"192.0.2.1:5672", false, false, "--users"},
		{"[::ffff:192.0.2.1]:5672", false, false, "--users"},
		{"localhost.example:5672", false, false, "--users"},
		{"0.0.0.0:5672", true, false, ""},
		{"0.0.0.0:5672", false, true, ""},
		{"5672", true, false, "looks like 127.0.0.1:5672"},
	} {
		err := Options{Listen: tt.address, Users: map[bool]string{true: "users"}[tt.users], Insecure: tt.insecure}.Validate()
		switch {
		case tt.want == "" && err != nil:
			t.Errorf("%s: refused: %v", tt.address, err)
		case tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)):
			t.Errorf("%s: the error is %v and does not say %q", tt.address, err, tt.want)
		}
	}
}

func TestAPortThatCannotBeHadIsExplained(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	for _, tt := range []struct{ address, want string }{
		{taken.Addr().String(), "in use by another process"},
		{"192.0.2.1:0", "not an address of this machine"},
		{"127.0.0.1:port", "--http"},
	} {
		l, err := listenHTTP(tt.address)
		if err == nil {
			l.Close()
			t.Errorf("%s could be had", tt.address)
			continue
		}
		if !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), "--http") {
			t.Errorf("%s: %v: does not say %q and --http", tt.address, err, tt.want)
		}
	}
}
