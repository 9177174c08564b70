package load

import (
	"context"
	"fmt"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/perf/benchmath"

	"github.com/corechan/corechan/perf/result"
	"github.com/corechan/corechan/perf/rig"
)

// Bounds of a SoakConfig, and its defaults.
const (
	DefaultSoak      = time.Hour
	DefaultSoakRound = 10 * time.Second
	MaxSoak          = 30 * 24 * time.Hour
)

// SoakConfig says what to send for a long time.
type SoakConfig struct {
	Config               // but for the number of rounds; Round defaults to 10 s
	For    time.Duration // default an hour
}

// SoakReport is the result of Soak. Its JSON names are a contract; fields may be added.
type SoakReport struct {
	Report
	Drifts []Drift `json:"drifts"`
}

// Drift is how a figure went: the medians of its first and its last quarter of rounds.
type Drift struct {
	Name    string  `json:"name"`
	Unit    string  `json:"unit"`
	First   float64 `json:"first"`
	Last    float64 `json:"last"`
	Change  float64 `json:"change"`   // Last / First - 1
	PerHour float64 `json:"per_hour"` // in its unit, on a line between the middles of the quarters
	P       float64 `json:"p"`        // of the hypothesis that both quarters are alike: Mann-Whitney's U test; 1 for too few rounds
	Beyond  bool    `json:"beyond"`   // what noise explains: P below MaxP, and Change beyond MinDrift
}

// What counts as a drift.
const (
	MaxP     = 0.01
	MinDrift = 0.05
)

// Soak puts a load on for a long time, in memory that does not grow, and says what drifts. When ctx ends, the report covers what was
// measured until then, and says so.
func Soak(ctx context.Context, c SoakConfig, o *Options) (s SoakReport, err error) {
	setDefault(&c.For, DefaultSoak)
	setDefault(&c.Round, min(DefaultSoakRound, max(c.For/8, MinRound)))
	if c.For < c.Round || c.For > MaxSoak {
		return s, fmt.Errorf("%w: a soak of %v in rounds of %v; give at least one round, and at most %v", rig.ErrConfig, c.For, c.Round, MaxSoak)
	}
	c.Rounds = int(c.For / c.Round)
	if s.Report, err = Run(ctx, c.Config, o); err != nil {
		return s, err
	}
	s.Drifts = driftsOf(s.Rounds)
	if o != nil && o.Result != nil {
		o.Result.Kind = "soak"
		o.Result.Config["for"] = c.For.String()
		for _, d := range s.Drifts {
			f := result.Figure{Name: "drift of " + d.Name, Unit: d.Unit + "/h", Value: d.PerHour}
			o.Result.Subjects[0].Figures = append(o.Result.Subjects[0].Figures, f)
		}
	}
	return s, nil
}

// driftsOf judges how all figures went.
func driftsOf(rounds []Round) (all []Drift) {
	for _, f := range []struct {
		name, unit string
		of         func(*Round) float64
	}{
		{"response p50", result.Nanoseconds, func(r *Round) float64 { return r.Response.P50Ns }},
		{"response p90", result.Nanoseconds, func(r *Round) float64 { return r.Response.P90Ns }},
		{"response max", result.Nanoseconds, func(r *Round) float64 { return r.Response.MaxNs }},
		{"service p50", result.Nanoseconds, func(r *Round) float64 { return r.Service.P50Ns }},
		{"rate", result.PerSecond, func(r *Round) float64 { return r.Rate }},
		{"memory of the senders", "B", func(r *Round) float64 { return float64(r.SenderRSS) }},
		{"memory of the receiver", "B", func(r *Round) float64 { return float64(r.ReceiverRSS) }},
	} {
		quarter := max(len(rounds)/4, 1)
		var first, last []float64
		for i := range rounds {
			switch v := f.of(&rounds[i]); {
			case i < quarter:
				first = append(first, v)
			case i >= len(rounds)-quarter:
				last = append(last, v)
			}
		}
		if len(last) == 0 {
			return all // one round is no way to go
		}
		all = append(all, driftOf(f.name, f.unit, first, last, middle(rounds[len(rounds)-quarter:])-middle(rounds[:quarter])))
	}
	return all
}

// middle is when the middle of some rounds began, in seconds.
func middle(rounds []Round) float64 { return (rounds[0].AtS + rounds[len(rounds)-1].AtS) / 2 }

func driftOf(name, unit string, first, last []float64, seconds float64) Drift {
	d := Drift{Name: name, Unit: unit, First: medianOf(first), Last: medianOf(last), P: 1}
	if d.First != 0 {
		d.Change = d.Last/d.First - 1
	}
	if seconds > 0 {
		d.PerHour = (d.Last - d.First) / seconds * time.Hour.Seconds()
	}
	t := &benchmath.Thresholds{CompareAlpha: MaxP}
	test := benchmath.AssumeNothing.Compare(benchmath.NewSample(first, t), benchmath.NewSample(last, t))
	if !math.IsNaN(test.P) {
		d.P = test.P
	}
	d.Beyond = d.P < MaxP && math.Abs(d.Change) > MinDrift
	d.Change, d.P = math.Round(d.Change*1e4)/1e4, math.Round(d.P*1e6)/1e6
	return d
}

func medianOf(values []float64) float64 {
	s := slices.Sorted(slices.Values(values))
	return (s[(len(s)-1)/2] + s[len(s)/2]) / 2
}

// residentOf is how much memory a process has; 0 if it is gone.
func residentOf(pid int) int64 {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	if err != nil {
		return 0
	}
	fields := strings.Fields(string(b))
	if len(fields) < 2 {
		return 0
	}
	pages, err := strconv.ParseInt(fields[1], 10, 64)
	if err != nil {
		return 0
	}
	return pages * int64(os.Getpagesize())
}
