package sasl

import (
	"errors"
	"strings"
	"testing"

	"hibachi/links/amqp"
	"hibachi/links/engine"
)

// step runs one step of a fresh exchange of the mechanism.
func step(t *testing.T, a *Authenticator, mechanism amqp.Symbol, response []byte) engine.Outcome {
	t.Helper()
	x := a.Begin(mechanism)
	if x == nil {
		t.Fatalf("%s is not on offer", mechanism)
	}
	_, done, result := x.Step(response)
	if !done {
		t.Fatalf("%s asked again after %q", mechanism, response)
	}
	return result
}

func TestPlainTakesOnlyWhatRFC4616Says(t *testing.T) {
	check := func(name, password string) (string, error) {
		if name == "u" && password == strings.Repeat("p", len(password)) {
			return name, nil
		}
		return "", ErrDenied
	}
	a := New(true, Plain(check))
	for _, c := range []struct {
		message string
		code    amqp.SASLCode
	}{
		{"\x00u\x00p", amqp.SASLOK},
		{"u\x00u\x00p", amqp.SASLOK},
		{"\x00u\x00" + strings.Repeat("p", 256), amqp.SASLOK},
		{"\x00u\u00ad\x00p", amqp.SASLOK}, // SASLprep maps the soft hyphen to nothing
		{"other\x00u\x00p", amqp.SASLAuth},
		{"\x00u\x00wrong", amqp.SASLAuth},
		{"\x00U\x00p", amqp.SASLAuth},
		{"", amqp.SASLAuth},
		{"up", amqp.SASLAuth},
		{"u\x00p", amqp.SASLAuth},
		{"\x00u\x00p\x00", amqp.SASLAuth},
		{"\x00u\x00", amqp.SASLAuth},
		{"\x00\x00p", amqp.SASLAuth},
		{"\x00u\xff\x00p", amqp.SASLAuth},
		{"\x00u\x07\x00p", amqp.SASLAuth}, // SASLprep forbids control characters
		{"\x00u\x00" + strings.Repeat("p", maxPlain), amqp.SASLAuth},
	} {
		got := step(t, a, "PLAIN", []byte(c.message))
		if got.Code != c.code || (got.Code == amqp.SASLOK) != (got.Identity == "u") || got.AdditionalData != nil {
			t.Errorf("%.40q: %+v, want code %d", c.message, got, c.code)
		}
	}
}

func TestPlainAsksOnceForAMissingInitialResponse(t *testing.T) {
	a := Open()
	x := a.Begin("PLAIN")
	challenge, done, _ := x.Step(nil)
	if done || challenge == nil || len(challenge) != 0 {
		t.Fatalf("an absent response is answered by an empty challenge; got %q, done %v", challenge, done)
	}
	if _, done, result := x.Step([]byte("\x00u\x00p")); !done || result.Code != amqp.SASLOK || result.Identity != "u" {
		t.Fatalf("after the challenge: done %v, %+v", done, result)
	}
	x = a.Begin("PLAIN")
	x.Step(nil)
	if _, done, result := x.Step(nil); !done || result.Code != amqp.SASLAuth {
		t.Fatalf("absent twice: done %v, %+v", done, result)
	}
}

func TestTroubleOfOursIsNotBadCredentials(t *testing.T) {
	a := New(true, Plain(func(string, string) (string, error) { return "", errors.New("directory is down") }))
	if got := step(t, a, "PLAIN", []byte("\x00u\x00p")); got.Code != amqp.SASLSysTemp {
		t.Fatalf("%+v, want sys-temp", got)
	}
}

func TestOpenLetsEverybodyIn(t *testing.T) {
	a := Open()
	if a.Required() {
		t.Error("the SASL layer may be left out")
	}
	for _, trace := range [][]byte{nil, {}, []byte("anonymous"), []byte("\x00anonymous"), make([]byte, 600)} {
		if got := step(t, a, "ANONYMOUS", trace); got.Code != amqp.SASLOK || got.Identity != "" {
			t.Errorf("trace %.20q: %+v", trace, got)
		}
	}
	if got := step(t, a, "PLAIN", []byte("\x00me\x00whatever")); got.Code != amqp.SASLOK || got.Identity != "me" {
		t.Errorf("PLAIN: %+v", got)
	}
	if a.Begin("SCRAM-SHA-256") != nil {
		t.Error("a mechanism that is not on offer begins nothing")
	}
}

func TestUsersOfferNoAnonymous(t *testing.T) {
	a := (&Users{}).Authenticator()
	if got := a.Mechanisms(); len(got) != 1 || got[0] != "PLAIN" || !a.Required() {
		t.Fatalf("mechanisms %v, required %v", got, a.Required())
	}
	if a.Begin("ANONYMOUS") != nil {
		t.Fatal("ANONYMOUS begins an exchange")
	}
}
