package fd_test

import (
	"bytes"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"syscall"
	"testing"

	"github.com/corechan/corechan/fd"
	"github.com/corechan/corechan/fd/fdtest"
	"golang.org/x/sys/unix"
)

// storm runs call on a thread of its own and sends that thread SIGUSR1 while it sleeps in the kernel, many times
// over. Then it calls release, which must let the call end, and returns the call's result. It returns early if the
// call does.
func storm(t *testing.T, call func() error, release func()) error {
	t.Helper()
	const signals = 200
	caught := make(chan os.Signal, signals)
	signal.Notify(caught, syscall.SIGUSR1)
	defer signal.Stop(caught)

	tid := make(chan int, 1)
	result := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
		tid <- unix.Gettid()
		result <- call()
	}()
	thread := within(t, "the thread", tid)
	for range signals {
		eventually(t, "the call sleeps", func() bool { return len(result) > 0 || sleeps(thread) })
		if len(result) > 0 {
			return <-result
		}
		if err := unix.Tgkill(os.Getpid(), thread, syscall.SIGUSR1); err != nil {
			if len(result) > 0 {
				return <-result
			}
			t.Fatal(err)
		}
		within(t, "the signal's delivery", caught)
	}
	release()
	return within(t, "the call's end", result)
}

// sleeps reports whether a thread of this process is in an interruptible sleep; see stat in proc(5).
func sleeps(tid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/self/task/%d/stat", tid))
	if err != nil {
		return false
	}
	_, after, ok := bytes.Cut(stat, []byte(") "))
	return ok && after[0] == 'S'
}

// interruptible makes blocking calls on the socket return EINTR after a signal: without a timeout the kernel would
// restart them by itself, since the runtime's handlers have SA_RESTART. See signal(7).
func interruptible(t *testing.T, f *fd.FD) *fd.FD {
	t.Helper()
	tv := unix.Timeval{Sec: int64(2 * patience.Seconds())}
	for _, opt := range []int{unix.SO_RCVTIMEO, unix.SO_SNDTIMEO} {
		if err := unix.SetsockoptTimeval(f.Int(), unix.SOL_SOCKET, opt, &tv); err != nil {
			t.Fatal(err)
		}
	}
	return f
}

func TestTheStormInterruptsABareSystemCall(t *testing.T) {
	fdtest.Snapshot(t)
	a, b := socketpair(t)
	interruptible(t, a)
	err := storm(t, func() error {
		_, _, _, _, err := unix.Recvmsg(a.Int(), make([]byte, 1), nil, 0)
		return err
	}, func() { fd.Shutdown(b.Int()) })
	if err != syscall.EINTR {
		t.Errorf("%v, want EINTR: the tests below would show nothing", err)
	}
}

func TestSignalsDoNotInterruptCalls(t *testing.T) {
	fdtest.Snapshot(t)
	t.Run("Recv", func(t *testing.T) {
		a, b := socketpair(t)
		interruptible(t, a)
		err := storm(t, func() error {
			p := make([]byte, 10)
			n, fds, err := new(fd.Receiver).Recv(a.Int(), p, 0)
			closeAll(fds)
			if err == nil && (string(p[:n]) != "hello" || len(fds) != 1) {
				err = fmt.Errorf("received %q and %d descriptors", p[:n], len(fds))
			}
			return err
		}, func() { fd.SendMsg(b.Int(), []byte("hello"), []int{b.Int()}, 0) })
		if err != nil {
			t.Error(err)
		}
	})
	t.Run("SendMsg", func(t *testing.T) {
		a, b := socketpair(t)
		interruptible(t, a)
		full := make([]byte, 8<<20)
		if _, err := fd.SendMsg(a.Int(), full, nil, fd.DontWait); err != nil {
			t.Fatal(err)
		}
		err := storm(t, func() error {
			n, err := fd.SendMsg(a.Int(), []byte{1}, []int{a.Int()}, 0)
			if err == nil && n != 1 {
				err = fmt.Errorf("sent %d bytes", n)
			}
			return err
		}, func() {
			var r fd.Receiver
			p := make([]byte, len(full))
			for {
				_, fds, err := r.Recv(b.Int(), p, 0)
				closeAll(fds)
				if err != nil || len(fds) > 0 {
					return
				}
			}
		})
		if err != nil {
			t.Error(err)
		}
	})
	t.Run("Accept", func(t *testing.T) {
		l, err := fd.Listen(t.TempDir()+"/s", 1)
		if err != nil {
			t.Fatal(err)
		}
		closeAtEnd(t, l)
		interruptible(t, l.FD)
		err = storm(t, func() error {
			c, err := l.Accept()
			if err == nil {
				c.Close()
			}
			return err
		}, func() { dial(t, l.Addr()) })
		if err != nil {
			t.Error(err)
		}
	})
	t.Run("DialUnix", func(t *testing.T) {
		l, err := fd.Listen(t.TempDir()+"/s", 0)
		if err != nil {
			t.Fatal(err)
		}
		closeAtEnd(t, l)
		dial(t, l.Addr()) // fills the backlog
		err = storm(t, func() error {
			c, err := fd.DialUnix(t.Context(), l.Addr())
			if err == nil {
				c.Close()
			}
			return err
		}, func() {
			c, err := l.Accept()
			if err != nil {
				t.Error(err)
				return
			}
			c.Close()
		})
		if err != nil {
			t.Error(err)
		}
	})
}
