package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestUsersComeAndGo(t *testing.T) {
	file := filepath.Join(t.TempDir(), "users")
	for _, tt := range []struct {
		args  string // after `user`, with FILE for the file
		stdin string
		code  int
		out   string
		err   string // what stderr contains
	}{
		{"list FILE", "", exitFailed, "", "no such file"},
		{"add FILE adapter --password-stdin", "secret\n", exitOK, "adapter added to FILE\n", ""},
		{"add FILE dashboard --password-stdin", "other", exitOK, "dashboard added to FILE\n", ""},
		{"add FILE adapter --password-stdin", "new\r\n", exitOK, "adapter has a new password in FILE\n", ""},
		{"add FILE empty --password-stdin", "\nsecret\n", exitFailed, "", "first line is empty"},
		{"add FILE a:b --password-stdin", "secret\n", exitFailed, "", "colon"},
		{"list FILE", "", exitOK, "adapter\ndashboard\n", ""},
		{"remove FILE dashboard", "", exitOK, "dashboard removed from FILE\n", ""},
		{"remove FILE dashboard", "", exitFailed, "", "no user dashboard"},
		{"list FILE", "", exitOK, "adapter\n", ""},
	} {
		r := hibachi(t, tt.stdin, append([]string{"user"}, strings.Fields(strings.ReplaceAll(tt.args, "FILE", file))...)...)
		if r.code != tt.code || r.out != strings.ReplaceAll(tt.out, "FILE", file) || !strings.Contains(r.err, tt.err) {
			t.Errorf("user %s: %+v", tt.args, r)
		}
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(string(text), "adapter:SCRAM-SHA-256$") || strings.Contains(string(text), "new") {
		t.Errorf("the file is %q", text)
	}
}

func TestOnlyUsersAreLetIn(t *testing.T) {
	dir := t.TempDir()
	users, password, wrong := filepath.Join(dir, "users"), filepath.Join(dir, "password"), filepath.Join(dir, "wrong")
	write(t, password, "secret\n")
	write(t, wrong, "Secret\n")
	hibachi(t, "secret\n", "user", "add", users, "adapter", "--password-stdin").wantOK(t)
	b := serve(t, t.TempDir(), "--users", users, "--listen", "0.0.0.0:0")
	b.url = strings.Replace(b.url, "0.0.0.0", "127.0.0.1", 1)
	b.url = strings.Replace(b.url, "[::]", "127.0.0.1", 1)

	hibachi(t, "", b.to("send", "acme")...).wantError(t, exitFailed, "lets nobody in without a user", "--password-file")
	hibachi(t, "", b.to("send", "acme", "--user", "adapter", "--password-file", wrong)...).wantError(t, exitFailed, `does not know user "adapter"`)
	hibachi(t, "", b.to("send", "acme", "--user", "nobody", "--password-file", password)...).wantError(t, exitFailed, `does not know user "nobody"`)
	hibachi(t, "", b.to("send", "acme", "--user", "adapter", "--password-file", dir)...).wantError(t, exitFailed, "password")
	hibachi(t, "", b.to("send", "acme", "--user", "adapter", "--password-file", password)...).wantOK(t)
	if got := hibachi(t, "", b.to("receive", "acme", "--user", "adapter", "--password-file", password)...).wantOK(t); len(got) != 1 {
		t.Errorf("received %q", got)
	}
}

func TestUnknownApplicationsNeedCreate(t *testing.T) {
	b := serve(t, t.TempDir())
	hibachi(t, "", b.to("send", "acme")...).wantOK(t)
	hibachi(t, "", b.to("receive", "acme", "--app", "dashbord")...).wantError(t, exitFailed, "no application dashbord", "--create")
	hibachi(t, "", b.to("receive", "acme", "--app", "dashboard", "--create", "--count", "1")...).wantOK(t)
	hibachi(t, "", b.to("receive", "acme", "--app", "dashboard")...).wantOK(t)
}
