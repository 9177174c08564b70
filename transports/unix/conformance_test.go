package unix_test

import (
	"context"
	"crypto/rand"
	"testing"

	"github.com/corechan/corechan/engine"
	"github.com/corechan/corechan/transports/internal/socktest"
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
		Name: unix.Transport, Descriptors: true, Waits: []engine.Wait{engine.Block}, // tcp, with the same links, has Hybrid
		Pair: func(t testing.TB, a, b *engine.Engine) transporttest.Link {
			ctx := context.Background()
			name := address()
			ln := must(unix.Listen(ctx, name, &unix.Options{Engine: b}))
			defer ln.Close()
			sa := must(unix.Dial(ctx, name, &unix.Options{Engine: a}))
			sb := must(ln.Accept(ctx))
			return transporttest.Link{A: sa, B: sb, Cut: func() {
				_, _ = sa.Flush(ctx), sb.Flush(ctx) // what has left only
				socktest.CutUnix(t, name)
			}}
		},
	})
}
