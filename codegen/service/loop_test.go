package service_test

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/corechan/corechan/codegen/rpc"
	"github.com/corechan/corechan/engine"
	"github.com/corechan/corechan/fd/fdtest"
	"github.com/corechan/corechan/internal/goid"
	"github.com/corechan/corechan/internal/shop"
	"github.com/corechan/corechan/transports"
)

// A looped is a store that says where its methods run.
type looped struct {
	*store
	touched, valued atomic.Uintptr // goroutines
	touch           atomic.Pointer[func() error]
}

func (l *looped) touches(f func() error) { l.touch.Store(&f) }

func (l *looped) Touch(context.Context) error {
	l.touched.Store(goid.Self())
	if f := l.touch.Load(); f != nil {
		return (*f)()
	}
	return nil
}

func (l *looped) Value(ctx context.Context, o shop.Order) (shop.Fill, error) {
	l.valued.Store(goid.Self())
	return l.store.Value(ctx, o)
}

// onLoop handles a looped on a loop, over each transport: by a ring that is polled, and by a socket that epoll watches.
func onLoop(t *testing.T, f func(t *testing.T, c *shop.ShopClient, impl *looped, w *world)) {
	all := urls(t)
	all["unix"], all["tcp"] = "unix://@"+t.Name(), "tcp://127.0.0.1:0"
	for kind, url := range all {
		t.Run(kind, func(t *testing.T) {
			fdtest.Snapshot(t)
			impl := &looped{store: newStore()}
			w := &world{store: impl.store, log: &logbook{}}
			w.client, _ = handled(t, url, &engine.Config{Logger: slog.New(slog.NewTextHandler(w.log, nil))}, func(ln *engine.Listener) {
				check(t, rpc.Handle(ln, nil, shop.ShopService(impl)))
				check(t, engine.Handle(ln, "where", func(_ context.Context, o *shop.Order) error {
					impl.touched.Store(goid.Self())
					impl.logs <- ""
					return nil
				}))
			})
			w.ShopClient = shop.NewShopClient(w.client)
			f(t, w.ShopClient, impl, w)
		})
	}
}

// handled returns a session with a listener that has handlers, and their engine.
func handled(t testing.TB, url string, cfg *engine.Config, register func(ln *engine.Listener)) (*engine.Session, *engine.Engine) {
	t.Helper()
	ctx := watchdog(t)
	eng, err := engine.New(*cfg)
	check(t, err)
	t.Cleanup(func() { _ = eng.Shutdown(watchdog(t)) })
	ln, err := transports.Listen(ctx, url, &transports.Options{Engine: eng})
	check(t, err)
	t.Cleanup(func() { _ = ln.Close() })
	register(ln)
	if strings.HasPrefix(url, "tcp:") {
		url = ln.Addr()
	}
	client, err := transports.Dial(ctx, url, &transports.Options{Engine: eng})
	check(t, err)
	t.Cleanup(func() { _ = client.Close() })
	return client, eng
}

func TestInlineMethodsRunOnTheLoopAndOthersOnGoroutines(t *testing.T) {
	onLoop(t, func(t *testing.T, c *shop.ShopClient, impl *looped, w *world) {
		ctx := watchdog(t)
		where, err := engine.Open[shop.Order](ctx, w.client, "where")
		check(t, err)
		check(t, where.Send(ctx, &shop.Order{}))
		<-impl.logs
		loop := impl.touched.Swap(0)
		for range 20 {
			check(t, c.Touch(ctx))
			equal(t, impl.touched.Swap(0), loop)
			f, err := c.Value(ctx, shop.Order{ID: 5})
			check(t, err)
			equal(t, f.ID, 7)
			if impl.valued.Load() == loop {
				t.Fatal("a method that may block runs on the loop")
			}
		}
	})
}

func TestAServiceOnALoopDoesWhatOneOfServeDoes(t *testing.T) {
	onLoop(t, func(t *testing.T, c *shop.ShopClient, impl *looped, w *world) {
		ctx := watchdog(t)
		// Slow methods hold up nobody, and their contexts end with their callers'.
		call, cancel := context.WithCancel(ctx)
		var waiting sync.WaitGroup
		for range 3 {
			waiting.Go(func() { wantErr(t, c.Wait(call), context.Canceled) })
			<-impl.waiting
			check(t, c.Touch(ctx))
		}
		cancel()
		waiting.Wait()
		for range 3 {
			wantErr(t, <-impl.ended, engine.ErrCanceled)
		}
		// Streams, channels, services.
		n, err := c.Upload(ctx, &shop.Upload{Name: "name", Body: strings.NewReader("body")})
		check(t, err)
		equal(t, n, 8)
		in, err := c.Watch(ctx, 3)
		check(t, err)
		for range in.All(ctx) {
			n++
		}
		equal(t, n, 11)
		var filled atomic.Int64
		check(t, c.Subscribe(ctx, &shop.FakeListener{FilledFunc: func(context.Context, *shop.Fill) error {
			filled.Add(1)
			return nil
		}}, 3))
		equal(t, filled.Load(), 3)
		check(t, c.Log(rpc.WithHeader(ctx, engine.Header{"tenant": "acme"}), "text"))
		equal(t, <-impl.logs, "text acme")
		// Errors, and what is not there.
		var rejected *shop.Rejected
		if err := c.Fail(ctx, "rejected"); !errors.As(err, &rejected) {
			t.Error(err)
		}
		wantErr(t, c.Fail(ctx, "panic"), rpc.ErrPanic)
		impl.touches(func() error { panic("on the loop") })
		wantErr(t, c.Touch(ctx), rpc.ErrPanic)
		impl.touches(func() error { return &shop.Rejected{ID: 9} })
		if err := c.Touch(ctx); !errors.As(err, &rejected) || rejected.ID != 9 {
			t.Error(err)
		}
		wantErr(t, shop.NewListenerClient(w.client).Filled(ctx, &shop.Fill{}), rpc.ErrNoService)
		all, err := rpc.Services(ctx, w.client)
		check(t, err)
		equal(t, len(all), 1)
		if log := w.log.String(); !strings.Contains(log, "on the loop") || !strings.Contains(log, "loop_test.go:") {
			t.Error(log)
		}
	})
}

func TestManyCallAServiceOnALoop(t *testing.T) {
	onLoop(t, func(t *testing.T, c *shop.ShopClient, impl *looped, w *world) {
		ctx := watchdog(t)
		var touched atomic.Int64
		impl.touches(func() error {
			touched.Add(1)
			return nil
		})
		var all sync.WaitGroup
		for range 16 {
			all.Go(func() {
				for i := range uint64(50) {
					check(t, c.Touch(ctx))
					f, err := c.Value(ctx, shop.Order{ID: i})
					check(t, err)
					equal(t, f.ID, i+2)
				}
			})
		}
		all.Wait()
		equal(t, touched.Load(), 16*50)
	})
}

func TestTheEndOfASessionEndsTheMethodsOfItsLoop(t *testing.T) {
	onLoop(t, func(t *testing.T, c *shop.ShopClient, impl *looped, w *world) {
		go func() {
			<-impl.waiting
			_ = w.client.Close()
		}()
		if err := c.Wait(watchdog(t)); err == nil {
			t.Error("no error")
		}
		if err := <-impl.ended; err == nil {
			t.Error("no error")
		}
	})
}

func TestAHostileRequestToALoopIsAnsweredByName(t *testing.T) {
	onLoop(t, func(t *testing.T, c *shop.ShopClient, impl *looped, w *world) {
		ctx := watchdog(t)
		requests, err := engine.Open[forged](ctx, w.client, rpc.ChannelName)
		check(t, err)
		check(t, requests.Send(ctx, bind(1, "Shop", "Touch")))
		ask := func(q *forged) rpc.Code {
			var a answer
			check(t, engine.Call(ctx, requests, q, &q.reply, &a))
			return a.code(t)
		}
		equal(t, ask(&forged{before: head(1, 0), after: pack([]any{})}), 0)
		equal(t, ask(&forged{before: head(1, 7), after: pack([]any{})}), rpc.CodeBadRequest)
		equal(t, ask(&forged{before: head(2, 0), after: pack([]any{})}), rpc.CodeBadRequest)
		equal(t, ask(&forged{before: head(1, 0), after: []byte{0xdd, 0xff, 0xff, 0xff, 0xff}}), rpc.CodeBadRequest)
		check(t, requests.Send(ctx, &forged{before: []byte{0xc1}})) // no request at all: lost
		equal(t, ask(&forged{before: head(1, 0), after: pack([]any{})}), 0)
		check(t, requests.Send(ctx, bind(9, "Shop", "Touch"))) // out of turn: the channel ends, and no other
		check(t, c.Touch(ctx))
		<-ended(ctx, requests) // seen by who has waited for the answer
	})
}

// ended returns what is closed when the channel has ended.
func ended[T any](ctx context.Context, s engine.Sender[T]) <-chan struct{} {
	done, _ := s.Context(ctx)
	return done.Done()
}

func TestASessionIsServedByOneOnly(t *testing.T) {
	fdtest.Snapshot(t)
	client, server := pair(t, urls(t)["inmem"], engine.Config{})
	check(t, rpc.Handle(server, nil, shop.ShopService(newStore())))
	ctx := watchdog(t)
	check(t, shop.NewShopClient(client).Touch(ctx))
	wantErr(t, rpc.Serve(ctx, server, nil, shop.ShopService(newStore())), os.ErrExist)
	wantErr(t, rpc.Handle(server, nil, shop.ShopService(newStore())), os.ErrExist)
	wantErr(t, rpc.Handle(client, nil, shop.ShopService(nil)), os.ErrInvalid)
}
