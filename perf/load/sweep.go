package load

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/corechan/corechan/perf"
	"github.com/corechan/corechan/perf/environment"
	"github.com/corechan/corechan/perf/result"
	"github.com/corechan/corechan/perf/rig"
)

// Bounds of a SweepConfig, and its default.
const (
	DefaultPoints = 8
	MaxPoints     = 100
	refinements   = 3 // points between the last rate that was kept and the first that was not
)

// SweepConfig says at which rates to put a load on. Each rate has processes of its own.
type SweepConfig struct {
	Config           // but for the rate
	From, To float64 // messages per second; the points between lie at equal ratios
	Points   int     // default 8
}

// SweepReport is the result of Sweep. Its JSON names are a contract; fields may be added.
type SweepReport struct {
	Points []Point `json:"points"` // in order of their rates

	// Knee is the rate that gets most for what it costs: where rate divided by the median response time is greatest
	// (Kleinrock 1979, "Power and deterministic rules of thumb for probabilistic problems in computer communications"). Below it
	// answers are hardly faster, beyond it they are slower out of proportion. 0: no rate was kept.
	Knee float64 `json:"knee"`

	Kept        float64 `json:"kept"`   // the highest rate that was kept (MaxMissed); 0: none
	Missed      float64 `json:"missed"` // the lowest that was not; 0: none
	Interrupted bool    `json:"interrupted"`
}

// Point is what one rate came to.
type Point struct {
	Report
	Kept  bool    `json:"kept"`
	Power float64 `json:"power"` // rate / median response time, messages per second and second
}

// Sweep measures at one rate after the other, up to the first that cannot be kept, and then at some just below that. It
// tells what it has when ctx ends.
func Sweep(ctx context.Context, c SweepConfig, o *Options, done func(*Point)) (s SweepReport, err error) {
	rates, err := c.complete()
	if err != nil {
		return s, err
	}
	if o == nil {
		o = &Options{}
	}
	var subjects []result.Subject
	measure := func(rate float64) error {
		p, subject, err := c.point(ctx, rate, o)
		if err != nil {
			return err
		}
		subjects = append(subjects, subject...)
		s.Points = append(s.Points, p)
		s.judge()
		if done != nil {
			done(&p)
		}
		if p.Interrupted {
			return perf.ErrInterrupted
		}
		return nil
	}
	for _, rate := range rates {
		if err = measure(rate); err != nil || s.Missed > 0 {
			break
		}
	}
	if err == nil && s.Missed > 0 && s.Kept > 0 {
		low, high := s.Kept, s.Missed
		for i := range refinements {
			if err = measure(low * math.Pow(high/low, float64(i+1)/(refinements+1))); err != nil {
				break
			}
		}
	}
	if errors.Is(err, perf.ErrInterrupted) && len(s.Points) > 0 {
		err = nil
	}
	s.Interrupted = ctx.Err() != nil
	slices.SortFunc(s.Points, func(a, b Point) int { return int(math.Copysign(1, a.RateAsked-b.RateAsked)) })
	if err == nil && o.Result != nil {
		s.record(ctx, &c, subjects, o.Result)
	}
	return s, err
}

// complete checks what is there beside each rate's own configuration, and returns the rates.
func (c *SweepConfig) complete() (rates []float64, err error) {
	setDefault(&c.Points, DefaultPoints)
	switch {
	case !(c.From > 0) || !(c.To > c.From) || math.IsInf(c.To, 0):
		return nil, fmt.Errorf("%w: rates from %v to %v; give a lower and a higher one, for instance --sweep 10k-1M", rig.ErrConfig, c.From, c.To)
	case c.Points < 2 || c.Points > MaxPoints:
		return nil, fmt.Errorf("%w: %d points; give 2 to %d", rig.ErrConfig, c.Points, MaxPoints)
	}
	for i := range c.Points {
		rates = append(rates, c.From*math.Pow(c.To/c.From, float64(i)/float64(c.Points-1)))
	}
	for _, rate := range []float64{c.From, c.To} { // before anything is measured
		one := c.Config
		one.Rate = rate
		if err := one.Check(); err != nil {
			return nil, err
		}
	}
	return rates, nil
}

// Check says what is wrong with a configuration, if anything is, without measuring.
func (c Config) Check() error {
	m, err := rig.ThisMachine()
	if err != nil {
		return err
	}
	_, err = c.complete(m)
	return err
}

// point measures at one rate.
func (c *SweepConfig) point(ctx context.Context, rate float64, o *Options) (p Point, subjects []result.Subject, err error) {
	one := c.Config
	one.Rate = math.Round(rate*1000) / 1000
	options := *o
	if o.Result != nil {
		options.Result = &result.Result{}
	}
	if p.Report, err = Run(ctx, one, &options); err != nil {
		return p, nil, err
	}
	p.Kept = float64(p.Unsent) <= MaxMissed*float64(p.Sent+p.Unsent) && p.Lost == 0
	if p.Response.P50Ns > 0 {
		p.Power = p.Rate / (p.Response.P50Ns / 1e9)
	}
	if o.Result != nil {
		s := &options.Result.Subjects[0]
		s.Marks, s.Config = p.Marks, map[string]string{"rate": options.Result.Config["rate"]}
		subjects = options.Result.Subjects
	}
	return p, subjects, nil
}

// judge finds what the points say.
func (s *SweepReport) judge() {
	s.Knee, s.Kept, s.Missed = 0, 0, 0
	best := 0.0
	for i := range s.Points {
		p := &s.Points[i]
		switch {
		case !p.Kept && (s.Missed == 0 || p.RateAsked < s.Missed):
			s.Missed = p.RateAsked
		case p.Kept:
			s.Kept = max(s.Kept, p.RateAsked)
			if p.Power > best {
				best, s.Knee = p.Power, p.RateAsked
			}
		}
	}
}

func (s *SweepReport) record(ctx context.Context, c *SweepConfig, subjects []result.Subject, to *result.Result) {
	settings := c.settings()
	delete(settings, "rate")
	settings["sweep"] = fmt.Sprintf("%.0f-%.0f", c.From, c.To)
	knee := result.Figure{Name: "knee", Unit: result.PerSecond, Better: result.Higher, Value: s.Knee}
	kept := result.Figure{Name: "highest rate kept", Unit: result.PerSecond, Better: result.Higher, Value: s.Kept}
	subjects = append(subjects, result.Subject{
		Name: string(c.Transport) + ", all rates", Role: result.System, Figures: []result.Figure{knee, kept},
	})
	*to = result.Result{
		Kind: "sweep", Environment: environment.Read(context.WithoutCancel(ctx)), Config: settings, Subjects: subjects, Interrupted: s.Interrupted,
	}
}
