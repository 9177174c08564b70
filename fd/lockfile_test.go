package fd

import (
	"errors"
	"os"
	"testing"

	"github.com/corechan/corechan/fd/fdtest"
	"golang.org/x/sys/unix"
)

// The window that removing a lock file opens: a second process has opened it before its holder removes it, and
// locks it after.
func TestALockOnAFileThatIsNoLongerInPlaceDoesNotCount(t *testing.T) {
	fdtest.Snapshot(t)
	path := t.TempDir() + "/lock"
	holder, err := acquireLock(path)
	if err != nil {
		t.Fatal(err)
	}
	n, err := unix.Open(path, unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	late := &lockFile{fd: New(n), path: path}
	defer late.fd.Close()
	if _, err := late.lock(); !errors.Is(err, ErrInUse) {
		t.Errorf("while it is held: %v, want ErrInUse", err)
	}
	if err := holder.release(); err != nil {
		t.Fatal(err)
	}
	if ours, err := late.lock(); ours || err != nil {
		t.Errorf("after its removal: %v, %v; want false", ours, err)
	}
	next, err := acquireLock(path)
	if err != nil {
		t.Fatal(err)
	}
	if ours, err := late.lock(); ours || err != nil {
		t.Errorf("after its replacement: %v, %v; want false", ours, err)
	}
	if err := next.release(); err != nil {
		t.Error(err)
	}
	if _, err := os.Lstat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the file is left: %v", err)
	}
}
