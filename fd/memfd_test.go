package fd_test

import (
	"errors"
	"strings"
	"syscall"
	"testing"

	"github.com/corechan/corechan/fd"
	"github.com/corechan/corechan/fd/fdtest"
	"golang.org/x/sys/unix"
)

func TestAMemfdHasItsSizeAndIsNotExecutable(t *testing.T) {
	fdtest.Snapshot(t)
	f := memfd(t, 12345)
	var st unix.Stat_t
	if err := unix.Fstat(f.Int(), &st); err != nil {
		t.Fatal(err)
	}
	if st.Size != 12345 {
		t.Errorf("size %d, want 12345", st.Size)
	}
	s, err := f.Seals()
	if err != nil {
		t.Fatal(err)
	}
	n, err := unix.MemfdCreate("probe", unix.MFD_CLOEXEC|unix.MFD_NOEXEC_SEAL)
	if err != nil {
		if s != 0 {
			t.Errorf("seals %v, want none on a kernel without MFD_NOEXEC_SEAL", s)
		}
		return
	}
	unix.Close(n)
	if s != fd.SealExec || st.Mode&0o111 != 0 {
		t.Errorf("seals %v and mode %#o, want EXEC and no executable bits", s, st.Mode)
	}
}

func TestAMemfdOfHugePagesCanBeSealed(t *testing.T) {
	fdtest.Snapshot(t)
	const size = 1 << 30 // a multiple of every default huge page size; nothing is reserved before mmap
	f, err := fd.Memfd("huge", size, &fd.MemfdOptions{Huge: true})
	if errors.Is(err, syscall.ENOSYS) || errors.Is(err, syscall.ENODEV) || errors.Is(err, syscall.EINVAL) ||
		errors.Is(err, syscall.ENOENT) {
		t.Skipf("this kernel has no huge pages: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := f.AddSeals(fd.SealsSegment); err != nil {
		t.Fatal(err)
	}
	if got, err := fd.CheckSegment(f, size); err != nil || got != size {
		t.Errorf("CheckSegment: %d, %v; want %d", got, err, size)
	}
}

func TestAMemfdThatCannotBeMadeLeavesNoDescriptor(t *testing.T) {
	fdtest.Snapshot(t)
	for name, make := range map[string]func() (*fd.FD, error){
		"negative size": func() (*fd.FD, error) { return fd.Memfd("x", -1, nil) },
		"long name":     func() (*fd.FD, error) { return fd.Memfd(strings.Repeat("x", 250), 1, nil) },
	} {
		f, err := make()
		if f != nil || !errors.Is(err, syscall.EINVAL) {
			t.Errorf("%s: %v, %v; want EINVAL", name, f, err)
		}
	}
}
