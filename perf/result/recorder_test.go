package result

import (
	"math"
	"testing"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

func TestATimingHasAllThatWasRecorded(t *testing.T) {
	r := NewRecorder()
	sum := 0.0
	for i := range 1000 {
		ns := []int64{int64(i + 1), int64(1000 + i)}
		sum += float64(ns[0] + ns[1])
		r.Add(time.Duration(i)*time.Millisecond, time.Millisecond, ns)
	}
	r.Add(time.Second, time.Millisecond, []int64{int64(2 * Longest)})
	for range 2 { // a timing can be taken in between
		got, err := r.Timing("trip")
		if err != nil {
			t.Fatal(err)
		}
		if got.Count != 2001 || got.MinNs != 1 || got.MaxNs != float64(2*Longest) || math.Abs(got.MeanNs*2001-sum-float64(2*Longest)) > 1e6 {
			t.Errorf("%+v", got)
		}
		if len(got.Percentiles) != 3 || got.Percentiles[0].Ns < 998 || got.Percentiles[0].Ns > 1003 { // too few for p99.9
			t.Errorf("%+v", got.Percentiles)
		}
		if n := len(got.Intervals); n < MaxIntervals/4 || n > MaxIntervals+1 {
			t.Errorf("%d intervals", n)
		}
		count, end := int64(0), 0.0
		for i, v := range got.Intervals {
			inBands := int64(0)
			for _, b := range v.Bands {
				inBands += b.Count
			}
			if inBands != v.Count || v.At < end-1e-9 || v.P50Ns > v.P99Ns || v.P99Ns > v.MaxNs {
				t.Errorf("interval %d: %+v after %v, %d in its bands", i, v, end, inBands)
			}
			count += v.Count
			end = v.At + v.For
		}
		if count != 2001 || math.Abs(end-1.001) > 1e-9 {
			t.Errorf("%d times in the intervals, until %v s", count, end)
		}
	}
}

func TestHistogramsAreRecordedAsTheirTimesAre(t *testing.T) {
	one, other := NewRecorder(), NewRecorder()
	for i := range 10 {
		at, times := time.Duration(i)*time.Second, []int64{int64(100 * (i + 1)), 777}
		h := hdrhistogram.New(1, Longest.Nanoseconds(), 3)
		for _, ns := range times {
			if err := h.RecordValue(ns); err != nil {
				t.Fatal(err)
			}
		}
		one.Add(at, time.Second, times)
		other.AddHistogram(at, time.Second, h, 0)
	}
	a, errA := one.Timing("x")
	b, errB := other.Timing("x")
	if errA != nil || errB != nil {
		t.Fatal(errA, errB)
	}
	if a.Histogram != b.Histogram || a.Count != b.Count || a.MinNs != b.MinNs || math.Abs(a.MeanNs-b.MeanNs) > 1 || len(a.Intervals) != len(b.Intervals) {
		t.Errorf("%+v\n%+v", a, b)
	}
}

func TestAnEmptyRecorderMakesAnEmptyTiming(t *testing.T) {
	r := NewRecorder()
	r.Add(0, time.Second, nil)
	got, err := r.Timing("none")
	if err != nil || got.Count != 0 || got.MinNs != 0 || len(got.Percentiles) != 0 || len(got.Intervals) != 0 {
		t.Errorf("%+v, %v", got, err)
	}
	if err := got.check(); err != nil {
		t.Error(err)
	}
}

func TestAPercentileNeedsTimesBeyondIt(t *testing.T) {
	for _, test := range []struct {
		percent float64
		least   int64
	}{{50, 1}, {90, 1}, {99, 1000}, {99.9, 10_000}, {99.99, 100_000}} {
		if !Enough(test.percent, test.least) || test.percent > 90 && Enough(test.percent, test.least-1) {
			t.Errorf("p%v does not need %d times", test.percent, test.least)
		}
	}
}

func TestEveryTimeIsWithinItsBand(t *testing.T) {
	for ns := int64(1); ns > 0 && ns < math.MaxInt64/3; ns += ns/7 + 1 {
		b := BandOf(ns)
		if f := float64(ns); f < BandFrom(b)*0.999999 || f > BandFrom(b+1)*1.000001 {
			t.Fatalf("%d ns is in band %d, %v to %v", ns, b, BandFrom(b), BandFrom(b+1))
		}
	}
	if BandOf(-1) != 0 || BandOf(0) != 0 || BandOf(math.MaxInt64) > maxBand {
		t.Error("times beyond the bands")
	}
}
