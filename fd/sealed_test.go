package fd_test

import (
	"bytes"
	"errors"
	"os"
	"testing"

	"github.com/corechan/corechan/fd"
	"github.com/corechan/corechan/fd/fdtest"
	"golang.org/x/sys/unix"
)

func TestWhatIsSealedCanBeReadAndNotChanged(t *testing.T) {
	fdtest.Snapshot(t)
	for _, content := range [][]byte{nil, []byte("x"), bytes.Repeat([]byte("corechan"), 10_000)} {
		f, err := fd.Sealed("test", content)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := fd.ReadSealed(f, len(content)); err != nil || !bytes.Equal(got, content) {
			t.Errorf("%d bytes: %v", len(got), err)
		}
		if _, err := unix.Pwrite(f.Int(), []byte("y"), 0); !errors.Is(err, unix.EPERM) {
			t.Errorf("it can be written: %v", err)
		}
		if len(content) > 0 {
			if _, err := fd.ReadSealed(f, len(content)-1); !errors.Is(err, fd.ErrTooLarge) {
				t.Error(err)
			}
		}
		f.Close()
	}
}

func TestOnlyWhatIsSealedIsRead(t *testing.T) {
	fdtest.Snapshot(t)
	f := memfd(t, 4096)
	if _, err := fd.ReadSealed(f, 4096); !errors.Is(err, fd.ErrUnsealed) {
		t.Errorf("unsealed: %v", err)
	}
	r, w, err := os.Pipe() // would block
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	n, err := unix.FcntlInt(r.Fd(), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	p := fd.New(n)
	defer p.Close()
	if _, err := fd.ReadSealed(p, 4096); !errors.Is(err, fd.ErrNotSealable) {
		t.Errorf("a pipe: %v", err)
	}
}
