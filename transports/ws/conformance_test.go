package ws_test

import (
	"context"
	"crypto/tls"
	"testing"

	"github.com/corechan/corechan/engine"
	"github.com/corechan/corechan/transports/internal/certtest"
	"github.com/corechan/corechan/transports/internal/webtest"
	"github.com/corechan/corechan/transports/transporttest"
	"github.com/corechan/corechan/transports/ws"
)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// TestWSConforms needs one way to wait: hybrid is block here (engine.Link.NoSpin).
func TestWSConforms(t *testing.T) {
	ca := certtest.NewCA(t)
	server := &tls.Config{Certificates: []tls.Certificate{ca.Good("server")}}
	client := &tls.Config{RootCAs: ca.Pool()}
	const scheme = "wss"                // ws is the same without TLS; package httpchan's tests have it through nginx
	one := []engine.Wait{engine.Hybrid} // which does not spin here, so Block would be the same
	transporttest.Run(t, transporttest.Transport{Name: scheme, Waits: one, Pair: func(t testing.TB, a, b *engine.Engine) transporttest.Link {
		listen, listened := webtest.Observe(context.Background())
		dial, dialled := webtest.Observe(context.Background())
		ln := must(ws.Listen(listen, scheme+"://127.0.0.1:0/chan", &ws.Options{Engine: b, TLS: server}))
		defer ln.Close()
		relay := webtest.NewRelay(t, ln.Addr())
		sa := must(ws.Dial(dial, relay.URL(ln.Addr()), &ws.Options{Engine: a, TLS: client}))
		sb := must(ln.Accept(listen))
		return transporttest.Link{A: sa, B: sb, Cut: func() {
			webtest.Settle(dialled.Last(), listened.Last())
			relay.Cut()
		}}
	}})
}
