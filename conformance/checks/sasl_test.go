package checks

import (
	"crypto/sha256"
	"testing"
)

// The exchange that RFC 7677 has as its example.
func TestSCRAM(t *testing.T) {
	const nonce = "rOprNGfwEbeRWgbNEkqO"
	first := "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"
	kind := scramKind{"SCRAM-SHA-256", sha256.New}
	answer, signature, err := kind.answer("pencil", nonce, "n=user,r="+nonce, first)
	if err != nil {
		t.Fatal(err)
	}
	if want := "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="; answer != want {
		t.Errorf("got  %s\nwant %s", answer, want)
	}
	if want := "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="; signature != want {
		t.Errorf("got  %s\nwant %s", signature, want)
	}
	for _, bad := range []string{"", "r=" + nonce + ",s=W22Z,i=4096", "r=other,s=W22Z,i=1", "r=" + nonce + "x,s=?,i=1", "r=" + nonce + "x,s=W22Z,i=x"} {
		if _, _, err := kind.answer("pencil", nonce, "", bad); err == nil {
			t.Errorf("%q was answered", bad)
		}
	}
}
