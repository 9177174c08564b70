package engine_test

import (
	"fmt"
	"runtime"
	"testing"

	"github.com/corechan/corechan/engine"
	"github.com/corechan/corechan/transports/inmem"
)

// An idle channel is its two ends, and their places in two maps.
func TestAnIdleChannelTakesLessThanAKibibyteAtEachEnd(t *testing.T) {
	ctx := watchdog(t)
	n := 10_000
	if soak {
		n = 100_000
	}
	o := &inmem.Options{Engine: newEngine(t, engine.Config{Limits: engine.Limits{Channels: n, Unclaimed: n}})}
	a, b := pair(t, o)
	before := heap()
	senders := make([]engine.Sender[order], n)
	receivers := make([]engine.Receiver[order], n)
	for i := range n {
		name := fmt.Sprintf("idle %d", i)
		senders[i] = must(engine.Open[order](ctx, a, name))
		receivers[i] = must(engine.Accept[order](ctx, b, name))
	}
	each := float64(heap()-before) / float64(n)
	t.Logf("%.0f bytes for both ends of a channel", each)
	if each > 2048 {
		t.Errorf("%.0f bytes for both ends of a channel", each)
	}
	for i := range n {
		check(t, senders[i].Send(ctx, &order{ID: uint64(i)}))
		var o order
		check(t, receivers[i].Receive(ctx, &o))
		if o.ID != uint64(i) {
			t.Fatal(o)
		}
	}
}

func heap() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
