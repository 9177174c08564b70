package fd_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/corechan/corechan/fd"
	"github.com/corechan/corechan/fd/fdtest"
	"golang.org/x/sys/unix"
)

func TestAConnectionThatIsGivenAwayGoesOnElsewhere(t *testing.T) {
	for _, c := range []struct {
		network, addr string
		kind          fd.Kind
		want          net.Conn
	}{
		{"tcp", "127.0.0.1:0", fd.KindStreamConn, (*net.TCPConn)(nil)},
		{"tcp", "[::1]:0", fd.KindStreamConn, (*net.TCPConn)(nil)},
		{"unix", "@corechan-test-conn", fd.KindStreamConn, (*net.UnixConn)(nil)},
		{"unix", "path", fd.KindStreamConn, (*net.UnixConn)(nil)},
		{"unixpacket", "@corechan-test-conn", fd.KindSeqConn, (*net.UnixConn)(nil)},
	} {
		t.Run(c.network+" "+c.addr, func(t *testing.T) {
			fdtest.Snapshot(t)
			if c.addr == "path" {
				c.addr = t.TempDir() + "/s"
			}
			if c.addr == "[::1]:0" && !hasIPv6() {
				t.Skip("this machine has no IPv6")
			}
			giver, peer := pairOf(t, c.network, c.addr)
			local, remote := giver.LocalAddr().String(), giver.RemoteAddr().String()
			f := give(t, giver)
			if err := giver.Close(); err != nil {
				t.Fatal(err)
			}
			wantKind(t, f, c.kind)
			got := must[net.Conn](t)(f.Conn())
			wantGone(t, f)
			if g, w := fmt.Sprintf("%T", got), fmt.Sprintf("%T", c.want); g != w {
				t.Errorf("it is a %s, want a %s", g, w)
			}
			if got.LocalAddr().String() != local || got.RemoteAddr().String() != remote {
				t.Errorf("from %v to %v, want %s to %s", got.LocalAddr(), got.RemoteAddr(), local, remote)
			}
			wantEcho(t, got, peer)
			wantDeadline(t, got)
			got.Close()
			if n, err := peer.Read(make([]byte, 1)); n != 0 || err == nil {
				t.Errorf("after the last Close the peer reads %d, %v", n, err)
			}
		})
	}
}

func hasIPv6() bool {
	l, err := net.Listen("tcp", "[::1]:0")
	if err != nil {
		return false
	}
	l.Close()
	return true
}

func TestAPacketConnThatIsGivenAwayGoesOnElsewhere(t *testing.T) {
	for _, network := range []string{"udp", "unixgram"} {
		t.Run(network, func(t *testing.T) {
			fdtest.Snapshot(t)
			addr := func(name string) string {
				if network == "udp" {
					return "127.0.0.1:0"
				}
				return "@corechan-test-" + name
			}
			giver := must[net.PacketConn](t)(net.ListenPacket(network, addr("giver")))
			peer := must[net.PacketConn](t)(net.ListenPacket(network, addr("peer")))
			f := give(t, giver)
			giver.Close()
			wantKind(t, f, fd.KindPacketConn)
			got := must[net.PacketConn](t)(f.PacketConn())
			wantGone(t, f)
			p := make([]byte, 9)
			for _, way := range [][2]net.PacketConn{{got, peer}, {peer, got}} {
				if _, err := way[0].WriteTo([]byte("hello"), way[1].LocalAddr()); err != nil {
					t.Fatal(err)
				}
				way[1].SetDeadline(time.Now().Add(patience))
				n, from, err := way[1].ReadFrom(p)
				if err != nil || string(p[:n]) != "hello" || from.String() != way[0].LocalAddr().String() {
					t.Errorf("%q from %v, %v", p[:n], from, err)
				}
			}
			wantDeadline(t, got.(deadlines))
		})
	}
}

func TestAConnectedUDPSocketIsAConn(t *testing.T) {
	fdtest.Snapshot(t)
	peer := must[net.PacketConn](t)(net.ListenPacket("udp", "127.0.0.1:0"))
	giver := must[net.Conn](t)(net.Dial("udp", peer.LocalAddr().String()))
	got := must[net.Conn](t)(give(t, giver).Conn())
	if _, ok := got.(*net.UDPConn); !ok {
		t.Errorf("it is a %T", got)
	}
	if _, err := got.Write([]byte("hello")); err != nil {
		t.Fatal(err)
	}
	peer.SetDeadline(time.Now().Add(patience))
	p := make([]byte, 9)
	if n, _, err := peer.ReadFrom(p); string(p[:n]) != "hello" || err != nil {
		t.Errorf("%q, %v", p[:n], err)
	}
}

func TestAListenerAcceptsAfterItsGiverHasClosedIt(t *testing.T) {
	for _, c := range []struct{ network, addr string }{
		{"tcp", "127.0.0.1:0"},
		{"unix", "@corechan-test-listener"},
		{"unix", filepath.Join(t.TempDir(), "s")},
		{"unixpacket", "@corechan-test-listener"},
	} {
		t.Run(c.network+" "+c.addr[:1], func(t *testing.T) {
			fdtest.Snapshot(t)
			giver := must[net.Listener](t)(net.Listen(c.network, c.addr))
			waiting := must[net.Conn](t)(net.Dial(c.network, giver.Addr().String())) // in the backlog
			f := give(t, giver)
			if err := giver.Close(); err != nil {
				t.Fatal(err)
			}
			wantKind(t, f, fd.KindListener)
			l := must[net.Listener](t)(f.Listener())
			wantGone(t, f)
			wantEcho(t, must[net.Conn](t)(l.Accept()), waiting)
			later := must[net.Conn](t)(net.Dial(c.network, l.Addr().String()))
			wantEcho(t, must[net.Conn](t)(l.Accept()), later)

			if err := l.(interface{ SetDeadline(time.Time) error }).SetDeadline(time.Now().Add(5 * time.Millisecond)); err != nil {
				t.Fatal(err)
			}
			if _, err := l.Accept(); !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("Accept: %v, want a deadline exceeded", err)
			}
		})
	}
}

func TestAListenerOutlivesTheProcessThatGaveIt(t *testing.T) {
	fdtest.Snapshot(t)
	dir := t.TempDir()
	meet := listen(t, dir+"/meet")
	kill := startChild(t, "give and wait", "MEET="+meet.Addr(), "PATH_TO_SERVE="+dir+"/served")
	from := must[*fd.FD](t)(meet.Accept())
	_, fds, err := new(fd.Receiver).Recv(from.Int(), make([]byte, 1), 0)
	if err != nil || len(fds) != 1 {
		t.Fatalf("%d descriptors, %v; want 1", len(fds), err)
	}
	closeAtEnd(t, fds[0])
	kill()
	l := must[net.Listener](t)(fds[0].Listener())
	if l.Addr().String() != dir+"/served" {
		t.Errorf("it listens at %v", l.Addr())
	}
	client := must[net.Conn](t)(net.Dial("unix", l.Addr().String()))
	wantEcho(t, client, must[net.Conn](t)(l.Accept()))
}

func childGiveAndWait() error {
	l, err := net.Listen("unix", os.Getenv("PATH_TO_SERVE"))
	if err != nil {
		return err
	}
	f, err := fd.Of(l)
	if err != nil {
		return err
	}
	to, err := fd.DialUnix(context.Background(), os.Getenv("MEET"))
	if err != nil {
		return err
	}
	if _, err := fd.SendMsg(to.Int(), []byte{1}, []int{f.Int()}, 0); err != nil {
		return err
	}
	return waitToBeKilled()
}

// A path is unlinked by nobody but the one that is told to, and a server that has taken the path since keeps it.
func TestASocketFileIsUnlinkedOnlyByTheOneThatIsToldTo(t *testing.T) {
	fdtest.Snapshot(t)
	path := t.TempDir() + "/s"
	exists := func() bool {
		_, err := os.Lstat(path)
		return err == nil
	}
	giver := must[net.Listener](t)(net.Listen("unix", path))
	first := must[net.Listener](t)(give(t, giver).Listener())
	second := must[net.Listener](t)(give(t, giver).Listener())
	giver.Close()
	if !exists() {
		t.Fatal("the giver has unlinked the path")
	}
	first.Close()
	if !exists() {
		t.Fatal("a receiver has unlinked the path, unasked")
	}
	second.(*net.UnixListener).SetUnlinkOnClose(true)
	second.Close()
	if exists() {
		t.Fatal("the path is there, although its listener was told to unlink it")
	}
	closeAtEnd(t, listen(t, path))
	giver.Close()
	first.Close()
	second.Close()
	if !exists() {
		t.Error("a second Close has unlinked another server's path")
	}
}

func TestAValueOfAnotherKindIsRefusedAndStaysTheCallers(t *testing.T) {
	fdtest.Snapshot(t)
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	closeAtEnd(t, r)
	closeAtEnd(t, w)
	a, _ := socketpair(t)
	l := must[net.Listener](t)(net.Listen("tcp", "127.0.0.1:0"))
	conn := func(f *fd.FD) error { _, err := f.Conn(); return err }
	packet := func(f *fd.FD) error { _, err := f.PacketConn(); return err }
	listener := func(f *fd.FD) error { _, err := f.Listener(); return err }
	for _, c := range []struct {
		name string
		v    any
		to   func(*fd.FD) error
	}{
		{"pipe to conn", r, conn},
		{"pipe to packet conn", r, packet},
		{"pipe to listener", r, listener},
		{"stream to listener", a, listener},
		{"stream to packet conn", a, packet},
		{"listener to conn", l, conn},
		{"file to conn", memfd(t, 1), conn},
	} {
		f := must[*fd.FD](t)(fd.Of(c.v))
		if err := c.to(f); !errors.Is(err, fd.ErrKind) {
			t.Errorf("%s: %v, want ErrKind", c.name, err)
		}
		if err := f.Close(); err != nil {
			t.Errorf("%s: then %v", c.name, err)
		}
		if err := c.to(f); !errors.Is(err, os.ErrClosed) {
			t.Errorf("%s when closed: %v, want os.ErrClosed", c.name, err)
		}
	}
}

// What package net does not know, it must not be asked about: it panics on some.
func TestSocketsThatPackageNetDoesNotKnowAreRefused(t *testing.T) {
	fdtest.Snapshot(t)
	for _, c := range []struct{ domain, typ, protocol int }{
		{unix.AF_NETLINK, unix.SOCK_RAW, unix.NETLINK_ROUTE},
		{unix.AF_NETLINK, unix.SOCK_DGRAM, unix.NETLINK_ROUTE},
		{unix.AF_INET, unix.SOCK_SEQPACKET, unix.IPPROTO_SCTP},
		{unix.AF_INET, unix.SOCK_STREAM, unix.IPPROTO_SCTP},
		{unix.AF_INET, unix.SOCK_DCCP, unix.IPPROTO_DCCP},
		{unix.AF_VSOCK, unix.SOCK_STREAM, 0},
		{unix.AF_ALG, unix.SOCK_SEQPACKET, 0},
		{unix.AF_PACKET, unix.SOCK_DGRAM, 0},
	} {
		n, err := unix.Socket(c.domain, c.typ|unix.SOCK_CLOEXEC, c.protocol)
		if err != nil {
			t.Logf("%+v: %v", c, err) // the kernel lacks it, or does not allow it
			continue
		}
		f := pass(t, fd.New(n))
		wantKind(t, f, fd.KindOther)
		_, errConn := f.Conn()
		_, errPacket := f.PacketConn()
		_, errListener := f.Listener()
		for _, err := range []error{errConn, errPacket, errListener} {
			if !errors.Is(err, fd.ErrKind) {
				t.Errorf("%+v: %v, want ErrKind", c, err)
			}
		}
		must[*os.File](t)(f.File("socket")).Close()
	}
}

func TestASocketThatIsNotConnectedIsAConnAllTheSame(t *testing.T) {
	fdtest.Snapshot(t)
	for _, domain := range []int{unix.AF_INET, unix.AF_UNIX} {
		for _, typ := range []int{unix.SOCK_STREAM, unix.SOCK_DGRAM} {
			n, err := unix.Socket(domain, typ|unix.SOCK_CLOEXEC, 0)
			if err != nil {
				t.Fatal(err)
			}
			c := must[net.Conn](t)(pass(t, fd.New(n)).Conn())
			if _, err := c.Write([]byte("x")); !errors.Is(err, syscall.ENOTCONN) && !errors.Is(err, syscall.EPIPE) &&
				!errors.Is(err, syscall.EDESTADDRREQ) {
				t.Errorf("domain %d, type %d: %v", domain, typ, err)
			}
			if c.LocalAddr() == nil {
				t.Errorf("domain %d, type %d: no local address", domain, typ)
			}
		}
	}
}

func TestASocketBecomesNonBlockingForItsGiverToo(t *testing.T) {
	fdtest.Snapshot(t)
	a, b := socketpair(t)
	if nonblocking(t, a) {
		t.Fatal("it does not block to begin with")
	}
	f := give(t, a)
	if nonblocking(t, a) {
		t.Error("Of has changed the mode")
	}
	wantDeadline(t, must[net.Conn](t)(f.Conn()))
	if !nonblocking(t, a) || nonblocking(t, b) {
		t.Error("the giver's end blocks, or the other one does not; the documentation has it otherwise")
	}
}
