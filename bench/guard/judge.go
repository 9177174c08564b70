package main

import (
	"slices"

	"github.com/aclements/go-moremath/stats"
)

// The rules by which a figure fails: see the package comment.
const (
	loose        = 2.0   // by default: worse than this times the record
	looseRounds  = 5     // in each of so many rounds
	tight        = 1.15  // with --strict: the median is worse by this factor
	tightRounds  = 15    // of so many
	significance = 0.001 // and by accident with less than this probability
	fewest       = 5     // rounds without which --strict says nothing
)

// worsened says by which factor a ratio is worse than a base: above 1 is worse.
func (f *figure) worsened(now, base float64) float64 {
	if f.high {
		now, base = base, now
	}
	return now / base
}

// suspect says whether the rounds so far are all worse than the loose bound, so that others are needed to clear the figure, or to fail it.
func (f *figure) suspect(rounds []float64, recorded float64) bool {
	for _, r := range rounds {
		if f.worsened(r, recorded) <= loose {
			return false
		}
	}
	return true
}

// slower says whether rounds are worse than those of a base, beyond what chance explains.
func (f *figure) slower(rounds, base []float64) bool {
	if len(rounds) < fewest || len(base) < fewest || f.worsened(median(rounds), median(base)) <= tight {
		return false
	}
	worse, other := rounds, base
	if f.high {
		worse, other = base, rounds
	}
	return larger(worse, other) < significance
}

// larger returns the probability that chance alone makes a's values as much larger than b's as they are, by the Mann-Whitney U test: it makes
// no assumption about the distribution, and one wild value counts as little as any.
func larger(a, b []float64) float64 {
	r, err := stats.MannWhitneyUTest(a, b, stats.LocationGreater)
	if err != nil {
		return 1 // all are equal
	}
	return r.P
}

// median returns the middle value, or the mean of the two in the middle; 0 of none.
func median(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	return (sorted[(len(sorted)-1)/2] + sorted[len(sorted)/2]) / 2
}
