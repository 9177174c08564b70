package tcp_test

import (
	"context"
	"strings"
	"testing"

	"github.com/corechan/corechan/engine"
	"github.com/corechan/corechan/transports/internal/socktest"
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
		Name: tcp.Transport, Waits: []engine.Wait{engine.Hybrid}, // unix, with the same links, has Block
		Pair: func(t testing.TB, a, b *engine.Engine) transporttest.Link {
			ctx := context.Background()
			ln := must(tcp.Listen(ctx, "127.0.0.1:0", &tcp.Options{Engine: b}))
			defer ln.Close()
			addr := strings.TrimPrefix(ln.Addr(), "tcp://")
			sa := must(tcp.Dial(ctx, addr, &tcp.Options{Engine: a}))
			sb := must(ln.Accept(ctx))
			return transporttest.Link{A: sa, B: sb, Cut: func() {
				_, _ = sa.Flush(ctx), sb.Flush(ctx) // what has left only
				socktest.CutTCP(t, addr)
			}}
		},
	})
}
