package fd_test

import (
	"context"
	"errors"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/corechan/corechan/fd"
	"github.com/corechan/corechan/fd/fdtest"
	"golang.org/x/sys/unix"
	"pgregory.net/rapid"
)

func TestTheZeroFDIsClosedAndIsNotStandardInput(t *testing.T) {
	var f fd.FD
	if n := f.Int(); n != -1 {
		t.Errorf("Int: %d, want -1", n)
	}
	if err := f.Close(); err != os.ErrClosed {
		t.Errorf("Close: %v, want os.ErrClosed", err)
	}
	if _, err := unix.FcntlInt(0, unix.F_GETFD, 0); err != nil {
		t.Errorf("standard input is gone: %v", err)
	}
	if n := fd.New(-7).Int(); n != -1 {
		t.Errorf("Int of a negative number: %d, want -1", n)
	}
}

func TestOneOfManyConcurrentClosesWins(t *testing.T) {
	fdtest.Snapshot(t)
	for range 50 {
		f := memfd(t, 1)
		var won atomic.Int32
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				switch err := f.Close(); err {
				case nil:
					won.Add(1)
				case os.ErrClosed:
				default:
					t.Errorf("Close: %v, want nil or os.ErrClosed", err)
				}
			})
		}
		wg.Wait()
		if won.Load() != 1 {
			t.Fatalf("%d closes succeeded, want 1", won.Load())
		}
	}
}

func TestAClosedFDRefusesEveryOperation(t *testing.T) {
	f := memfd(t, 1)
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	for name, op := range map[string]func() error{
		"Close":        f.Close,
		"Disown":       func() error { _, err := f.Disown(); return err },
		"Dup":          func() error { _, err := f.Dup(); return err },
		"File":         func() error { _, err := f.File("x"); return err },
		"Seals":        func() error { _, err := f.Seals(); return err },
		"AddSeals":     func() error { return f.AddSeals(fd.SealGrow) },
		"CheckSegment": func() error { _, err := fd.CheckSegment(f, 0); return err },
	} {
		if err := op(); !errors.Is(err, os.ErrClosed) {
			t.Errorf("%s: %v, want os.ErrClosed", name, err)
		}
	}
	if _, err := fd.PidfdExited(f); !errors.Is(err, syscall.EBADF) {
		t.Errorf("PidfdExited: %v, want EBADF", err)
	}
}

func TestOwnershipFollowsItsModel(t *testing.T) {
	fdtest.Snapshot(t)
	rapid.Check(t, func(t *rapid.T) {
		f, err := fd.Memfd("test", 1, nil)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { f.Close() }() // of the last one
		open := true
		check := func(op string, err error) {
			if want := open; (err == nil) != want || (err != nil && !errors.Is(err, os.ErrClosed)) {
				t.Fatalf("%s: %v while open is %v", op, err, open)
			}
		}
		t.Repeat(map[string]func(*rapid.T){
			"": func(*rapid.T) {
				if (f.Int() >= 0) != open {
					t.Fatalf("Int: %d while open is %v", f.Int(), open)
				}
			},
			"Dup": func(*rapid.T) {
				d, err := f.Dup()
				check("Dup", err)
				if err == nil {
					d.Close()
				}
			},
			"Disown": func(*rapid.T) {
				was := f.Int()
				n, err := f.Disown()
				check("Disown", err)
				if n != was {
					t.Fatalf("Disown: %d, want %d", n, was)
				}
				if open {
					f = fd.New(n)
				}
			},
			"File": func(*rapid.T) {
				file, err := f.File("test")
				check("File", err)
				if open {
					file.Close()
				}
				open = false
			},
			"Close": func(*rapid.T) {
				check("Close", f.Close())
				open = false
			},
			"New": func(t *rapid.T) {
				if open {
					t.Skip("open")
				}
				if f, err = fd.Memfd("test", 1, nil); err != nil {
					t.Fatal(err)
				}
				open = true
			},
		})
	})
}

func TestADuplicateIsTheSameFileAndLivesOn(t *testing.T) {
	fdtest.Snapshot(t)
	f := memfd(t, 4096)
	d, err := f.Dup()
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	want := inode(t, f)
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if got := inode(t, d); got != want {
		t.Errorf("the duplicate is inode %d, want %d", got, want)
	}
}

func TestAFileTakesTheDescriptorOver(t *testing.T) {
	fdtest.Snapshot(t)
	f := memfd(t, 4096)
	n := f.Int()
	file, err := f.File("name")
	if err != nil {
		t.Fatal(err)
	}
	if f.Int() != -1 || int(file.Fd()) != n || file.Name() != "name" {
		t.Errorf("FD has %d, File has %d and %q; want -1, %d and name", f.Int(), file.Fd(), file.Name(), n)
	}
	if err := file.Close(); err != nil {
		t.Error(err)
	}
}

func TestEveryDescriptorIsCloseOnExecAndEverySocketBlocks(t *testing.T) {
	fdtest.Snapshot(t)
	a, b := socketpair(t)
	m := memfd(t, 1)
	l, err := fd.Listen(t.TempDir()+"/s", 1)
	if err != nil {
		t.Fatal(err)
	}
	closeAtEnd(t, l)
	sockets := map[string]*fd.FD{"Socketpair": a, "Socketpair's other": b, "Listen": l.FD}
	others := map[string]*fd.FD{"Memfd": m}
	add := func(to map[string]*fd.FD, name string) func(f *fd.FD, err error) {
		return func(f *fd.FD, err error) {
			t.Helper()
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			to[name] = closeAtEnd(t, f)
		}
	}
	add(sockets, "DialUnix")(fd.DialUnix(context.Background(), l.Addr()))
	add(sockets, "Accept")(l.Accept())
	add(others, "Dup")(m.Dup())
	add(others, "PeerPidfd")(fd.PeerPidfd(a.Int()))
	if _, err := fd.SendMsg(a.Int(), []byte{1}, []int{m.Int()}, 0); err != nil {
		t.Fatal(err)
	}
	_, fds, err := new(fd.Receiver).Recv(b.Int(), make([]byte, 1), 0)
	if err != nil || len(fds) != 1 {
		t.Fatalf("Recv: %d descriptors, %v", len(fds), err)
	}
	add(others, "Recv")(fds[0], nil)

	for _, set := range []map[string]*fd.FD{sockets, others} {
		for name, f := range set {
			if flags, err := unix.FcntlInt(uintptr(f.Int()), unix.F_GETFD, 0); err != nil || flags&unix.FD_CLOEXEC == 0 {
				t.Errorf("%s: F_GETFD %#x, %v; want FD_CLOEXEC", name, flags, err)
			}
		}
	}
	for name, f := range sockets {
		if flags, err := unix.FcntlInt(uintptr(f.Int()), unix.F_GETFL, 0); err != nil || flags&unix.O_NONBLOCK != 0 {
			t.Errorf("%s: F_GETFL %#x, %v; want no O_NONBLOCK", name, flags, err)
		}
	}
}
