package pebble

import (
	"sync"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// sized is a disk of some size that notes the most that was preallocated in one go.
type sized struct {
	vfs.FS
	total uint64

	mu   *sync.Mutex
	most *int64
}

func (d sized) GetDiskUsage(string) (vfs.DiskUsage, error) {
	return vfs.DiskUsage{TotalBytes: d.total, AvailBytes: d.total}, nil
}

func (d sized) Create(name string, category vfs.DiskWriteCategory) (vfs.File, error) {
	f, err := d.FS.Create(name, category)
	return sizedFile{f, d}, err
}

type sizedFile struct {
	vfs.File
	d sized
}

// Fd is no file's: Pebble only looks whether there is one.
func (f sizedFile) Fd() uintptr { return vfs.InvalidFd - 1 }

func (f sizedFile) Preallocate(offset, length int64) error {
	f.d.mu.Lock()
	defer f.d.mu.Unlock()
	*f.d.most = max(*f.d.most, length)
	return f.File.Preallocate(offset, length)
}

func TestLogsTakeAShareOfASmallDisk(t *testing.T) {
	for _, c := range []struct {
		disk     uint64
		min, max int64
	}{
		{200 << 20, 1 << 20, 4 << 20},
		{100 << 30, 128 << 20, 256 << 20},
	} {
		d := sized{vfs.NewMem(), c.disk, new(sync.Mutex), new(int64)}
		o := small(d)
		o.MemTableSize, o.CacheSize = 0, 0
		s := mustOpen(t, o)
		put(t, mustLog(t, s, "acme"), "one", "two") // the first octets of a file come before its first block
		mustClose(t, s)
		if *d.most < c.min || *d.most > c.max {
			t.Errorf("on a disk of %d bytes a log takes %d at once, want %d to %d", c.disk, *d.most, c.min, c.max)
		}
	}
}
