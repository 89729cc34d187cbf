package server

import (
	"errors"
	"fmt"
	"os"
	"syscall"

	"hibachi/persistence/pebble"
)

// explainOpen says what a data directory that cannot be used means for the person who started us.
func explainOpen(dir string, err error) error {
	advice := "see to it, or choose another directory with --data"
	switch {
	case errors.Is(err, os.ErrPermission): // before ErrLocked: a lock file that cannot be made counts as held
		advice = "let this user write there, or choose another directory with --data"
	case errors.Is(err, pebble.ErrLocked):
		advice = "stop that process, or choose another directory with --data"
	case errors.Is(err, pebble.ErrTooNew):
		advice = "start that version of Hibachi"
	case errors.Is(err, syscall.ENOTDIR), errors.Is(err, os.ErrExist):
		advice = "something there is not a directory: choose another with --data"
	case errors.Is(err, syscall.ENOSPC):
		advice = "the disk is full: make room"
	case errors.Is(err, syscall.EROFS):
		advice = "the disk is read-only: choose another directory with --data"
	}
	return fmt.Errorf("cannot use the data directory %s: %w; %s", dir, err, advice)
}
