package auto_test

import (
	"context"
	"crypto/rand"
	"net"
	"testing"

	"github.com/corechan/corechan/engine"
	"github.com/corechan/corechan/transports/auto"
	"github.com/corechan/corechan/transports/internal/socktest"
	"github.com/corechan/corechan/transports/shm"
	"github.com/corechan/corechan/transports/unix"
)

// TestHostilePeers attacks the listener's half without memory, and the dialer, which takes any answer for a reason to try the socket.
func TestHostilePeers(t *testing.T) {
	options := func(o socktest.Options) *auto.Options {
		return &auto.Options{
			Shm:  shm.Options{Engine: o.Engine, Authorize: o.Authorize, HandshakeTimeout: o.Timeout},
			Unix: unix.Options{Engine: o.Engine, Ring: o.Ring, Authorize: o.Authorize, HandshakeTimeout: o.Timeout},
		}
	}
	socktest.Hostile(t, socktest.Transport{
		Name: auto.Transport,
		Listen: func(t testing.TB, o socktest.Options) *engine.Listener {
			ln, err := auto.Listen(context.Background(), socktest.Address(t, "@corechan-auto-"+rand.Text()), options(o))
			if err != nil {
				panic(err)
			}
			return ln
		},
		Dial: func(ctx context.Context, addr string, o socktest.Options) (*engine.Session, error) {
			return auto.Dial(ctx, addr, options(o))
		},
		Connect: func(t testing.TB, addr string) net.Conn {
			c, err := net.Dial("unix", addr)
			if err != nil {
				t.Fatal(err)
			}
			return c
		},
		Serve: func(t testing.TB, f func(net.Conn)) string {
			addr := "@corechan-auto-" + rand.Text()
			ln, err := net.Listen("unix", addr)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = ln.Close() })
			go func() {
				for {
					c, err := ln.Accept()
					if err != nil {
						return
					}
					f(c)
				}
			}()
			return addr
		},
	})
}
