package service_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/corechan/corechan/codegen/rpc"
	"github.com/corechan/corechan/engine"
	"github.com/corechan/corechan/internal/shop"
)

func wantErr(t testing.TB, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Fatalf("got %v, want %v", err, want)
	}
}

func TestErrorsArriveAsWhatTheyAre(t *testing.T) {
	both(t, func(t *testing.T, url string) {
		w, ctx := start(t, url, nil), watchdog(t)
		err := w.Fail(ctx, "rejected")
		var rejected *shop.Rejected
		if !errors.As(err, &rejected) || *rejected != (shop.Rejected{ID: 3, Reason: "late"}) {
			t.Error(err)
		}
		equal(t, err.Error(), "order: order 3 rejected: late")
		var closed shop.Closed
		if err := w.Fail(ctx, "closed"); !errors.As(err, &closed) || !closed.Until.Equal(noon) {
			t.Error(err)
		}
		var own *rpc.Error
		if err := w.Fail(ctx, "plain"); !errors.As(err, &own) || own.Code != rpc.CodeFailed || err.Error() != "plain" {
			t.Error(err)
		}
		if err := w.Fail(ctx, "own"); !errors.As(err, &own) || own.Code != 300 || err.Error() != "wrapped: mine" {
			t.Error(err)
		}
		wantErr(t, w.Fail(ctx, "canceled"), context.Canceled)
		wantErr(t, w.Fail(ctx, "deadline"), context.DeadlineExceeded)
		check(t, w.Fail(ctx, ""))
	})
}

func TestAPanicIsAnErrorWithTheStackInTheServersLog(t *testing.T) {
	both(t, func(t *testing.T, url string) {
		w, ctx := start(t, url, nil), watchdog(t)
		err := w.Fail(ctx, "panic")
		wantErr(t, err, rpc.ErrPanic)
		if strings.Contains(err.Error(), ".go:") || !strings.Contains(err.Error(), "ouch") {
			t.Error(err)
		}
		if log := w.log.String(); !strings.Contains(log, "impl_test.go:") || !strings.Contains(log, "ouch") {
			t.Error(log)
		}
		check(t, w.Touch(ctx)) // it goes on
	})
}

func TestAMethodThatEndsItsGoroutineIsAnError(t *testing.T) {
	client, server := pair(t, urls(t)["inmem"], engine.Config{})
	ctx, cancel := context.WithCancel(watchdog(t))
	var served sync.WaitGroup
	const waits = 1
	waiting, goOn := make(chan struct{}), make(chan struct{})
	served.Go(func() {
		_ = shop.ServeListener(ctx, server, &shop.FakeListener{FilledFunc: func(_ context.Context, f *shop.Fill) error {
			if f.ID == waits {
				waiting <- struct{}{}
				<-goOn
			}
			runtime.Goexit()
			return nil
		}})
	})
	l := shop.NewListenerClient(client)
	for range 3 {
		wantErr(t, l.Filled(watchdog(t), &shop.Fill{}), rpc.ErrPanic)
	}
	// Also if somebody has taken over meanwhile, as the second call shows.
	for range 3 {
		var both sync.WaitGroup
		both.Go(func() { wantErr(t, l.Filled(watchdog(t), &shop.Fill{ID: waits}), rpc.ErrPanic) })
		<-waiting
		wantErr(t, l.Filled(watchdog(t), &shop.Fill{}), rpc.ErrPanic)
		goOn <- struct{}{}
		both.Wait()
	}
	cancel()
	served.Wait()
}

func TestTheEndOfACallersContextReachesTheMethod(t *testing.T) {
	both(t, func(t *testing.T, url string) {
		w := start(t, url, nil)
		for range 3 { // the first in place, the others on goroutines
			ctx, cancel := context.WithCancel(watchdog(t))
			go func() {
				<-w.store.waiting
				cancel()
			}()
			wantErr(t, w.Wait(ctx), context.Canceled)
			wantErr(t, <-w.store.ended, engine.ErrCanceled)
		}
		ctx, cancel := context.WithTimeout(watchdog(t), 20*time.Millisecond)
		defer cancel()
		wantErr(t, w.Wait(ctx), context.DeadlineExceeded)
		if err := <-w.store.ended; !errors.Is(err, engine.ErrCanceled) && !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
	})
}

func TestADeadlineIsTheMethodsToo(t *testing.T) {
	client, server := pair(t, urls(t)["shm"], engine.Config{})
	ctx, cancel := context.WithCancel(watchdog(t))
	by := make(chan time.Time, 1)
	var served sync.WaitGroup
	served.Go(func() {
		_ = shop.ServeListener(ctx, server, &shop.FakeListener{FilledFunc: func(ctx context.Context, _ *shop.Fill) error {
			d, _ := ctx.Deadline()
			by <- d
			return nil
		}})
	})
	call, stop := context.WithTimeout(ctx, 30*time.Second)
	want, _ := call.Deadline()
	check(t, shop.NewListenerClient(client).Filled(call, &shop.Fill{}))
	if got := <-by; got.Sub(want).Abs() > time.Second {
		t.Errorf("%v, want %v", got, want)
	}
	stop()
	cancel()
	served.Wait()
}

func TestAPeerThatIsGoneEndsCalls(t *testing.T) {
	both(t, func(t *testing.T, url string) {
		w := start(t, url, nil)
		go func() {
			<-w.store.waiting
			_ = w.server.Close()
		}()
		err := w.Wait(watchdog(t))
		if !errors.Is(err, engine.ErrSessionClosed) && !errors.Is(err, engine.ErrPeerGone) {
			t.Error(err)
		}
		<-w.store.ended
		check(t, <-w.served)
		if err := w.Touch(watchdog(t)); err == nil {
			t.Error("no error")
		}
	})
}

func TestACallerThatIsGoneEndsItsMethods(t *testing.T) {
	both(t, func(t *testing.T, url string) {
		w := start(t, url, nil)
		go func() {
			<-w.store.waiting
			_ = w.client.Close()
		}()
		if err := w.Wait(watchdog(t)); err == nil {
			t.Error("no error")
		}
		<-w.store.ended
		check(t, <-w.served)
	})
}

func TestServeEndsWithItsContextAndCanBeginAgain(t *testing.T) {
	both(t, func(t *testing.T, url string) {
		w, ctx := start(t, url, nil), watchdog(t)
		go func() {
			<-w.store.waiting
			w.stop()
		}()
		if err := w.Wait(ctx); err == nil {
			t.Error("no error")
		}
		<-w.store.ended
		wantErr(t, <-w.served, context.Canceled)
		again, stop := context.WithCancel(ctx)
		var serving sync.WaitGroup
		serving.Go(func() { wantErr(t, shop.ServeShop(again, w.server, w.store), context.Canceled) })
		for {
			err := w.Touch(ctx)
			if err == nil {
				break
			}
			wantErr(t, err, rpc.ErrNoService) // what was on its way to the channel that has ended
		}
		stop()
		serving.Wait()
	})
}

func TestThousandsOfCallsRunAtTheSameTime(t *testing.T) {
	both(t, func(t *testing.T, url string) {
		const calls = 3000
		w := start(t, url, &rpc.ServeOptions{MaxCalls: calls})
		ctx, cancel := context.WithCancel(watchdog(t))
		var all sync.WaitGroup
		var canceled atomic.Int64
		for range calls {
			all.Go(func() {
				if errors.Is(w.Wait(ctx), context.Canceled) {
					canceled.Add(1)
				}
			})
		}
		for range calls {
			<-w.store.waiting
		}
		wantErr(t, w.Touch(watchdog(t)), rpc.ErrBusy)
		cancel()
		all.Wait()
		equal(t, canceled.Load(), calls)
		for range calls {
			<-w.store.ended
		}
	})
}

func TestCallsBeyondTheBoundAreRefusedByName(t *testing.T) {
	both(t, func(t *testing.T, url string) {
		w := start(t, url, &rpc.ServeOptions{MaxCalls: 2})
		ctx, cancel := context.WithCancel(watchdog(t))
		var all sync.WaitGroup
		for range 2 {
			all.Go(func() { wantErr(t, w.Wait(ctx), context.Canceled) })
			<-w.store.waiting
		}
		wantErr(t, w.Touch(watchdog(t)), rpc.ErrBusy)
		cancel()
		all.Wait()
		for {
			if err := w.Touch(watchdog(t)); err == nil {
				return
			} else if !errors.Is(err, rpc.ErrBusy) {
				t.Fatal(err)
			}
		}
	})
}

func TestInterceptorsSeeCalls(t *testing.T) {
	both(t, func(t *testing.T, url string) {
		var mu sync.Mutex
		var seen []string
		see := func(side string) rpc.Interceptor {
			return func(ctx context.Context, call *rpc.Info, next func(context.Context) error) error {
				if side == "client" {
					call.Header = engine.Header{"tenant": "acme"}
				}
				err := next(ctx)
				mu.Lock()
				seen = append(seen, fmt.Sprintf("%s %s.%s %s %v", side, call.Service, call.Method, call.Header["tenant"], err))
				mu.Unlock()
				return err
			}
		}
		w, ctx := start(t, url, &rpc.ServeOptions{Interceptors: []rpc.Interceptor{see("server")}}), watchdog(t)
		c := shop.NewShopClientWith(w.client, &rpc.ClientOptions{Interceptors: []rpc.Interceptor{see("client")}})
		wantErr(t, c.Fail(ctx, "deadline"), context.DeadlineExceeded)
		mu.Lock()
		defer mu.Unlock()
		equal(t, strings.Join(seen, "\n"), "server Shop.Fail acme too late: context deadline exceeded\nclient Shop.Fail acme too late: context deadline exceeded")
	})
}

func TestASessionIsServedOnceAndEachServiceToo(t *testing.T) {
	w, ctx := start(t, urls(t)["inmem"], nil), watchdog(t)
	check(t, w.Touch(ctx))
	if err := shop.ServeShop(ctx, w.server, w.store); err == nil || !strings.Contains(err.Error(), "all services") {
		t.Error(err)
	}
	if err := rpc.Serve(ctx, w.client, nil, shop.ShopService(w.store), shop.ShopService(w.store)); err == nil {
		t.Error("no error")
	}
	if err := rpc.Serve(ctx, w.client, nil, shop.ShopService(nil)); err == nil {
		t.Error("no error")
	}
}

func TestBothSidesServe(t *testing.T) {
	both(t, func(t *testing.T, url string) {
		w, ctx := start(t, url, nil), watchdog(t)
		serving, stop := context.WithCancel(ctx)
		var served sync.WaitGroup
		other := newStore()
		served.Go(func() { _ = shop.ServeShop(serving, w.client, other) })
		back := shop.NewShopClient(w.server)
		var all sync.WaitGroup
		for _, c := range []*shop.ShopClient{w.ShopClient, back} {
			all.Go(func() {
				for i := range uint64(200) {
					if f, err := c.Value(ctx, shop.Order{ID: i}); err != nil || f.ID != i+2 {
						t.Error(f, err)
						return
					}
				}
			})
		}
		all.Wait()
		stop()
		served.Wait()
	})
}

// Callers share one channel for their answers, and one of them reads for all: any of them may give up at any time.
func TestCallersThatGiveUpDisturbNobody(t *testing.T) {
	both(t, func(t *testing.T, url string) {
		w, ctx := start(t, url, nil), watchdog(t)
		var all sync.WaitGroup
		for k := range uint64(6) {
			all.Go(func() {
				for i := range uint64(60) {
					id := k<<32 | i
					f, err := w.Value(ctx, shop.Order{ID: id})
					check(t, err)
					equal(t, f.ID, id+2)
				}
			})
			all.Go(func() {
				for i := range 60 {
					call, cancel := context.WithTimeout(ctx, time.Duration(i%4)*100*time.Microsecond)
					if err := w.Wait(call); !errors.Is(err, context.DeadlineExceeded) {
						t.Error(err)
					}
					cancel()
				}
			})
		}
		all.Wait()
		check(t, w.Touch(ctx))
	})
}
