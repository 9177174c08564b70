package main

import (
	"math"
	"slices"
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

// larger returns the probability that chance alone makes a's values as much larger than b's as they are: the one-sided Mann-Whitney U test,
// by the normal approximation with corrections for ties and continuity (H. B. Mann, D. R. Whitney: On a Test of Whether one of Two Random
// Variables is Stochastically Larger than the Other, 1947). It makes no assumption about the distribution, and one wild value
// counts as little as any.
func larger(a, b []float64) float64 {
	type value struct {
		v   float64
		ofA bool
	}
	all := make([]value, 0, len(a)+len(b))
	for _, v := range a {
		all = append(all, value{v, true})
	}
	for _, v := range b {
		all = append(all, value{v, false})
	}
	slices.SortFunc(all, func(x, y value) int {
		switch {
		case x.v < y.v:
			return -1
		case x.v > y.v:
			return 1
		}
		return 0
	})
	rankSum, ties := 0.0, 0.0
	for i := 0; i < len(all); {
		j := i
		for j < len(all) && all[j].v == all[i].v {
			j++
		}
		rank := float64(i+j+1) / 2 // the mean of those that are equal
		for _, v := range all[i:j] {
			if v.ofA {
				rankSum += rank
			}
		}
		t := float64(j - i)
		ties += t*t*t - t
		i = j
	}
	n, m := float64(len(a)), float64(len(b))
	u := rankSum - n*(n+1)/2
	sigma := math.Sqrt(n * m / 12 * (n + m + 1 - ties/((n+m)*(n+m-1))))
	if sigma == 0 {
		return 1 // all are equal
	}
	z := (u - n*m/2 - 0.5) / sigma
	return math.Erfc(z/math.Sqrt2) / 2
}

// median returns the middle value, or the mean of the two in the middle; 0 of none.
func median(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	return (sorted[(len(sorted)-1)/2] + sorted[len(sorted)/2]) / 2
}
