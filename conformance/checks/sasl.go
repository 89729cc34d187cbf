package checks

import (
	"bytes"
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"errors"
	"fmt"
	"hash"
	"slices"
	"strconv"
	"strings"
	"time"

	"hibachi/conformance/suite"
	"hibachi/conformance/wire"
)

const (
	outcomeOK   = 0
	outcomeAuth = 1
)

// sasl: [security 5.3], RFC 4422, 4505, 4616, 5802, 7677.
var sasl = suite.Group{
	ID: "SA", Title: "SASL",
	Checks: needing(suite.SASL, []suite.Check{
		{
			ID: "SA1", Section: "security 5.3.2", Level: suite.Must,
			Title: "after the SASL headers the target sends its mechanisms by itself, within a second",
			Run: func(t *suite.T) {
				c := t.Dial()
				c.Write(wire.SASLHeader[:])
				c.ExpectHeader(wire.SASLHeader)
				if e := c.NextWithin(time.Second); e.Kind != suite.GotFrame || !e.Frame.Is(wire.SASLMechanisms) {
					t.FailWant("sasl-mechanisms within a second", e.String())
				}
			},
		},
		{
			ID: "SA2", Section: "security 5.3.3.1", Level: suite.Should, Needs: []suite.Feature{suite.Anonymous},
			Title: "who asks for no login offers ANONYMOUS",
			Run: func(t *suite.T) {
				if offered := t.Dial().StartSASL(); !slices.Contains(offered, "ANONYMOUS") {
					t.FailWant("ANONYMOUS", fmt.Sprint(offered))
				}
			},
		},
		{
			ID: "SA3", Section: "security 5.3.3.2", Level: suite.Must, Twin: "PH9",
			Title: "a mechanism that was not offered is refused",
			Run: func(t *suite.T) {
				for _, name := range []string{"NOPE", "", "plain "} {
					t.Case(fmt.Sprintf("%q", name), func(t *suite.T) {
						c := t.Dial()
						c.StartSASL()
						c.Write(wire.SASL(wire.SASLInit.With(wire.F{"mechanism": name})))
						refusedLogin(c)
					})
				}
			},
		},
		{
			ID: "SA4", Section: "security 5.3.3.6", Level: suite.Must, Needs: []suite.Feature{suite.Plain},
			Title: "wrong credentials are told by outcome 1, and the end of the stream",
			Run: func(t *suite.T) {
				a := t.Profile().Auth
				t.Twin("the right ones", func(t *suite.T) { plain(t, outcomeOK, "\x00"+a.User+"\x00"+a.Password) })
				t.Case("a wrong password", func(t *suite.T) { plain(t, outcomeAuth, "\x00"+a.User+"\x00"+a.Password+"x") })
				t.Case("no password", func(t *suite.T) { plain(t, outcomeAuth, "\x00"+a.User+"\x00") })
				t.Case("an unknown user", func(t *suite.T) { plain(t, outcomeAuth, "\x00"+t.Name("nobody")+"\x00"+a.Password) })
			},
		},
		{
			ID: "SA5", Section: "security 5.3.1", Level: suite.Must, Twin: "PH9",
			Title: "an empty SASL frame ends the connection",
			Run: func(t *suite.T) {
				c := t.Dial()
				c.StartSASL()
				c.Write(wire.RawFrame(2, wire.TypeSASL, 0, nil))
				c.Refused(saslBroken())
			},
		},
		{
			ID: "SA6", Section: "security 5.3.2", Level: suite.Must, Twin: "PH9",
			Title: "a client that sends what only a server may is not logged in by it",
			Run: func(t *suite.T) {
				cases(t, map[string]*wire.Composite{
					"mechanisms": wire.SASLMechanisms.With(wire.F{"sasl-server-mechanisms": []string{"ANONYMOUS"}}),
					"challenge":  wire.SASLChallenge.With(wire.F{"challenge": []byte("x")}),
					"outcome":    wire.SASLOutcome.With(wire.F{"code": 0}),
					"response":   wire.SASLResponse.With(wire.F{"response": []byte("to no challenge")}),
				}, func(t *suite.T, frame *wire.Composite) {
					c := t.Dial()
					c.StartSASL()
					c.Write(wire.SASL(frame))
					c.Refused(saslBroken())
				})
			},
		},
		{
			ID: "SA7", Section: "security 5.3.2", Level: suite.Must, Twin: "PH9",
			Title: "nothing is served before a login succeeded",
			Run: func(t *suite.T) {
				cases(t, map[string]func(c *suite.Conn){
					"AMQP header and open in place of a login": func(*suite.Conn) {},
					"after a login that failed": func(c *suite.Conn) {
						c.Write(wire.SASL(wire.SASLInit.With(wire.F{"mechanism": "NOPE"})))
					},
				}, func(t *suite.T, before func(c *suite.Conn)) {
					c := t.Dial()
					c.StartSASL()
					before(c)
					c.Write(wire.AMQPHeader[:], wire.AMQP(0, wire.Open.With(t.OpenFields()), nil))
					for {
						e := c.Next()
						switch {
						case e.Kind == suite.GotEOF || e.Kind == suite.GotReset:
							return
						case e.Kind == suite.Silence:
							t.Fail("the connection is not ended")
						case e.Kind == suite.GotFrame && e.Frame.Is(wire.Open):
							t.Fail("the target serves who has not logged in: %s", e)
						case e.Kind == suite.GotHeader && e.Header == wire.AMQPHeader:
							t.Fail("the target goes on to AMQP with who has not logged in")
						}
					}
				})
			},
		},
		{
			ID: "SA8", Section: "RFC 4616", Level: suite.Must, Needs: []suite.Feature{suite.Plain},
			Title: "PLAIN is authzid, NUL, authcid, NUL, password; anything else is refused",
			Run: func(t *suite.T) {
				a := t.Profile().Auth
				t.Twin("without authzid", func(t *suite.T) { plain(t, outcomeOK, "\x00"+a.User+"\x00"+a.Password) })
				t.Case("authzid of oneself", func(t *suite.T) { plain(t, outcomeOK, a.User+"\x00"+a.User+"\x00"+a.Password) })
				for _, bad := range []string{"", a.User + a.Password, a.User + "\x00" + a.Password, "\x00" + a.User + "\x00" + a.Password + "\x00", "\x00\x00"} {
					t.Case(fmt.Sprintf("%d octets, %d NUL", len(bad), strings.Count(bad, "\x00")), func(t *suite.T) { plain(t, outcomeAuth, bad) })
				}
				t.Case("a password of 256 octets that is wrong", func(t *suite.T) {
					plain(t, outcomeAuth, "\x00"+a.User+"\x00"+strings.Repeat("p", 256))
				})
			},
		},
		{
			ID: "SA9", Section: "RFC 4505", Level: suite.Must, Needs: []suite.Feature{suite.Anonymous},
			Title: "the trace of ANONYMOUS may be anything, or absent",
			Run: func(t *suite.T) {
				cases(t, map[string]any{
					"absent": nil, "empty": []byte{}, "with NUL": []byte("\x00anonymous"), "an address": []byte("someone@example.org"),
				}, func(t *suite.T, trace any) {
					c := t.Dial()
					c.StartSASL()
					c.Write(wire.SASL(wire.SASLInit.With(wire.F{"mechanism": "ANONYMOUS", "initial-response": trace})))
					e := c.Next()
					if e.Kind == suite.GotFrame && e.Frame.Is(wire.SASLChallenge) && trace == nil {
						c.Write(wire.SASL(wire.SASLResponse.With(wire.F{"response": []byte("trace")})))
						e = c.Next()
					}
					if e.Kind != suite.GotFrame || !e.Frame.Is(wire.SASLOutcome) || e.Frame.Body.Uint("code") != outcomeOK {
						t.FailWant("outcome 0", e.String())
					}
				})
			},
		},
		{
			ID: "SA10", Section: "RFC 4422 A", Level: suite.Must, Twin: "PH9",
			Title: "EXTERNAL is not offered, or does not log in, where nothing external says who the client is",
			Run: func(t *suite.T) {
				c := t.Dial()
				if !slices.Contains(c.StartSASL(), "EXTERNAL") {
					return
				}
				c.Write(wire.SASL(wire.SASLInit.With(wire.F{"mechanism": "EXTERNAL", "initial-response": []byte{}})))
				refusedLogin(c)
			},
		},
		{
			ID: "SA11", Section: "RFC 5802", Level: suite.Must, Needs: []suite.Feature{suite.Plain},
			Title: "SCRAM logs in, with the server's signature in the outcome's additional-data or in a last challenge",
			Run: func(t *suite.T) {
				offered := t.Dial().StartSASL()
				found := false
				for _, m := range []scramKind{{"SCRAM-SHA-512", sha512.New}, {"SCRAM-SHA-256", sha256.New}, {"SCRAM-SHA-1", sha1.New}} {
					if !slices.Contains(offered, m.name) {
						continue
					}
					found = true
					t.Twin(m.name, func(t *suite.T) { scram(t, m, t.Profile().Auth.Password, outcomeOK) })
					t.Case(m.name+", wrong password", func(t *suite.T) { scram(t, m, "wrong", outcomeAuth) })
				}
				if !found {
					t.Skip("the target offers no SCRAM: %v", offered)
				}
			},
		},
		{
			ID: "SA12", Section: "security 5.3.3", Level: suite.Must, Needs: []suite.Feature{suite.Plain},
			Title: "an absent initial response is asked for by an empty challenge",
			Run: func(t *suite.T) {
				c := t.Dial()
				if !slices.Contains(c.StartSASL(), "PLAIN") {
					t.Skip("the target does not offer PLAIN")
				}
				a := t.Profile().Auth
				c.Write(wire.SASL(wire.SASLInit.With(wire.F{"mechanism": "PLAIN"})))
				e := c.Next()
				if e.Kind == suite.GotFrame && e.Frame.Is(wire.SASLOutcome) && e.Frame.Body.Uint("code") == outcomeAuth {
					t.Tolerate("an empty challenge", e.String(), "PLAIN is a client-first mechanism of one message, and clients send it with the init")
					return
				}
				if e.Kind != suite.GotFrame || !e.Frame.Is(wire.SASLChallenge) || len(e.Frame.Body.Binary("challenge")) > 0 {
					t.FailWant("an empty challenge", e.String())
				}
				c.Write(wire.SASL(wire.SASLResponse.With(wire.F{"response": []byte("\x00" + a.User + "\x00" + a.Password)})))
				wantOutcome(c, outcomeOK)
			},
		},
		{
			ID: "SA13", Section: "security 5.3.3.2", Level: suite.Should,
			Title: "sasl-init's hostname may be null or a name",
			Run: func(t *suite.T) {
				cases(t, map[string]any{"null": nil, "a name": "localhost"}, func(t *suite.T, host any) {
					c := t.Dial()
					c.StartSASL()
					init := t.InitFrame()
					if t.Profile().Hostname == "" {
						init.Set("hostname", host)
					}
					c.Write(wire.SASL(init))
					wantOutcome(c, outcomeOK)
				})
			},
		},
		{
			ID: "SA14", Section: "security 5.3.1", Level: suite.Must, Twin: "PH9",
			Title: "a SASL frame above 512 octets is refused or taken up to a limit; octets 6 and 7 of its header are ignored",
			Run: func(t *suite.T) {
				t.Case("600 octets", func(t *suite.T) {
					c := t.Dial()
					c.StartSASL()
					c.Write(wire.SASL(wire.SASLInit.With(wire.F{"mechanism": "NOPE", "initial-response": bytes.Repeat([]byte{'x'}, 600)})))
					refusedLogin(c)
				})
				t.Case("octets 6 and 7 are not 0", func(t *suite.T) {
					c := t.Dial()
					c.StartSASL()
					c.Write(wire.RawFrame(2, wire.TypeSASL, 0xabcd, t.InitFrame().Raw()))
					wantOutcome(c, outcomeOK)
				})
			},
		},
		{
			ID: "SA15", Section: "security 5.3", Level: suite.Extra,
			Title: "an init may come before the mechanisms were read, glued to the header before it and to AMQP behind it",
			Run: func(t *suite.T) {
				c := t.Dial()
				c.Permit(65536, 255)
				c.Write(wire.SASLHeader[:], wire.SASL(t.InitFrame()), wire.AMQPHeader[:], wire.AMQP(0, wire.Open.With(t.OpenFields()), nil))
				c.ExpectHeader(wire.SASLHeader)
				c.Expect(wire.SASLMechanisms)
				wantOutcome(c, outcomeOK)
				c.ExpectHeader(wire.AMQPHeader)
				c.Opened()
				c.Alive()
			},
		},
		{
			ID: "SA16", Section: "security 5.3.2", Level: suite.Extra,
			Title: "after the outcome the target waits for the client's AMQP header",
			Run: func(t *suite.T) {
				c := t.Dial()
				c.Login()
				switch e := c.NextWithin(300 * time.Millisecond); e.Kind {
				case suite.Silence:
				case suite.GotHeader:
					t.Tolerate("nothing", e.String(), "a server may send its header first; some clients hang on it")
				default:
					t.FailWant("nothing", e.String())
				}
			},
		},
		{
			ID: "SA17", Section: "security 5.3.3.6", Level: suite.Extra, Needs: []suite.Feature{suite.Plain}, Takes: 30 * time.Second,
			Title: "a login that fails does not tell whether the user exists, and many of them do not keep others out",
			Run: func(t *suite.T) {
				a := t.Profile().Auth
				said := func(response string) (what string) {
					t.Case(fmt.Sprintf("user of %d octets", len(response)), func(t *suite.T) {
						c := t.Dial()
						c.StartSASL()
						c.Write(wire.SASL(wire.SASLInit.With(wire.F{"mechanism": "PLAIN", "initial-response": []byte(response)})))
						if e := c.NextWithin(5 * time.Second); e.Kind == suite.GotFrame {
							what = e.Frame.String()
						} else {
							what = e.String()
						}
					})
					return what
				}
				known := said("\x00" + a.User + "\x00wrong")
				if unknown := said("\x00nobody-" + a.User + "\x00wrong"); known != unknown {
					t.Errorf("a known user hears %s, an unknown one %s", known, unknown)
				}
				for range 18 {
					said("\x00" + a.User + "\x00wrong")
				}
				t.Case("the right password after twenty wrong ones", func(t *suite.T) { plain(t, outcomeOK, "\x00"+a.User+"\x00"+a.Password) })
			},
		},
	}),
}

// needing gives every check one more feature that it needs.
func needing(f suite.Feature, checks []suite.Check) []suite.Check {
	for i := range checks {
		checks[i].Needs = append(checks[i].Needs, f)
	}
	return checks
}

// saslBroken is how the SASL layer refuses what breaks its rules: there is no frame to say it with, but the outcome.
func saslBroken() suite.Refusal {
	return suite.DropsIt().Also(suite.OutcomeScope).Or(suite.Resets, "the end is the same").
		Or(suite.HeaderScope, "a header before the end does no harm").
		Or(suite.CloseScope, "a close says more than a drop, and nobody is logged in by it")
}

// refusedLogin wants outcome 1 and the end of the stream.
func refusedLogin(c *suite.Conn) {
	r := c.Refused(suite.RefusesLogin().Or(suite.Drops, "nobody is logged in by it").Or(suite.Resets, "nobody is logged in by it"))
	if r.Scope != suite.OutcomeScope {
		return
	}
	if r.Condition != "1" {
		c.T().FailWant("outcome 1", "outcome "+r.Condition)
	}
	c.ExpectEOF()
}

func wantOutcome(c *suite.Conn, code uint64) *wire.Composite {
	f := c.Expect(wire.SASLOutcome)
	if f.Body.Uint("code") != code {
		c.T().FailWant(fmt.Sprintf("outcome %d", code), f.String())
	}
	return f.Body
}

// plain logs in with that initial response.
func plain(t *suite.T, code uint64, response string) {
	c := t.Dial()
	if !slices.Contains(c.StartSASL(), "PLAIN") {
		t.Skip("the target does not offer PLAIN")
	}
	c.Write(wire.SASL(wire.SASLInit.With(wire.F{"mechanism": "PLAIN", "initial-response": []byte(response)})))
	wantOutcome(c, code)
	if code != outcomeOK {
		c.ExpectEOF()
	}
}

// scramKind is one of the SCRAM mechanisms.
type scramKind struct {
	name string
	hash func() hash.Hash
}

// scram is the client's side of the exchange [RFC 5802 3].
func scram(t *suite.T, kind scramKind, password string, code uint64) {
	octets := make([]byte, 12)
	if _, err := rand.Read(octets); err != nil {
		t.Fail("no random octets: %v", err)
	}
	nonce := base64.StdEncoding.EncodeToString(octets)
	bare := "n=" + t.Profile().Auth.User + ",r=" + nonce
	c := t.Dial()
	c.StartSASL()
	c.Write(wire.SASL(wire.SASLInit.With(wire.F{"mechanism": kind.name, "initial-response": []byte("n,," + bare)})))
	first := string(c.Expect(wire.SASLChallenge).Body.Binary("challenge"))
	answer, signature, err := kind.answer(password, nonce, bare, first)
	if err != nil {
		t.Fail("the challenge %q: %v", first, err)
	}
	c.Write(wire.SASL(wire.SASLResponse.With(wire.F{"response": []byte(answer)})))
	final := ""
	e := c.Next()
	if e.Kind == suite.GotFrame && e.Frame.Is(wire.SASLChallenge) {
		final = string(e.Frame.Body.Binary("challenge"))
		c.Write(wire.SASL(wire.SASLResponse.With(wire.F{"response": []byte{}})))
		e = c.Next()
	}
	if e.Kind != suite.GotFrame || !e.Frame.Is(wire.SASLOutcome) || e.Frame.Body.Uint("code") != code {
		t.FailWant(fmt.Sprintf("outcome %d", code), e.String())
	}
	if code != outcomeOK {
		c.ExpectEOF()
		return
	}
	if more := e.Frame.Body.Binary("additional-data"); len(more) > 0 {
		final = string(more)
	}
	if final != signature {
		t.FailWant("the server's signature "+signature, final)
	}
}

// answer is the client's last message, and the server's that has to follow it.
func (k scramKind) answer(password, nonce, bare, first string) (answer, signature string, err error) {
	said := map[string]string{}
	for _, part := range strings.Split(first, ",") {
		if name, value, ok := strings.Cut(part, "="); ok {
			said[name] = value
		}
	}
	if !strings.HasPrefix(said["r"], nonce) || said["r"] == nonce {
		return "", "", errors.New("its nonce does not continue the client's")
	}
	salt, err := base64.StdEncoding.DecodeString(said["s"])
	if err != nil {
		return "", "", fmt.Errorf("its salt: %w", err)
	}
	rounds, err := strconv.Atoi(said["i"])
	if err != nil {
		return "", "", fmt.Errorf("its number of rounds: %w", err)
	}
	salted, err := pbkdf2.Key(k.hash, password, salt, rounds, k.hash().Size())
	if err != nil {
		return "", "", err
	}
	key := k.sign(salted, "Client Key")
	stored := k.hash()
	stored.Write(key)
	without := "c=biws,r=" + said["r"]
	all := bare + "," + first + "," + without
	proof := k.sign(stored.Sum(nil), all)
	for i := range proof {
		proof[i] ^= key[i]
	}
	return without + ",p=" + base64.StdEncoding.EncodeToString(proof),
		"v=" + base64.StdEncoding.EncodeToString(k.sign(k.sign(salted, "Server Key"), all)), nil
}

func (k scramKind) sign(key []byte, text string) []byte {
	h := hmac.New(k.hash, key)
	h.Write([]byte(text))
	return h.Sum(nil)
}
