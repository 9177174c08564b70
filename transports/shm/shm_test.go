package shm_test

import (
	"errors"
	"fmt"
	"io"
	"sync"
	"testing"

	"github.com/corechan/corechan/engine"
	"github.com/corechan/corechan/transports/shm"
)

func TestMessagesCrossSharedMemory(t *testing.T) {
	for _, lane := range []bool{false, true} {
		for _, w := range []engine.Wait{engine.Hybrid, engine.Block, engine.Spin} {
			t.Run(fmt.Sprintf("lane=%v/%v", lane, w), func(t *testing.T) {
				residue(t)
				eng := newEngine(t, engine.Config{Wait: w})
				ctx := watchdog(t)
				a, b := connect(t, &shm.Options{Engine: eng})
				const n = 3000
				open := func(s *engine.Session, name string) engine.Sender[engine.Raw] {
					if lane {
						return must(engine.OpenLane[engine.Raw](ctx, s, name, nil))
					}
					return must(engine.Open[engine.Raw](ctx, s, name))
				}
				var wg sync.WaitGroup
				wg.Go(func() {
					r := must(engine.Accept[engine.Raw](ctx, b, "ping"))
					s := open(b, "pong")
					for m, err := range r.All(ctx) {
						if err != nil {
							t.Error(err)
							return
						}
						if err := s.Send(ctx, m); err != nil {
							t.Error(err)
							return
						}
					}
					_ = s.Close()
				})
				s := open(a, "ping")
				r := must(engine.Accept[engine.Raw](ctx, a, "pong"))
				var got engine.Raw
				for i := range n {
					m := engine.Raw(fmt.Sprintf("message %d", i))
					if err := s.Send(ctx, &m); err != nil {
						t.Fatal(err)
					}
					if err := r.Receive(ctx, &got); err != nil || string(got) != string(m) {
						t.Fatal(i, string(got), err)
					}
				}
				_ = s.Close()
				if err := r.Receive(ctx, &got); !errors.Is(err, io.EOF) {
					t.Fatal(err)
				}
				wg.Wait()
			})
		}
	}
}
