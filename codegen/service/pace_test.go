package service_test

import (
	"context"
	"sync"
	"testing"

	"github.com/corechan/corechan/internal/shop"
)

// Others are served while the first call of a method, which begins in the leader's place, goes on; also those that it needs itself.
func TestACallThatTakesLongHoldsUpNobody(t *testing.T) {
	both(t, func(t *testing.T, url string) {
		w := start(t, url, nil)
		ctx, cancel := context.WithCancel(watchdog(t))
		var waiting sync.WaitGroup
		for range 3 {
			waiting.Go(func() { wantErr(t, w.Wait(ctx), context.Canceled) })
			<-w.store.waiting
			for i := range uint64(20) { // fast ones, while slow ones run
				f, err := w.Value(ctx, shop.Order{ID: i})
				check(t, err)
				equal(t, f.ID, i+2)
			}
		}
		cancel()
		waiting.Wait()
	})
}

func TestAMethodMayCallBackWhoCallsIt(t *testing.T) {
	both(t, func(t *testing.T, url string) {
		w, ctx := start(t, url, nil), watchdog(t)
		l := &shop.FakeListener{}
		l.FilledFunc = func(ctx context.Context, f *shop.Fill) error {
			return w.Subscribe(ctx, l, int(f.ID)) // and deeper: each calls those below it
		}
		check(t, w.Subscribe(ctx, l, 4))
	})
}
