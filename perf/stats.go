package perf

import (
	"math"
	"slices"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// longest is the longest round trip that the histogram tells apart.
const longest = time.Minute

// histogram collects round trips in nanoseconds. Quantiles have three significant digits; mean and maximum are exact.
type histogram struct {
	h     *hdrhistogram.Histogram
	sum   float64
	count int
	max   int64
}

func newHistogram() *histogram {
	return &histogram{h: hdrhistogram.New(1, longest.Nanoseconds(), 3)}
}

func (h *histogram) add(samples []int64) {
	for _, ns := range samples {
		h.sum += float64(ns)
		h.max = max(h.max, ns)
		_ = h.h.RecordValue(min(max(ns, 1), longest.Nanoseconds())) // in range by construction
	}
	h.count += len(samples)
}

func (h *histogram) reset() {
	h.h.Reset()
	h.sum, h.count, h.max = 0, 0, 0
}

func (h *histogram) mean() float64 {
	if h.count == 0 {
		return 0
	}
	return h.sum / float64(h.count)
}

// quantile is at most the maximum: the histogram gives the upper bound of what it does not tell apart.
func (h *histogram) quantile(percent float64) float64 {
	return float64(min(h.h.ValueAtQuantile(percent), h.max))
}

// ratios divides each system slice by the mean of the limit slices beside it: limits[i] came before systems[i],
// limits[i+1], if there was time for it, after.
func ratios(systems, limits []float64) []float64 {
	all := make([]float64, 0, len(systems))
	for i, s := range systems {
		if i >= len(limits) {
			break
		}
		beside := limits[i]
		if i+1 < len(limits) {
			beside = (beside + limits[i+1]) / 2
		}
		if beside > 0 {
			all = append(all, s/beside)
		}
	}
	return all
}

// median returns the middle value, or the mean of the two in the middle; 0 of none.
func median(values []float64) float64 { return quantileOf(values, 0.5) }

// quantileOf interpolates between the two nearest values.
func quantileOf(values []float64, q float64) float64 {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	at := q * float64(len(sorted)-1)
	below := int(at)
	above := min(below+1, len(sorted)-1)
	return sorted[below] + (at-float64(below))*(sorted[above]-sorted[below])
}

// round keeps that many digits after the point.
func round(v float64, digits int) float64 {
	unit := math.Pow10(digits)
	return math.Round(v*unit) / unit
}
