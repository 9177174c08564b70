package fd_test

import (
	"context"
	"errors"
	"os"
	"syscall"
	"testing"

	"github.com/corechan/corechan/fd"
	"github.com/corechan/corechan/fd/fdtest"
	"golang.org/x/sys/unix"
)

// connection returns both ends of a connection to a listener at path, which is closed again.
func connection(t *testing.T, path string) (client, server *fd.FD) {
	t.Helper()
	l, err := fd.Listen(path, 1)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	client = dial(t, path)
	server, err = l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	return client, closeAtEnd(t, server)
}

func dial(t *testing.T, addr string) *fd.FD {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	c, err := fd.DialUnix(ctx, addr)
	if err != nil {
		t.Fatal(err)
	}
	return closeAtEnd(t, c)
}

func TestTheCredentialsOfTheOtherEndAreThoseOfItsProcess(t *testing.T) {
	fdtest.Snapshot(t)
	want := fd.Cred{PID: os.Getpid(), UID: uint32(os.Geteuid()), GID: uint32(os.Getegid())}
	a, b := socketpair(t)
	client, server := connection(t, t.TempDir()+"/s")
	for name, f := range map[string]*fd.FD{"a": a, "b": b, "client": client, "server": server} {
		if got, err := fd.PeerCred(f.Int()); got != want || err != nil {
			t.Errorf("%s: %+v, %v; want %+v", name, got, err, want)
		}
	}
	if _, err := fd.PeerCred(memfd(t, 1).Int()); !errors.Is(err, syscall.ENOTSOCK) {
		t.Errorf("a memfd: %v, want ENOTSOCK", err)
	}
	if _, err := fd.PeerPidfd(memfd(t, 1).Int()); !errors.Is(err, syscall.ENOTSOCK) {
		t.Errorf("a memfd: %v, want ENOTSOCK", err)
	}
}

func TestAPidfdTellsWhenThePeerIsKilled(t *testing.T) {
	for name, open := range map[string]func(sock int) (*fd.FD, error){
		"by SO_PEERPIDFD": fd.PeerPidfd,
		"by PID":          fd.PeerPidfdByPID,
	} {
		t.Run(name, func(t *testing.T) {
			fdtest.Snapshot(t)
			l, err := fd.Listen(t.TempDir()+"/s", 1)
			if err != nil {
				t.Fatal(err)
			}
			closeAtEnd(t, l)
			kill := startChild(t, "dial and wait", "ADDR="+l.Addr())
			server, err := l.Accept()
			if err != nil {
				t.Fatal(err)
			}
			closeAtEnd(t, server)
			cred, err := fd.PeerCred(server.Int())
			if err != nil || cred.PID == os.Getpid() {
				t.Fatalf("PeerCred: %+v, %v; want the child's", cred, err)
			}
			p, err := open(server.Int())
			if err != nil {
				t.Fatal(err)
			}
			closeAtEnd(t, p)
			if exited, err := fd.PidfdExited(p); exited || err != nil {
				t.Errorf("alive: %v, %v; want false", exited, err)
			}
			kill()
			if exited, err := fd.PidfdExited(p); !exited || err != nil {
				t.Errorf("killed: %v, %v; want true", exited, err)
			}
		})
	}
}

func childDialAndWait() error {
	c, err := fd.DialUnix(context.Background(), os.Getenv("ADDR"))
	if err != nil {
		return err
	}
	defer c.Close()
	return waitToBeKilled()
}

func TestADescriptorThatIsNotOpenHasNoProcess(t *testing.T) {
	f := memfd(t, 1)
	stale := fd.New(f.Int())
	f.Close()
	if _, err := fd.PidfdExited(stale); !errors.Is(err, unix.EBADF) {
		t.Errorf("%v, want EBADF", err)
	}
	stale.Disown()
}
