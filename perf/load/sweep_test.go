package load

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/corechan/corechan/perf"
	"github.com/corechan/corechan/perf/result"
	"github.com/corechan/corechan/perf/rig"
)

func TestASweepFindsWhatTheMachineCanKeep(t *testing.T) {
	needCores(t, 2)
	c := SweepConfig{Config: short(Config{Transport: rig.Unix}), From: 500, To: MaxRate, Points: 3}
	c.Rate = 0
	var kept result.Result
	asked := []float64{}
	s, err := Sweep(t.Context(), c, &Options{Command: peerCommand, Result: &kept}, func(p *Point) { asked = append(asked, p.RateAsked) })
	if err != nil {
		t.Fatal(err)
	}
	if s.Missed == 0 || s.Interrupted || asked[0] != 500 || len(asked) != len(s.Points) {
		t.Errorf("%+v, asked for %v", s, asked)
	}
	if s.Kept >= s.Missed && s.Kept != 0 { // a disturbance can make a low rate missed, and a higher one kept
		t.Logf("kept %v, missed %v", s.Kept, s.Missed)
	}
	for i := 1; i < len(s.Points); i++ {
		if s.Points[i].RateAsked <= s.Points[i-1].RateAsked {
			t.Errorf("points out of order: %v after %v", s.Points[i].RateAsked, s.Points[i-1].RateAsked)
		}
	}
	if len(kept.Subjects) != len(s.Points)+1 || kept.Subjects[0].Config["rate"] != "500" || kept.Config["rate"] != "" {
		t.Errorf("%+v", kept.Subjects)
	}
	if _, err := result.Write(t.TempDir()+"/", &kept); err != nil {
		t.Error(err)
	}
}

func TestTheKneeIsWhereRateByResponseTimeIsGreatest(t *testing.T) {
	point := func(rate, p50 float64, kept bool) Point {
		p := Point{Kept: kept, Power: rate / p50}
		p.RateAsked = rate
		return p
	}
	for _, test := range []struct {
		points             []Point
		knee, kept, missed float64
	}{
		{[]Point{point(1000, 10, true), point(2000, 11, true), point(4000, 12, true), point(8000, 90, true), point(16000, 1e6, false)}, 4000, 8000, 16000},
		{[]Point{point(1000, 10, true)}, 1000, 1000, 0},
		{[]Point{point(1000, 10, false), point(2000, 10, false)}, 0, 0, 1000},
		{nil, 0, 0, 0},
	} {
		s := SweepReport{Points: test.points}
		s.judge()
		if s.Knee != test.knee || s.Kept != test.kept || s.Missed != test.missed {
			t.Errorf("%+v: knee %v, kept %v, missed %v", test, s.Knee, s.Kept, s.Missed)
		}
	}
}

func TestWhatIsWrongWithASweepIsSaid(t *testing.T) {
	needCores(t, 2)
	for _, test := range []struct {
		config SweepConfig
		says   string
	}{
		{SweepConfig{From: 10, To: 5}, "10k-1M"},
		{SweepConfig{From: 0, To: 5}, "10k-1M"},
		{SweepConfig{From: 1000, To: 5000, Points: 1}, "2 to 100"},
		{SweepConfig{From: 1000, To: 1e12}, "no machine keeps"},
		{SweepConfig{From: 0.001, To: 1000}, "longer rounds"},
	} {
		if _, err := Sweep(t.Context(), test.config, nil, nil); !errors.Is(err, rig.ErrConfig) || !strings.Contains(err.Error(), test.says) {
			t.Errorf("%+v: %v does not say %q", test.config, err, test.says)
		}
	}
}

func TestAnInterruptedSweepHasThePointsThatWereMeasured(t *testing.T) {
	needCores(t, 2)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	c := SweepConfig{Config: short(Config{}), From: 1000, To: 5000, Points: 50}
	c.Rate = 0
	s, err := Sweep(ctx, c, &Options{Command: peerCommand}, func(*Point) { cancel() })
	if err != nil || !s.Interrupted || len(s.Points) != 1 {
		t.Errorf("%+v, %v", s, err)
	}
	if _, err := Sweep(ctx, c, &Options{Command: peerCommand}, nil); !errors.Is(err, perf.ErrInterrupted) {
		t.Error(err)
	}
}
