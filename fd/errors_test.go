package fd_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/corechan/corechan/fd"
	"golang.org/x/sys/unix"
)

func TestAnErrorSaysWhatWasTriedOnWhatAndWhy(t *testing.T) {
	_, err := fd.DialUnix(context.Background(), "/nonexistent/s")
	const want = "fd: connect /nonexistent/s: no such file or directory"
	if err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
	var op *fd.OpError
	if !errors.As(err, &op) || op.Op != "connect" || op.Name != "/nonexistent/s" || op.Err != syscall.ENOENT {
		t.Errorf("%#v", err)
	}
	if !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%v is not os.ErrNotExist", err)
	}
}

func TestOnlyATimeThatRanOutIsATimeout(t *testing.T) {
	for err, want := range map[error]bool{
		context.DeadlineExceeded:                      true,
		fmt.Errorf("x: %w", context.DeadlineExceeded): true,
		os.ErrDeadlineExceeded:                        true,
		context.Canceled:                              false,
		syscall.ENOENT:                                false,
		fd.ErrInUse:                                   false,
	} {
		if got := (&fd.OpError{Op: "x", Err: err}).Timeout(); got != want {
			t.Errorf("%v: Timeout is %v, want %v", err, got, want)
		}
	}
}

func TestWithoutDescriptorsLeftEverythingFailsByName(t *testing.T) {
	runChild(t, "everything with a lowered limit")
}

func childEverythingWithLoweredLimit() error {
	a, b, err := fd.Socketpair()
	if err != nil {
		return err
	}
	defer a.Close()
	defer b.Close()
	var pipe [2]int
	if err := unix.Pipe2(pipe[:], unix.O_CLOEXEC); err != nil {
		return err
	}
	in, out := fd.New(pipe[0]), fd.New(pipe[1])
	defer in.Close()
	defer out.Close()
	restore, err := lowerLimit(0)
	if err != nil {
		return err
	}
	defer restore()
	for name, op := range map[string]func() error{
		"Socketpair": func() error { _, _, err := fd.Socketpair(); return err },
		"Memfd":      func() error { _, err := fd.Memfd("x", 1, nil); return err },
		"Dup":        func() error { _, err := a.Dup(); return err },
		"Of":         func() error { _, err := fd.Of(os.Stdin); return err },
		"PeerPidfd":  func() error { _, err := fd.PeerPidfd(a.Int()); return err },
		"ListenUnix": func() error { _, err := fd.ListenUnix("@x", 1); return err },
		"Listen":     func() error { _, err := fd.Listen("/tmp/x", 1); return err },
		"DialUnix":   func() error { _, err := fd.DialUnix(context.Background(), "@x"); return err },
	} {
		if err := op(); !errors.Is(err, fd.ErrExhausted) || !errors.Is(err, syscall.EMFILE) {
			return fmt.Errorf("%s: %w, want ErrExhausted with EMFILE", name, err)
		}
	}
	file, err := in.File("in")
	if err != nil {
		return err
	}
	defer file.Close() // at the end, so that no descriptor becomes free
	if err := wantBlockingPipe(file, out); err != nil {
		return err
	}
	// What is consumed is closed, also by a failure.
	if _, err := a.Conn(); !errors.Is(err, fd.ErrExhausted) || !errors.Is(err, syscall.EMFILE) || a.Int() != -1 {
		return fmt.Errorf("Conn: %w, want ErrExhausted with EMFILE; the FD owns %d", err, a.Int())
	}
	return nil
}

// wantBlockingPipe checks that a pipe which cannot be opened once more works, without deadlines.
func wantBlockingPipe(in *os.File, out *fd.FD) error {
	if err := in.SetDeadline(time.Now()); !errors.Is(err, os.ErrNoDeadline) {
		return fmt.Errorf("SetDeadline: %w, want os.ErrNoDeadline", err)
	}
	p := make([]byte, 1)
	if _, err := unix.Write(out.Int(), p); err != nil {
		return err
	}
	_, err := in.Read(p)
	return err
}
