package fd_test

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/corechan/corechan/fd"
	"github.com/corechan/corechan/fd/fdtest"
	"golang.org/x/sys/unix"
	"pgregory.net/rapid"
)

const segmentSize = 1 << 16

func mmap(t testing.TB, n, prot int) []byte {
	t.Helper()
	m, err := unix.Mmap(n, 0, segmentSize, prot, unix.MAP_SHARED)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Munmap(m) })
	return m
}

// A segment as it is used: its owner maps it writable, seals it and sends it; a peer checks it and maps it
// read-only. From then on nobody can do anything to it but the owner by its mapping.
func TestASealedSegmentIsWritableByItsOwnersMappingOnly(t *testing.T) {
	fdtest.Snapshot(t)
	owner := memfd(t, segmentSize)
	rw := mmap(t, owner.Int(), unix.PROT_READ|unix.PROT_WRITE)
	if err := owner.AddSeals(fd.SealsSegment); err != nil {
		t.Fatal(err)
	}

	a, b := socketpair(t)
	if _, err := fd.SendMsg(a.Int(), []byte{1}, []int{owner.Int()}, 0); err != nil {
		t.Fatal(err)
	}
	_, fds, err := new(fd.Receiver).Recv(b.Int(), make([]byte, 1), 0)
	if err != nil || len(fds) != 1 {
		t.Fatalf("Recv: %d descriptors, %v", len(fds), err)
	}
	peer := closeAtEnd(t, fds[0])
	if size, err := fd.CheckSegment(peer, segmentSize); err != nil || size != segmentSize {
		t.Fatalf("CheckSegment: %d, %v; want %d", size, err, segmentSize)
	}
	ro := mmap(t, peer.Int(), unix.PROT_READ)

	// The peer can also open the memory anew, by its own open file description.
	n, err := unix.Open(fmt.Sprintf("/proc/self/fd/%d", peer.Int()), unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	reopened := closeAtEnd(t, fd.New(n))

	rw[100] = 42
	attempts := []struct {
		name string
		want error
		try  func(n int) error
	}{
		{"a new writable mapping", unix.EPERM, func(n int) error {
			m, err := unix.Mmap(n, 0, segmentSize, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
			if err == nil {
				unix.Munmap(m)
			}
			return err
		}},
		{"write", unix.EPERM, func(n int) error { _, err := unix.Write(n, []byte{1}); return err }},
		{"pwrite", unix.EPERM, func(n int) error { _, err := unix.Pwrite(n, []byte{1}, 100); return err }},
		{"ftruncate to less", unix.EPERM, func(n int) error { return unix.Ftruncate(n, segmentSize/2) }},
		{"ftruncate to more", unix.EPERM, func(n int) error { return unix.Ftruncate(n, segmentSize*2) }},
		{"punching a hole", unix.EPERM, func(n int) error {
			return unix.Fallocate(n, unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE, 0, segmentSize)
		}},
		{"growing by fallocate", unix.EPERM, func(n int) error { return unix.Fallocate(n, 0, 0, segmentSize*2) }},
		{"one more seal", unix.EPERM, func(n int) error {
			_, err := unix.FcntlInt(uintptr(n), unix.F_ADD_SEALS, unix.F_SEAL_WRITE)
			return err
		}},
		{"mprotect of a new read-only mapping", unix.EACCES, func(n int) error {
			m, err := unix.Mmap(n, 0, segmentSize, unix.PROT_READ, unix.MAP_SHARED)
			if err != nil {
				return err
			}
			defer unix.Munmap(m)
			return unix.Mprotect(m, unix.PROT_READ|unix.PROT_WRITE)
		}},
	}
	for _, a := range attempts {
		for who, f := range map[string]*fd.FD{"owner": owner, "peer": peer, "peer, reopened": reopened} {
			if err := a.try(f.Int()); err != a.want {
				t.Errorf("%s by the %s: %v, want %v", a.name, who, err, a.want)
			}
		}
	}
	if err := unix.Mprotect(ro, unix.PROT_READ|unix.PROT_WRITE); err != unix.EACCES {
		t.Errorf("mprotect of the peer's mapping: %v, want EACCES", err)
	}
	for who, m := range map[string][]byte{"owner": rw, "peer": ro} {
		if err := unix.Madvise(m, unix.MADV_REMOVE); err == nil {
			t.Errorf("MADV_REMOVE by the %s succeeded", who)
		}
	}

	if ro[100] != 42 {
		t.Errorf("the peer reads %d, want 42", ro[100])
	}
	rw[100]++
	if ro[100] != 43 {
		t.Errorf("the peer reads %d after the owner wrote again, want 43", ro[100])
	}
}

func TestASegmentIsAcceptedExactlyIfItHasAllItsSeals(t *testing.T) {
	fdtest.Snapshot(t)
	rapid.Check(t, func(t *rapid.T) {
		f, err := fd.Memfd("test", 4096, nil)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if err := f.AddSeals(drawSeals(t)); err != nil {
			t.Fatal(err)
		}
		s, err := f.Seals()
		if err != nil {
			t.Fatal(err)
		}
		missing := fd.SealsSegment &^ s
		size, err := fd.CheckSegment(f, 4096)
		if missing == 0 {
			if err != nil || size != 4096 {
				t.Fatalf("with %v: %d, %v; want 4096", s, size, err)
			}
			return
		}
		if !errors.Is(err, fd.ErrUnsealed) || !strings.Contains(err.Error(), missing.String()+" missing") {
			t.Fatalf("with %v: %v; want ErrUnsealed naming %v", s, err, missing)
		}
	})
}

func TestASegmentIsCheckedForItsSize(t *testing.T) {
	fdtest.Snapshot(t)
	f := memfd(t, 4096)
	if err := f.AddSeals(fd.SealsSegment); err != nil {
		t.Fatal(err)
	}
	for _, need := range []int64{0, 1, 4095, 4096} {
		if size, err := fd.CheckSegment(f, need); err != nil || size != 4096 {
			t.Errorf("need %d: %d, %v; want 4096", need, size, err)
		}
	}
	_, err := fd.CheckSegment(f, 4097)
	if !errors.Is(err, fd.ErrTooSmall) || !strings.Contains(err.Error(), "4096 bytes, need 4097") {
		t.Errorf("need 4097: %v; want ErrTooSmall with both sizes", err)
	}
}

func TestWhatIsNoMemfdIsNoSegment(t *testing.T) {
	fdtest.Snapshot(t)
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	n, err := syscall.Dup(int(null.Fd()))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := fd.CheckSegment(closeAtEnd(t, fd.New(n)), 0); !errors.Is(err, fd.ErrNotSealable) {
		t.Errorf("%v, want ErrNotSealable", err)
	}
}
