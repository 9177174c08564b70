package probe

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/cilium/ebpf"

	"github.com/corechan/corechan/perf/probe/internal/objects"
)

// quantiles are those that a user looks at.
var quantiles = []float64{0.01, 0.1, 0.5, 0.9, 0.99, 0.999}

// durations returns values over all magnitudes that matter, in the order of a real recording: mostly short, some long.
func durations(n int) []uint64 {
	random := rand.New(rand.NewPCG(1, 2))
	all := make([]uint64, n)
	for i := range all {
		all[i] = uint64(math.Exp(random.NormFloat64()*2.5 + 9))
	}
	return all
}

// exactly is the quantile of values themselves.
func exactly(values []uint64, q float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	return float64(sorted[max(int(q*float64(len(sorted))+0.5), 1)-1])
}

func checkQuantiles(t *testing.T, h *Histogram, values []uint64) {
	t.Helper()
	if n := h.Count(); n != uint64(len(values)) {
		t.Errorf("%d values counted, want %d", n, len(values))
	}
	for _, q := range quantiles {
		got, want := float64(h.Quantile(q)), exactly(values, q)
		if math.Abs(got/want-1) > 0.05 {
			t.Errorf("quantile %v is %v, want %v within 5 %%", q, got, want)
		}
	}
	var sum uint64
	for _, v := range values {
		sum += v
	}
	if h.Sum() != time.Duration(sum) || h.Max() != time.Duration(slices.Max(values)) {
		t.Errorf("sum %v, max %v; want exactly %v, %v", h.Sum(), h.Max(), time.Duration(sum), time.Duration(slices.Max(values)))
	}
}

func TestQuantilesAreThoseOfAnExactRecording(t *testing.T) {
	values := durations(20000)
	h := &Histogram{}
	for _, v := range values {
		h.Record(time.Duration(v))
	}
	checkQuantiles(t, h, values)
}

func TestTheKernelCountsAsExactly(t *testing.T) {
	needKernel(t)
	spec, err := objects.LoadTesting()
	if err != nil {
		t.Fatal(err)
	}
	collection, err := ebpf.NewCollection(spec)
	if err != nil {
		t.Fatal(err)
	}
	defer collection.Close()
	values := durations(5000)
	edges := []uint64{0, 1, sub - 1, sub, sub + 1, 1<<valueBits - 1}
	for e := range valueBits {
		edges = append(edges, 1<<e, 1<<e-1, 1<<e+1, 3<<e>>1)
	}
	count := collection.Programs[objects.TestingProgCountValue]
	var own, shared Histogram
	read := func() {
		t.Helper()
		m, err := collection.Maps[objects.TestingMapTestingCores].Memory()
		if err != nil {
			t.Fatal(err)
		}
		var raw objects.TestingTestingCore
		if err := readCore(m, 0, &raw); err != nil {
			t.Fatal(err)
		}
		own.set(raw.Own.Sum, raw.Own.Max, &raw.Own.Buckets)
		shared.set(raw.Shared.Sum, raw.Shared.Max, &raw.Shared.Buckets)
	}
	run := func(v uint64) {
		t.Helper()
		if _, err := count.Run(&ebpf.RunOptions{Context: v}); err != nil {
			t.Fatal(err)
		}
	}
	for _, v := range values {
		run(v)
	}
	read()
	checkQuantiles(t, &own, values)
	if own != shared {
		t.Error("the two ways to count differ")
	}
	for _, v := range append(edges, 1<<valueBits, math.MaxInt64) {
		run(v)
		before := own
		read()
		after := own
		after.Sub(&before)
		bucket := slices.IndexFunc(after.buckets[:], func(n uint64) bool { return n == 1 })
		if bucket != bucketOf(v) || after.Count() != 1 {
			t.Errorf("the kernel counts %d in bucket %d, and Go in %d", v, bucket, bucketOf(v))
		}
	}
}

func TestBucketsFollowEachOtherAndAreNarrow(t *testing.T) {
	end := uint64(0)
	for i := range buckets {
		low, high := bucketBounds(i)
		if low != end || high <= low {
			t.Fatalf("bucket %d is from %d to %d, want from %d", i, low, high, end)
		}
		if bucketOf(low) != i || bucketOf(high-1) != i {
			t.Fatalf("bucket %d: its ends are in %d and %d", i, bucketOf(low), bucketOf(high-1))
		}
		if high-low > max(low/sub, 1) {
			t.Fatalf("bucket %d is %d wide at %d", i, high-low, low)
		}
		end = high
	}
	if end != 1<<valueBits {
		t.Errorf("the last bucket ends at %d", end)
	}
}

func TestWhatCameBeforeIsTakenAway(t *testing.T) {
	var before, after Histogram
	for i := range 100 {
		before.Record(time.Duration(i) * time.Millisecond)
	}
	after = before
	for range 10 {
		after.Record(5 * time.Microsecond)
	}
	d := after
	d.Sub(&before)
	if d.Count() != 10 || d.Sum() != 50*time.Microsecond || d.Mean() != 5*time.Microsecond {
		t.Errorf("%d, %v, %v", d.Count(), d.Sum(), d.Mean())
	}
	if d.Max() < 5*time.Microsecond || d.Max() > 5200*time.Nanosecond {
		t.Errorf("the longest is said to be %v", d.Max())
	}
	d.Sub(&d)
	if d != (Histogram{}) {
		t.Error("a histogram less itself is not empty")
	}
	d.Add(&before)
	if d != before {
		t.Error("adding to an empty histogram does not copy")
	}
	if (&Histogram{}).Quantile(0.5) != 0 || (&Histogram{}).Mean() != 0 {
		t.Error("an empty histogram has quantiles")
	}
}

func TestHistogramsAreWrittenAsFigures(t *testing.T) {
	var h Histogram
	h.Record(-1)
	h.Record(100)
	h.Record(200)
	b, err := json.Marshal(&h)
	want := `{"count":3,"sum_ns":300,"mean_ns":100,"p50_ns":101,"p90_ns":200,"p99_ns":200,"p999_ns":200,"max_ns":200}`
	if err != nil || string(b) != want {
		t.Errorf("%v, %s; want %s", err, b, want)
	}
	n := 0
	for high, count := range h.Buckets {
		if n += int(count); high > 208 {
			t.Errorf("a bucket ends at %v", high)
		}
	}
	if n != 3 {
		t.Errorf("%d values in buckets", n)
	}
}
