package tcp_test

import (
	"context"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/corechan/corechan/engine"
	"github.com/corechan/corechan/transports/tcp"
	"github.com/corechan/corechan/transports/transporttest"
)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func TestTCPConforms(t *testing.T) {
	transporttest.Run(t, transporttest.Transport{
		Name: tcp.Transport,
		Pair: func(t testing.TB, a, b *engine.Engine) transporttest.Link {
			ctx := context.Background()
			ln := must(tcp.Listen(ctx, "127.0.0.1:0", &tcp.Options{Engine: b}))
			defer ln.Close()
			addr := strings.TrimPrefix(ln.Addr(), "tcp://")
			sa := must(tcp.Dial(ctx, addr, &tcp.Options{Engine: a}))
			sb := must(ln.Accept(ctx))
			return transporttest.Link{A: sa, B: sb, Cut: func() { cut(t, addr) }}
		},
	})
}

// cut shuts down the connection that was dialled at an address.
func cut(t testing.TB, addr string) {
	t.Helper()
	port := int(netip.MustParseAddrPort(addr).Port())
	for _, entry := range must(os.ReadDir("/proc/self/fd")) {
		n := must(strconv.Atoi(entry.Name()))
		if peer, err := unix.Getpeername(n); err == nil {
			if u, ok := peer.(*unix.SockaddrInet4); ok && u.Port == port {
				if err := unix.Shutdown(n, unix.SHUT_RDWR); err != nil {
					t.Fatal(err)
				}
				return
			}
		}
	}
	t.Fatalf("nobody is connected to %s", addr)
}
