package fd_test

import (
	"crypto/tls"
	"errors"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/corechan/corechan/fd"
	"github.com/corechan/corechan/fd/fdtest"
	"golang.org/x/sys/unix"
)

// hidden is a syscall.Conn that shows nothing.
type hidden struct{}

func (hidden) SyscallConn() (syscall.RawConn, error) { return hidden{}, nil }
func (hidden) Control(func(uintptr)) error           { return nil }
func (hidden) Read(func(uintptr) bool) error         { return nil }
func (hidden) Write(func(uintptr) bool) error        { return nil }

func TestWhatHasNoDescriptorIsRefusedByName(t *testing.T) {
	fdtest.Snapshot(t)
	a, b := net.Pipe()
	defer a.Close()
	defer b.Close()
	for name, v := range map[string]any{
		"nil":           nil,
		"a number":      1,
		"a TLS conn":    tls.Client(a, nil),
		"net.Pipe":      a,
		"a reader":      strings.NewReader(""),
		"a nil file":    (*os.File)(nil),
		"a nil conn":    (*net.TCPConn)(nil),
		"a zero conn":   new(net.TCPConn),
		"a nil FD":      (*fd.FD)(nil),
		"a hidden conn": hidden{},
	} {
		if _, err := fd.Of(v); !errors.Is(err, fd.ErrNoDescriptor) {
			t.Errorf("%s: %v, want ErrNoDescriptor", name, err)
		}
	}
}

func TestWhatIsClosedHasNoDescriptorToGive(t *testing.T) {
	fdtest.Snapshot(t)
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	conn, peer := pairOf(t, "tcp", "127.0.0.1:0")
	l := must[net.Listener](t)(net.Listen("unix", t.TempDir()+"/s"))
	u := must[net.PacketConn](t)(net.ListenPacket("udp", "127.0.0.1:0"))
	for _, v := range []interface{ Close() error }{r, w, conn, peer, l, u, memfd(t, 1)} {
		v.Close()
		if _, err := fd.Of(v); !errors.Is(err, os.ErrClosed) {
			t.Errorf("%T: %v, want os.ErrClosed", v, err)
		}
	}
	if _, err := fd.Of(conn); !errors.Is(err, net.ErrClosed) {
		t.Errorf("%v, want net.ErrClosed as well", err)
	}
}

func TestOfMakesACloseOnExecDuplicateAndChangesNothing(t *testing.T) {
	fdtest.Snapshot(t)
	conn, _ := pairOf(t, "tcp", "127.0.0.1:0")
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	closeAtEnd(t, w)
	for _, v := range []any{conn, closeAtEnd(t, r)} {
		f := must[*fd.FD](t)(fd.Of(v))
		flags, err := unix.FcntlInt(uintptr(f.Int()), unix.F_GETFD, 0)
		if err != nil || flags&unix.FD_CLOEXEC == 0 {
			t.Errorf("%T: F_GETFD %#x, %v; want FD_CLOEXEC", v, flags, err)
		}
		wantDeadline(t, v.(deadlines)) // it still is in the poller, and does not block
		if !nonblocking(t, v) {
			t.Errorf("%T blocks now", v)
		}
	}
}

func TestWhatIsBeingReadCanBeGivenAway(t *testing.T) {
	fdtest.Snapshot(t)
	conn, peer := pairOf(t, "unix", "@corechan-test-busy")
	done := make(chan error)
	go func() {
		_, err := conn.Read(make([]byte, 1))
		done <- err
	}()
	got := must[net.Conn](t)(give(t, conn).Conn())
	if _, err := got.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	if _, err := peer.Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	if _, err := peer.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	if err := within(t, "the giver's Read", done); err != nil {
		t.Error(err)
	}
}
