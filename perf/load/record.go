package load

import (
	"context"
	"fmt"
	"strconv"

	"github.com/corechan/corechan/perf/environment"
	"github.com/corechan/corechan/perf/result"
	"github.com/corechan/corechan/perf/rig"
)

// Names of the timings.
const (
	ResponseTime = "response"
	ServiceTime  = "service"
)

// marks says what is wrong with the load itself.
func (r *run) marks() (all []environment.Mark) {
	t := &r.books.tally
	due := t.Sent + t.Unsent
	if missed := float64(t.Unsent) / float64(max(due, 1)); missed > MaxMissed {
		all = append(all, environment.Mark{
			Kind: environment.MissedRate, Value: missed, Bound: MaxMissed, Unit: "of the messages",
			Text: fmt.Sprintf("%d of %d messages could not be sent before their round was over: the rate of %.0f per second was missed, "+
				"and the response times are too good", t.Unsent, due, r.config.Rate),
		})
	}
	if t.Lost > 0 {
		all = append(all, environment.Mark{
			Kind: environment.Lost, Value: float64(t.Lost), Bound: 0, Unit: "messages",
			Text: fmt.Sprintf("%d messages were not answered within %v", t.Lost, patience+r.config.Stall),
		})
	}
	return all
}

// record fills the result that is written to disk.
func (r *run) record(ctx context.Context, rep *Report) error {
	to := r.options.Result
	if to == nil {
		return nil
	}
	*to = result.Result{
		Kind: "load", Environment: environment.Read(context.WithoutCancel(ctx)), Config: r.config.settings(),
		Marks: rep.Marks, Interrupted: rep.Interrupted,
	}
	s, err := r.subject(rep)
	to.Subjects = append(to.Subjects, s)
	return err
}

// subject is what was measured.
func (r *run) subject(rep *Report) (s result.Subject, err error) {
	s = result.Subject{Name: string(rep.Transport), Role: result.System, Figures: rep.Figures()}
	for _, one := range []struct {
		name string
		from *result.Recorder
	}{{ResponseTime, r.books.response.history}, {ServiceTime, r.books.service.history}} {
		t, err := one.from.Timing(one.name)
		if err != nil {
			return s, err
		}
		s.Timings = append(s.Timings, t)
	}
	return s, nil
}

// Figures are the report's, as they stand in a result: of response times, then of service times. The repeats are its rounds.
func (rep *Report) Figures() (all []result.Figure) {
	for _, kind := range []struct {
		name string
		all  *Times
		of   func(*Round) *Times
	}{
		{ResponseTime, &rep.Response, func(r *Round) *Times { return &r.Response }},
		{ServiceTime, &rep.Service, func(r *Round) *Times { return &r.Service }},
	} {
		for _, p := range percentiles {
			value := p.of(kind.all)
			if value == nil {
				continue
			}
			f := result.Figure{Name: kind.name + " " + p.name, Unit: result.Nanoseconds, Better: result.Lower, Value: *value}
			for i := range rep.Rounds {
				if v := p.of(kind.of(&rep.Rounds[i])); v != nil {
					f.Runs = append(f.Runs, *v)
				}
			}
			if len(f.Runs) > 0 {
				f = result.NewFigure(f.Name, f.Unit, f.Better, f.Runs...)
			}
			all = append(all, f)
		}
	}
	rates := make([]float64, len(rep.Rounds))
	for i := range rep.Rounds {
		rates[i] = rep.Rounds[i].Rate
	}
	return append(all, result.NewFigure(result.FigureRate, result.PerSecond, result.Higher, rates...))
}

// percentiles of Times, by their names.
var percentiles = []struct {
	name string
	of   func(*Times) *float64
}{
	{"p50", func(t *Times) *float64 { return &t.P50Ns }},
	{"p90", func(t *Times) *float64 { return &t.P90Ns }},
	{"p99", func(t *Times) *float64 { return t.P99Ns }},
	{"p99.9", func(t *Times) *float64 { return t.P999Ns }},
	{"p99.99", func(t *Times) *float64 { return t.P9999Ns }},
	{"max", func(t *Times) *float64 { return &t.MaxNs }},
	{"mean", func(t *Times) *float64 { return &t.MeanNs }},
}

// settings is a complete configuration, by the names of the flags.
func (c *Config) settings() map[string]string {
	all := map[string]string{
		"transport": string(c.Transport), "rate": strconv.FormatFloat(c.Rate, 'f', -1, 64), "size": strconv.Itoa(c.Size),
		"wait": string(c.Wait), "senders": strconv.Itoa(c.Senders), "sessions": strconv.Itoa(c.Sessions),
		"warm": c.Warm.String(), "rounds": strconv.Itoa(c.Rounds), "round": c.Round.String(), "ring": strconv.Itoa(c.Ring),
	}
	if len(c.Cores) > 0 {
		all["cores"] = rig.FormatCores(c.Cores)
	}
	if c.Closed {
		delete(all, "rate")
		all["closed"] = "true"
	}
	if c.Poisson {
		all["poisson"], all["seed"] = "true", strconv.FormatUint(c.Seed, 10)
	}
	if c.Stall > 0 {
		all["stall"] = c.Stall.String()
	}
	return all
}
