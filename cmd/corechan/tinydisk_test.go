package main

import (
	"testing"

	"golang.org/x/sys/unix"
)

// tinyDisk is a folder on a file system of one page: files can be made there, and hold next to nothing. Only root can make one.
func tinyDisk(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=4k"); err != nil {
		t.Skipf("cannot mount a small file system: %v", err)
	}
	t.Cleanup(func() { _ = unix.Unmount(dir, unix.MNT_DETACH) })
	return dir
}
