package sasl

import (
	"bufio"
	"bytes"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"os"
	"runtime"
	"strings"
	"sync/atomic"

	"github.com/xdg-go/stringprep"
)

// maxName bounds a user's name in octets.
const maxName = 255

// Users is a users file in memory. All methods may be called from any goroutine.
//
// A check derives a key from the password, and that is meant to be slow. Three things keep it from hurting anybody else:
//
//   - at most half of the processors derive keys at a time, the rest of the logins wait, so a storm of logins (or of wrong passwords)
//     leaves the other half to the connections that are already there;
//   - what was checked lately is remembered (see proven), so when thousands of connections come back at once with the few passwords
//     that services share, each password costs one derivation;
//   - a name that does not exist costs a derivation as well, with as many iterations as the file's users have, so that time does not tell
//     which names exist.
type Users struct {
	path   string
	secret [32]byte      // Set once: keys what must not be guessed from outside
	slots  chan struct{} // derivations under way
	table  atomic.Pointer[table]

	matches func(Verifier, string) bool // Set once: Verifier.Matches; tests count its calls
}

// table is one reading of the file, never changed.
type table struct {
	verifiers map[string]Verifier
	decoy     Verifier // checked in place of a user that does not exist; matches no password
	proven    *proven
}

// OpenUsers reads a users file: a line a user, `name:verifier`, and lines that are empty or begin with #. An error names file and line.
func OpenUsers(path string) (*Users, error) {
	u := &Users{path: path, slots: make(chan struct{}, max(1, runtime.GOMAXPROCS(0)/2)), matches: Verifier.Matches}
	rand.Read(u.secret[:])
	return u, u.Reload()
}

// Reload reads the file again. On an error what was read before stays in force.
func (u *Users) Reload() error {
	text, err := os.ReadFile(u.path)
	if err != nil {
		return fmt.Errorf("read users: %w", err)
	}
	verifiers, err := parseUsers(u.path, text)
	if err != nil {
		return err
	}
	u.table.Store(&table{verifiers: verifiers, decoy: u.decoy(verifiers), proven: newProven()})
	return nil
}

// Len is the number of users.
func (u *Users) Len() int { return len(u.table.Load().verifiers) }

// Authenticator offers PLAIN against these users, and requires it.
func (u *Users) Authenticator() *Authenticator {
	return New(true, Plain(u.Check))
}

// Check tells whose name and password these are: the name itself, or ErrDenied. It takes milliseconds of CPU, and waits when others are
// at it.
func (u *Users) Check(name, password string) (identity string, err error) {
	t := u.table.Load()
	v, known := t.verifiers[name]
	if !known {
		v = t.decoy
	}
	proof := u.proof(name, password, v)
	if t.proven.has(proof) {
		return name, nil
	}
	u.slots <- struct{}{}
	defer func() { <-u.slots }()
	if t.proven.has(proof) { // proven by another while we waited
		return name, nil
	}
	if !u.matches(v, password) || !known {
		return "", ErrDenied
	}
	t.proven.add(proof)
	return name, nil
}

// proof stands for "this password is right for this verifier" in memory. It is keyed with a secret that never leaves this process.
func (u *Users) proof(name, password string, v Verifier) proof {
	h := hmac.New(sha256.New, u.secret[:])
	for _, part := range []string{name, password, string(v.StoredKey)} {
		fmt.Fprintf(h, "%d:%s", len(part), part)
	}
	return proof(h.Sum(nil))
}

// decoy costs what most users cost.
func (u *Users) decoy(verifiers map[string]Verifier) Verifier {
	counts := map[int]int{}
	d := Verifier{Iterations: Iterations, Salt: u.secret[:saltSize], StoredKey: make([]byte, keySize), ServerKey: make([]byte, keySize)}
	for _, v := range verifiers {
		counts[v.Iterations]++
		if counts[v.Iterations] > counts[d.Iterations] {
			d.Iterations = v.Iterations
		}
	}
	rand.Read(d.StoredKey)
	return d
}

// parseUsers reads the text of a users file. path is for the error.
func parseUsers(path string, text []byte) (map[string]Verifier, error) {
	verifiers := map[string]Verifier{}
	lines := bufio.NewScanner(bytes.NewReader(text))
	for number := 1; lines.Scan(); number++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || line[0] == '#' {
			continue
		}
		name, v, err := parseUser(line)
		if err == nil && verifiers[name].Iterations != 0 {
			err = fmt.Errorf("user %q is there twice", name)
		}
		if err != nil {
			return nil, fmt.Errorf("%s:%d: %w", path, number, err)
		}
		verifiers[name] = v
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("read users of %s: %w", path, err)
	}
	return verifiers, nil
}

// parseUser reads `name:verifier`.
func parseUser(line string) (name string, v Verifier, err error) {
	name, text, found := strings.Cut(line, ":")
	if !found {
		return "", Verifier{}, fmt.Errorf("a line is name:verifier, this one has no colon")
	}
	prepared, err := checkName(name)
	if err != nil {
		return "", Verifier{}, err
	}
	v, err = ParseVerifier(text)
	return prepared, v, err
}

// checkName gives the name as it is compared, or says what is wrong with it.
func checkName(name string) (string, error) {
	if len(name) == 0 || len(name) > maxName {
		return "", fmt.Errorf("a user's name has 1 to %d octets", maxName)
	}
	if strings.Contains(name, ":") || name[0] == '#' || name != strings.TrimSpace(name) {
		return "", fmt.Errorf("user name %q: no colon, no # at the beginning, no space at either end", name)
	}
	prepared, err := stringprep.SASLprep.Prepare(name)
	if err != nil {
		return "", fmt.Errorf("user name %q: %w", name, err)
	}
	return prepared, nil
}
