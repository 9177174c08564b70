package shm_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/corechan/corechan/engine"
	"github.com/corechan/corechan/fd/fdtest"
	"github.com/corechan/corechan/transports/shm"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func watchdog(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// connect returns the two ends of a session over a listener of an abstract name.
func connect(t testing.TB, o *shm.Options) (a, b *engine.Session) {
	t.Helper()
	ctx := watchdog(t)
	name := fmt.Sprintf("@corechan-test-%s-%d", t.Name(), time.Now().UnixNano())
	if len(name) > 100 {
		name = name[len(name)-100:]
		name = "@" + name[1:]
	}
	ln := must(shm.Listen(ctx, name, o))
	a = must(shm.Dial(ctx, name, o))
	b = must(ln.Accept(ctx))
	t.Cleanup(func() {
		_ = a.Close()
		_ = b.Close()
		_ = ln.Close()
	})
	return a, b
}

func TestMessagesCrossSharedMemory(t *testing.T) {
	for _, lane := range []bool{false, true} {
		for _, w := range []engine.Wait{engine.Hybrid, engine.Block, engine.Spin} {
			t.Run(fmt.Sprintf("lane=%v/%v", lane, w), func(t *testing.T) {
				fdtest.Snapshot(t)
				eng := must(engine.New(engine.Config{Wait: w}))
				t.Cleanup(func() { _ = eng.Shutdown(context.Background()) })
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
