package perf

import (
	"math"
	"slices"
)

// CostReport says what something costs the system: slices with it are held against the slices without that are their neighbours.
type CostReport struct {
	P50Ns     float64 `json:"p50_ns"`     // with it: median of the slices' p50
	WithoutNs float64 `json:"without_ns"` // the same of the slices without
	Ratio     float64 `json:"ratio"`      // median of slice with / slice without beside it
	RatioLow  float64 `json:"ratio_low"`  // lower and upper quartile of these
	RatioHigh float64 `json:"ratio_high"`
	// The true median lies between these in 19 of 20 measurements, unless the machine itself changes meanwhile.
	MedianLow  float64 `json:"median_low"`
	MedianHigh float64 `json:"median_high"`
}

// costOf holds slices with something against the system's.
func (r *result) costOf(with []float64) CostReport {
	all := quotients(with, r.systems)
	c := CostReport{
		P50Ns: round(median(with), 1), WithoutNs: round(median(r.systems), 1), Ratio: round(median(all), 4),
		RatioLow: round(quantileOf(all, 0.25), 4), RatioHigh: round(quantileOf(all, 0.75), 4),
	}
	low, high := medianBounds(all)
	c.MedianLow, c.MedianHigh = round(low, 4), round(high, 4)
	return c
}

func (c *CostReport) figures() []*float64 {
	return []*float64{&c.P50Ns, &c.WithoutNs, &c.Ratio, &c.RatioLow, &c.RatioHigh, &c.MedianLow, &c.MedianHigh}
}

// medianBounds returns two of the values between which the median of what they are drawn from lies with a probability of 95 %: by how
// many of n values fall below it, which is binomial, here approximated (see any text on order statistics).
func medianBounds(values []float64) (low, high float64) {
	if len(values) == 0 {
		return 0, 0
	}
	sorted := slices.Sorted(slices.Values(values))
	n := float64(len(sorted))
	at := max(int(math.Floor((n-1.96*math.Sqrt(n))/2)), 0)
	return sorted[at], sorted[len(sorted)-1-at]
}
