package main

import (
	"math"
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

func TestChanceIsTheLessLikelyTheLargerAreLarger(t *testing.T) {
	b := []float64{1, 2, 3, 4, 5}
	if p := larger([]float64{6, 7, 8, 9, 10}, b); math.Abs(p-1./252) > 1e-9 { // one of the 252 ways to divide ten values
		t.Errorf("all are larger: %v", p)
	}
	if p := larger(b, []float64{6, 7, 8, 9, 10}); p < 0.99 {
		t.Errorf("all are smaller: %v", p)
	}
	if p := larger(b, b); p < 0.3 || p > 0.7 {
		t.Errorf("the same: %v", p)
	}
	if p := larger([]float64{3, 3, 3}, []float64{3, 3, 3}); p != 1 {
		t.Errorf("all are equal: %v", p)
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
