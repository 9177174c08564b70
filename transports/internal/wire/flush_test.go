package wire_test

import (
	"testing"

	"github.com/corechan/corechan/engine"
	"github.com/corechan/corechan/ring"
)

// What a burst leaves behind is written by Flush, also while the service loop, which would do so soon, is kept busy.
func TestFlushWritesWhatWasGathered(t *testing.T) {
	residue(t)
	ctx := watchdog(t)
	eng := newEngine(t, engine.Config{Wait: engine.Block})
	fa, fb := sockets(t, "unix")
	a, b := session(t, stream("unix", fa), eng, true, ring.Options{}), session(t, stream("unix", fb), newEngine(t, engine.Config{}), false, ring.Options{})
	s := must(engine.Open[engine.Raw](ctx, a, "x"))
	r := must(engine.Accept[engine.Raw](ctx, b, "x"))

	loop, release, err := eng.Service()
	if err != nil {
		t.Fatal(err)
	}
	defer release()
	busy, free := make(chan struct{}), make(chan struct{})
	if err := loop.Post(func() { close(busy); <-free }); err != nil {
		t.Fatal(err)
	}
	within(t, "the loop is busy", busy)
	defer close(free)

	n := uint64(0)
	for range 50 {
		first := n
		for range 100 {
			msg := numbered(nil, 1, n, 40)
			if err := s.Send(ctx, &msg); err != nil {
				t.Fatal(err)
			}
			n++
		}
		if err := a.Flush(ctx); err != nil {
			t.Fatal(err)
		}
		for i := first; i < n; i++ {
			var got engine.Raw
			if err := r.Receive(ctx, &got); err != nil {
				t.Fatalf("message %d: %v", i, err)
			}
		}
	}
}
