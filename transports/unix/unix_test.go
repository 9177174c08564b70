package unix_test

import (
	"context"
	"crypto/rand"
	"os"
	"strconv"
	"testing"

	sys "golang.org/x/sys/unix"

	"github.com/corechan/corechan/engine"
	"github.com/corechan/corechan/transports/transporttest"
	"github.com/corechan/corechan/transports/unix"
)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func address() string { return "@corechan-unix-" + rand.Text() }

func TestUnixConforms(t *testing.T) {
	transporttest.Run(t, transporttest.Transport{
		Name: unix.Transport, Descriptors: true,
		Pair: func(t testing.TB, a, b *engine.Engine) transporttest.Link {
			ctx := context.Background()
			name := address()
			ln := must(unix.Listen(ctx, name, &unix.Options{Engine: b}))
			defer ln.Close()
			sa := must(unix.Dial(ctx, name, &unix.Options{Engine: a}))
			sb := must(ln.Accept(ctx))
			return transporttest.Link{A: sa, B: sb, Cut: func() { cut(t, name) }}
		},
	})
}

// cut shuts down the connection that was dialled at an abstract name.
func cut(t testing.TB, name string) {
	t.Helper()
	for _, entry := range must(os.ReadDir("/proc/self/fd")) {
		n := must(strconv.Atoi(entry.Name()))
		if peer, err := sys.Getpeername(n); err == nil {
			if u, ok := peer.(*sys.SockaddrUnix); ok && u.Name == name {
				if err := sys.Shutdown(n, sys.SHUT_RDWR); err != nil {
					t.Fatal(err)
				}
				return
			}
		}
	}
	t.Fatalf("nobody is connected to %s", name)
}
