package bench

import (
	"os"
	"os/exec"
	"syscall"
)

// preallocate gives the file its blocks.
func preallocate(f *os.File, size int64) error { return syscall.Fallocate(int(f.Fd()), 0, 0, size) }

// datasync syncs the data, and of the metadata what is needed to read it.
func datasync(f *os.File) error { return syscall.Fdatasync(int(f.Fd())) }

// dieWithUs makes the kernel end the child when this process dies.
func dieWithUs(c *exec.Cmd) { c.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
