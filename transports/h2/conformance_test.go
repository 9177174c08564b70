package h2_test

import (
	"context"
	"crypto/tls"
	"testing"

	"github.com/corechan/corechan/engine"
	"github.com/corechan/corechan/transports/h2"
	"github.com/corechan/corechan/transports/internal/certtest"
	"github.com/corechan/corechan/transports/internal/webtest"
	"github.com/corechan/corechan/transports/transporttest"
)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// TestH2Conforms needs one way to wait: hybrid is block here (engine.Link.NoSpin).
func TestH2Conforms(t *testing.T) {
	ca := certtest.NewCA(t)
	server := &tls.Config{Certificates: []tls.Certificate{ca.Good("server")}}
	client := &tls.Config{RootCAs: ca.Pool()}
	for _, test := range []struct {
		name, scheme string
		requests     int
	}{{"https", "https", 0}, {"requests=3", "h2c", 3}} {
		one := []engine.Wait{engine.Hybrid} // which does not spin here, so Block would be the same
		transporttest.Run(t, transporttest.Transport{Name: test.name, Waits: one, Pair: func(t testing.TB, a, b *engine.Engine) transporttest.Link {
			listen, listened := webtest.Observe(context.Background())
			dial, dialled := webtest.Observe(context.Background())
			ln := must(h2.Listen(listen, test.scheme+"://127.0.0.1:0/chan", &h2.Options{Engine: b, TLS: server}))
			defer ln.Close()
			relay := webtest.NewRelay(t, ln.Addr())
			sa := must(h2.Dial(dial, relay.URL(ln.Addr()), &h2.Options{Engine: a, TLS: client, Requests: test.requests}))
			sb := must(ln.Accept(listen))
			return transporttest.Link{A: sa, B: sb, Cut: func() {
				webtest.Settle(dialled.Last(), listened.Last())
				relay.Cut()
			}}
		}})
	}
}
