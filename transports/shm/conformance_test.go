package shm_test

import (
	"context"
	"os"
	"strconv"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/corechan/corechan/engine"
	"github.com/corechan/corechan/transports/shm"
	"github.com/corechan/corechan/transports/transporttest"
)

func TestShmConforms(t *testing.T) {
	transporttest.Run(t, transporttest.Transport{
		Name: shm.Transport, Descriptors: true, Lanes: true,
		Pair: func(t testing.TB, a, b *engine.Engine) transporttest.Link {
			ctx := context.Background()
			name := address()
			ln := must(shm.Listen(ctx, name, &shm.Options{Engine: b}))
			defer ln.Close()
			sa := must(shm.Dial(ctx, name, &shm.Options{Engine: a}))
			sb := must(ln.Accept(ctx))
			return transporttest.Link{A: sa, B: sb, Cut: func() { cut(t, name) }}
		},
	})
}

// cut shuts down the connection that was dialled at an abstract name: the dialer's control socket.
func cut(t testing.TB, name string) {
	t.Helper()
	for _, entry := range must(os.ReadDir("/proc/self/fd")) {
		n := must(strconv.Atoi(entry.Name()))
		if peer, err := unix.Getpeername(n); err == nil {
			if u, ok := peer.(*unix.SockaddrUnix); ok && u.Name == name {
				if err := unix.Shutdown(n, unix.SHUT_RDWR); err != nil {
					t.Fatal(err)
				}
				return
			}
		}
	}
	t.Fatalf("nobody is connected to %s", name)
}
