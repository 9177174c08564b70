package export

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
	"golang.org/x/perf/benchfmt"

	"github.com/corechan/corechan/perf/result"
)

func sample(t *testing.T) []*result.Result {
	t.Helper()
	rec := result.NewRecorder()
	for i := range int64(1000) {
		rec.Add(time.Duration(i)*time.Millisecond, time.Millisecond, []int64{100 + i})
	}
	timing, err := rec.Timing("round trip")
	if err != nil {
		t.Fatal(err)
	}
	return []*result.Result{{
		Kind: "pingpong", Config: map[string]string{"size": "64", "runs": "3"},
		Subjects: []result.Subject{
			{Name: "shm", Role: result.System, Timings: []result.Timing{timing}, Figures: []result.Figure{
				result.NewFigure("p50", result.Nanoseconds, result.Lower, 1, 2, 3),
				result.NewFigure(result.FigureRate, result.PerSecond, result.Higher, 7e6, 8e6, 9e6),
			}},
			{Name: "cache line", Role: result.Limit, Figures: []result.Figure{result.NewFigure("p50", result.Nanoseconds, result.Lower, 4)}},
		},
	}}
}

// benchfmt's own reader, which is benchstat's, reads what is written.
func TestBenchstatReadsTheLines(t *testing.T) {
	var b bytes.Buffer
	if err := Bench(&b, sample(t)); err != nil {
		t.Fatal(err)
	}
	in := benchfmt.NewReader(&b, "test")
	var names []string
	values, units := 0.0, 0
	for in.Scan() {
		switch rec := in.Result().(type) {
		case *benchfmt.Result:
			names = append(names, rec.Name.String())
			for _, v := range rec.Values {
				values += v.Value
				if v.OrigUnit == "p50-ns" {
					units++
				}
			}
		case *benchfmt.UnitMetadata:
			if rec.Key != "better" {
				t.Errorf("%+v", rec)
			}
		case *benchfmt.SyntaxError:
			t.Error(rec)
		}
	}
	if err := in.Err(); err != nil {
		t.Fatal(err)
	}
	want := "Pingpong/shm/size=64 Pingpong/shm/size=64 Pingpong/shm/size=64 Pingpong/limit/cache-line/size=64"
	if got := strings.Join(names, " "); got != want || values < 24e6 {
		t.Errorf("%s with %v; want %s", got, values, want)
	}
}

func TestHistogramToolsReadTheLog(t *testing.T) {
	var b bytes.Buffer
	if err := Log(&b, sample(t)); err != nil {
		t.Fatal(err)
	}
	h, err := hdrhistogram.NewHistogramLogReader(&b).NextIntervalHistogram()
	if err != nil || h == nil || h.TotalCount() != 1000 || h.Tag() != "Pingpong/shm/size=64/round-trip" || h.EndTimeMs()-h.StartTimeMs() != 1000 {
		t.Errorf("%+v, %v", h, err)
	}
}

func TestPercentilesEndWithTheCount(t *testing.T) {
	var b bytes.Buffer
	if err := Percentiles(&b, &sample(t)[0].Subjects[0].Timings[0]); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"1/(1-Percentile)", "0.500000", "1000"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %s in\n%s", want, &b)
		}
	}
}

func TestWhatHasNothingToExportIsRefused(t *testing.T) {
	all := []*result.Result{{Kind: "x", Subjects: []result.Subject{{Name: "a", Role: result.System}}}}
	if err := Bench(io.Discard, all); !errors.Is(err, ErrNone) {
		t.Error(err)
	}
	if err := Log(io.Discard, all); !errors.Is(err, ErrNone) {
		t.Error(err)
	}
}
