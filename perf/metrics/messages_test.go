package metrics

import (
	"fmt"
	"math"
	"sync"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"

	"github.com/corechan/corechan/engine"
	"github.com/corechan/corechan/transports/inmem"
)

// received is a snapshot of an engine that has received messages on some cores, n of each duration.
func received(transport string, n uint64, cores ...int) *engine.Snapshot {
	s := &engine.Snapshot{}
	for _, core := range cores {
		s.Latencies = append(s.Latencies, engine.LatencySnapshot{
			Channel: "orders", Transport: transport, Core: core, Sum: time.Duration(n) * 3 * time.Microsecond, Max: 2 * time.Microsecond,
			Times: engine.Durations{{High: time.Microsecond, Count: n}, {High: 2 * time.Microsecond, Count: n}},
		})
	}
	return s
}

func TestLatenciesOfEnginesOnlyGrow(t *testing.T) {
	var s sums
	for step, test := range []struct {
		found map[string]*engine.Snapshot
		n     uint64
		sum   float64
	}{
		{map[string]*engine.Snapshot{"a": received("shm", 10, 1)}, 20, 30e-6},
		{map[string]*engine.Snapshot{"a": received("shm", 15, 1), "b": received("shm", 100, 1)}, 230, 345e-6},
		{map[string]*engine.Snapshot{"b": received("shm", 101, 1)}, 232, 348e-6}, // a has ended
		{map[string]*engine.Snapshot{"b": received("shm", 3, 1)}, 238, 357e-6},   // began again
		{nil, 238, 357e-6},
	} {
		s.update(test.found)
		got := s.messages.all[messageLabels{"shm", "1"}]
		if got.n != test.n || math.Abs(got.sum-test.sum) > 1e-12 || len(s.messages.all) != 1 || len(s.messages.was) != len(test.found) {
			t.Errorf("step %d: %+v", step, got)
		}
	}
	s.update(map[string]*engine.Snapshot{"c": received("", 1, -1), "d": received("unix", 1, MaxCores)})
	for _, at := range []messageLabels{{"other", "other"}, {"unix", "other"}} {
		if s.messages.all[at] == nil || s.messages.all[at].n != 2 {
			t.Errorf("%+v: %+v", at, s.messages.all[at])
		}
	}
}

// A process may make up transports, cores, durations and counts.
func TestLatenciesThatAreMadeUpAreBounded(t *testing.T) {
	var s sums
	const rounds = 40
	for round := range rounds {
		lies := &engine.Snapshot{}
		for i := range MaxCores {
			lies.Latencies = append(lies.Latencies, received(fmt.Sprint("lie ", round), 1, i).Latencies...)
		}
		s.update(map[string]*engine.Snapshot{fmt.Sprint(round): lies})
	}
	if n := len(s.messages.all); n != maxMessageSeries+1 {
		t.Errorf("%d series", n)
	}
	total := uint64(0)
	for _, c := range s.messages.all {
		total += c.n
	}
	if total != rounds*MaxCores*2 {
		t.Errorf("%d messages of %d", total, rounds*MaxCores*2)
	}
	for range 3 {
		mad := received("shm", math.MaxUint64, 0)
		mad.Latencies[0].Sum = math.MaxInt64
		mad.Latencies[0].Times = append(mad.Latencies[0].Times, engine.DurationBucket{High: math.MaxInt64, Count: 1})
		s.update(map[string]*engine.Snapshot{"mad": mad})
		s.update(map[string]*engine.Snapshot{"mad": received("shm", 1, 0)})
	}
	for at, c := range s.messages.all {
		var m dto.Metric
		if err := c.metric(messageLatency.desc(), at.transport, at.core).Write(&m); err != nil || m.GetHistogram().GetSampleCount() > mostCounted {
			t.Errorf("%+v: %v, %d", at, err, m.GetHistogram().GetSampleCount())
		}
	}
}

// Of both forms, whose counts and sum agree with the engine's; scraped by several at once.
func TestLatenciesOfMessagesAreShown(t *testing.T) {
	ctx := watchdog(t)
	eng := busy(t, 1)
	c := New(Config{Engines: []*engine.Engine{eng}})
	const name = "corechan_message_latency_seconds"
	if gather(t, c)[name] != nil {
		t.Error("there is a latency without a message that says when it was sent")
	}
	eng.StampMessages(time.Hour)
	a, b, err := inmem.Pair(&inmem.Options{Engine: eng})
	check(t, err)
	s, err := engine.Open[engine.Raw](ctx, a, "x")
	check(t, err)
	r, err := engine.Accept[engine.Raw](ctx, b, "x")
	check(t, err)
	const messages = 200
	done := make(chan struct{})
	go func() {
		defer close(done)
		for range messages {
			_ = s.Send(ctx, &engine.Raw{1})
			_ = r.Receive(ctx, new(engine.Raw))
		}
	}()
	var all sync.WaitGroup
	for range 3 {
		all.Go(func() { gather(t, c) })
	}
	all.Wait()
	<-done
	n, sum, want := uint64(0), 0.0, time.Duration(0)
	for _, m := range gather(t, c)[name].Metric {
		h := m.GetHistogram()
		n += h.GetSampleCount()
		sum += h.GetSampleSum()
		if len(m.Label) != 2 || m.Label[1].GetValue() != inmem.Transport || h.GetSchema() != schema || h.Bucket[len(h.Bucket)-1].GetCumulativeCount() != h.GetSampleCount() {
			t.Errorf("%v", m)
		}
	}
	for _, l := range eng.Snapshot().Latencies {
		want += l.Sum
	}
	if n != messages || math.Abs(sum-want.Seconds()) > 1e-9 {
		t.Errorf("%d messages that took %v s, and not %v", n, sum, want)
	}
}
