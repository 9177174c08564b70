package dash

import (
	"encoding/json"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/corechan/corechan/perf/probe"
)

// recorded is a histogram of random durations.
func recorded(random *rand.Rand, n int) probe.Histogram {
	var h probe.Histogram
	for range n {
		h.Record(time.Duration(float64(int64(1)<<random.IntN(36)) * (1 + random.Float64())))
	}
	return h
}

// middle is what the page takes a bucket's durations for, by the table of package probe's documentation.
func middle(bucket uint64) time.Duration {
	low, width := bucket, uint64(1)
	if bucket >= 32 {
		low, width = (32+bucket%32)<<(bucket/32-1), 1<<(bucket/32-1)
	}
	return time.Duration(low + width/2)
}

// quantile is the page's.
func (h *Histogram) quantile(q float64) time.Duration {
	rank := min(max(uint64(q*float64(h.Count)+0.5), 1), h.Count)
	bucket := uint64(0)
	for i := 0; i < len(h.Buckets); i += 2 {
		bucket += h.Buckets[i]
		if rank <= h.Buckets[i+1] {
			return min(middle(bucket), h.Max)
		}
		rank -= h.Buckets[i+1]
	}
	return h.Max
}

func TestAHistogramKeepsItsPercentiles(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 30 {
		from := recorded(random, 1+random.IntN(3000))
		for g := fine; g <= coarsest; g *= 2 {
			h := histogram(&from, g)
			if h.Count != from.Count() || h.Sum != from.Sum() || h.Max != from.Max() {
				t.Fatalf("%d, %v, %v; want %d, %v, %v", h.Count, h.Sum, h.Max, from.Count(), from.Sum(), from.Max())
			}
			for _, q := range []float64{0, 0.5, 0.9, 0.99, 0.999, 1} {
				got, want := float64(h.quantile(q)), float64(from.Quantile(q))
				if off := (got - want) / want; want >= 32 && (off > float64(g)/32 || off < -float64(g)/32 || g == fine && (off > 0.05 || off < -0.05)) {
					t.Fatalf("grain %d: the quantile %g is %v, want %v", g, q, time.Duration(got), time.Duration(want))
				}
			}
			for i := 2; i < len(h.Buckets); i += 2 {
				if h.Buckets[i] == 0 {
					t.Fatalf("two pairs for one bucket: %v", h.Buckets)
				}
			}
		}
	}
}

// crowd is a snapshot of many busy cores.
func crowd(cores int) *probe.Snapshot {
	random := rand.New(rand.NewPCG(3, 4))
	d := &probe.Snapshot{Time: time.Now(), Span: time.Second}
	for id := range cores {
		c := probe.Core{ID: id, RunQueue: &probe.RunQueueStats{}, Stolen: &probe.StolenStats{}, Preempt: &probe.PreemptStats{}}
		c.RunQueue.Woken, c.RunQueue.Preempted = recorded(random, 500), recorded(random, 500)
		for i := range c.Stolen.BySource {
			c.Stolen.BySource[i] = recorded(random, 200)
		}
		for tid := range 256 {
			c.Preempt.By = append(c.Preempt.By, probe.Preemptor{TID: tid + 1, PID: 1, Command: "bad\xffname", Count: 1, Time: time.Duration(256 - tid)})
		}
		d.Cores = append(d.Cores, c)
	}
	return d
}

func TestASampleOfManyCoresIsMadeCoarserAndNotLost(t *testing.T) {
	d := crowd(16)
	take := func(g grain) *Sample { return reduce(d, nil, g) }
	whole := must(json.Marshal(take(fine)))
	if len(whole) > sampleSize {
		t.Fatalf("%d bytes: the test is too large for itself", len(whole))
	}
	for _, should := range []int{len(whole), len(whole) / 2, 1} {
		b, err := encode(take, should)
		if err != nil {
			t.Fatal(err)
		}
		if len(b) > sampleSize || should == len(whole) && string(b) != string(whole) {
			t.Errorf("%d bytes, where %d should be", len(b), should)
		}
		var s Sample
		if err := json.Unmarshal(b, &s); err != nil {
			t.Fatal(err)
		}
		c := &s.Cores[15]
		if c.Waits["woken"].Count != 500 || len(c.Stolen) != len(d.Cores[15].Stolen.BySource) || len(c.By) != MaxPreemptors {
			t.Errorf("%d, %d, %d", c.Waits["woken"].Count, len(c.Stolen), len(c.By))
		}
		var n uint64
		for _, p := range c.By {
			n += p.Count
		}
		if last := c.By[MaxPreemptors-1]; n != 256 || last.TID != 0 || c.By[0].Name != "bad?name" {
			t.Errorf("%d in all, %+v", n, c.By)
		}
	}
}

func TestASampleThatIsTooLargeAllTheSameSaysSo(t *testing.T) {
	d := startDash(t, Config{}, func() (func(grain) *Sample, error) {
		return func(grain) *Sample {
			return &Sample{Kind: "sample", Trouble: []string{strings.Repeat("x", sampleSize)}}
		}, nil
	})
	d.sampleOnce()
	b, _, _ := d.history.after(0)
	if !strings.Contains(string(b), "follow fewer cores") {
		t.Errorf("%.100s", b)
	}
}
