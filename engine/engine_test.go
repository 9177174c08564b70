package engine_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/tinylib/msgp/msgp"
	"go.uber.org/goleak"

	"github.com/corechan/corechan/engine"
	"github.com/corechan/corechan/ring"
	"github.com/corechan/corechan/transports/inmem"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// An order is a message with the methods that msgp would generate.
type order struct {
	ID    uint64
	Price int64
	Note  string
}

func (o *order) Msgsize() int { return 1 + 9 + 9 + 5 + len(o.Note) }

func (o *order) MarshalMsg(b []byte) ([]byte, error) {
	b = msgp.AppendArrayHeader(b, 3)
	b = msgp.AppendUint64(b, o.ID)
	b = msgp.AppendInt64(b, o.Price)
	return msgp.AppendString(b, o.Note), nil
}

func (o *order) UnmarshalMsg(b []byte) (_ []byte, err error) {
	n, b, err := msgp.ReadArrayHeaderBytes(b)
	if err != nil {
		return b, err
	}
	if n != 3 {
		return b, msgp.ArrayError{Wanted: 3, Got: n}
	}
	if o.ID, b, err = msgp.ReadUint64Bytes(b); err != nil {
		return b, err
	}
	if o.Price, b, err = msgp.ReadInt64Bytes(b); err != nil {
		return b, err
	}
	o.Note, b, err = msgp.ReadStringBytes(b)
	return b, err
}

// watchdog bounds a test's waits: a hang fails instead of lasting.
func watchdog(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}

func pair(t testing.TB, o *inmem.Options) (a, b *engine.Session) {
	t.Helper()
	a, b, err := inmem.Pair(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = a.Close()
		_ = b.Close()
	})
	return a, b
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func TestMessagesArriveInOrderAndTheChannelEndsClean(t *testing.T) {
	for _, lane := range []bool{false, true} {
		t.Run(fmt.Sprintf("lane=%v", lane), func(t *testing.T) {
			ctx := watchdog(t)
			a, b := pair(t, nil)
			const n = 20000
			var wg sync.WaitGroup
			wg.Go(func() {
				var s engine.Sender[order]
				if lane {
					s = must(engine.OpenLane[order](ctx, a, "orders", nil))
				} else {
					s = must(engine.Open[order](ctx, a, "orders"))
				}
				for i := range n {
					if err := s.Send(ctx, &order{ID: uint64(i), Price: -int64(i), Note: "x"}); err != nil {
						t.Error(err)
						return
					}
				}
				if err := s.Close(); err != nil {
					t.Error(err)
				}
			})
			r := must(engine.Accept[order](ctx, b, "orders"))
			want := uint64(0)
			for o, err := range r.All(ctx) {
				if err != nil {
					t.Fatal(err)
				}
				if o.ID != want || o.Price != -int64(want) || o.Note != "x" {
					t.Fatalf("got %+v, want %d", o, want)
				}
				want++
			}
			if want != n {
				t.Fatalf("%d messages of %d", want, n)
			}
			wg.Wait()
			if err := r.Receive(ctx, new(order)); !errors.Is(err, io.EOF) {
				t.Fatalf("after the end: %v", err)
			}
		})
	}
}

func TestPingPong(t *testing.T) {
	ctx := watchdog(t)
	a, b := pair(t, nil)
	const n = 5000
	var wg sync.WaitGroup
	wg.Go(func() {
		r := must(engine.Accept[order](ctx, b, "ping"))
		s := must(engine.Open[order](ctx, b, "pong"))
		for o, err := range r.All(ctx) {
			if err != nil {
				t.Error(err)
				return
			}
			if err := s.Send(ctx, o); err != nil {
				t.Error(err)
				return
			}
		}
		_ = s.Close()
	})
	s := must(engine.Open[order](ctx, a, "ping"))
	r := must(engine.Accept[order](ctx, a, "pong"))
	for i := range n {
		if err := s.Send(ctx, &order{ID: uint64(i)}); err != nil {
			t.Fatal(err)
		}
		var o order
		if err := r.Receive(ctx, &o); err != nil || o.ID != uint64(i) {
			t.Fatal(i, o, err)
		}
	}
	_ = s.Close()
	if err := r.Receive(ctx, new(order)); !errors.Is(err, io.EOF) {
		t.Fatal(err)
	}
	wg.Wait()
}

func TestManyChannelsManyGoroutines(t *testing.T) {
	ctx := watchdog(t)
	a, b := pair(t, &inmem.Options{Ring: ring.Options{Capacity: 4096}})
	const channels, senders, n = 8, 3, 500
	var wg sync.WaitGroup
	for c := range channels {
		name := fmt.Sprint("c", c)
		wg.Go(func() {
			s := must(engine.Open[order](ctx, a, name))
			var in sync.WaitGroup
			for k := range senders {
				in.Go(func() {
					for i := range n {
						if err := s.Send(ctx, &order{ID: uint64(i), Price: int64(k), Note: name}); err != nil {
							t.Error(err)
							return
						}
					}
				})
			}
			in.Wait()
			_ = s.Close()
		})
		wg.Go(func() {
			r := must(engine.Accept[order](ctx, b, name))
			var next [senders]uint64
			for o, err := range r.All(ctx) {
				if err != nil {
					t.Error(err)
					return
				}
				if o.Note != name || o.ID != next[o.Price] {
					t.Errorf("%s: got %+v, want id %d", name, o, next[o.Price])
					return
				}
				next[o.Price]++
			}
			for k := range next {
				if next[k] != n {
					t.Errorf("%s: sender %d: %d of %d", name, k, next[k], n)
				}
			}
		})
	}
	wg.Wait()
}

func TestPipe(t *testing.T) {
	ctx := watchdog(t)
	r, s := engine.Pipe[order]()
	go func() {
		for i := range 10000 {
			if err := s.Send(ctx, &order{ID: uint64(i)}); err != nil {
				t.Error(err)
			}
		}
		_ = s.CloseWith(errors.New("enough"))
	}()
	n := uint64(0)
	for o, err := range r.All(ctx) {
		if err != nil {
			var ce *engine.ChannelError
			if !errors.As(err, &ce) || ce.Text != "enough" {
				t.Fatal(err)
			}
			break
		}
		if o.ID != n {
			t.Fatal(o.ID, n)
		}
		n++
	}
	if n != 10000 {
		t.Fatal(n)
	}
}

func TestAPeerThatNeverReadsBlocksTheSenderUntilItsContextEnds(t *testing.T) {
	for _, lane := range []bool{false, true} {
		ctx := watchdog(t)
		a, b := pair(t, nil)
		var s engine.Sender[engine.Raw]
		if lane {
			go func() { _, _ = engine.Accept[engine.Raw](ctx, b, "x") }()
			s = must(engine.OpenLane[engine.Raw](ctx, a, "x", nil))
		} else {
			s = must(engine.Open[engine.Raw](ctx, a, "x"))
		}
		short, cancel := context.WithTimeout(ctx, 20*time.Millisecond)
		defer cancel()
		msg := make(engine.Raw, 1000)
		n := 0
		var err error
		for ; err == nil; n++ {
			err = s.Send(short, &msg)
		}
		if !errors.Is(err, context.DeadlineExceeded) || n < 100 {
			t.Fatal(n, err)
		}
	}
}

func TestHandlersRunOnTheLoop(t *testing.T) {
	for _, w := range []engine.Wait{engine.Hybrid, engine.Spin, engine.Block} {
		t.Run(w.String(), func(t *testing.T) {
			ctx := watchdog(t)
			eng := must(engine.New(engine.Config{Wait: w}))
			ln := must(inmem.Listen(ctx, t.Name(), &inmem.Options{Engine: eng}))
			var mu sync.Mutex
			replies := map[string]engine.Sender[order]{}
			_ = replies
			got := make(chan order, 10000)
			if err := engine.Handle(ln, "orders", func(_ context.Context, o *order) error {
				mu.Lock()
				defer mu.Unlock()
				got <- *o
				return nil
			}); err != nil {
				t.Fatal(err)
			}
			a := must(inmem.Dial(ctx, t.Name(), nil))
			s := must(engine.Open[order](ctx, a, "orders"))
			l := must(engine.OpenLane[order](ctx, a, "orders", nil))
			const n = 3000
			for i := range n {
				if err := s.Send(ctx, &order{ID: uint64(i)}); err != nil {
					t.Fatal(err)
				}
				if err := l.Send(ctx, &order{ID: uint64(i), Note: "lane"}); err != nil {
					t.Fatal(err)
				}
			}
			var next, nextLane uint64
			for range 2 * n {
				select {
				case o := <-got:
					p := &next
					if o.Note == "lane" {
						p = &nextLane
					}
					if o.ID != *p {
						t.Fatal(o, *p)
					}
					*p++
				case <-ctx.Done():
					t.Fatal(ctx.Err(), next, nextLane)
				}
			}
			_ = a.Close()
			if err := eng.Shutdown(ctx); err != nil {
				t.Fatal(err)
			}
		})
	}
}

func TestCloseEndsEverything(t *testing.T) {
	ctx := watchdog(t)
	a, b := pair(t, nil)
	s := must(engine.Open[order](ctx, a, "x"))
	if err := s.Send(ctx, &order{ID: 7}); err != nil {
		t.Fatal(err)
	}
	_ = a.Close()
	r := must(engine.Accept[order](ctx, b, "x"))
	var o order
	if err := r.Receive(ctx, &o); err != nil || o.ID != 7 {
		t.Fatal(o, err)
	}
	if err := r.Receive(ctx, &o); !errors.Is(err, engine.ErrSessionClosed) {
		t.Fatal(err)
	}
	if err := s.Send(ctx, &o); !errors.Is(err, os.ErrClosed) {
		t.Fatal(err)
	}
	<-b.Done()
}

func TestLeaseAndReserve(t *testing.T) {
	ctx := watchdog(t)
	a, b := pair(t, nil)
	s := must(engine.Open[engine.Raw](ctx, a, "x"))
	r := must(engine.Accept[engine.Raw](ctx, b, "x"))
	for i := range 5000 {
		slot := must(s.Reserve(ctx, 100))
		copy(slot.Bytes(), fmt.Sprintf("message %05d", i))
		if err := slot.Commit(13); err != nil {
			t.Fatal(err)
		}
		if err := slot.Commit(13); !errors.Is(err, engine.ErrSlot) {
			t.Fatal(err)
		}
		l := must(r.Lease(ctx))
		if got := string(l.Bytes()); got != fmt.Sprintf("message %05d", i) {
			t.Fatal(got)
		}
		if err := l.Release(); err != nil {
			t.Fatal(err)
		}
		if err := l.Release(); !errors.Is(err, engine.ErrSlot) {
			t.Fatal(err)
		}
	}
}
