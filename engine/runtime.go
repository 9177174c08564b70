package engine

import (
	"math"
	"runtime/metrics"
	"time"
)

// A RuntimeSnapshot is what Go's runtime says of this process since it started; see runtime/metrics.
type RuntimeSnapshot struct {
	Goroutines uint64 `json:"goroutines"`
	GCCycles   uint64 `json:"gc_cycles"`
	// SchedulerLatency is how long goroutines that could run waited for a thread.
	SchedulerLatency Durations `json:"scheduler_latency"`
	// GCPauses are times in which the collector let no goroutine run.
	GCPauses Durations `json:"gc_pauses"`
}

// Durations is a histogram of durations: its buckets that are not empty, the shortest first.
type Durations []DurationBucket

// A DurationBucket counts durations up to High, and beyond the bucket before; the last of them may be longer.
type DurationBucket struct {
	High  time.Duration `json:"high_ns"`
	Count uint64        `json:"count"`
}

// Count returns how many durations there are.
func (d Durations) Count() (n uint64) {
	for _, b := range d {
		n += b.Count
	}
	return n
}

// Quantile returns the end of the bucket in which a share q of all is reached: 0.5 is the median. 0 if there are none.
func (d Durations) Quantile(q float64) time.Duration {
	n := d.Count()
	rank := min(max(uint64(math.Ceil(q*float64(n))), 1), n)
	for _, b := range d {
		if rank <= b.Count {
			return b.High
		}
		rank -= b.Count
	}
	return 0
}

// Sub returns what came after an earlier reading of the same durations.
func (d Durations) Sub(before Durations) Durations {
	was := make(map[time.Duration]uint64, len(before))
	for _, b := range before {
		was[b.High] = b.Count
	}
	var after Durations
	for _, b := range d {
		if n := was[b.High]; b.Count > n {
			after = append(after, DurationBucket{b.High, b.Count - n})
		}
	}
	return after
}

func readRuntime() (s RuntimeSnapshot) {
	samples := []metrics.Sample{
		{Name: "/sched/goroutines:goroutines"},
		{Name: "/gc/cycles/total:gc-cycles"},
		{Name: "/sched/latencies:seconds"},
		{Name: "/sched/pauses/total/gc:seconds"},
	}
	metrics.Read(samples)
	for i, n := range []*uint64{&s.Goroutines, &s.GCCycles} {
		if v := samples[i].Value; v.Kind() == metrics.KindUint64 { // else a runtime without this metric
			*n = v.Uint64()
		}
	}
	for i, d := range []*Durations{&s.SchedulerLatency, &s.GCPauses} {
		if v := samples[2+i].Value; v.Kind() == metrics.KindFloat64Histogram {
			*d = durations(v.Float64Histogram())
		}
	}
	return s
}

func durations(h *metrics.Float64Histogram) (d Durations) {
	for i, n := range h.Counts {
		if n == 0 {
			continue
		}
		high := h.Buckets[i+1]
		if math.IsInf(high, 1) {
			high = h.Buckets[i]
		}
		b := DurationBucket{time.Duration(high * float64(time.Second)), n}
		if last := len(d) - 1; last >= 0 && d[last].High == b.High {
			d[last].Count += n
			continue
		}
		d = append(d, b)
	}
	return d
}
