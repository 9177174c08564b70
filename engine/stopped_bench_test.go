package engine_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/corechan/corechan/engine"
	"github.com/corechan/corechan/transports/inmem"
)

// One receiver among 1,000 has stopped, and its sender waits: what do the other 999 lose? Rounds with and without it take
// turns; the ratio of their rates is reported.
func BenchmarkOneStoppedReceiverAmongThousand(b *testing.B) {
	ctx := context.Background()
	const channels, each = 999, 32
	links := map[bool]func(){}
	for _, stopped := range []bool{false, true} {
		x, y, err := inmem.Pair(&inmem.Options{Engine: newEngine(b, engine.Config{})})
		if err != nil {
			b.Fatal(err)
		}
		defer x.Close()
		defer y.Close()
		var got atomic.Int64
		done := make(chan struct{}, 1)
		check(b, engine.Handle(y, "busy", func(context.Context, *order) error {
			if got.Add(1) == channels*each {
				got.Store(0)
				done <- struct{}{}
			}
			return nil
		}))
		senders := make([]engine.Sender[order], channels)
		for i := range senders {
			senders[i] = must(engine.Open[order](ctx, x, "busy"))
		}
		if stopped {
			s := must(engine.Open[order](ctx, x, "stopped"))
			full, stop := context.WithCancel(ctx)
			defer stop()
			go func() {
				for s.Send(full, &order{Note: "nobody receives this"}) == nil {
				}
			}()
			for {
				c := 0
				for info := range y.Channels() {
					if info.Name == "stopped" && info.Credit <= 0 {
						c++
					}
				}
				if c == 1 {
					break
				}
				time.Sleep(time.Millisecond)
			}
		}
		links[stopped] = func() {
			m := order{ID: 1}
			for range each {
				for _, s := range senders {
					check(b, s.Send(ctx, &m))
				}
			}
			<-done
		}
	}
	spent := map[bool]time.Duration{}
	b.ResetTimer()
	for range b.N {
		for _, stopped := range []bool{false, true} {
			start := time.Now()
			links[stopped]()
			spent[stopped] += time.Since(start)
		}
	}
	b.ReportMetric(float64(spent[false])/float64(spent[true]), "rate-ratio")
	b.ReportMetric(float64(b.N*channels*each)/spent[true].Seconds()/1e6, "Mmsg/s")
}
