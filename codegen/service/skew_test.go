package service_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/corechan/corechan/codegen/rpc"
	"github.com/corechan/corechan/engine"
	"github.com/corechan/corechan/internal/shop"
	"github.com/corechan/corechan/internal/shop2"
)

// serve serves one service until the test ends.
func serve(t testing.TB, sess *engine.Session, s rpc.Service) {
	ctx, cancel := context.WithCancel(context.Background())
	var serving sync.WaitGroup
	serving.Go(func() { _ = rpc.Serve(ctx, sess, nil, s) })
	t.Cleanup(func() {
		cancel()
		serving.Wait()
	})
}

// A later is a shop of the later version.
type later struct{ shop2.FakeShop }

func (*later) Value(_ context.Context, o shop2.Order, rush bool) (shop2.Fill, string, error) {
	return shop2.Fill{ID: o.ID + 2}, fmt.Sprint(rush, o.Tags), nil
}
func (*later) Again(context.Context) error { return nil }
func (*later) Fail(context.Context, string) error {
	return &shop2.Rejected{ID: 1, Reason: "r", Hint: "h"}
}

func TestAnOlderClientTalksToALaterService(t *testing.T) {
	both(t, func(t *testing.T, url string) {
		client, server := pair(t, url, engine.Config{})
		serve(t, server, shop2.ShopService(&later{}))
		c, ctx := shop.NewShopClient(client), watchdog(t)
		f, err := c.Value(ctx, shop.Order{ID: 1})
		check(t, err)
		equal(t, f.ID, 3)
		wantErr(t, c.Touch(ctx), rpc.ErrNoMethod) // which that version has no more
		// Its result has become another type.
		if _, err := c.Count(ctx); !errors.Is(err, engine.ErrMalformed) && !errors.Is(err, rpc.ErrNoMethod) {
			t.Error(err)
		}
		_, err = c.Sum(ctx, 1) // it takes something else
		wantErr(t, err, rpc.ErrBadRequest)
		// A reference in the place of which it has another kind.
		if _, err := c.Digest(ctx, strings.NewReader("x")); !errors.Is(err, engine.ErrRefused) && !errors.Is(err, rpc.ErrBadRequest) {
			t.Error(err)
		}
		// An error of a type that it does not know is its text.
		var own *rpc.Error
		if err := c.Fail(ctx, ""); !errors.As(err, &own) || own.Err != nil || own.Code != rpc.CodeFailed || err.Error() != "rh" {
			t.Error(err)
		}
	})
}

func TestALaterClientTalksToAnOlderService(t *testing.T) {
	both(t, func(t *testing.T, url string) {
		w, ctx := start(t, url, nil), watchdog(t)
		c := shop2.NewShopClient(w.client)
		f, note, err := c.Value(ctx, shop2.Order{ID: 1, Tags: []string{"a"}}, true)
		check(t, err)
		equal(t, f.ID, 3)
		equal(t, note, "")
		err = c.Again(ctx)
		wantErr(t, err, rpc.ErrNoMethod)
		if !strings.Contains(err.Error(), "Shop.Again") {
			t.Error(err)
		}
		check(t, w.Touch(ctx)) // both at once
		var rejected *shop2.Rejected
		var older *shop.Rejected
		if err := c.Fail(ctx, "rejected"); errors.As(err, &rejected) || !errors.As(err, &older) || *older != (shop.Rejected{ID: 3, Reason: "late"}) {
			t.Error(err) // a type of another package, which its own imports
		}
		var closed shop.Closed
		if err := c.Fail(ctx, "closed"); !errors.As(err, &closed) || !closed.Until.Equal(noon) {
			t.Error(err)
		}
	})
}

func TestAServiceThatIsNotServedIsNamed(t *testing.T) {
	both(t, func(t *testing.T, url string) {
		w, ctx := start(t, url, nil), watchdog(t)
		err := shop.NewListenerClient(w.client).Filled(ctx, &shop.Fill{})
		wantErr(t, err, rpc.ErrNoService)
		if !strings.Contains(err.Error(), "Listener") {
			t.Error(err)
		}
	})
}

func TestASessionTellsItsServices(t *testing.T) {
	both(t, func(t *testing.T, url string) {
		w, ctx := start(t, url, nil, shop.ListenerService(&shop.FakeListener{})), watchdog(t)
		all, err := rpc.Services(ctx, w.client)
		check(t, err)
		equal(t, len(all), 2)
		equal(t, all[0].Name+" "+all[1].Name, "Listener Shop")
		for _, m := range all[1].Methods {
			if m.Name == "Place" {
				equal(t, m.Doc, "Place takes an order.")
				equal(t, m.Args[0].Name+" "+m.Args[0].Type.Kind+" "+m.Args[0].Type.Elem.Name, "o optional shop.Order")
			}
		}
		equal(t, all[1].Types["shop.Order"].Fields[0].Name, "ID")
	})
}

func TestAFakeSaysWhatIsNotSet(t *testing.T) {
	f := &shop.FakeShop{}
	if _, err := f.Place(context.Background(), nil); !errors.Is(err, rpc.ErrNoMethod) || !strings.Contains(err.Error(), "FakeShop.PlaceFunc") {
		t.Error(err)
	}
}
