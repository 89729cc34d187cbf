package sasl

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// SetUser adds a user to the file or gives it a new verifier; a file that is not there is made. Comments and all other lines stay. The
// new file takes the old one's place in one step and is readable by its owner only; two writers at once may lose one of the changes.
func SetUser(path, name string, v Verifier) (replaced bool, err error) {
	prepared, err := checkName(name)
	if err != nil {
		return false, err
	}
	text, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return false, fmt.Errorf("read users: %w", err)
	}
	if _, err := parseUsers(path, text); err != nil {
		return false, err
	}
	text, replaced = withUser(text, prepared, v)
	return replaced, replaceFile(path, text)
}

// RemoveUser takes a user out of the file, and tells whether there was one.
func RemoveUser(path, name string) (removed bool, err error) {
	prepared, err := checkName(name)
	if err != nil {
		return false, err
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return false, fmt.Errorf("read users: %w", err)
	}
	if _, err := parseUsers(path, text); err != nil {
		return false, err
	}
	lines, at := splitUsers(text, prepared)
	if at < 0 {
		return false, nil
	}
	return true, replaceFile(path, bytes.Join(append(lines[:at:at], lines[at+1:]...), nil))
}

// withUser is the file's text with the user's line replaced, or put at the end.
func withUser(text []byte, name string, v Verifier) (_ []byte, replaced bool) {
	line := fmt.Appendf(nil, "%s:%s\n", name, v)
	lines, at := splitUsers(text, name)
	if at >= 0 {
		lines[at] = line
		return bytes.Join(lines, nil), true
	}
	if n := len(text); n > 0 && text[n-1] != '\n' {
		line = append([]byte{'\n'}, line...)
	}
	return append(text[:len(text):len(text)], line...), false
}

// splitUsers cuts the text, known to be well-formed, into lines with their ends, and finds the user's; -1 if there is none.
func splitUsers(text []byte, name string) (lines [][]byte, at int) {
	at = -1
	for i, line := range bytes.SplitAfter(text, []byte{'\n'}) {
		lines = append(lines, line)
		user, _, found := strings.Cut(strings.TrimSpace(string(line)), ":")
		if !found || user[:min(1, len(user))] == "#" {
			continue
		}
		if prepared, err := checkName(user); err == nil && prepared == name {
			at = i
		}
	}
	return lines, at
}

// replaceFile writes a temporary file beside path and renames it over it: a crash leaves the old file or the new one.
func replaceFile(path string, text []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".users-*") // made with mode 0600
	if err != nil {
		return fmt.Errorf("write users: %w", err)
	}
	_, err = f.Write(text)
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("write users: %w", err), os.Remove(f.Name()))
	}
	return syncDirectory(filepath.Dir(path))
}

// syncDirectory makes the rename itself survive a power cut.
func syncDirectory(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("sync directory of users: %w", err)
	}
	if err := errors.Join(d.Sync(), d.Close()); err != nil {
		return fmt.Errorf("sync directory of users: %w", err)
	}
	return nil
}
