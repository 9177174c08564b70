package main

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/corechan/corechan/codegen/rpc"
	"github.com/corechan/corechan/engine"
	"github.com/corechan/corechan/internal/shop"
	"github.com/corechan/corechan/transports"
)

// shopAt serves a shop in this process and returns its address.
func shopAt(t *testing.T) (url string) {
	t.Helper()
	return shopOn(t, "inmem://"+t.Name())
}

// shopOn serves a shop at an address, and returns that.
func shopOn(t *testing.T, url string) string {
	t.Helper()
	ln, err := transports.Listen(t.Context(), url, nil)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var serving sync.WaitGroup
	serving.Go(func() { _ = rpc.ServeListener(ctx, ln, nil, shop.ShopService(theShop())) })
	t.Cleanup(func() {
		cancel()
		_ = ln.Close()
		serving.Wait()
	})
	return url
}

func theShop() shop.Shop {
	return &shop.FakeShop{
		PlaceFunc: func(_ context.Context, o *shop.Order) (*shop.Fill, error) {
			if o.Price < 0 {
				return nil, &shop.Rejected{ID: o.ID, Reason: "negative"}
			}
			return &shop.Fill{ID: o.ID, At: time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC)}, nil
		},
		SumFunc: func(_ context.Context, numbers ...int64) (sum int64, err error) {
			for _, n := range numbers {
				sum += n
			}
			return sum, nil
		},
		ManyFunc: func(_ context.Context, id uint64, side shop.Side, price float64, note string, at time.Time, wait time.Duration, key []byte) (int64, bool, error) {
			return int64(id) + int64(len(note)) + int64(wait/time.Millisecond) + int64(len(key)), price == 1.5 && at.Year() == 2026, nil
		},
		WatchFunc: func(_ context.Context, count int) (engine.Receiver[shop.Order], error) {
			r, s := engine.Pipe[shop.Order]()
			go func() {
				defer s.Close()
				for i := range count {
					_ = s.Send(context.Background(), &shop.Order{ID: uint64(i), Note: "n"})
				}
			}()
			return r, nil
		},
		DrainFunc: func(ctx context.Context, in engine.Receiver[shop.Order]) (n int, err error) {
			for o, err := range in.All(ctx) {
				if err != nil {
					return n, err
				}
				n += int(o.ID)
			}
			return n, nil
		},
		SizeFunc: func(_ context.Context, f *os.File) (int64, error) {
			defer f.Close()
			i, err := f.Stat()
			if err != nil {
				return 0, err
			}
			return i.Size(), nil
		},
		OpenFunc:  func(_ context.Context, name string) (*os.File, error) { return os.Open(name) },
		TouchFunc: func(context.Context) error { return nil },
		LogFunc:   func(context.Context, string) error { return nil },
	}
}

func TestCallCallsMethodsOfEveryShape(t *testing.T) {
	url := shopAt(t)
	path := filepath.Join(t.TempDir(), "f")
	if err := os.WriteFile(path, []byte("content"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ method, args, out, errOut string }{
		{"Place", `{"ID": 7, "Price": 1}`, `{"ID":7,"At":"2026-05-01T00:00:00Z"}` + "\n", ""},
		{"Place", `{"ID": 7, "Price": -1}`, "", "order 7 rejected: negative"},
		{"Place", `{"ID": -7}`, "", "o.ID: want a whole number from 0 on, got -7"},
		{"Place", `{"Id": 7}`, "", `no field "Id"; it has ID, Price, Note`},
		{"Place", `{`, "", "is not JSON"},
		{"Sum", `[1, 2, 3]`, "6\n", ""},
		{"Many", `{"id": 1, "price": 1.5, "note": "abc", "at": "2026-01-01T00:00:00Z", "wait": "5ms", "key": "AAAA"}`, `{"Total":12,"Ok":true}` + "\n", ""},
		{"Many", `[1, 2, 1.5, "abc", "2026-01-01T00:00:00Z", 5000000, "AAAA"]`, `{"Total":12,"Ok":true}` + "\n", ""},
		{"Many", `{"no": 1}`, "", `takes no "no"; it takes id, side`},
		{"Many", `[1, 2, "x"]`, "", "price: want a number"},
		{"Watch", `2`, `{"ID":0,"Note":"n","Price":0}` + "\n" + `{"ID":1,"Note":"n","Price":0}` + "\n", ""},
		{"Drain", `[{"ID": 3}, {"ID": 4}]`, "7\n", ""},
		{"Size", `"` + path + `"`, "7\n", ""},
		{"Open", `"` + path + `"`, "content", ""},
		{"Touch", ``, "", ""},
		{"Log", `"x"`, "", ""},
		{"None", ``, "", "Place"},
		{"Subscribe", `{"l": 1, "count": 1}`, "", "a service cannot be given here"},
	} {
		code, out, errOut := corechan(t, "call", url, "Shop."+test.method, test.args)
		if out != test.out || !strings.Contains(errOut, test.errOut) || (code == exitOK) != (test.errOut == "") {
			t.Errorf("%s %s: %d, %q, %q", test.method, test.args, code, out, errOut)
		}
	}
	if code, _, errOut := corechan(t, "call", url, "None.Place"); code != exitFailure || !strings.Contains(errOut, "it serves Shop") {
		t.Errorf("%d, %s", code, errOut)
	}
	if code, _, errOut := corechan(t, "call", url, "Place"); code != exitUsage || !strings.Contains(errOut, "write Service.Method") {
		t.Errorf("%d, %s", code, errOut)
	}
}

func TestLsListsServices(t *testing.T) {
	url := shopAt(t)
	code, out, errOut := corechan(t, "ls", url)
	if code != exitOK || errOut != "" {
		t.Fatal(code, errOut)
	}
	for _, s := range []string{
		"Shop\n", "  Place(o shop.Order?) (", "      Place takes an order.\n", "  Log(text string) one-way\n",
		"  shop.Order {ID uint, Price int, Note string}\n",
	} {
		if !strings.Contains(out, s) {
			t.Errorf("%q is not in\n%s", s, out)
		}
	}
	if code, out, _ = corechan(t, "ls", "--json", url, "Shop.Place"); code != exitOK || !strings.Contains(out, `"name": "Place"`) || strings.Contains(out, `"Sum"`) {
		t.Error(code, out)
	}
	if code, _, errOut = corechan(t, "ls", url, "None"); code != exitFailure || !strings.Contains(errOut, "it serves Shop") {
		t.Error(code, errOut)
	}
	if code, _, errOut = corechan(t, "ls", "shm:///nowhere/at/all"); code != exitFailure || !strings.Contains(errOut, "listen") {
		t.Error(code, errOut)
	}
}
