package perf

import (
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func TestEachSystemSliceIsComparedToTheLimitSlicesBesideIt(t *testing.T) {
	for _, test := range []struct {
		name            string
		systems, limits []float64
		want            []float64
	}{
		{"nothing", nil, nil, []float64{}},
		{"steady", []float64{3, 3}, []float64{2, 2, 2}, []float64{1.5, 1.5}},
		{"a drift cancels", []float64{15, 25}, []float64{10, 20, 30}, []float64{1, 1}},
		{"interrupted before the last limit", []float64{4, 6}, []float64{2, 2}, []float64{2, 3}},
		{"interrupted earlier still", []float64{4, 6}, []float64{2}, []float64{2}},
		{"a limit of nothing", []float64{4}, []float64{0, 0}, []float64{}},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := ratios(test.systems, test.limits); !slices.Equal(got, test.want) {
				t.Errorf("got %v, want %v", got, test.want)
			}
		})
	}
}

func TestOneSliceThatLostItsCoreDoesNotMoveTheRatio(t *testing.T) {
	r := result{systems: []float64{150, 150, 9e6, 150, 150}, limits: [][]float64{{100, 100, 100, 8e6, 100, 100}}}
	if mid, _, _ := r.ratio(0); mid != 1.5 {
		t.Errorf("ratio %v, want 1.5", mid)
	}
}

func TestQuantilesLieBetweenTheirNeighbours(t *testing.T) {
	for _, test := range []struct {
		values []float64
		q      float64
		want   float64
	}{
		{nil, 0.5, 0},
		{[]float64{7}, 0.25, 7},
		{[]float64{3, 1}, 0.5, 2},
		{[]float64{5, 1, 3}, 0.5, 3},
		{[]float64{5, 4, 3, 2, 1}, 0.25, 2},
		{[]float64{1, 2}, 1, 2},
	} {
		if got := quantileOf(test.values, test.q); got != test.want {
			t.Errorf("quantile %v of %v: %v, want %v", test.q, test.values, got, test.want)
		}
	}
}

func TestTheHistogramAgreesWithSorting(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		samples := rapid.SliceOfN(rapid.Int64Range(1, 1e9), 1, 500).Draw(t, "samples")
		h := newHistogram()
		cut := rapid.IntRange(0, len(samples)).Draw(t, "cut")
		h.add(samples[:cut])
		h.add(samples[cut:])
		slices.Sort(samples)
		var sum float64
		for _, s := range samples {
			sum += float64(s)
		}
		if got, want := h.mean(), sum/float64(len(samples)); math.Abs(got-want) > 1e-6*want {
			t.Fatalf("mean %v, want %v", got, want)
		}
		if h.max != samples[len(samples)-1] {
			t.Fatalf("max %d, want %d", h.max, samples[len(samples)-1])
		}
		for _, q := range []float64{50, 90, 99, 99.9} {
			rank := max(int(q/100*float64(len(samples))+0.5), 1) // the library's rule
			want := float64(samples[rank-1])
			if got := h.quantile(q); math.Abs(got-want) > 0.002*want+1 {
				t.Fatalf("p%v %v, want %v", q, got, want)
			}
		}
		h.reset()
		if h.mean() != 0 || h.max != 0 {
			t.Fatal("reset left something")
		}
	})
}

func TestRoundTripsBeyondTheHistogramAreKeptAtItsEnd(t *testing.T) {
	h := newHistogram()
	h.add([]int64{0, 1 << 60})
	if h.max != 1<<60 {
		t.Errorf("max %d", h.max)
	}
	if p := h.quantile(100); p < float64(longest.Nanoseconds()) {
		t.Errorf("p100 %v is below a minute", p)
	}
}
