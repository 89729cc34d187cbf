package server

import (
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"

	"hibachi/persistence/pebble"
)

func TestADirectoryThatCannotBeUsedIsExplained(t *testing.T) {
	for _, tt := range []struct {
		err  error
		want string
	}{
		{&os.PathError{Op: "mkdir", Path: "d", Err: syscall.EACCES}, "let this user write there"},
		{&os.PathError{Op: "open", Path: "d", Err: syscall.ENOSPC}, "make room"},
		{&os.PathError{Op: "mkdir", Path: "d", Err: syscall.ENOTDIR}, "not a directory"},
		{&os.PathError{Op: "mkdir", Path: "d", Err: syscall.EROFS}, "read-only"},
		{fmt.Errorf("d: %w by process 7", pebble.ErrLocked), "by process 7; stop that process"},
		{fmt.Errorf("%w: version 9", pebble.ErrTooNew), "start that version"},
		{syscall.EIO, "input/output error; see to it"},
	} {
		got := explainOpen("d", fmt.Errorf("open: %w", tt.err)).Error()
		if !strings.Contains(got, "cannot use the data directory d: ") || !strings.Contains(got, tt.want) {
			t.Errorf("%q does not say %q", got, tt.want)
		}
	}
}
