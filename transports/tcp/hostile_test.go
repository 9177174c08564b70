package tcp_test

import (
	"context"
	"net"
	"strings"
	"testing"

	"github.com/corechan/corechan/engine"
	"github.com/corechan/corechan/transports/internal/socktest"
	"github.com/corechan/corechan/transports/tcp"
)

func options(o socktest.Options) *tcp.Options {
	return &tcp.Options{Engine: o.Engine, Ring: o.Ring, Authorize: o.Authorize, HandshakeTimeout: o.Timeout}
}

func victim() socktest.Transport {
	return socktest.Transport{
		Name: tcp.Transport,
		Listen: func(t testing.TB, o socktest.Options) *engine.Listener {
			return must(tcp.Listen(context.Background(), socktest.Address(t, "127.0.0.1:0"), options(o)))
		},
		Dial: func(ctx context.Context, addr string, o socktest.Options) (*engine.Session, error) {
			return tcp.Dial(ctx, addr, options(o))
		},
		Connect: func(_ testing.TB, addr string) net.Conn { return must(net.Dial("tcp", addr)) },
		Serve: func(t testing.TB, f func(net.Conn)) string {
			ln := must(net.Listen("tcp", "127.0.0.1:0"))
			t.Cleanup(func() { _ = ln.Close() })
			go func() {
				if c, err := ln.Accept(); err == nil {
					f(c)
				}
			}()
			return ln.Addr().String()
		},
	}
}

func TestHostilePeers(t *testing.T) { socktest.Hostile(t, victim()) }

func TestANameThatDoesNotResolveIsNamed(t *testing.T) {
	for _, addr := range []string{"no-such-host.invalid:7000", "127.0.0.1:no-such-port", "127.0.0.1"} {
		if _, err := tcp.Dial(watchdog(t), addr, nil); err == nil || !strings.Contains(err.Error(), strings.TrimPrefix(strings.TrimSuffix(addr, ":7000"), "127.0.0.1:")) {
			t.Errorf("%s: %v", addr, err)
		}
		if addr == "127.0.0.1" {
			continue
		}
		if _, err := tcp.Listen(watchdog(t), addr, nil); err == nil {
			t.Errorf("listening at %s", addr)
		}
	}
}
