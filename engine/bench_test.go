package engine_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/corechan/corechan/engine"
)

// BenchmarkSendReceive is what the engine adds to a ring: both ends in turn on one goroutine, so that no line travels.
func BenchmarkSendReceive(b *testing.B) {
	ctx := context.Background()
	for _, kind := range []string{"channel", "lane", "pipe"} {
		open := func(b *testing.B) (engine.Sender[engine.Raw], engine.Receiver[engine.Raw]) {
			if kind == "pipe" {
				r, s := engine.Pipe[engine.Raw]()
				return s, r
			}
			x, y := pair(b, nil)
			accepted := make(chan engine.Receiver[engine.Raw])
			go func() { accepted <- must(engine.Accept[engine.Raw](ctx, y, "x")) }()
			if kind == "lane" {
				s := must(engine.OpenLane[engine.Raw](ctx, x, "x", nil))
				return s, <-accepted
			}
			s := must(engine.Open[engine.Raw](ctx, x, "x"))
			return s, <-accepted
		}
		b.Run("raw/"+kind, func(b *testing.B) {
			s, r := open(b)
			for b.Loop() {
				slot, err := s.Reserve(ctx, 64)
				if err != nil {
					b.Fatal(err)
				}
				if err := slot.Commit(64); err != nil {
					b.Fatal(err)
				}
				l, err := r.Lease(ctx)
				if err != nil {
					b.Fatal(err)
				}
				if err := l.Release(); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run("copy/"+kind, func(b *testing.B) {
			s, r := open(b)
			m := make(engine.Raw, 64)
			var got engine.Raw
			for b.Loop() {
				if err := s.Send(ctx, &m); err != nil {
					b.Fatal(err)
				}
				if err := r.Receive(ctx, &got); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	b.Run("typed/channel", func(b *testing.B) {
		x, y := pair(b, nil)
		s := must(engine.Open[order](ctx, x, "x"))
		r := must(engine.Accept[order](ctx, y, "x"))
		m := order{ID: 1 << 40, Price: -1 << 40, Note: "0123456789012345678901234567890123456789"}
		var got order
		for b.Loop() {
			if err := s.Send(ctx, &m); err != nil {
				b.Fatal(err)
			}
			if err := r.Receive(ctx, &got); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkSnapshot is what a look from another process costs this one: its snapshot in the binary form, and reading that.
func BenchmarkSnapshot(b *testing.B) {
	for _, sessions := range []int{1, 1000} {
		s := snapshotOf(sessions, 4)
		page := must(s.AppendBinary(nil))
		b.Run(fmt.Sprintf("write/sessions=%d", sessions), func(b *testing.B) {
			for b.Loop() {
				page, _ = s.AppendBinary(page[:0])
			}
		})
		b.Run(fmt.Sprintf("read/sessions=%d", sessions), func(b *testing.B) {
			for b.Loop() {
				if err := s.UnmarshalBinary(page); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	b.Run("take", func(b *testing.B) {
		pair(b, nil)
		for b.Loop() {
			engine.Default().Snapshot()
		}
	})
}
