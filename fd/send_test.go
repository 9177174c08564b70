package fd_test

import (
	"errors"
	"os"
	"os/signal"
	"syscall"
	"testing"

	"github.com/corechan/corechan/fd"
	"github.com/corechan/corechan/fd/fdtest"
)

func TestBadRequestsToSendFailBeforeAnySystemCall(t *testing.T) {
	const noSocket = -1 // a system call on it would say EBADF
	many := make([]int, fd.MaxFDs+1)
	if _, err := fd.SendMsg(noSocket, []byte{1}, many, 0); !errors.Is(err, fd.ErrTooManyFDs) {
		t.Errorf("254 descriptors: %v, want ErrTooManyFDs", err)
	}
	if _, err := fd.SendMsg(noSocket, nil, many[:1], 0); !errors.Is(err, fd.ErrEmpty) {
		t.Errorf("a descriptor without a byte: %v, want ErrEmpty", err)
	}
	if _, err := fd.SendMsg(noSocket, []byte{1}, nil, 0); !errors.Is(err, syscall.EBADF) {
		t.Errorf("no socket: %v, want EBADF", err)
	}
}

func TestABadDescriptorIsRefusedAndNothingIsSent(t *testing.T) {
	fdtest.Snapshot(t)
	a, b := socketpair(t)
	if n, err := fd.SendMsg(a.Int(), []byte("x"), []int{a.Int(), -1}, 0); n != 0 || !errors.Is(err, syscall.EBADF) {
		t.Errorf("%d, %v; want EBADF", n, err)
	}
	var r fd.Receiver
	if _, _, err := r.Recv(b.Int(), make([]byte, 1), fd.DontWait); err != syscall.EAGAIN {
		t.Errorf("Recv: %v, want bare EAGAIN", err)
	}
}

func TestASendToAPeerThatIsGoneIsAnErrorAndNotASignal(t *testing.T) {
	fdtest.Snapshot(t)
	// The runtime hands pending signals on in the order of their numbers, so a SIGPIPE would come before the SIGWINCH
	// that is raised after it.
	caught := make(chan os.Signal, 2)
	signal.Notify(caught, syscall.SIGPIPE, syscall.SIGWINCH)
	defer signal.Stop(caught)
	a, b := socketpair(t)
	b.Close()
	if _, err := fd.SendMsg(a.Int(), []byte("x"), nil, 0); !errors.Is(err, syscall.EPIPE) {
		t.Errorf("%v, want EPIPE", err)
	}
	if err := syscall.Kill(os.Getpid(), syscall.SIGWINCH); err != nil {
		t.Fatal(err)
	}
	if got := within(t, "SIGWINCH", caught); got != syscall.SIGWINCH {
		t.Errorf("%v was raised", got)
	}
}

func TestASendThatMustNotWaitTakesWhatFits(t *testing.T) {
	fdtest.Snapshot(t)
	a, b := socketpair(t)
	m := memfd(t, 1)
	big := make([]byte, 8<<20)
	n, err := fd.SendMsg(a.Int(), big, []int{m.Int()}, fd.DontWait)
	if err != nil || n <= 0 || n >= len(big) {
		t.Fatalf("first: %d, %v; want part of it", n, err)
	}
	if n, err := fd.SendMsg(a.Int(), big, nil, fd.DontWait); n != 0 || err != syscall.EAGAIN {
		t.Fatalf("second: %d, %v; want bare EAGAIN", n, err)
	}
	var r fd.Receiver
	got, fds, err := r.Recv(b.Int(), make([]byte, 1), 0)
	if got != 1 || len(fds) != 1 || err != nil {
		t.Fatalf("Recv: %d bytes, %d descriptors, %v; want one each", got, len(fds), err)
	}
	fds[0].Close()
}

func TestSendingAllocatesNothing(t *testing.T) {
	fdtest.Snapshot(t)
	a, b := socketpair(t)
	p := make([]byte, 64)
	if n := testing.AllocsPerRun(100, func() {
		if _, err := fd.SendMsg(a.Int(), p, nil, 0); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations without descriptors, want 0", n)
	}
	fds := []int{a.Int(), b.Int()}
	if n := testing.AllocsPerRun(20, func() {
		if _, err := fd.SendMsg(a.Int(), p, fds, 0); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations with descriptors, want 0", n)
	}
	full := make([]byte, 8<<20)
	fd.SendMsg(a.Int(), full, nil, fd.DontWait)
	if n := testing.AllocsPerRun(20, func() {
		if _, err := fd.SendMsg(a.Int(), full, nil, fd.DontWait); err != syscall.EAGAIN {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations when it would block, want 0", n)
	}
}
