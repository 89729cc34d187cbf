package sasl

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/xdg-go/scram"
)

// Iterations is how often a new verifier hashes its password: the rule of thumb of RFC 7677 section 4, which makes a check cost a few
// milliseconds here. 4096 is that RFC's floor and PostgreSQL's default, and is still read; the hundreds of thousands advised for people's
// passwords would let a storm of wrong ones hold up the machine, and users here are services with generated passwords.
const Iterations = 15000

// Bounds of what is read from a file: below the first a verifier is too weak, above the second one login is an attack on us.
const (
	minIterations = 4096
	maxIterations = 1_000_000
	keySize       = 32
	saltSize      = 16
	maxSaltSize   = 64
)

const scheme = "SCRAM-SHA-256"

// Verifier is what is kept of a password: enough to check it, not enough to log in with. In text it is the form that PostgreSQL stores,
// SCRAM-SHA-256$<iterations>:<salt>$<StoredKey>:<ServerKey> with the last three in base64. [RFC 5802 section 3]
type Verifier struct {
	Iterations int
	Salt       []byte
	StoredKey  []byte
	ServerKey  []byte
}

// MakeVerifier derives a verifier under a new random salt. It fails on an empty password or one with characters that SASLprep forbids.
func MakeVerifier(password string) (Verifier, error) {
	if password == "" {
		return Verifier{}, errors.New("a password may not be empty")
	}
	salt := make([]byte, saltSize)
	rand.Read(salt) // never fails: it ends the process rather
	return derive(password, salt, Iterations)
}

// derive does the work: iterations of HMAC-SHA-256 over the prepared password.
func derive(password string, salt []byte, iterations int) (Verifier, error) {
	client, err := scram.SHA256.NewClient("", password, "")
	if err != nil {
		return Verifier{}, err
	}
	keys, err := client.GetStoredCredentialsWithError(scram.KeyFactors{Salt: string(salt), Iters: iterations})
	if err != nil {
		return Verifier{}, fmt.Errorf("derive a key from a password: %w", err)
	}
	return Verifier{Iterations: iterations, Salt: salt, StoredKey: keys.StoredKey, ServerKey: keys.ServerKey}, nil
}

// Matches tells whether the password is the one. It costs milliseconds of CPU, and the same for every wrong password.
func (v Verifier) Matches(password string) bool {
	given, err := derive(password, v.Salt, v.Iterations)
	return err == nil && subtle.ConstantTimeCompare(given.StoredKey, v.StoredKey) == 1
}

// String is the verifier in the form of the users file.
func (v Verifier) String() string {
	b64 := base64.StdEncoding.EncodeToString
	return fmt.Sprintf("%s$%d:%s$%s:%s", scheme, v.Iterations, b64(v.Salt), b64(v.StoredKey), b64(v.ServerKey))
}

// ParseVerifier reads what String writes.
func ParseVerifier(s string) (Verifier, error) {
	parts := strings.Split(s, "$")
	if len(parts) != 3 || parts[0] != scheme {
		return Verifier{}, fmt.Errorf("a verifier is %s$<iterations>:<salt>$<StoredKey>:<ServerKey>", scheme)
	}
	count, salt, _ := strings.Cut(parts[1], ":")
	stored, server, _ := strings.Cut(parts[2], ":")
	iterations, err := strconv.Atoi(count)
	if err != nil || iterations < minIterations || iterations > maxIterations {
		return Verifier{}, fmt.Errorf("%q iterations: a number from %d to %d is wanted", count, minIterations, maxIterations)
	}
	v := Verifier{Iterations: iterations}
	if v.Salt, err = decode("salt", salt, 1, maxSaltSize); err != nil {
		return Verifier{}, err
	}
	if v.StoredKey, err = decode("StoredKey", stored, keySize, keySize); err != nil {
		return Verifier{}, err
	}
	v.ServerKey, err = decode("ServerKey", server, keySize, keySize)
	return v, err
}

func decode(what, s string, least, most int) ([]byte, error) {
	b, err := base64.StdEncoding.Strict().DecodeString(s)
	if err != nil {
		return nil, fmt.Errorf("%s is not base64: %w", what, err)
	}
	if len(b) < least || len(b) > most {
		return nil, fmt.Errorf("%s has %d octets", what, len(b))
	}
	return b, nil
}
