package fd_test

import (
	"errors"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/corechan/corechan/fd"
	"github.com/corechan/corechan/fd/fdtest"
	"pgregory.net/rapid"
)

var allSeals = []fd.Seals{fd.SealSeal, fd.SealShrink, fd.SealGrow, fd.SealWrite, fd.SealFutureWrite, fd.SealExec}

// drawSeals picks any subset of seals that a memfd can have.
func drawSeals(t *rapid.T) (s fd.Seals) {
	for _, one := range allSeals {
		if rapid.Bool().Draw(t, one.String()) {
			s |= one
		}
	}
	return s
}

func TestSealsAreNamedAsInTheManual(t *testing.T) {
	for s, want := range map[fd.Seals]string{
		0:               "none",
		fd.SealSeal:     "SEAL",
		fd.SealsSegment: "SEAL|SHRINK|GROW|FUTURE_WRITE",
		fd.SealExec:     "EXEC",
		fd.SealWrite:    "WRITE",
		0x41:            "SEAL|0x40",
	} {
		if got := s.String(); got != want {
			t.Errorf("%#x: %q, want %q", uint32(s), got, want)
		}
	}
}

func TestSealsThatAreAddedAreReadBack(t *testing.T) {
	fdtest.Snapshot(t)
	rapid.Check(t, func(t *rapid.T) {
		f, err := fd.Memfd("test", 4096, nil)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		before, err := f.Seals()
		if err != nil {
			t.Fatal(err)
		}
		add := drawSeals(t)
		if err := f.AddSeals(add); err != nil {
			t.Fatal(err)
		}
		got, err := f.Seals()
		if err != nil {
			t.Fatal(err)
		}
		// Where there is SealExec, the kernel (6.3) may seal writes of the mode too; it removes none.
		if want := before | add; got&want != want {
			t.Fatalf("%v, want %v", got, want)
		}
		err = f.AddSeals(fd.SealGrow)
		if sealed := got&fd.SealSeal != 0; sealed != errors.Is(err, syscall.EPERM) {
			t.Fatalf("adding to %v: %v", got, err)
		}
	})
}

func TestOnlyMemfdsHaveSeals(t *testing.T) {
	fdtest.Snapshot(t)
	a, _ := socketpair(t)
	exe, err := os.Open(os.Args[0]) // on a file system that is hardly tmpfs
	if err != nil {
		t.Fatal(err)
	}
	defer exe.Close()
	for name, f := range map[string]*fd.FD{"socket": a, "file": fd.New(int(exe.Fd()))} {
		s, err := f.Seals()
		if name == "file" {
			f.Disown()
		}
		if err == nil && s == fd.SealSeal {
			continue // a file on tmpfs
		}
		if !errors.Is(err, fd.ErrNotSealable) || !errors.Is(err, syscall.EINVAL) {
			t.Errorf("%s: %v, %v; want ErrNotSealable", name, s, err)
		}
		if err != nil && !strings.Contains(err.Error(), "not a sealable memfd") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
