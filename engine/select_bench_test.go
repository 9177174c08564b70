package engine_test

import (
	"context"
	"testing"

	"github.com/corechan/corechan/engine"
)

func BenchmarkSelect(b *testing.B) {
	for name, kinds := range map[string][2]string{"one session": {channel, channel}, "pipes": {pipe, pipe}} {
		b.Run(name, func(b *testing.B) {
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			var s [2]engine.Sender[order]
			var r [2]engine.Receiver[order]
			if kinds[0] == pipe {
				r[0], s[0] = engine.Pipe[order]()
				r[1], s[1] = engine.Pipe[order]()
			} else {
				x, y := pair(b, nil)
				s[0], r[0] = open[order](b, channel, x, y, "0")
				s[1], r[1] = open[order](b, channel, x, y, "1")
			}
			go func() {
				for i := 0; s[i%2].Send(ctx, &order{ID: uint64(i)}) == nil; i++ {
				}
			}()
			b.ReportAllocs()
			var o order
			for b.Loop() {
				if _, err := engine.Select(ctx, engine.Case(r[0], &o), engine.Case(r[1], &o)); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkMerge(b *testing.B) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	x, y := pair(b, nil)
	m := engine.NewMerge[order]()
	defer m.Close()
	var all []engine.Sender[order]
	for range 16 {
		s, r := open[order](b, channel, x, y, "0")
		all = append(all, s)
		check(b, m.Add(r))
	}
	go func() {
		for i := 0; all[i%16].Send(ctx, &order{ID: uint64(i)}) == nil; i++ {
		}
	}()
	b.ReportAllocs()
	var o order
	for b.Loop() {
		check(b, m.Receive(ctx, &o))
	}
}

func BenchmarkCopy(b *testing.B) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	r, s := engine.Pipe[order]()
	r2, s2 := engine.Pipe[order]()
	go func() {
		for i := 0; s.Send(ctx, &order{ID: uint64(i)}) == nil; i++ {
		}
	}()
	go func() { _, _ = engine.Copy(ctx, s2, r) }()
	b.ReportAllocs()
	var o order
	for b.Loop() {
		check(b, r2.Receive(ctx, &o))
	}
}
