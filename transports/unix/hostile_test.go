package unix_test

import (
	"context"
	"errors"
	"net"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/corechan/corechan/engine"
	"github.com/corechan/corechan/fd"
	"github.com/corechan/corechan/transports/internal/socktest"
	"github.com/corechan/corechan/transports/unix"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func options(o socktest.Options) *unix.Options {
	return &unix.Options{Engine: o.Engine, Ring: o.Ring, Authorize: o.Authorize, HandshakeTimeout: o.Timeout}
}

func victim() socktest.Transport {
	return socktest.Transport{
		Name: unix.Transport,
		Listen: func(t testing.TB, o socktest.Options) *engine.Listener {
			return must(unix.Listen(context.Background(), socktest.Address(t, address()), options(o)))
		},
		Dial: func(ctx context.Context, addr string, o socktest.Options) (*engine.Session, error) {
			return unix.Dial(ctx, addr, options(o))
		},
		Connect: func(_ testing.TB, addr string) net.Conn { return must(net.Dial("unix", addr)) },
		Serve: func(t testing.TB, f func(net.Conn)) string {
			addr := address()
			ln := must(net.Listen("unix", addr))
			t.Cleanup(func() { _ = ln.Close() })
			go func() {
				if c, err := ln.Accept(); err == nil {
					f(c)
				}
			}()
			return addr
		},
	}
}

func TestHostilePeers(t *testing.T) { socktest.Hostile(t, victim()) }

// TestDescriptorsInTheHandshakeAreClosed sends them with every byte of it.
func TestDescriptorsInTheHandshakeAreClosed(t *testing.T) {
	socktest.Residue(t)
	s := socktest.Start(t, victim(), socktest.Options{})
	neighbour := socktest.Meet(t, victim(), s)
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	for range 20 {
		sock := must(fd.DialUnix(ctx, s.Addr))
		list := make([]int, fd.MaxFDs)
		for i := range list {
			list[i] = sock.Int()
		}
		for _, b := range socktest.Hello() {
			if _, err := fd.SendMsg(sock.Int(), []byte{b}, list, 0); err != nil {
				break
			}
		}
		_ = sock.Close()
	}
	neighbour.GoesOn(t)
}

func TestASocketThatIsNotThereIsNamed(t *testing.T) {
	for _, addr := range []string{"@nobody-listens-here", "/no/such/folder/socket", "/dev/null"} {
		_, err := unix.Dial(context.Background(), addr, nil)
		var op *fd.OpError
		if !errors.As(err, &op) {
			t.Errorf("%s: %v", addr, err)
		}
	}
}
