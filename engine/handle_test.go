package engine_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/corechan/corechan/engine"
	"github.com/corechan/corechan/ring"
	"github.com/corechan/corechan/transports/inmem"
)

// serve listens with an engine of its own, and returns what dials it, with another.
func serve(t *testing.T, cfg engine.Config, handle func(ln *engine.Listener)) (eng *engine.Engine, dial func() *engine.Session) {
	t.Helper()
	ctx := watchdog(t)
	o := with(t, cfg)
	ln := must(inmem.Listen(ctx, t.Name(), o))
	t.Cleanup(func() { _ = ln.Close() })
	handle(ln)
	client := with(t, engine.Config{Wait: cfg.Wait})
	return o.Engine, func() *engine.Session {
		s := must(inmem.Dial(ctx, t.Name(), client))
		t.Cleanup(func() { _ = s.Close() })
		return s
	}
}

func forWaits(t *testing.T, f func(t *testing.T, w engine.Wait)) {
	for _, procs := range allProcs {
		for _, w := range waits {
			run(t, setting{"handler", w, procs}, func(t *testing.T, c setting) { f(t, c.wait) })
		}
	}
}

func TestAHandlerGetsEverythingInOrderOnOneThread(t *testing.T) {
	forWaits(t, func(t *testing.T, w engine.Wait) {
		ctx := watchdog(t)
		type call struct {
			order
			thread int
		}
		n := count(300, 1e5)
		got := make(chan call, 10*n)
		_, dial := serve(t, engine.Config{Wait: w}, func(ln *engine.Listener) {
			check(t, engine.Handle(ln, "orders", func(_ context.Context, o *order) error {
				got <- call{*o, syscall.Gettid()}
				return nil
			}))
		})
		a := dial()
		senders := map[string]engine.Sender[order]{
			"1": must(engine.Open[order](ctx, a, "orders")), "2": must(engine.Open[order](ctx, a, "orders")),
			"lane": must(engine.OpenLane[order](ctx, a, "orders", nil)),
		}
		for i := range n {
			for name, s := range senders {
				check(t, s.Send(ctx, &order{ID: uint64(i), Note: name}))
			}
		}
		next := map[string]uint64{}
		thread := 0
		for range n * len(senders) {
			c := get(t, got)
			if c.ID != next[c.Note] {
				t.Fatalf("%s: %d, not %d", c.Note, c.ID, next[c.Note])
			}
			next[c.Note]++
			if thread == 0 {
				thread = c.thread
			}
			if c.thread != thread {
				t.Fatalf("thread %d, before %d", c.thread, thread)
			}
		}
		for _, s := range senders {
			check(t, s.Close())
		}
	})
}

func TestAHandlerOfASessionGetsWhatCameBeforeIt(t *testing.T) {
	for _, kind := range []string{channel, lane} {
		for _, w := range waits {
			t.Run(fmt.Sprint(kind, "/", w), func(t *testing.T) {
				ctx := watchdog(t)
				a, b := pair(t, with(t, engine.Config{Wait: w}))
				var s engine.Sender[order]
				polled(t, b, func() {
					if kind == lane {
						s = must(engine.OpenLane[order](ctx, a, "x", nil))
					} else {
						s = must(engine.Open[order](ctx, a, "x"))
					}
				})
				const n = 50
				// Another channel's receiver reads a part of it into the inbox.
				marker, poll := open[order](t, channel, a, b, "marker")
				for i := range n {
					check(t, s.Send(ctx, &order{ID: uint64(i)}))
				}
				check(t, marker.Send(ctx, new(order)))
				check(t, poll.Receive(ctx, new(order)))
				for i := range n {
					check(t, s.Send(ctx, &order{ID: uint64(n + i)}))
				}
				got := make(chan uint64, 2*n)
				check(t, engine.Handle(b, "x", func(_ context.Context, o *order) error {
					got <- o.ID
					return nil
				}))
				for i := range 2 * n {
					if id := get(t, got); id != uint64(i) {
						t.Fatalf("%d, not %d", id, i)
					}
				}
				// The session's other channels go on, through the loop.
				check(t, marker.Send(ctx, &order{ID: 7}))
				l := must(poll.Lease(ctx))
				check(t, l.Release())
				s2, r2 := open[order](t, kind, a, b, "y")
				check(t, s2.Send(ctx, &order{ID: 8}))
				var o order
				if err := r2.Receive(ctx, &o); err != nil || o.ID != 8 {
					t.Fatal(o, err)
				}
			})
		}
	}
}

func TestTheErrorOfAHandlerEndsItsChannelOnly(t *testing.T) {
	for _, kind := range []string{channel, lane} {
		t.Run(kind, func(t *testing.T) {
			ctx := watchdog(t)
			var calls atomic.Int32
			_, dial := serve(t, engine.Config{}, func(ln *engine.Listener) {
				check(t, engine.Handle(ln, "x", func(_ context.Context, o *order) error {
					calls.Add(1)
					if o.ID == 3 {
						return fmt.Errorf("no %d here", o.ID)
					}
					return nil
				}))
			})
			a := dial()
			open := func() engine.Sender[order] {
				if kind == lane {
					return must(engine.OpenLane[order](ctx, a, "x", nil))
				}
				return must(engine.Open[order](ctx, a, "x"))
			}
			s, other := open(), open()
			err := error(nil)
			for i := uint64(0); err == nil; i++ {
				err = s.Send(ctx, &order{ID: i})
			}
			reason(engine.CodeError, "no 3 here")(t, err)
			if n := calls.Load(); n != 4 {
				t.Errorf("%d calls", n)
			}
			check(t, other.Send(ctx, new(order)))
			check(t, a.Err())
		})
	}
}

func TestAHandlerRefusesWhatItCannotDecode(t *testing.T) {
	ctx := watchdog(t)
	_, dial := serve(t, engine.Config{}, func(ln *engine.Listener) {
		check(t, engine.Handle(ln, "x", func(context.Context, *order) error { return errors.New("called") }))
	})
	a := dial()
	raw := must(engine.Open[engine.Raw](ctx, a, "x"))
	_, err := sendUntil(ctx, raw, 10)
	wantErr(t, err, engine.ErrCodec)
	anything := must(engine.Open[any](ctx, a, "x"))
	for err = nil; err == nil; {
		var v any = "no order"
		err = anything.Send(ctx, &v)
	}
	if text := as[*engine.ChannelError](t, err).Text; !strings.Contains(text, engine.ErrMalformed.Error()) {
		t.Error(text)
	}
	check(t, a.Err())
}

func TestANameHasOneHandler(t *testing.T) {
	f := func(context.Context, *order) error { return nil }
	a, _ := pair(t, with(t, engine.Config{}))
	ln := must(inmem.Listen(watchdog(t), t.Name(), nil))
	defer ln.Close()
	for _, to := range []engine.Handlers{a, ln} {
		check(t, engine.Handle(to, "x", f))
		check(t, engine.Handle(to, "y", f))
		wantErr(t, engine.Handle(to, "x", f), os.ErrExist)
	}
}

func TestHandleAtTheSameTime(t *testing.T) {
	a, b := pair(t, with(t, engine.Config{}))
	var wg sync.WaitGroup
	got := make(chan string, 10)
	for k := range 5 {
		name := fmt.Sprint(k)
		wg.Go(func() {
			if err := engine.Handle(b, name, func(context.Context, *order) error { got <- name; return nil }); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	ctx := watchdog(t)
	for k := range 5 {
		check(t, must(engine.Open[order](ctx, a, fmt.Sprint(k))).Send(ctx, new(order)))
	}
	for range 5 {
		get(t, got)
	}
}

// A service that answers in its handler, and a client that sends everything before it reads: the credit of the answers, or
// the space for them, is used up long before.
func TestAHandlerMaySendMoreThanThePeerReads(t *testing.T) {
	for _, kind := range []string{channel, lane} {
		forWaits(t, func(t *testing.T, w engine.Wait) {
			ctx := watchdog(t)
			var replies atomic.Pointer[engine.Sender[order]]
			cfg := engine.Config{Wait: w, Limits: engine.Limits{Window: 2000}}
			o := with(t, cfg)
			o.Ring.Capacity = ring.MinCapacity
			a, b := pair(t, o)
			s, r := open[order](t, kind, b, a, "replies")
			replies.Store(&s)
			check(t, engine.Handle(b, "orders", func(ctx context.Context, o *order) error {
				return replies.Load().Send(ctx, o)
			}))
			n := count(300, 1e5)
			sent := result(func() error {
				s, err := engine.Open[order](ctx, a, "orders")
				for i := 0; err == nil && i < n; i++ {
					err = s.Send(ctx, &order{ID: uint64(i), Note: "as long as this"})
				}
				return err
			})
			for i := range n {
				var o order
				if err := r.Receive(ctx, &o); err != nil || o.ID != uint64(i) {
					t.Fatal(i, o, err)
				}
			}
			check(t, get(t, sent))
		})
	}
}

// Handlers at both sides answer each other, with rings that hold a few dozen messages.
func TestHandlersAtBothSidesDoNotDeadlock(t *testing.T) {
	for _, w := range waits {
		t.Run(w.String(), func(t *testing.T) {
			ctx := watchdog(t)
			cfg := engine.Config{Wait: w, Limits: engine.Limits{Window: 1 << 20}}
			x, y := newLinks(t, ring.MinCapacity, nil)
			a, b := x.session(t, newEngine(t, cfg)), y.session(t, newEngine(t, cfg)) // a loop each
			const players, hops = 200, 20
			done := make(chan uint64, players)
			side := func(from *engine.Session) func(ctx context.Context, o *order) error {
				var s engine.Sender[order]
				var once sync.Once
				return func(ctx context.Context, o *order) error {
					once.Do(func() { s = must(engine.Open[order](ctx, from, "ball")) })
					if o.Price == hops {
						done <- o.ID
						return nil
					}
					return s.Send(ctx, &order{ID: o.ID, Price: o.Price + 1, Note: strings.Repeat("x", 100)})
				}
			}
			check(t, engine.Handle(a, "ball", side(a)))
			check(t, engine.Handle(b, "ball", side(b)))
			for _, from := range []*engine.Session{a, b} {
				go func() {
					s := must(engine.Open[order](ctx, from, "ball"))
					for i := range players / 2 {
						if err := s.Send(ctx, &order{ID: uint64(i), Note: strings.Repeat("x", 100)}); err != nil {
							t.Error(err)
						}
					}
				}()
			}
			for range players {
				get(t, done)
			}
		})
	}
}

// A handler of one session sends on another one of the same loop, which waits for space there.
func TestAHandlerMaySendOnAnotherSessionOfItsLoop(t *testing.T) {
	ctx := watchdog(t)
	o := with(t, engine.Config{})
	o.Ring.Capacity = ring.MinCapacity
	a, proxyA := pair(t, o)
	proxyB, b := pair(t, o)
	s, r := open[order](t, channel, proxyB, b, "out")
	check(t, engine.Handle(proxyB, "unused", func(context.Context, *order) error { return nil }))
	check(t, engine.Handle(proxyA, "in", func(ctx context.Context, o *order) error { return s.Send(ctx, o) }))
	const n = 2000
	sent := result(func() error {
		in := must(engine.Open[order](ctx, a, "in"))
		for i := range n {
			if err := in.Send(ctx, &order{ID: uint64(i)}); err != nil {
				return err
			}
		}
		return nil
	})
	for i := range n {
		var o order
		if err := r.Receive(ctx, &o); err != nil || o.ID != uint64(i) {
			t.Fatal(i, o, err)
		}
	}
	check(t, get(t, sent))
}

func TestShutdownEndsAHandlerThatWaits(t *testing.T) {
	for _, w := range waits {
		for _, what := range []string{"for credit", "for space", "for its context"} {
			t.Run(fmt.Sprint(w, "/", what), func(t *testing.T) {
				ctx := watchdog(t)
				entered, left := make(chan struct{}), make(chan error, 1)
				var out engine.Sender[engine.Raw]
				limits := engine.Limits{}
				if what == "for credit" {
					limits.Window = 100
				}
				o := with(t, engine.Config{Wait: w, Limits: limits})
				a, b := pair(t, o)
				out = must(engine.Open[engine.Raw](ctx, b, "out"))
				check(t, engine.Handle(b, "in", func(ctx context.Context, _ *order) error {
					close(entered)
					err := error(nil)
					if what == "for its context" {
						<-ctx.Done()
						err = ctx.Err()
					} else {
						_, err = sendUntil(ctx, out, 1000)
					}
					left <- err
					return err
				}))
				check(t, must(engine.Open[order](ctx, a, "in")).Send(ctx, new(order)))
				get(t, entered)
				soon, cancel := context.WithCancel(ctx)
				cancel()
				down := result(func() error { return o.Engine.Shutdown(soon) })
				if err := get(t, left); err == nil || errors.Is(err, context.DeadlineExceeded) {
					t.Error(err)
				}
				wantErr(t, get(t, down), context.Canceled) // what was sent was not read
			})
		}
	}
}

func TestAHandlerMayCloseItsSession(t *testing.T) {
	ctx := watchdog(t)
	a, b := newLinks(t, 1<<14, nil)
	eng := newEngine(t, engine.Config{})
	client, server := a.session(t, eng), b.session(t, eng)
	calls := 0
	check(t, engine.Handle(server, "x", func(context.Context, *order) error {
		calls++
		return server.Close()
	}))
	s := must(engine.Open[order](ctx, client, "x"))
	err := error(nil)
	for err == nil {
		err = s.Send(ctx, new(order))
	}
	wantErr(t, err, engine.ErrSessionClosed)
	check(t, eng.Shutdown(ctx))
	get(t, b.over)
	if calls != 1 {
		t.Errorf("%d calls", calls)
	}
}

// Whoever ends it: the loop lets go of the session's memory before it ends itself.
func TestTheEndOfASessionWithHandlersFreesItsMemory(t *testing.T) {
	for _, w := range waits {
		for name, end := range map[string]func(client, server *engine.Session, eng *engine.Engine){
			"closed here":        func(_, server *engine.Session, _ *engine.Engine) { _ = server.Close() },
			"closed by the peer": func(client, _ *engine.Session, _ *engine.Engine) { _ = client.Close() },
			"shut down":          func(_, _ *engine.Session, eng *engine.Engine) { _ = eng.Shutdown(watchdog(t)) },
		} {
			t.Run(fmt.Sprint(w, "/", name), func(t *testing.T) {
				a, b := newLinks(t, 1<<14, nil)
				eng := newEngine(t, engine.Config{Wait: w})
				client, server := a.session(t, newEngine(t, engine.Config{})), b.session(t, eng)
				check(t, engine.Handle(server, "x", func(context.Context, *order) error { return nil }))
				end(client, server, eng)
				get(t, b.over)
			})
		}
	}
}

// The loops of the default engine end with its last session, which TestMain sees to.
func TestHandlersOnTheDefaultEngine(t *testing.T) {
	ctx := watchdog(t)
	for range 3 {
		a, b := pair(t, nil)
		got := make(chan struct{}, 1)
		check(t, engine.Handle(b, "x", func(context.Context, *order) error { got <- struct{}{}; return nil }))
		check(t, must(engine.Open[order](ctx, a, "x")).Send(ctx, new(order)))
		get(t, got)
		check(t, a.Close())
		get(t, b.Done())
	}
}

func TestSessionsOfAListenerWithHandlersAreNotHandedOut(t *testing.T) {
	ctx := watchdog(t)
	var ln *engine.Listener
	got := make(chan struct{}, 1)
	_, dial := serve(t, engine.Config{}, func(l *engine.Listener) {
		ln = l
		check(t, engine.Handle(ln, "x", func(context.Context, *order) error { got <- struct{}{}; return nil }))
	})
	wantErr(t, cancelled(t, func(ctx context.Context) error {
		check(t, must(engine.Open[order](ctx, dial(), "x")).Send(watchdog(t), new(order)))
		_, err := ln.Accept(ctx)
		return err
	}), context.Canceled)
	get(t, got)
	check(t, ctx.Err())
}

const panicEnv = "CORECHAN_TEST_PANIC"

// A panic in a handler is not caught: it ends the process, with the handler's stack.
func TestAPanicInAHandlerEndsTheProcess(t *testing.T) {
	if os.Getenv(panicEnv) == "" {
		cmd := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$")
		cmd.Env = append(os.Environ(), panicEnv+"=1")
		out, err := cmd.CombinedOutput()
		if err == nil || !strings.Contains(string(out), "panic: handler has failed") ||
			!strings.Contains(string(out), "handle_test.go") {
			t.Errorf("%v\n%s", err, out)
		}
		return
	}
	ctx := watchdog(t)
	a, b := pair(t, nil)
	check(t, engine.Handle(b, "x", func(context.Context, *order) error { panic("handler has failed") }))
	check(t, must(engine.Open[order](ctx, a, "x")).Send(ctx, new(order)))
	<-ctx.Done()
}
