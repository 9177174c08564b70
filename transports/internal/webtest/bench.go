package webtest

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/corechan/corechan/engine"
)

// PingPong measures round trips of frames of that many bytes, raw.
func PingPong(b *testing.B, sa, sb *engine.Session, size int) {
	ctx := context.Background()
	ping, pinged := channel(b, sa, sb, "ping")
	pong, ponged := channel(b, sb, sa, "pong")
	over := make(chan struct{})
	go func() {
		defer close(over)
		var m engine.Raw
		for pinged.Receive(ctx, &m) == nil {
			_ = pong.Send(ctx, &m)
		}
	}()
	m := engine.Raw(make([]byte, size-engine.HeaderSize))
	RoundTrips(b, func() error {
		if err := ping.Send(ctx, &m); err != nil {
			return err
		}
		return ponged.Receive(ctx, &m)
	})
	_ = ping.Close()
	<-over
}

// RoundTrips measures what f does, and reports the median.
func RoundTrips(b *testing.B, f func() error) {
	b.ReportAllocs()
	var took []time.Duration
	for b.Loop() {
		began := time.Now()
		if err := f(); err != nil {
			b.Fatal(err)
		}
		took = append(took, time.Since(began))
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2]), "ns-p50")
}

// Stream measures messages of that many bytes in one direction, raw and in place at the receiver.
func Stream(b *testing.B, sa, sb *engine.Session, size int) {
	ctx := context.Background()
	s, r := channel(b, sa, sb, "stream")
	received := make(chan int)
	go func() {
		n := 0
		defer func() { received <- n }()
		for {
			l, err := r.Lease(ctx)
			if err != nil {
				return
			}
			n += len(l.Bytes())
			l.Release()
		}
	}()
	m := engine.Raw(make([]byte, size))
	b.SetBytes(int64(size))
	for b.Loop() {
		if err := s.Send(ctx, &m); err != nil {
			b.Fatal(err)
		}
	}
	_ = s.Close()
	if n := <-received; n != b.N*size {
		b.Errorf("%d bytes of %d came", n, b.N*size)
	}
}

func channel(b *testing.B, from, to *engine.Session, name string) (engine.Sender[engine.Raw], engine.Receiver[engine.Raw]) {
	ctx := context.Background()
	s, err := engine.Open[engine.Raw](ctx, from, name)
	if err != nil {
		b.Fatal(err)
	}
	r, err := engine.Accept[engine.Raw](ctx, to, name)
	if err != nil {
		b.Fatal(err)
	}
	return s, r
}
