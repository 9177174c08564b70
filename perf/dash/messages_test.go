package dash

import (
	"encoding/json"
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/corechan/corechan/engine"
	"github.com/corechan/corechan/engine/watch"
)

// receiver is an engine that has received messages.
func receiver(name string, latencies ...engine.LatencySnapshot) watch.Engine {
	return watch.Engine{Name: name, PID: 7, Command: name, Snapshot: &engine.Snapshot{Latencies: latencies}}
}

func TestALookSaysHowLongMessagesTookSinceTheLastOne(t *testing.T) {
	before := engine.LatencySnapshot{
		Channel: "orders", Transport: "shm", Core: 1, Sum: 10_000, Max: 2047, Discarded: 1,
		Times: engine.Durations{{High: 1023, Count: 10}},
	}
	after := before
	after.Sum, after.Discarded = 31_000, 3
	after.Times = engine.Durations{{High: 1023, Count: 13}, {High: 2047, Count: 9}}
	other := before
	other.Core = 2
	m := looks(t, nil, []watch.Engine{receiver("a", before, other)}, []watch.Engine{receiver("a", after, other)}).Messages
	if len(m) != 1 || m[0].Engine != "a" || m[0].Channel != "orders" || m[0].Transport != "shm" || m[0].Core != 1 || m[0].Discarded != 2 {
		t.Fatalf("%+v", m)
	}
	h := m[0].Times
	if h.Count != 12 || h.Sum != 21_000 || h.Max != 2047 || h.quantile(0.5) < 1700 || h.quantile(0.5) > 2047 {
		t.Errorf("%+v, median %v", h, h.quantile(0.5))
	}
	// The buckets are those of package probe, made coarser: 9/12 of the way is in the one that ends at 1023.
	if got := h.quantile(0.2); float64(got) < 1023/1.05 || float64(got) > 1023*1.05 {
		t.Errorf("%v instead of 1023 ns", got)
	}
}

func TestMessagesOfALookAreBoundedAndKeepTheMost(t *testing.T) {
	var engines []watch.Engine
	for i := range 2 * MaxEngines {
		e := receiver(fmt.Sprint(i))
		for core := range engine.MaxLatencies {
			var times engine.Durations
			for b := range 200 {
				times = append(times, engine.DurationBucket{High: time.Duration(100 + b*b*b), Count: uint64(i*1000+core) + 1})
			}
			e.Snapshot.Latencies = append(e.Snapshot.Latencies, engine.LatencySnapshot{Channel: "x", Core: core, Times: times, Max: time.Hour})
		}
		engines = append(engines, e)
	}
	look := looks(t, nil, nil, engines)
	if len(look.Messages) != MaxMessages || look.MoreMessages != MaxEngines*engine.MaxLatencies-MaxMessages || look.Messages[0].Core != engine.MaxLatencies-1 {
		t.Errorf("%d, %d more, the first of core %d", len(look.Messages), look.MoreMessages, look.Messages[0].Core)
	}
	whole := must(json.Marshal(look))
	if coarser := must(json.Marshal(look.grained(coarsest))); len(whole) > sampleSize/4 || len(coarser) > len(whole)/2 {
		t.Errorf("it takes %d bytes, and %d where it is coarsest", len(whole), len(coarser))
	}
	if again := must(json.Marshal(look)); string(again) != string(whole) {
		t.Error("to make it coarser has changed it")
	}
	for i, m := range look.grained(coarsest).Messages {
		if m.Times.Count != look.Messages[i].Times.Count || m.Times.Max != look.Messages[i].Times.Max {
			t.Errorf("%+v instead of %+v", m.Times, look.Messages[i].Times)
		}
	}
}

// The page takes no numbers beyond 2^53, and no buckets that it does not have.
func TestLatenciesThatAreMadeUpDoNoHarm(t *testing.T) {
	mad := engine.LatencySnapshot{Core: math.MinInt32, Sum: math.MaxInt64, Max: math.MaxInt64, Discarded: math.MaxUint64, Times: engine.Durations{
		{High: math.MaxInt64, Count: math.MaxUint64}, {High: -5, Count: math.MaxUint64}, {High: 7, Count: 1}, {High: 7, Count: 1},
	}}
	back := engine.LatencySnapshot{Core: math.MinInt32, Sum: -5, Max: -5, Times: engine.Durations{{High: 3, Count: 1}}}
	for _, order := range [][]engine.LatencySnapshot{{{}, mad}, {mad, back}, {back, mad}} {
		for g := fine; g <= coarsest; g *= 2 {
			for _, m := range looks(t, nil, []watch.Engine{receiver("a", order[0])}, []watch.Engine{receiver("a", order[1])}).grained(g).Messages {
				h, bucket := m.Times, uint64(0)
				if h.Count > 1<<53 || h.Sum < 0 || h.Sum > 1<<53 || h.Max < 0 || h.Max > 1<<53 || m.Discarded > 1<<53 || m.Core != -1 {
					t.Errorf("%+v %+v", m, h)
				}
				for i := 0; i < len(h.Buckets); i += 2 {
					if bucket += h.Buckets[i]; bucket >= 1024 || i > 0 && h.Buckets[i] == 0 || h.Buckets[i+1] > 1<<53 {
						t.Errorf("grain %d: %v", g, h.Buckets)
					}
				}
			}
		}
	}
}
