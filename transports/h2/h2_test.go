package h2_test

import (
	"context"
	"testing"

	"github.com/corechan/corechan/engine"
	"github.com/corechan/corechan/transports/h2"
)

func TestHello(t *testing.T) {
	ctx := context.Background()
	ln := must(h2.Listen(ctx, "h2c://127.0.0.1:0/chan", nil))
	defer ln.Close()
	t.Log(ln.Addr())
	a := must(h2.Dial(ctx, ln.Addr(), nil))
	b := must(ln.Accept(ctx))
	defer b.Close()
	defer a.Close()
	s := must(engine.Open[string](ctx, a, "x"))
	r := must(engine.Accept[string](ctx, b, "x"))
	for range 3 {
		m := "hello"
		if err := s.Send(ctx, &m); err != nil {
			t.Fatal(err)
		}
		var got string
		if err := r.Receive(ctx, &got); err != nil {
			t.Fatal(err)
		}
		t.Log(got)
	}
}
