package fd_test

import (
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"time"

	"github.com/corechan/corechan/fd"
	"golang.org/x/sys/unix"
)

// give hands a duplicate of what v refers to over a socket, and returns what arrives. Nothing else stays open.
func give(t testing.TB, v any) *fd.FD {
	t.Helper()
	out, err := fd.Of(v)
	if err != nil {
		t.Fatal(err)
	}
	return pass(t, out)
}

// pass sends f over a socket, closes it, and returns what arrives.
func pass(t testing.TB, f *fd.FD) *fd.FD {
	t.Helper()
	a, b := socketpair(t)
	defer a.Close()
	defer b.Close()
	_, err := fd.SendMsg(a.Int(), []byte{1}, []int{f.Int()}, 0)
	if err := errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
	_, fds, err := new(fd.Receiver).Recv(b.Int(), make([]byte, 1), 0)
	if err != nil || len(fds) != 1 {
		t.Fatalf("%d descriptors, %v; want 1", len(fds), err)
	}
	return closeAtEnd(t, fds[0])
}

// must returns v, which is closed at the end of the test, unless there is an error.
func must[C io.Closer](t testing.TB) func(v C, err error) C {
	t.Helper()
	return func(v C, err error) C {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return closeAtEnd(t, v)
	}
}

// nonblocking says what fcntl(2) does of v, without changing it.
func nonblocking(t testing.TB, v any) bool {
	t.Helper()
	d := must[*fd.FD](t)(fd.Of(v))
	defer d.Close()
	flags, err := unix.FcntlInt(uintptr(d.Int()), unix.F_GETFL, 0)
	if err != nil {
		t.Fatal(err)
	}
	return flags&unix.O_NONBLOCK != 0
}

// wantKind checks what a descriptor says that it is.
func wantKind(t testing.TB, f *fd.FD, want fd.Kind) {
	t.Helper()
	if k, err := f.Kind(); k != want || err != nil {
		t.Errorf("it is %v, %v; want %v", k, err, want)
	}
}

// wantGone checks that a conversion has consumed its descriptor.
func wantGone(t testing.TB, f *fd.FD) {
	t.Helper()
	if f.Int() != -1 {
		t.Errorf("the FD still owns %d", f.Int())
	}
}

// deadlines is what files and connections have in common.
type deadlines interface {
	SetDeadline(time.Time) error
	Read([]byte) (int, error)
}

// wantDeadline checks that a Read with nothing to be read ends when its time is over.
func wantDeadline(t testing.TB, c deadlines) {
	t.Helper()
	if err := c.SetDeadline(time.Now().Add(5 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("Read: %v, want a deadline exceeded", err)
	}
	if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
}

// wantEcho checks that what is written at one end arrives at the other, both ways.
func wantEcho(t testing.TB, a, b net.Conn) {
	t.Helper()
	for _, way := range [][2]net.Conn{{a, b}, {b, a}} {
		if err := errors.Join(a.SetDeadline(time.Now().Add(patience)), b.SetDeadline(time.Now().Add(patience))); err != nil {
			t.Fatal(err)
		}
		if _, err := way[0].Write([]byte("hello")); err != nil {
			t.Fatal(err)
		}
		p := make([]byte, 5)
		if _, err := io.ReadFull(way[1], p); err != nil || string(p) != "hello" {
			t.Fatalf("%q, %v; want hello", p, err)
		}
	}
}

// pairOf returns two connected ends over a listener, which is closed again.
func pairOf(t testing.TB, network, addr string) (dialled, accepted net.Conn) {
	t.Helper()
	l := must[net.Listener](t)(net.Listen(network, addr))
	defer l.Close()
	dialled = must[net.Conn](t)(net.Dial(network, l.Addr().String()))
	return dialled, must[net.Conn](t)(l.Accept())
}
