package main

import (
	"math"
	"math/bits"
	"math/rand/v2"
	"testing"
)

func TestAFigureFailsOnlyIfEveryRoundIsWorseThanTwiceTheRecord(t *testing.T) {
	low, high := &figure{}, &figure{high: true}
	for _, test := range []struct {
		name    string
		f       *figure
		rounds  []float64
		suspect bool
	}{
		{"all worse", low, []float64{4.1, 5, 6, 100, 4.01}, true},
		{"one is not", low, []float64{4.1, 5, 3.9, 100, 4.01}, false},
		{"just twice", low, []float64{4, 4, 4, 4, 4}, false},
		{"better", low, []float64{1, 1, 1, 1, 1}, false},
		{"rates, all worse", high, []float64{0.9, 0.5, 0.1, 0.99, 0.9}, true},
		{"rates, one is not", high, []float64{0.9, 0.5, 1.1, 0.99, 0.9}, false},
		{"rates, better", high, []float64{9, 9, 9, 9, 9}, false},
	} {
		if got := test.f.suspect(test.rounds, 2); got != test.suspect {
			t.Errorf("%s: suspect is %v", test.name, got)
		}
	}
}

// exact is larger by going through all ways to divide the values, which is what the normal distribution stands for.
func exact(a, b []float64) float64 {
	all := append(append([]float64{}, a...), b...)
	sum := func(values []float64) (u float64) {
		for _, v := range values {
			for _, w := range all {
				switch {
				case v > w:
					u++
				case v == w:
					u += 0.5
				}
			}
		}
		return u
	}
	observed, as, total := sum(a), 0, 0
	for set := range 1 << len(all) {
		if bits.OnesCount(uint(set)) != len(a) {
			continue
		}
		var chosen []float64
		for i, v := range all {
			if set>>i&1 == 1 {
				chosen = append(chosen, v)
			}
		}
		total++
		if sum(chosen) >= observed {
			as++
		}
	}
	return float64(as) / float64(total)
}

func TestTheUTestAgreesWithTryingAllDivisions(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for i := range 40 {
		a, b := make([]float64, 6), make([]float64, 6)
		for k := range a {
			a[k], b[k] = float64(r.IntN(20)+i/8), float64(r.IntN(20)) // with ties, and ever larger
		}
		if got, want := larger(a, b), exact(a, b); math.Abs(got-want) > 0.03 {
			t.Errorf("%v larger than %v: p = %.4f, and %.4f exactly", a, b, got, want)
		}
	}
	if p := larger([]float64{3, 3, 3}, []float64{3, 3, 3}); p != 1 {
		t.Errorf("of equals: %v", p)
	}
}

// noisy draws ratios as a machine gives them: most near the middle, some far too high, by others' load.
func noisy(r *rand.Rand, n int, middle, spread, wild float64, high bool) []float64 {
	all := make([]float64, n)
	for i := range all {
		factor := math.Exp(spread * r.NormFloat64())
		if r.Float64() < wild {
			factor *= 1 + 9*r.Float64()
		}
		if high {
			factor = 1 / factor
		}
		all[i] = middle * factor
	}
	return all
}

func TestStrictFindsThirtyPercentAndNothingElse(t *testing.T) {
	const runs, figures = 400, 10
	r := rand.New(rand.NewPCG(1, 2))
	for _, high := range []bool{false, true} {
		f := &figure{high: high}
		missed, alarms := 0, 0
		for range runs {
			base := noisy(r, tightRounds, 2, 0.06, 0.02, high)
			same := noisy(r, tightRounds, 2, 0.06, 0.02, high)
			worse := 2 * 1.3
			if high {
				worse = 2 / 1.3
			}
			if f.slower(same, base) {
				alarms++
			}
			if !f.slower(noisy(r, tightRounds, worse, 0.06, 0.02, high), base) {
				missed++
			}
		}
		if missed > runs/100 || alarms > runs/200 {
			t.Errorf("high %v: of %d, %d slowdowns were missed, and %d alarms false", high, runs, missed, alarms)
		}
	}
}

func TestStrictSaysNothingOfFewRounds(t *testing.T) {
	f := &figure{}
	if f.slower([]float64{9, 9, 9, 9}, []float64{1, 1, 1, 1, 1}) || f.slower([]float64{9, 9, 9, 9, 9}, []float64{1, 1, 1, 1}) {
		t.Error("four rounds were enough")
	}
}

// resample draws rounds from those that were recorded.
func resample(r *rand.Rand, rounds []float64, n int) []float64 {
	all := make([]float64, n)
	for i := range all {
		all[i] = rounds[r.IntN(len(rounds))]
	}
	return all
}

// The rounds of the busiest machine that was seen: two cores, shared by ten other builds and tests.
var busy = []struct {
	high   bool
	rounds []float64
}{
	{false, []float64{1.738, 1.911, 1.788, 1.921, 5.13, 2.19, 1.85, 12.4, 1.77, 1.95}},
	{false, []float64{1.40, 0.88, 1.65, 1.48, 1.22, 3.9, 1.1, 0.95, 2.67, 1.46}},
	{true, []float64{0.22, 0.02, 1.15, 0.19, 0.25, 0.31, 0.05, 0.28, 0.21, 0.4}},
	{true, []float64{0.30, 0.01, 0.80, 0.31, 0.35, 0.12, 0.29, 0.33, 0.27, 0.5}},
}

func TestNoFalseAlarmsOnABusyMachine(t *testing.T) {
	const runs = 2000
	r := rand.New(rand.NewPCG(3, 4))
	alarms := 0
	for range runs {
		for _, b := range busy {
			f := &figure{high: b.high}
			recorded := median(resample(r, b.rounds, tightRounds))
			if f.suspect(resample(r, b.rounds, looseRounds), recorded) {
				alarms++
			}
		}
	}
	// 20 runs of ten figures may have none: in so many, few.
	if limit := runs * len(busy) / 1000; alarms > limit {
		t.Errorf("%d alarms in %d runs of %d figures; at most %d", alarms, runs, len(busy), limit)
	}
}

func TestMedian(t *testing.T) {
	for want, values := range map[float64][]float64{0: nil, 3: {3}, 2.5: {4, 1, 2, 3}, 2: {9, 1, 2}} {
		if got := median(values); got != want {
			t.Errorf("of %v: %v", values, got)
		}
	}
}
