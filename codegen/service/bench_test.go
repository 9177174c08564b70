package service_test

import (
	"context"
	"testing"

	"github.com/corechan/corechan/engine"
	"github.com/corechan/corechan/internal/shop"
)

// BenchmarkUnary compares a call through a generated client with the same by engine.Call, written by hand: spinning, both ends in
// this process, on two goroutines.
func BenchmarkUnary(b *testing.B) {
	for kind, url := range urls(b) {
		ctx := context.Background()
		b.Run(kind+"/hand", func(b *testing.B) {
			client, server := pair(b, url, engine.Config{Wait: engine.Spin})
			asks, err := engine.Open[handAsk](ctx, client, "asks")
			if err != nil {
				b.Fatal(err)
			}
			over := make(chan struct{})
			go func() {
				defer close(over)
				in, err := engine.Accept[handAsk](ctx, server, "asks")
				if err != nil {
					return
				}
				var q handAsk
				var f shop.Fill
				for in.Receive(ctx, &q) == nil {
					f = shop.Fill{ID: q.ID + 2, At: noon}
					if q.Reply.Send(ctx, &f) != nil {
						return
					}
				}
			}()
			b.ReportAllocs()
			q := handAsk{Order: shop.Order{ID: 1, Price: 2, Note: "n"}}
			var f shop.Fill
			for b.Loop() {
				if err := engine.Call(ctx, asks, &q, &q.Reply, &f); err != nil {
					b.Fatal(err)
				}
			}
			_ = client.Close()
			<-over
		})
		for _, method := range []string{"client", "inline"} {
			b.Run(kind+"/"+method, func(b *testing.B) {
				w := start(b, url, nil)
				b.ReportAllocs()
				for b.Loop() {
					var err error
					if method == "client" {
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
