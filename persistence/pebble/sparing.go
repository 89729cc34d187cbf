package pebble

import (
	"strings"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// Pebble takes the room of a whole memtable and a tenth for each write-ahead log before anything is in it, so that syncs need not move the end of
// the file. That is 141 MiB by default, and a new store goes through five logs in its first megabytes: on a disk of half a gigabyte it would find
// no room at once. So on a small disk a log begins with a share of it, and grows beyond that as it is written.
const (
	preallocateShare = 64       // at most one part in so many of the disk
	largeDisk        = 16 << 30 // from here on there is room for whole logs
)

// sparing is a file system of a small disk.
type sparing struct {
	vfs.FS
	most int64
}

// spare gives fs, or if its disk is small one that preallocates less.
func spare(fs vfs.FS, dir string) vfs.FS {
	disk, err := fs.GetDiskUsage(dir)
	if err != nil || disk.TotalBytes >= largeDisk {
		return fs // in doubt as Pebble likes it: a disk that is full says so
	}
	return sparing{fs, int64(disk.TotalBytes / preallocateShare)}
}

func (s sparing) Create(name string, category vfs.DiskWriteCategory) (vfs.File, error) {
	f, err := s.FS.Create(name, category)
	if err != nil || !strings.HasSuffix(name, ".log") {
		return f, err
	}
	return sparingFile{f, s.most}, nil
}

type sparingFile struct {
	vfs.File
	most int64
}

func (f sparingFile) Preallocate(offset, length int64) error {
	return f.File.Preallocate(offset, min(length, f.most))
}
