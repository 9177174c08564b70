package h2_test

import (
	"context"
	"testing"

	"github.com/corechan/corechan/engine"
	"github.com/corechan/corechan/transports/h2"
	"github.com/corechan/corechan/transports/internal/webtest"
	"github.com/corechan/corechan/transports/transporttest"
)

func TestH2Conforms(t *testing.T) {
	cert := webtest.Good(t)
	for scheme, name := range map[string]string{"https": "https", "h2c": "h2c"} {
		transporttest.Run(t, transporttest.Transport{Name: name, Pair: func(t testing.TB, a, b *engine.Engine) transporttest.Link {
			listen, pumpsB := webtest.Observe(context.Background())
			dial, pumpsA := webtest.Observe(context.Background())
			ln := must(h2.Listen(listen, scheme+"://127.0.0.1:0/", &h2.Options{Engine: b, TLS: cert.Server}))
			defer ln.Close()
			relay := webtest.NewRelay(t, ln.Addr())
			sa := must(h2.Dial(dial, relay.URL(ln.Addr()), &h2.Options{Engine: a, TLS: cert.Client}))
			sb := must(ln.Accept(listen))
			return transporttest.Link{A: sa, B: sb, Cut: func() {
				webtest.Settle(pumpsA.Last(), pumpsB.Last())
				relay.Cut()
			}}
		}})
	}
}
