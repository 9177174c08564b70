package service_test

import (
	"bytes"
	"context"
	"io"
	"strings"
	"sync"
	"testing"

	"github.com/corechan/corechan/codegen/rpc"
	"github.com/corechan/corechan/engine"
	"github.com/corechan/corechan/internal/atomics"
	"github.com/corechan/corechan/internal/shop"
)

// serveFake serves a fake, and returns a client and what ends the serving.
func serveFake(t *testing.T, url string, f *shop.FakeShop) *shop.ShopClient {
	t.Helper()
	client, server := pair(t, url, engine.Config{})
	serve(t, server, shop.ShopService(f))
	return shop.NewShopClient(client)
}

func TestResultsThatNobodyTakesAreReleased(t *testing.T) {
	both(t, func(t *testing.T, url string) {
		begun, ended := make(chan struct{}, 1), make(chan error, 1)
		r, w := io.Pipe()
		c := serveFake(t, url, &shop.FakeShop{
			WatchFunc: func(ctx context.Context, _ int) (engine.Receiver[shop.Order], error) {
				begun <- struct{}{}
				<-ctx.Done()
				r, s := engine.Pipe[shop.Order]()
				go func() {
					var err error
					for err == nil {
						err = s.Send(context.Background(), &shop.Order{})
					}
					ended <- err
				}()
				return r, nil
			},
			UpperFunc: func(ctx context.Context, _ io.ReadCloser) (io.ReadCloser, error) {
				begun <- struct{}{}
				<-ctx.Done()
				return r, nil
			},
		})
		ctx, cancel := context.WithCancel(watchdog(t))
		go func() {
			<-begun
			cancel()
		}()
		_, err := c.Watch(ctx, 1)
		wantErr(t, err, context.Canceled)
		wantErr(t, <-ended, engine.ErrCanceled)

		ctx, cancel = context.WithCancel(watchdog(t))
		go func() {
			<-begun
			cancel()
		}()
		_, err = c.Upper(ctx, nil)
		wantErr(t, err, context.Canceled)
		for err = nil; err == nil; { // until it is closed
			_, err = w.Write(nil)
			if err == nil {
				_, err = w.Write([]byte("x"))
			}
		}
		wantErr(t, err, io.ErrClosedPipe)
	})
}

func TestResultsThatCannotBeSentAreAnError(t *testing.T) {
	both(t, func(t *testing.T, url string) {
		c := serveFake(t, url, &shop.FakeShop{
			ListsFunc: func(context.Context, []*shop.Order, map[string]shop.Order, [2]int32, *string, any) ([]shop.Fill, map[uint32][]string, error) {
				return nil, map[uint32][]string{1: {strings.Repeat("x", 1<<20)}}, nil
			},
			FailFunc: func(context.Context, string) error { return &shop.Rejected{Reason: strings.Repeat("x", 1<<20)} },
		})
		_, _, err := c.Lists(watchdog(t), nil, nil, [2]int32{}, nil, nil)
		wantErr(t, err, rpc.ErrBadResults)
		if !strings.Contains(err.Error(), "limit") {
			t.Error(err)
		}
		if err := c.Fail(watchdog(t), ""); err == nil || !strings.Contains(err.Error(), "limit") {
			t.Error(err)
		}
	})
}

func TestArgumentsThatCannotBeSentStayTheCallers(t *testing.T) {
	both(t, func(t *testing.T, url string) {
		c := serveFake(t, url, &shop.FakeShop{})
		_, err := c.Place(watchdog(t), &shop.Order{Note: strings.Repeat("x", 1<<20)})
		wantErr(t, err, engine.ErrLimit)
		ctx, cancel := context.WithCancel(watchdog(t))
		cancel()
		r, s := engine.Pipe[shop.Order]()
		_, err = c.Drain(ctx, r)
		wantErr(t, err, context.Canceled)
		go func() { _ = s.Send(watchdog(t), &shop.Order{ID: 1}) }()
		var o shop.Order
		check(t, r.Receive(watchdog(t), &o))
		wantErr(t, c.Subscribe(ctx, &shop.FakeListener{}, 1), context.Canceled) // which goleak sees to
	})
}

// What a bound refuses is closed.
func TestWhatABusyServiceRefusesIsReleased(t *testing.T) {
	both(t, func(t *testing.T, url string) {
		w := start(t, url, &rpc.ServeOptions{MaxCalls: 1})
		ctx, cancel := context.WithCancel(watchdog(t))
		var waiting sync.WaitGroup
		waiting.Go(func() { wantErr(t, w.Wait(ctx), context.Canceled) })
		<-w.store.waiting
		r, s := engine.Stream()
		_, err := w.Upper(watchdog(t), r)
		wantErr(t, err, rpc.ErrBusy)
		for err = nil; err == nil; {
			_, err = s.Write(bytes.Repeat([]byte("x"), 1000))
		}
		wantErr(t, err, engine.ErrRefused)
		cancel()
		waiting.Wait()
	})
}

func TestAUnaryCallAllocatesLittle(t *testing.T) {
	if atomics.Race {
		t.Skip("the race detector allocates")
	}
	w := start(t, urls(t)["inmem"], nil)
	ctx := context.Background()
	one := func() {
		if _, err := w.Value(ctx, shop.Order{ID: 1}); err != nil {
			t.Fatal(err)
		}
	}
	for range 100 {
		one()
	}
	// At the callee: the call with its context.
	if n := testing.AllocsPerRun(2000, one); n > 1 {
		t.Errorf("a call allocates %v times", n)
	}
}
