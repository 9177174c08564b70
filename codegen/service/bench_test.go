package service_test

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/corechan/corechan/codegen/rpc"
	"github.com/corechan/corechan/engine"
	"github.com/corechan/corechan/internal/shop"
)

// BenchmarkUnary compares calls through a generated client with the same by engine.Call, written by hand, and with what both rest upon: a
// plain round trip of typed messages, and a cache line that goes to and fro. All run in turn, in slices, with both ends in this process on
// two goroutines; each figure is the median of all calls, so that slices in which others had the cores count little.
//
//	line-ns      a cache line there and back
//	plain-ns     an Order there and a Fill back, on two channels
//	hand-ns      engine.Call of an Order with a place for a Fill
//	client-ns    ShopClient.Value: the same by a service
//	inline-ns    ShopClient.Touch: neither arguments nor results, inline
//	loop-ns      the same, of a service on a loop (rpc.Handle)
//	/hand        client beside hand
//	/line        client beside line
func BenchmarkUnary(b *testing.B) {
	for _, wait := range []engine.Wait{engine.Spin, engine.Block} {
		for kind, url := range urls(b) {
			b.Run(fmt.Sprintf("%v/%s", wait, kind), func(b *testing.B) { unary(b, wait, url) })
		}
	}
}

// slice is how many calls are made in a row.
const slice = 2000

func unary(b *testing.B, wait engine.Wait, url string) {
	type way struct {
		name    string
		run     func(b *testing.B, wait engine.Wait, url string, samples []int64)
		samples []int64
	}
	ways := []*way{{name: "line", run: line}, {name: "plain", run: plain}, {name: "hand", run: hand}, {name: "client", run: client}, {name: "inline", run: inline}, {name: "loop", run: loop}}
	for left := b.N; left > 0; left -= slice {
		for _, w := range ways {
			samples := make([]int64, min(left, slice))
			w.run(b, wait, url, samples)
			w.samples = append(w.samples, samples...)
		}
	}
	p50 := map[string]float64{}
	for _, w := range ways {
		slices.Sort(w.samples)
		p50[w.name] = float64(w.samples[len(w.samples)/2])
		b.ReportMetric(p50[w.name], w.name+"-ns")
	}
	b.ReportMetric(p50["client"]/p50["hand"], "/hand")
	b.ReportMetric(p50["client"]/p50["line"], "/line")
	b.ReportMetric(0, "ns/op")
}

// sample calls f and notes how long each call took.
func sample(b *testing.B, samples []int64, f func() error) {
	for range slice / 4 { // to warm up
		if err := f(); err != nil {
			b.Fatal(err)
		}
	}
	last := time.Now()
	for i := range samples {
		if err := f(); err != nil {
			b.Fatal(err)
		}
		now := time.Now()
		samples[i] = int64(now.Sub(last))
		last = now
	}
}

func line(b *testing.B, _ engine.Wait, _ string, samples []int64) {
	var there, back struct {
		_ [128]byte
		n atomic.Uint64
		_ [128]byte
	}
	go func() {
		for n := uint64(1); ; n++ {
			for there.n.Load() < n {
			}
			if there.n.Load() == 1<<63 {
				return
			}
			back.n.Store(n)
		}
	}()
	n := uint64(0)
	sample(b, samples, func() error {
		n++
		there.n.Store(n)
		for back.n.Load() < n {
		}
		return nil
	})
	there.n.Store(1 << 63)
}

func plain(b *testing.B, wait engine.Wait, url string, samples []int64) {
	near, far := pair(b, url, engine.Config{Wait: wait})
	ctx := context.Background()
	asks, err := engine.Open[shop.Order](ctx, near, "asks")
	if err != nil {
		b.Fatal(err)
	}
	over := make(chan struct{})
	go func() {
		defer close(over)
		in, err := engine.Accept[shop.Order](ctx, far, "asks")
		if err != nil {
			return
		}
		out, err := engine.Open[shop.Fill](ctx, far, "fills")
		if err != nil {
			return
		}
		var o shop.Order
		for in.Receive(ctx, &o) == nil {
			if out.Send(ctx, &shop.Fill{ID: o.ID + 2, At: noon}) != nil {
				return
			}
		}
	}()
	fills, err := engine.Accept[shop.Fill](ctx, near, "fills")
	if err != nil {
		b.Fatal(err)
	}
	o, f := shop.Order{ID: 1, Price: 2, Note: "n"}, shop.Fill{}
	sample(b, samples, func() error {
		if err := asks.Send(ctx, &o); err != nil {
			return err
		}
		return fills.Receive(ctx, &f)
	})
	_ = near.Close()
	<-over
	_ = far.Close()
}

func hand(b *testing.B, wait engine.Wait, url string, samples []int64) {
	near, far := pair(b, url, engine.Config{Wait: wait})
	ctx := context.Background()
	asks, err := engine.Open[handAsk](ctx, near, "asks")
	if err != nil {
		b.Fatal(err)
	}
	over := make(chan struct{})
	go func() {
		defer close(over)
		in, err := engine.Accept[handAsk](ctx, far, "asks")
		if err != nil {
			return
		}
		var q handAsk
		for in.Receive(ctx, &q) == nil {
			if q.Reply.Send(ctx, &shop.Fill{ID: q.ID + 2, At: noon}) != nil {
				return
			}
		}
	}()
	q, f := handAsk{Order: shop.Order{ID: 1, Price: 2, Note: "n"}}, shop.Fill{}
	sample(b, samples, func() error { return engine.Call(ctx, asks, &q, &q.Reply, &f) })
	_ = near.Close()
	<-over
	_ = far.Close()
}

func client(b *testing.B, wait engine.Wait, url string, samples []int64) {
	w := startWith(b, url, engine.Config{Wait: wait}, nil)
	ctx := context.Background()
	sample(b, samples, func() error {
		_, err := w.Value(ctx, shop.Order{ID: 1, Price: 2, Note: "n"})
		return err
	})
	w.end()
}

func inline(b *testing.B, wait engine.Wait, url string, samples []int64) {
	w := startWith(b, url, engine.Config{Wait: wait}, nil)
	ctx := context.Background()
	sample(b, samples, func() error { return w.Touch(ctx) })
	w.end()
}

func loop(b *testing.B, wait engine.Wait, url string, samples []int64) {
	var all *engine.Listener
	near, eng := handled(b, url, &engine.Config{Wait: wait, Cores: "0"}, func(ln *engine.Listener) {
		all = ln
		check(b, rpc.Handle(ln, nil, shop.ShopService(newStore())))
	})
	c, ctx := shop.NewShopClient(near), context.Background()
	sample(b, samples, func() error { return c.Touch(ctx) })
	_ = all.Close()
	check(b, eng.Shutdown(watchdog(b))) // a loop that spins takes a core
}

// end ends the world before its test does.
func (w *world) end() {
	w.stop()
	for range w.served {
	}
	_, _ = w.client.Close(), w.server.Close()
}

// BenchmarkAllocs counts allocations of a call, at both ends together.
func BenchmarkAllocs(b *testing.B) {
	ctx := context.Background()
	for _, method := range []string{"Value", "Touch"} {
		b.Run(method, func(b *testing.B) {
			w := startWith(b, urls(b)["inmem"], engine.Config{}, nil)
			b.ReportAllocs()
			for b.Loop() {
				var err error
				if method == "Value" {
					_, err = w.Value(ctx, shop.Order{ID: 1, Price: 2, Note: "n"})
				} else {
					err = w.Touch(ctx)
				}
				if err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// A handAsk is an Order with a place for the answer, as one writes it by hand.
type handAsk struct {
	shop.Order
	Reply engine.Sender[shop.Fill]
}

func (q *handAsk) Msgsize() int { return q.Order.Msgsize() + q.Reply.Msgsize() }

func (q *handAsk) MarshalMsg(b []byte) ([]byte, error) {
	b, err := q.Order.MarshalMsg(b)
	if err != nil {
		return b, err
	}
	return q.Reply.MarshalMsg(b)
}

func (q *handAsk) UnmarshalMsg(b []byte) ([]byte, error) {
	b, err := q.Order.UnmarshalMsg(b)
	if err != nil {
		return b, err
	}
	return q.Reply.UnmarshalMsg(b)
}

func (q *handAsk) Carry(c *engine.Cargo) error { return q.Reply.Carry(c) }
