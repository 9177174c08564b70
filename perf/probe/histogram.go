package probe

import (
	"encoding/json"
	"math/bits"
	"time"
)

// The buckets of a Histogram, as bpf/probe.h has them: see the package documentation.
const (
	subBits   = 5
	sub       = 1 << subBits
	valueBits = 36
	buckets   = (valueBits - subBits + 1) * sub
)

// Histogram counts durations in nanoseconds. A value in it is off by 1/64 at most, up to 2^36 ns (69 s); what is longer counts as
// that. The zero value is empty. It is not for concurrent use.
type Histogram struct {
	sum, max uint64
	buckets  [buckets]uint64
}

// set takes over what the kernel has counted: struct histogram of bpf/probe.h.
func (h *Histogram) set(sum, max uint64, counts *[buckets]uint64) {
	h.sum, h.max, h.buckets = sum, max, *counts
}

// Record adds one duration. A negative one counts as 0.
func (h *Histogram) Record(d time.Duration) {
	ns := uint64(max(d, 0))
	h.buckets[bucketOf(ns)]++
	h.sum += ns
	h.max = max(h.max, ns)
}

// Count returns how many durations there are.
func (h *Histogram) Count() uint64 {
	var n uint64
	for _, b := range &h.buckets {
		n += b
	}
	return n
}

// Sum returns all durations together, exactly.
func (h *Histogram) Sum() time.Duration { return time.Duration(h.sum) }

// Max returns the longest: exactly, or where it is not known since when that one is (after Sub) as the end of its bucket.
func (h *Histogram) Max() time.Duration { return time.Duration(h.max) }

// Mean returns the mean, or 0 if the histogram is empty.
func (h *Histogram) Mean() time.Duration {
	n := h.Count()
	if n == 0 {
		return 0
	}
	return time.Duration(h.sum / n)
}

// Quantile returns a duration that a share q of all does not exceed: 0.5 is the median. It returns 0 if the histogram is empty.
func (h *Histogram) Quantile(q float64) time.Duration {
	n := h.Count()
	if n == 0 {
		return 0
	}
	rank := min(max(uint64(q*float64(n)+0.5), 1), n)
	for i, b := range &h.buckets {
		if rank <= b {
			low, high := bucketBounds(i)
			return time.Duration(min(low+(high-low)/2, h.max))
		}
		rank -= b
	}
	return h.Max() // counters that the kernel is changing may add up to less
}

// Buckets calls yield for each bucket that is not empty, from the shortest durations on: how many are below high and in no
// bucket before. Use it as a range function.
func (h *Histogram) Buckets(yield func(high time.Duration, count uint64) bool) {
	for i, b := range &h.buckets {
		if b == 0 {
			continue
		}
		if _, high := bucketBounds(i); !yield(time.Duration(high), b) {
			return
		}
	}
}

// Add adds all durations of another histogram.
func (h *Histogram) Add(other *Histogram) {
	for i, b := range &other.buckets {
		h.buckets[i] += b
	}
	h.sum += other.sum
	h.max = max(h.max, other.max)
}

// Sub takes away what an earlier reading of the same histogram has, so that what is left came after it.
func (h *Histogram) Sub(before *Histogram) {
	top := -1
	for i, b := range &before.buckets {
		h.buckets[i] -= min(b, h.buckets[i])
		if h.buckets[i] > 0 {
			top = i
		}
	}
	h.sum -= min(before.sum, h.sum)
	switch {
	case top < 0:
		h.max = 0
	case h.max > before.max: // the longest came after
	default:
		_, high := bucketBounds(top)
		h.max = min(h.max, high)
	}
}

// MarshalJSON writes count, sum_ns, mean_ns, p50_ns, p90_ns, p99_ns, p999_ns and max_ns.
func (h *Histogram) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		Count uint64        `json:"count"`
		Sum   time.Duration `json:"sum_ns"`
		Mean  time.Duration `json:"mean_ns"`
		P50   time.Duration `json:"p50_ns"`
		P90   time.Duration `json:"p90_ns"`
		P99   time.Duration `json:"p99_ns"`
		P999  time.Duration `json:"p999_ns"`
		Max   time.Duration `json:"max_ns"`
	}{h.Count(), h.Sum(), h.Mean(), h.Quantile(0.5), h.Quantile(0.9), h.Quantile(0.99), h.Quantile(0.999), h.Max()})
}

func bucketOf(ns uint64) int {
	switch {
	case ns < sub:
		return int(ns)
	case ns >= 1<<valueBits:
		return buckets - 1
	}
	e := bits.Len64(ns) - 1
	return (e-subBits+1)<<subBits + int(ns>>(e-subBits))&(sub-1)
}

// bucketBounds returns the values from low up to, and not including, high that a bucket is for.
func bucketBounds(bucket int) (low, high uint64) {
	if bucket < sub {
		return uint64(bucket), uint64(bucket) + 1
	}
	shift := bucket>>subBits - 1
	low = uint64(sub+bucket&(sub-1)) << shift
	return low, low + 1<<shift
}
