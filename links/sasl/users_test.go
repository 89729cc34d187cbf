package sasl

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// quick makes a verifier with the fewest iterations that a file may have.
func quick(t *testing.T, password string) Verifier {
	t.Helper()
	v, err := derive(password, []byte("0123456789abcdef"), minIterations)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func write(t *testing.T, text string) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "users")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestVerifierIsTheOneOfRFC7677(t *testing.T) {
	// The example exchange of RFC 7677 section 3: user "user", password "pencil", this salt, 4096 iterations. The keys follow from it.
	const text = "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU="
	v, err := ParseVerifier(text)
	if err != nil {
		t.Fatal(err)
	}
	if !v.Matches("pencil") || v.Matches("Pencil") || v.Matches("") || v.Matches("\x07") {
		t.Error("pencil, and nothing else, is the password")
	}
	derived, err := derive("pencil", v.Salt, v.Iterations)
	if err != nil || derived.String() != text {
		t.Errorf("derived %s, %v", derived, err)
	}
}

func TestMadeVerifiersAreReadBack(t *testing.T) {
	a, err := MakeVerifier("s3cret")
	if err != nil {
		t.Fatal(err)
	}
	b, err := MakeVerifier("s3cret")
	if err != nil || a.String() == b.String() {
		t.Fatalf("two verifiers of one password must not look alike (%v)", err)
	}
	back, err := ParseVerifier(a.String())
	if err != nil || !back.Matches("s3cret") || back.Iterations != Iterations {
		t.Fatalf("read back: %+v, %v", back, err)
	}
	for _, password := range []string{"", "bell\x07"} {
		if _, err := MakeVerifier(password); err == nil {
			t.Errorf("password %q was taken", password)
		}
	}
}

func TestUsersFileErrorsNameFileAndLine(t *testing.T) {
	good := quick(t, "p").String()
	for _, c := range []struct{ text, want string }{
		{"# users\n\nann:" + good + "\nann:" + good + "\n", `:4: user "ann" is there twice`},
		{"ann\n", ":1: a line is name:verifier"},
		{"\n:" + good, ":2: a user's name has 1 to 255 octets"},
		{"ann :" + good, `:1: user name "ann "`},
		{"ann:plain", ":1: a verifier is SCRAM-SHA-256$"},
		{"ann:SCRAM-SHA-256$10:AAAA$AAAA:AAAA", `:1: "10" iterations`},
		{"ann:SCRAM-SHA-256$999999999:AAAA$AAAA:AAAA", `:1: "999999999" iterations`},
		{"ann:SCRAM-SHA-256$4096:$AAAA:AAAA", ":1: salt has 0 octets"},
		{"ann:SCRAM-SHA-256$4096:AAAA$%%%%:AAAA", ":1: StoredKey is not base64"},
		{"ann:" + good[:len(good)-4], ":1: ServerKey"},
		{"a\x07nn:" + good, `:1: user name "a\ann"`},
	} {
		path := write(t, c.text)
		_, err := OpenUsers(path)
		if err == nil || !strings.Contains(err.Error(), path+c.want) {
			t.Errorf("%.30q: %v, want …%s", c.text, err, c.want)
		}
	}
	if _, err := OpenUsers(filepath.Join(t.TempDir(), "none")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
}

func TestCheck(t *testing.T) {
	u, err := OpenUsers(write(t, "# services\r\nann:"+quick(t, "a").String()+"\r\nbob:"+quick(t, "b").String()))
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second time out of memory
		for _, c := range []struct {
			name, password string
			ok             bool
		}{
			{"ann", "a", true}, {"bob", "b", true}, {"ann", "b", false}, {"ann", "", false}, {"eve", "a", false}, {"", "", false},
		} {
			identity, err := u.Check(c.name, c.password)
			if c.ok != (err == nil && identity == c.name) || !c.ok && !errors.Is(err, ErrDenied) {
				t.Errorf("%s/%s: %q, %v", c.name, c.password, identity, err)
			}
		}
	}
	if n := len(u.table.Load().proven.young); n != 2 {
		t.Errorf("%d proofs kept, want the two right ones", n)
	}
}

func TestUnknownUserCostsWhatOthersCost(t *testing.T) {
	u, err := OpenUsers(write(t, "ann:"+quick(t, "a").String()))
	if err != nil {
		t.Fatal(err)
	}
	derived := counted(u)
	if _, err := u.Check("eve", "a"); !errors.Is(err, ErrDenied) {
		t.Errorf("an unknown user: %v", err)
	}
	if got := derived(); len(got) != 1 || got[0] != minIterations {
		t.Errorf("an unknown user costs %v iterations, the known one %d", got, minIterations)
	}
}

// counted has u note the iterations of each derivation from now on.
func counted(u *Users) (derived func() []int) {
	var mu sync.Mutex
	var iterations []int
	u.matches = func(v Verifier, password string) bool {
		mu.Lock()
		iterations = append(iterations, v.Iterations)
		mu.Unlock()
		return v.Matches(password)
	}
	return func() []int {
		mu.Lock()
		defer mu.Unlock()
		return iterations
	}
}

func TestReload(t *testing.T) {
	path := write(t, "ann:"+quick(t, "a").String())
	u, err := OpenUsers(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := u.Check("ann", "a"); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("nonsense"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := u.Reload(); err == nil {
		t.Error("nonsense was read")
	}
	if _, err := u.Check("ann", "a"); err != nil || u.Len() != 1 {
		t.Errorf("after a failed reload the old users hold: %v, %d users", err, u.Len())
	}
	if err := os.WriteFile(path, []byte("ann:"+quick(t, "new").String()), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := u.Reload(); err != nil {
		t.Fatal(err)
	}
	if _, err := u.Check("ann", "a"); !errors.Is(err, ErrDenied) {
		t.Errorf("the old password still opens: %v", err)
	}
	if _, err := u.Check("ann", "new"); err != nil {
		t.Errorf("the new password: %v", err)
	}
}

func TestStormOfLoginsDerivesOnce(t *testing.T) {
	u, err := OpenUsers(write(t, "ann:"+quick(t, "a").String()))
	if err != nil {
		t.Fatal(err)
	}
	derived := counted(u)
	var all sync.WaitGroup
	for range 2000 {
		all.Go(func() {
			if _, err := u.Check("ann", "a"); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if n := len(derived()); n > cap(u.slots) { // those that derive side by side cannot know of each other
		t.Errorf("2000 logins with one password cost %d derivations", n)
	}
}

func TestProvenIsBoundedAndKeepsWhatIsUsed(t *testing.T) {
	p := newProven()
	used := proof{255}
	p.add(used)
	for i := range 10 * generation {
		p.add(proof{byte(i), byte(i >> 8)})
		if i%100 == 0 && !p.has(used) {
			t.Fatalf("forgotten after %d others although in use", i)
		}
	}
	if n := len(p.young) + len(p.old); n > 2*generation {
		t.Errorf("%d proofs", n)
	}
	if p.has(proof{1, 0}) {
		t.Error("an old unused one is still there")
	}
}

func TestSetUserKeepsEverythingElse(t *testing.T) {
	a, b := quick(t, "a"), quick(t, "b")
	path := filepath.Join(t.TempDir(), "users")
	set := func(name string, v Verifier, wantReplaced bool) {
		t.Helper()
		replaced, err := SetUser(path, name, v)
		if err != nil || replaced != wantReplaced {
			t.Fatalf("set %s: replaced %v, %v", name, replaced, err)
		}
	}
	want := func(text string) {
		t.Helper()
		got, err := os.ReadFile(path)
		if err != nil || string(got) != text {
			t.Fatalf("file is\n%s\nwant\n%s (%v)", got, text, err)
		}
	}
	set("ann", a, false)
	want("ann:" + a.String() + "\n")
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("mode %v, %v", info.Mode(), err)
	}
	if err := os.WriteFile(path, []byte("# ours: services\nann:"+a.String()+"\n# last"), 0o644); err != nil {
		t.Fatal(err)
	}
	set("bob", b, false)
	set("ann", b, true)
	want("# ours: services\nann:" + b.String() + "\n# last\nbob:" + b.String() + "\n")
	if removed, err := RemoveUser(path, "ann"); err != nil || !removed {
		t.Fatalf("remove: %v, %v", removed, err)
	}
	want("# ours: services\n# last\nbob:" + b.String() + "\n")
	if removed, err := RemoveUser(path, "ann"); err != nil || removed {
		t.Fatalf("remove again: %v, %v", removed, err)
	}
	if left, err := filepath.Glob(filepath.Join(filepath.Dir(path), ".users-*")); err != nil || len(left) != 0 {
		t.Errorf("temporary files left: %v, %v", left, err)
	}
}

func TestSetUserRefusesWhatCouldNotBeReadBack(t *testing.T) {
	v := quick(t, "a")
	for _, name := range []string{"", "a:b", "#a", " a", "a\n", "a\x00b", strings.Repeat("a", 256)} {
		path := write(t, "")
		if _, err := SetUser(path, name, v); err == nil {
			t.Errorf("name %.10q was written", name)
		}
	}
	path := write(t, "nonsense\n")
	if _, err := SetUser(path, "ann", v); err == nil {
		t.Error("a file that cannot be read was overwritten")
	}
}

func FuzzParseVerifier(f *testing.F) {
	f.Add("SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=")
	f.Fuzz(func(t *testing.T, s string) {
		v, err := ParseVerifier(s)
		if err != nil {
			return
		}
		if back, err := ParseVerifier(v.String()); err != nil || back.String() != v.String() {
			t.Fatalf("%q reads as %q, which does not read back: %v", s, v, err)
		}
	})
}

// BenchmarkCheck says what a wrong password, and a right one that was seen before, cost.
func BenchmarkCheck(b *testing.B) {
	v, err := MakeVerifier("right")
	if err != nil {
		b.Fatal(err)
	}
	path := filepath.Join(b.TempDir(), "users")
	if _, err := SetUser(path, "ann", v); err != nil {
		b.Fatal(err)
	}
	u, err := OpenUsers(path)
	if err != nil {
		b.Fatal(err)
	}
	for _, password := range []string{"wrong", "right"} {
		b.Run(password, func(b *testing.B) {
			for b.Loop() {
				if _, err := u.Check("ann", password); (err == nil) != (password == "right") {
					b.Fatal(err)
				}
			}
		})
	}
}
