package wire_test

import (
	"context"
	"encoding/binary"
	"net"
	"os"
	"runtime"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"github.com/corechan/corechan/engine"
	"github.com/corechan/corechan/fd"
	"github.com/corechan/corechan/fd/fdtest"
	"github.com/corechan/corechan/ring"
	"github.com/corechan/corechan/transports/internal/hello"
	"github.com/corechan/corechan/transports/internal/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience bounds every wait: long enough for a loaded machine, and only ever spent by a test that fails.
const patience = time.Minute

// soak runs the long forms.
var soak = os.Getenv("CORECHAN_SOAK") != ""

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func watchdog(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}

// residue checks at the test's end, after the cleanups that come later, that no goroutine and no descriptor is left.
func residue(t testing.TB) {
	t.Helper()
	goroutines := goleak.IgnoreCurrent()
	t.Cleanup(func() {
		if !t.Failed() { // a test that has failed leaves things behind
			goleak.VerifyNone(t, goroutines)
		}
	})
	fdtest.Snapshot(t)
}

func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(patience); !ok(); <-tick.C {
		if time.Now().After(deadline) {
			b := make([]byte, 1<<20)
			t.Fatalf("gave up waiting until %s; the goroutines are:\n%s", what, b[:runtime.Stack(b, true)])
		}
	}
}

func within[T any](t testing.TB, what string, ch <-chan T) (v T) {
	t.Helper()
	eventually(t, what, func() bool {
		select {
		case v = <-ch:
			return true
		default:
			return false
		}
	})
	return v
}

func newEngine(t testing.TB, c engine.Config) *engine.Engine {
	t.Helper()
	eng := must(engine.New(c))
	t.Cleanup(func() {
		now, cancel := context.WithCancel(context.Background())
		cancel() // what is left is closed at once
		_ = eng.Shutdown(now)
	})
	return eng
}

// A pair is two connected sockets: of TCP, or Unix sockets, which pass descriptors.
func sockets(t testing.TB, network string) (a, b *fd.FD) {
	t.Helper()
	if network == "unix" {
		a, b, err := fd.Socketpair()
		if err != nil {
			t.Fatal(err)
		}
		return a, b
	}
	ln := must(net.Listen("tcp", "127.0.0.1:0"))
	defer ln.Close()
	a = must(wire.Detach(must(net.Dial("tcp", ln.Addr().String()))))
	b = must(wire.Detach(must(ln.Accept())))
	return a, b
}

// small has a socket hold next to nothing, so that to block is the rule.
func small(list ...*fd.FD) {
	for _, f := range list {
		_ = unix.SetsockoptInt(f.Int(), unix.SOL_SOCKET, unix.SO_SNDBUF, 1)
		_ = unix.SetsockoptInt(f.Int(), unix.SOL_SOCKET, unix.SO_RCVBUF, 1)
	}
}

func stream(network string, f *fd.FD) wire.Stream {
	if network == "unix" {
		return wire.NewPassing(f)
	}
	return wire.Plain{FD: f}
}

// session makes a session of a socket.
func session(t testing.TB, s wire.Stream, eng *engine.Engine, dialer bool, r ring.Options) *engine.Session {
	t.Helper()
	r = hello.Ring(r)
	o := &wire.Options{Engine: eng, Ring: r, Label: "test", Link: engine.Link{Dialer: dialer, Transport: "test"}}
	o.Link.PeerLimits = hello.Ours(eng, &r).Announced
	sess := must(wire.NewSession(s, o))
	t.Cleanup(func() { _ = sess.Close() })
	return sess
}

// numbered is a message that says which one it is, and of which sender, with bytes to check.
func numbered(buf engine.Raw, sender, n uint64, size int) engine.Raw {
	buf = binary.LittleEndian.AppendUint64(buf[:0], sender)
	buf = binary.LittleEndian.AppendUint64(buf, n)
	for i := range size {
		buf = append(buf, byte(n)+byte(i))
	}
	return buf
}

// narrowed has a socket hold a small part of a large message.
func narrowed(list ...*fd.FD) {
	for _, f := range list {
		_ = unix.SetsockoptInt(f.Int(), unix.SOL_SOCKET, unix.SO_SNDBUF, 16<<10)
		_ = unix.SetsockoptInt(f.Int(), unix.SOL_SOCKET, unix.SO_RCVBUF, 16<<10)
	}
}
