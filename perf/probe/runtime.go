package probe

import (
	"math"
	"runtime/metrics"
	"time"
)

// RuntimeStats is what Go's own runtime says of this process, see runtime/metrics. Its histograms are as exact as the runtime's own; sums
// and means are estimates.
type RuntimeStats struct {
	// SchedulerLatency is how long goroutines that could run waited for a thread.
	SchedulerLatency Histogram `json:"scheduler_latency"`
	// GCPauses are times in which the collector let no goroutine run.
	GCPauses Histogram `json:"gc_pauses"`
	GCCycles uint64    `json:"gc_cycles"`
}

const (
	metricSchedulerLatency = "/sched/latencies:seconds"
	metricGCPauses         = "/sched/pauses/total/gc:seconds"
	metricGCCycles         = "/gc/cycles/total:gc-cycles"
)

func readRuntime() *RuntimeStats {
	samples := []metrics.Sample{{Name: metricSchedulerLatency}, {Name: metricGCPauses}, {Name: metricGCCycles}}
	metrics.Read(samples)
	s := &RuntimeStats{}
	for i := range samples {
		switch v := samples[i].Value; {
		case v.Kind() == metrics.KindUint64:
			s.GCCycles = v.Uint64()
		case v.Kind() != metrics.KindFloat64Histogram: // a runtime without this metric
		case samples[i].Name == metricSchedulerLatency:
			s.SchedulerLatency.convert(v.Float64Histogram())
		default:
			s.GCPauses.convert(v.Float64Histogram())
		}
	}
	return s
}

// convert puts each of the runtime's buckets into the one that its middle falls into.
func (h *Histogram) convert(from *metrics.Float64Histogram) {
	for i, n := range from.Counts {
		if n == 0 {
			continue
		}
		low, high := max(from.Buckets[i], 0), from.Buckets[i+1]
		if math.IsInf(high, 1) {
			high = low
		}
		ns := uint64((low + high) / 2 * float64(time.Second))
		h.buckets[bucketOf(ns)] += n
		h.sum += n * ns
		h.max = max(h.max, uint64(high*float64(time.Second)))
	}
}

func (s *RuntimeStats) clone() *RuntimeStats { c := *s; return &c }

func (s *RuntimeStats) sub(before *RuntimeStats) {
	s.SchedulerLatency.Sub(&before.SchedulerLatency)
	s.GCPauses.Sub(&before.GCPauses)
	s.GCCycles -= min(before.GCCycles, s.GCCycles)
}
