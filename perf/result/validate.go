package result

import (
	"errors"
	"fmt"
	"math"
	"reflect"
	"strings"
)

// Errors of reading. What is returned wraps one of them and says where.
var (
	ErrMalformed = errors.New("not a result of corechan perf")
	ErrVersion   = errors.New("a result of another version")
	ErrTooLarge  = errors.New("a result beyond its bounds")
)

// Bounds of a result.
const (
	MaxFile     = 64 << 20 // bytes
	MaxValues   = 1 << 20  // of all kinds, in all lists and objects
	MaxSubjects = 4096
	MaxFigures  = 64   // of a subject
	MaxTimings  = 8    // of a subject
	MaxRuns     = 1000 // of a figure
	MaxMarks    = 256
	MaxConfig   = 128     // entries
	MaxText     = 8 << 10 // bytes of any text but a histogram's
)

// check finds what must not be in a result, whoever made it.
func (r *Result) check() error {
	if r.Kind == "" {
		return fmt.Errorf("%w: it does not say what was measured", ErrMalformed)
	}
	if err := checkTexts(reflect.ValueOf(r).Elem(), ""); err != nil {
		return err
	}
	if err := errors.Join(
		atMost("subjects", len(r.Subjects), MaxSubjects), atMost("marks", len(r.Marks), MaxMarks), atMost("config", len(r.Config), MaxConfig),
	); err != nil {
		return err
	}
	for i := range r.Subjects {
		s := &r.Subjects[i]
		if err := s.check(); err != nil {
			return fmt.Errorf("subject %d (%s): %w", i, shorten(s.Name), err)
		}
	}
	return nil
}

func (s *Subject) check() error {
	switch s.Role {
	case System, Limit, Rival:
	default:
		return fmt.Errorf("%w: its role is %q", ErrMalformed, shorten(string(s.Role)))
	}
	if s.Name == "" {
		return fmt.Errorf("%w: it has no name", ErrMalformed)
	}
	if err := errors.Join(atMost("figures", len(s.Figures), MaxFigures), atMost("timings", len(s.Timings), MaxTimings),
		atMost("marks", len(s.Marks), MaxMarks), atMost("config", len(s.Config), MaxConfig)); err != nil {
		return err
	}
	for i := range s.Figures {
		if err := s.Figures[i].check(); err != nil {
			return fmt.Errorf("figure %d (%s): %w", i, shorten(s.Figures[i].Name), err)
		}
	}
	for i := range s.Timings {
		if err := s.Timings[i].check(); err != nil {
			return fmt.Errorf("timing %d (%s): %w", i, shorten(s.Timings[i].Name), err)
		}
	}
	return nil
}

func (f *Figure) check() error {
	switch f.Better {
	case Lower, Higher, Neither:
	default:
		return fmt.Errorf("%w: %q is no way to be better", ErrMalformed, shorten(string(f.Better)))
	}
	if f.Name == "" {
		return fmt.Errorf("%w: it has no name", ErrMalformed)
	}
	if err := atMost("runs", len(f.Runs), MaxRuns); err != nil {
		return err
	}
	return finite(append([]float64{f.Value, f.Low, f.High}, f.Runs...)...)
}

func (t *Timing) check() error {
	if err := errors.Join(atMost("percentiles", len(t.Percentiles), MaxFigures), atMost("intervals", len(t.Intervals), MaxIntervals+1)); err != nil {
		return err
	}
	if t.Name == "" {
		return fmt.Errorf("%w: it has no name", ErrMalformed)
	}
	if err := notNegative(float64(t.Count), t.MinNs, t.MeanNs, t.MaxNs); err != nil {
		return err
	}
	last := -1.0
	for _, p := range t.Percentiles {
		if err := notNegative(p.Percent, p.Ns); err != nil {
			return err
		}
		if p.Percent <= last || p.Percent > 100 {
			return fmt.Errorf("%w: percentile %v is out of order", ErrMalformed, p.Percent)
		}
		last = p.Percent
	}
	at := 0.0
	for i, v := range t.Intervals {
		if err := notNegative(v.At, v.For, float64(v.Count), float64(v.P50Ns), float64(v.P99Ns), float64(v.MaxNs)); err != nil {
			return fmt.Errorf("interval %d: %w", i, err)
		}
		if v.At < at {
			return fmt.Errorf("%w: interval %d begins before the one before it", ErrMalformed, i)
		}
		at = v.At
	}
	h, err := t.Decode()
	if err != nil {
		return err
	}
	if h.TotalCount() != t.Count {
		return fmt.Errorf("%w: %d times, and %d in their histogram", ErrMalformed, t.Count, h.TotalCount())
	}
	return nil
}

func atMost(what string, n, most int) error {
	if n > most {
		return fmt.Errorf("%w: %d %s; %d at most", ErrTooLarge, n, what, most)
	}
	return nil
}

func finite(values ...float64) error {
	for _, v := range values {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return fmt.Errorf("%w: %v is no figure", ErrMalformed, v)
		}
	}
	return nil
}

func notNegative(values ...float64) error {
	for _, v := range values {
		if v < 0 {
			return fmt.Errorf("%w: %v is less than nothing", ErrMalformed, v)
		}
	}
	return finite(values...)
}

// shorten is for errors: they must not become as long as what is wrong.
func shorten(s string) string {
	const most = 40
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}
