package h2_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"testing"

	"go.uber.org/goleak"

	"github.com/corechan/corechan/engine"
	"github.com/corechan/corechan/transports/h2"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A server of one's own has the handler in its mux; without TLS it needs HTTP/2 to be asked for.
func ExampleHandler() {
	mux := http.NewServeMux()
	mux.Handle("/words", h2.Handler(func(ctx context.Context, s *engine.Session) {
		words, err := engine.Accept[string](ctx, s, "words")
		if err != nil {
			return
		}
		for w, err := range words.All(ctx) {
			if err != nil {
				return // the peer is gone
			}
			fmt.Println(*w)
		}
	}, nil))
	srv := &http.Server{Handler: mux, Protocols: new(http.Protocols)}
	srv.Protocols.SetUnencryptedHTTP2(true)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	served := make(chan struct{})
	go func() {
		_ = srv.Serve(ln)
		close(served)
	}()

	ctx := context.Background()
	s, err := h2.Dial(ctx, "h2c://"+ln.Addr().String()+"/words", nil)
	if err != nil {
		panic(err)
	}
	words, _ := engine.Open[string](ctx, s, "words")
	for _, w := range []string{"through", "any", "proxy"} {
		_ = words.Send(ctx, &w)
	}
	_ = words.Close()
	_ = s.Drain(ctx) // until the peer has it all
	_ = srv.Shutdown(ctx)
	<-served
	// Output:
	// through
	// any
	// proxy
}
