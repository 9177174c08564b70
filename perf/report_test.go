package perf

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
)

// The names below are a contract with scripts: this test may gain names, never lose or change one.
func TestTheNamesOfTheJSONFieldsAreAContract(t *testing.T) {
	for _, test := range []struct {
		report any
		names  string
	}{
		{PingpongReport{}, "transport size count wait mode cores mean_ns p50_ns p90_ns p99_ns p999_ns max_ns allocs_per_op " +
			"limit_p50_ns ratio_p50 limits"},
		{CallReport{}, "transport size count wait mode cores mean_ns p50_ns p90_ns p99_ns p999_ns max_ns allocs_per_op " +
			"limit_p50_ns ratio_p50 calls_per_s inflight"},
		{StreamReport{}, "transport size seconds wait mode msgs_per_s bytes_per_s allocs_per_op limit_msgs_per_s " +
			"limit_bytes_per_s ratio limits"},
		{IdleReport{Limit: new(IdleFigures)}, "transport sessions busy seconds wait system limit"},
	} {
		b, err := json.Marshal(test.report)
		if err != nil {
			t.Fatal(err)
		}
		var fields map[string]any
		if err := json.Unmarshal(b, &fields); err != nil {
			t.Fatal(err)
		}
		for name := range strings.FieldsSeq(test.names) {
			if _, ok := fields[name]; !ok {
				t.Errorf("%T has no field %s", test.report, name)
			}
		}
	}
}

func TestSeveralRunsAreReportedByTheMedianOfEachFigure(t *testing.T) {
	runs := []PingpongReport{
		{Transport: Shm, Count: 10, P50Ns: 300, MaxNs: 1, RatioP50: 1.2, Slices: 10, Runs: 1},
		{Transport: Shm, Count: 30, P50Ns: 100, MaxNs: 3, RatioP50: 1.4, Slices: 30, Runs: 1},
		{Transport: Shm, Count: 20, P50Ns: 200, MaxNs: 2, RatioP50: 1.3, Slices: 20, Runs: 1},
	}
	got := mergePingpong(runs)
	if got.Transport != Shm || got.Count != 20 || got.P50Ns != 200 || got.MaxNs != 2 || got.RatioP50 != 1.3 ||
		got.Slices != 20 || got.Runs != 3 {
		t.Errorf("%+v", got)
	}
	if runs[0].P50Ns != 300 {
		t.Error("the first run's report was changed")
	}
	streams := mergeStream([]StreamReport{{MsgsPerS: 1, Ratio: 0.5}, {MsgsPerS: 3, Ratio: 0.7}})
	if streams.MsgsPerS != 2 || streams.Ratio != 0.6 || streams.Runs != 2 {
		t.Errorf("%+v", streams)
	}
}

func TestTheNumbersOfAReportBelongTogether(t *testing.T) {
	c := Config{Transport: Shm, Size: 64, Cores: []int{0, 1}}
	r := result{count: 1000, seconds: 2, systems: []float64{2e6, 4e6}, limits: [][]float64{{4e6, 4e6, 8e6}}, allocs: [2]uint64{0, 1}, made: 1000, trips: newHistogram(), complete: true}
	s := streamReport(&c, &r)
	if s.MsgsPerS != 3e6 || s.BytesPerS != 64*3e6 || s.LimitMsgsPerS != 4e6 || s.LimitBytesPerS != 64*4e6 || s.AllocsPerOp != 0.001 {
		t.Errorf("%+v", s)
	}
	r.trips.add(slices.Repeat([]int64{100}, 999))
	r.trips.add([]int64{5000})
	p := pingpongReport(&c, &r)
	if p.P50Ns != 100 || p.MaxNs != 5000 || p.MeanNs != 104.9 || p.Count != 1000 || p.Slices != 2 {
		t.Errorf("%+v", p)
	}
}
