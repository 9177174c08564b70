package inmem_test

import (
	"context"
	"testing"

	"github.com/corechan/corechan/engine"
	"github.com/corechan/corechan/transports/inmem"
	"github.com/corechan/corechan/transports/transporttest"
)

func TestInmemConforms(t *testing.T) {
	transporttest.Run(t, transporttest.Transport{
		Name: inmem.Transport, Descriptors: true, Lanes: true,
		Pair: func(t testing.TB, a, b *engine.Engine) transporttest.Link {
			ctx := context.Background()
			ln := must(inmem.Listen(ctx, t.Name(), &inmem.Options{Engine: b}))
			defer ln.Close()
			sa := must(inmem.Dial(ctx, t.Name(), &inmem.Options{Engine: a}))
			sb := must(ln.Accept(ctx))
			return transporttest.Link{A: sa, B: sb, Cut: func() { // there is nothing but the sessions
				sa.PeerGone()
				sb.PeerGone()
			}}
		},
	})
}
