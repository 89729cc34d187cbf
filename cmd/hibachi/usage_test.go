package main

import (
	"strings"
	"testing"
)

func TestMistakesInTheCallAreToldAsSuch(t *testing.T) {
	for _, tt := range []struct {
		args string
		says string
	}{
		{"bogus", `unknown command "bogus"`},
		{"--bogus", "--bogus"},
		{"serve extra", "extra"},
		{"serve --listen 0.0.0.0:0", "--users"},
		{"serve --listen nonsense", "--listen: expected an address such as 127.0.0.1:5672"},
		{"serve --users f --insecure", "--insecure: insecure is for running without users"},
		{"serve --log-level loud", "--log-level"},
		{"serve --log-format xml", "--log-format"},
		{"send", "which tenant"},
		{"send a b", "one tenant"},
		{"send a:b", "a:b"},
		{"send acme --count x", "--count"},
		{"send acme --count 0", "at least 1"},
		{"send acme --window 0", "at least 1"},
		{"send acme --ttl 1ns", "ttl"},
		{"send acme --url http://h", "amqp://"},
		{"send acme --user u", "--password-file"},
		{"receive", "which tenant"},
		{"receive acme --create", "--app"},
		{"receive acme --app a/b", "b"},
		{"receive acme --count -1", "count of -1"},
		{"user add", "accepts 2 arg(s)"},
		{"user add f u", "--password-stdin"},
	} {
		t.Run(tt.args, func(t *testing.T) {
			hibachi(t, "", strings.Fields(tt.args)...).wantError(t, exitUsage, tt.says, "--help` says how")
		})
	}
}

func TestHelpIsNoMistake(t *testing.T) {
	for _, tt := range []struct {
		args string
		says []string
	}{
		{"", []string{"AMQP 1.0 event broker for Eclipse Hono", "serve", "send", "receive", "user", "bench", "Exit codes: 0 all went well, 1 it failed"}},
		{"help serve", []string{"--listen", "127.0.0.1:5672", "./data", "Exit codes"}},
		{"send --help", []string{"--device", "Exit codes"}},
		{"--version", []string{"hibachi ", "go1."}},
	} {
		r := hibachi(t, "", strings.Fields(tt.args)...)
		r.wantOK(t)
		for _, s := range tt.says {
			if !strings.Contains(r.out, s) {
				t.Errorf("hibachi %s does not say %q:\n%s", tt.args, s, r.out)
			}
		}
		if r.err != "" {
			t.Errorf("hibachi %s says on stderr: %s", tt.args, r.err)
		}
	}
}

func TestNobodyThere(t *testing.T) {
	for _, command := range []string{"send", "receive"} {
		hibachi(t, "", command, "acme", "--url", "amqp://127.0.0.1:1").wantError(t, exitFailed, "nothing listens at amqp://127.0.0.1:1", "hibachi serve")
	}
}
