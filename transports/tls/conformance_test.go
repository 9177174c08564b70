package tls_test

import (
	"context"
	stdtls "crypto/tls"
	"strings"
	"testing"

	"github.com/corechan/corechan/engine"
	"github.com/corechan/corechan/transports/internal/certtest"
	"github.com/corechan/corechan/transports/internal/socktest"
	"github.com/corechan/corechan/transports/tls"
	"github.com/corechan/corechan/transports/transporttest"
)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func TestTLSConforms(t *testing.T) {
	ca := certtest.NewCA(t)
	server := &stdtls.Config{Certificates: []stdtls.Certificate{ca.Good("server")}}
	client := &stdtls.Config{RootCAs: ca.Pool()}
	transporttest.Run(t, transporttest.Transport{
		Name: tls.Transport, Waits: []engine.Wait{engine.Hybrid}, // as tcp
		Pair: func(t testing.TB, a, b *engine.Engine) transporttest.Link {
			ctx := context.Background()
			ln := must(tls.Listen(ctx, "127.0.0.1:0", &tls.Options{Engine: b, Config: server}))
			defer ln.Close()
			addr := strings.TrimPrefix(ln.Addr(), "tls://")
			sa := must(tls.Dial(ctx, addr, &tls.Options{Engine: a, Config: client}))
			sb := must(ln.Accept(ctx))
			return transporttest.Link{A: sa, B: sb, Cut: func() {
				_, _ = sa.Flush(ctx), sb.Flush(ctx) // what has left only
				socktest.CutTCP(t, addr)
			}}
		},
	})
}
