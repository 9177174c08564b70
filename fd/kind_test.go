package fd_test

import (
	"errors"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/corechan/corechan/fd"
	"github.com/corechan/corechan/fd/fdtest"
	"golang.org/x/sys/unix"
)

// The numbers travel between versions of programs.
func TestTheNumbersOfKindsStay(t *testing.T) {
	for i, k := range []fd.Kind{
		fd.KindOther, fd.KindFile, fd.KindPipe, fd.KindStreamConn, fd.KindPacketConn, fd.KindSeqConn, fd.KindListener,
	} {
		if int(k) != i {
			t.Errorf("%v is %d, want %d", k, k, i)
		}
	}
	if s := fd.Kind(200).String(); s != "kind 200" {
		t.Error(s)
	}
}

func TestTheKindOfAClosedOrBadDescriptorIsAnError(t *testing.T) {
	if _, err := new(fd.FD).Kind(); !errors.Is(err, os.ErrClosed) {
		t.Errorf("%v, want os.ErrClosed", err)
	}
	f := fd.New(1 << 20)
	if _, err := f.Kind(); !errors.Is(err, syscall.EBADF) {
		t.Errorf("%v, want EBADF", err)
	}
	if _, err := f.Conn(); !errors.Is(err, syscall.EBADF) {
		t.Errorf("Conn: %v, want EBADF", err)
	}
	f.Disown()
}

// Whatever a peer sends, there is a kind for it, no conversion panics, and a File of it ends.
func TestOddDescriptorsAreFilesAndNothingElse(t *testing.T) {
	fdtest.Snapshot(t)
	open := func(path string, flags int) func() (int, error) {
		return func() (int, error) { return unix.Open(path, flags|unix.O_CLOEXEC, 0) }
	}
	dir := t.TempDir()
	l, err := fd.ListenUnix(dir+"/socket", 1)
	if err != nil {
		t.Fatal(err)
	}
	closeAtEnd(t, l)
	if err := unix.Mkfifo(dir+"/fifo", 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		make func() (int, error)
		kind fd.Kind
	}{
		"memory":         {open("/proc/self/mem", unix.O_RDWR), fd.KindFile},
		"epoll":          {func() (int, error) { return unix.EpollCreate1(unix.EPOLL_CLOEXEC) }, fd.KindOther},
		"eventfd":        {func() (int, error) { return unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK) }, fd.KindOther},
		"pidfd":          {func() (int, error) { return unix.PidfdOpen(os.Getpid(), 0) }, fd.KindOther},
		"timerfd":        {func() (int, error) { return unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_NONBLOCK) }, fd.KindOther},
		"inotify":        {func() (int, error) { return unix.InotifyInit1(unix.IN_NONBLOCK) }, fd.KindOther},
		"directory":      {open(dir, unix.O_RDONLY|unix.O_DIRECTORY), fd.KindOther},
		"null":           {open("/dev/null", unix.O_RDWR), fd.KindOther},
		"path of a file": {open("/proc/self/exe", unix.O_PATH), fd.KindOther},
		"path of a dir":  {open(dir, unix.O_PATH), fd.KindOther},
		"path of a sock": {open(dir+"/socket", unix.O_PATH), fd.KindOther},
		"path of a fifo": {open(dir+"/fifo", unix.O_PATH), fd.KindOther},
		"fifo":           {open(dir+"/fifo", unix.O_RDWR), fd.KindPipe},
		"poller in loop": {nonblockingEpoll, fd.KindOther},
	} {
		t.Run(name, func(t *testing.T) {
			n, err := c.make()
			if err != nil {
				t.Fatal(err)
			}
			f := pass(t, fd.New(n))
			wantKind(t, f, c.kind)
			for _, to := range []func() error{
				func() error { _, err := f.Conn(); return err },
				func() error { _, err := f.PacketConn(); return err },
				func() error { _, err := f.Listener(); return err },
			} {
				if err := to(); !errors.Is(err, fd.ErrKind) {
					t.Errorf("%v, want ErrKind", err)
				}
			}
			file := must[*os.File](t)(f.File(name))
			file.SetDeadline(time.Now().Add(time.Millisecond)) // where it can be
			if name != "fifo" {                                // which blocks, as it was opened
				n, err := file.Read(make([]byte, 1))
				t.Logf("Read: %d, %v", n, err)
			}
			if err := file.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}

// nonblockingEpoll has a poller watch a poller, and asks for this one to be watched too.
func nonblockingEpoll() (int, error) {
	inner, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return -1, err
	}
	defer unix.Close(inner)
	outer, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return -1, err
	}
	e := unix.EpollEvent{Events: unix.EPOLLIN}
	return outer, errors.Join(unix.EpollCtl(outer, unix.EPOLL_CTL_ADD, inner, &e), unix.SetNonblock(outer, true))
}
