package ws_test

import (
	"context"
	"testing"

	"github.com/corechan/corechan/engine"
	"github.com/corechan/corechan/transports/ws"
	"github.com/corechan/corechan/transports/internal/webtest"
	"github.com/corechan/corechan/transports/transporttest"
)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func TestWSConforms(t *testing.T) {
	cert := webtest.Good(t)
	for scheme, name := range map[string]string{"wss": "wss", "ws": "ws"} {
		transporttest.Run(t, transporttest.Transport{Name: name, Pair: func(t testing.TB, a, b *engine.Engine) transporttest.Link {
			listen, pumpsB := webtest.Observe(context.Background())
			dial, pumpsA := webtest.Observe(context.Background())
			ln := must(ws.Listen(listen, scheme+"://127.0.0.1:0/", &ws.Options{Engine: b, TLS: cert.Server}))
			defer ln.Close()
			relay := webtest.NewRelay(t, ln.Addr())
			sa := must(ws.Dial(dial, relay.URL(ln.Addr()), &ws.Options{Engine: a, TLS: cert.Client}))
			sb := must(ln.Accept(listen))
			return transporttest.Link{A: sa, B: sb, Cut: func() {
				webtest.Settle(pumpsA.Last(), pumpsB.Last())
				relay.Cut()
			}}
		}})
	}
}
