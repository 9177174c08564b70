package auto_test

import (
	"context"
	"crypto/rand"
	"errors"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/corechan/corechan/engine"
	"github.com/corechan/corechan/fd"
	"github.com/corechan/corechan/fd/fdtest"
	"github.com/corechan/corechan/ring"
	"github.com/corechan/corechan/transports/auto"
	"github.com/corechan/corechan/transports/shm"
	"github.com/corechan/corechan/transports/unix"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type dial func(ctx context.Context, addr string) (*engine.Session, error)

func byAuto(o *auto.Options) dial {
	return func(ctx context.Context, addr string) (*engine.Session, error) { return auto.Dial(ctx, addr, o) }
}

func byShm(ctx context.Context, addr string) (*engine.Session, error) {
	return shm.Dial(ctx, addr, nil)
}

func byUnix(ctx context.Context, addr string) (*engine.Session, error) {
	return unix.Dial(ctx, addr, nil)
}

// TestBothSidesMeetByTheFastestWay dials a listener in every way, and sends a message each way.
func TestBothSidesMeetByTheFastestWay(t *testing.T) {
	// A listener that maps next to nothing refuses a ring of the usual size.
	noMemory := &auto.Options{Shm: shm.Options{MaxRing: 4096}}
	for _, c := range []struct {
		name   string
		listen *auto.Options
		dial   dial
		want   string
	}{
		{"both can", nil, byAuto(nil), "shm"},
		{"the listener refuses memory", noMemory, byAuto(nil), "unix"},
		{"the dialer cannot make memory", nil, byAuto(&auto.Options{Shm: shm.Options{Ring: ring.Options{Capacity: 5}}}), "unix"},
		{"a dialer of shm", nil, byShm, "shm"},
		{"a dialer of unix", nil, byUnix, "unix"},
	} {
		t.Run(c.name, func(t *testing.T) {
			fdtest.Snapshot(t)
			ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
			defer cancel()
			addr := "@corechan-auto-" + rand.Text()
			ln, err := auto.Listen(ctx, addr, c.listen)
			if err != nil {
				t.Fatal(err)
			}
			defer ln.Close()
			a, err := c.dial(ctx, addr)
			if err != nil {
				t.Fatal(err)
			}
			defer a.Close()
			b, err := ln.Accept(ctx)
			if err != nil {
				t.Fatal(err)
			}
			defer b.Close()
			if a.Transport() != c.want || b.Transport() != c.want {
				t.Errorf("sessions of %s and %s, want %s", a.Transport(), b.Transport(), c.want)
			}
			for _, way := range [][2]*engine.Session{{a, b}, {b, a}} {
				s, err := engine.Open[engine.Raw](ctx, way[0], "x")
				if err != nil {
					t.Fatal(err)
				}
				m := engine.Raw("hello")
				if err := s.Send(ctx, &m); err != nil {
					t.Fatal(err)
				}
				r, err := engine.Accept[engine.Raw](ctx, way[1], "x")
				if err != nil {
					t.Fatal(err)
				}
				if err := r.Receive(ctx, &m); err != nil || string(m) != "hello" {
					t.Errorf("received %q, %v", m, err)
				}
			}
		})
	}
}

func TestARefusalIsFinal(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	addr := "@corechan-auto-" + rand.Text()
	refuse := func(engine.Peer) error { return errors.New("not today") }
	ln, err := auto.Listen(ctx, addr, &auto.Options{Shm: shm.Options{Authorize: refuse}, Unix: unix.Options{Authorize: refuse}})
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	if _, err := auto.Dial(ctx, addr, nil); !errors.Is(err, shm.ErrRefused) {
		t.Errorf("%v, want ErrRefused", err)
	}
	if _, err := auto.Dial(ctx, addr+"-nobody", nil); err == nil {
		t.Error("dialled nobody")
	}
}

func TestASilentPeerIsGivenUp(t *testing.T) {
	// The listener's Close cuts it short: it does not wait for the deadline.
	fdtest.Snapshot(t)
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	addr := "@corechan-auto-" + rand.Text()
	ln, err := auto.Listen(ctx, addr, &auto.Options{Unix: unix.Options{HandshakeTimeout: time.Hour}})
	if err != nil {
		t.Fatal(err)
	}
	sock := dialRaw(t, addr)
	defer sock.Close()
	if err := ln.Close(); err != nil {
		t.Fatal(err)
	}
}

func dialRaw(t *testing.T, addr string) *fd.FD {
	t.Helper()
	sock, err := fd.DialUnix(context.Background(), addr)
	if err != nil {
		t.Fatal(err)
	}
	return sock
}
