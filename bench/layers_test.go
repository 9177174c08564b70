package bench

import (
	"context"
	"runtime"
	"sync/atomic"
	"testing"

	"github.com/corechan/corechan/engine"
	"github.com/corechan/corechan/fd"
	"github.com/corechan/corechan/netpoll"
	"github.com/corechan/corechan/perf"
	"github.com/corechan/corechan/ring"
)

func BenchmarkRing(b *testing.B) {
	for _, n := range []int{64, 4096} {
		b.Run(map[int]string{64: "64B", 4096: "4KiB"}[n], func(b *testing.B) {
			near, far := must(ring.NewHeap(nil)), must(ring.NewHeap(nil))
			p, c := ring.NewProducer(near, far), ring.NewConsumer(far, near)
			from, to := make([]byte, n), make([]byte, n)
			b.SetBytes(int64(n))
			b.ReportAllocs()
			for b.Loop() {
				copy(must(p.Reserve(n)), from)
				p.Commit(n)
				p.Publish()
				copy(to, must(c.Next()))
				c.Release()
			}
		})
	}
}

func BenchmarkFD(b *testing.B) {
	x, y, err := fd.Socketpair()
	check(err)
	closing(b, x)
	closing(b, y)
	gift := must(fd.Memfd("bench", 4096, nil))
	closing(b, gift)
	var r fd.Receiver
	one, buf := []byte{1}, make([]byte, 1)
	b.ReportAllocs()
	for b.Loop() {
		must(fd.SendMsg(x.Int(), one, []int{gift.Int()}, 0))
		_, got, err := r.Recv(y.Int(), buf, 0)
		check(err)
		check(got[0].Close())
	}
}

func BenchmarkLoop(b *testing.B) {
	l := must(netpoll.New(&netpoll.Config{Wait: netpoll.Hybrid}))
	closing(b, l)
	var done atomic.Int64
	f := func() { done.Add(1) }
	b.ReportAllocs()
	for i := int64(1); b.Loop(); i++ {
		check(l.Post(f))
		for done.Load() != i {
			runtime.Gosched()
		}
	}
}

func BenchmarkEncode(b *testing.B) {
	m := newMessage()
	buf := make([]byte, 0, 2*size)
	b.Run("marshal", func(b *testing.B) {
		b.SetBytes(size)
		b.ReportAllocs()
		for b.Loop() {
			must(m.MarshalMsg(buf))
		}
	})
	encoded, in := must(m.MarshalMsg(buf)), newMessage()
	b.Run("unmarshal", func(b *testing.B) {
		b.SetBytes(size)
		b.ReportAllocs()
		for b.Loop() {
			must(in.UnmarshalMsg(encoded))
		}
	})
}

// ends opens a channel from one end of a session to the other.
func ends[T any](near, far *engine.Session, name string) (engine.Sender[T], engine.Receiver[T]) {
	ctx := context.Background()
	s := must(engine.Open[T](ctx, near, name))
	return s, must(engine.Accept[T](ctx, far, name))
}

func BenchmarkChannel(b *testing.B) {
	ctx := context.Background()
	near, far := pair(b, "inmem", engine.Hybrid)
	b.Run("typed", func(b *testing.B) {
		s, r := ends[perf.Message](near, far, "typed")
		out, in := newMessage(), newMessage()
		b.ReportAllocs()
		for b.Loop() {
			check(s.Send(ctx, &out))
			check(r.Receive(ctx, &in))
		}
	})
	b.Run("raw", func(b *testing.B) {
		s, r := ends[engine.Raw](near, far, "raw")
		from, to := make([]byte, size), make([]byte, size)
		b.ReportAllocs()
		for b.Loop() {
			slot := must(s.Reserve(ctx, size))
			copy(slot.Bytes(), from)
			check(slot.Commit(size))
			lease := must(r.Lease(ctx))
			copy(to, lease.Bytes())
			check(lease.Release())
		}
	})
	b.Run("open", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			s, r := ends[engine.Raw](near, far, "open")
			check(s.Close())
			check(r.Close())
		}
	})
}

func BenchmarkCall(b *testing.B) {
	ctx := context.Background()
	for _, transport := range []string{"inmem", "shm"} {
		b.Run(transport, func(b *testing.B) {
			near, far := pair(b, transport, engine.Hybrid)
			asks, in := ends[ask](near, far, "asks")
			go func() {
				answer := newMessage()
				for a, err := range in.All(ctx) {
					if err != nil || a.Reply.Send(ctx, &answer) != nil {
						return
					}
				}
			}()
			out, answer := ask{Message: newMessage()}, newMessage()
			b.ReportAllocs()
			for b.Loop() {
				check(engine.Call(ctx, asks, &out, &out.Reply, &answer))
			}
		})
	}
}
