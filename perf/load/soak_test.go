package load

import (
	"context"
	"errors"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/corechan/corechan/perf/result"
	"github.com/corechan/corechan/perf/rig"
)

func TestASoakSaysHowItsFiguresWent(t *testing.T) {
	needCores(t, 2)
	var kept result.Result
	c := SoakConfig{Config: Config{Rate: 5000, Warm: 10 * time.Millisecond, Round: 20 * time.Millisecond}, For: 200 * time.Millisecond}
	s, err := Soak(t.Context(), c, &Options{Command: peerCommand, Result: &kept})
	if err != nil || s.RoundCount != 10 || len(s.Drifts) != 7 || kept.Kind != "soak" || kept.Subjects[0].Figure("drift of response p50") == nil {
		t.Fatalf("%+v, %v", s, err)
	}
	for _, d := range s.Drifts {
		if d.First <= 0 || d.Last <= 0 || d.Beyond && d.P >= MaxP {
			t.Errorf("%+v", d)
		}
	}
	if _, err := result.Write(t.TempDir()+"/", &kept); err != nil {
		t.Error(err)
	}
	for _, c := range []SoakConfig{{For: time.Millisecond}, {For: 2 * MaxSoak}, {For: time.Second, Config: Config{Round: time.Minute}}} {
		c.Rate = 1000
		if _, err := Soak(t.Context(), c, nil); !errors.Is(err, rig.ErrConfig) {
			t.Errorf("%+v: %v", c, err)
		}
	}
}

func TestAnInterruptedSoakReportsWhatItHas(t *testing.T) {
	needCores(t, 2)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	c := SoakConfig{Config: Config{Rate: 5000, Warm: 10 * time.Millisecond, Round: 20 * time.Millisecond}, For: time.Hour}
	s, err := Soak(ctx, c, &Options{Command: peerCommand, Progress: func(p Progress) {
		if p.Round == 3 {
			cancel()
		}
	}})
	if err != nil || !s.Interrupted || s.RoundCount < 3 || len(s.Drifts) == 0 {
		t.Errorf("%+v, %v", s, err)
	}
}

func TestADriftIsToldFromNoise(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	rounds := make([]Round, 40)
	for i := range rounds {
		r := &rounds[i]
		r.AtS = float64(i) * 90                                      // an hour in all
		r.Response.P50Ns = 1000 + 200*random.Float64()               // noise
		r.Response.MaxNs = 1e6 * random.ExpFloat64()                 // more of it
		r.Service.P50Ns = 1000 + 20*random.Float64() + 10*float64(i) // slower
		r.ReceiverRSS = int64(10e6 + 1e6*float64(i))                 // a leak of 40 MB an hour
		r.SenderRSS = 10e6
		r.Rate = 1000 + float64(i)/10 // too little to speak of
	}
	beyond := ""
	for _, d := range driftsOf(rounds) {
		if d.Beyond {
			beyond += d.Name + " "
		}
		if d.Name == "memory of the receiver" && (d.PerHour < 39e6 || d.PerHour > 41e6 || d.Last-d.First != 30e6) {
			t.Errorf("%+v", d)
		}
	}
	if strings.TrimSpace(beyond) != "service p50 memory of the receiver" {
		t.Errorf("beyond noise: %s", beyond)
	}
	if len(driftsOf(rounds[:1])) != 0 {
		t.Error("one round drifts")
	}
	for _, d := range driftsOf(rounds[:5]) {
		if d.Beyond {
			t.Errorf("five rounds are enough to say that %s drifts", d.Name)
		}
	}
}
