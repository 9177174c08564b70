package matrix

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os/exec"
	"slices"

	"github.com/corechan/corechan/perf"
	"github.com/corechan/corechan/perf/environment"
	"github.com/corechan/corechan/perf/load"
	"github.com/corechan/corechan/perf/result"
	"github.com/corechan/corechan/perf/rig"
)

// Options says how to run a matrix. The zero value, and nil, are fine for a program that has the commands `perf peer` and `perf
// load-peer`.
type Options struct {
	// Peer and LoadPeer make the commands that start the second processes, as in perf.Options and load.Options.
	Peer, LoadPeer func() *exec.Cmd

	// Progress, if not nil, is called before each measurement.
	Progress func(Progress)
}

// Progress is how far a matrix has come.
type Progress struct {
	Done, Of int // measurements
	Next     Cell
}

// Report is the result of Run. Its JSON names are a contract; fields may be added.
type Report struct {
	Cells       []Figures `json:"cells"`
	Skipped     []Skipped `json:"skipped"`
	Repeats     int       `json:"repeats"` // that are complete
	Seed        uint64    `json:"seed"`
	Spread      float64   `json:"spread"`       // median of the cells' spreads
	SpreadMax   float64   `json:"spread_worst"` // the largest
	Interrupted bool      `json:"interrupted"`
	config      Config
}

// Figures is what a cell came to: medians over the repeats.
type Figures struct {
	Cell
	TripNs   float64            `json:"trip_ns"`    // a round trip; of several sessions, elapsed time by number of round trips
	P50Ns    float64            `json:"p50_ns"`     // from a message to its answer
	P99Ns    float64            `json:"p99_ns"`     //
	Rate     float64            `json:"rate"`       // round trips per second
	LimitNs  float64            `json:"limit_ns"`   // a round trip of the limit
	Ratio    float64            `json:"ratio"`      // of TripNs to LimitNs
	Ratios   []float64          `json:"ratios"`     // of each repeat
	Spread   float64            `json:"spread"`     // how far apart these are: largest less smallest, by the median
	Limit    string             `json:"limit_name"` // what it is held against
	Marks    []environment.Mark `json:"marks"`      // what disturbed its repeats: of each kind the worst
	repeated []once
}

// disturbed adds marks of a repeat.
func (f *Figures) disturbed(marks []environment.Mark) {
	for _, m := range marks {
		at := slices.IndexFunc(f.Marks, func(o environment.Mark) bool { return o.Kind == m.Kind && o.Unit == m.Unit })
		switch {
		case at < 0:
			f.Marks = append(f.Marks, m)
		case f.Marks[at].Value < m.Value:
			f.Marks[at] = m
		}
	}
}

// once is what one measurement of a cell came to.
type once struct{ trip, p50, p99, rate, limit, ratio float64 }

// Run measures. When ctx ends, the report covers what was measured until then, and says so.
func Run(ctx context.Context, c Config, o *Options) (r Report, err error) {
	if o == nil {
		o = &Options{}
	}
	if err := c.complete(); err != nil {
		return r, err
	}
	cells, skipped, err := c.cells()
	if err != nil {
		return r, err
	}
	r = Report{Skipped: append([]Skipped{}, skipped...), Seed: c.Seed, config: c}
	all := make([]Figures, len(cells))
	for i, cell := range cells {
		all[i].Cell, all[i].Marks = cell, []environment.Mark{}
	}
	done := 0
repeats:
	for repeat := range c.Repeats {
		for _, i := range c.order(len(cells), repeat) {
			if o.Progress != nil {
				o.Progress(Progress{done, c.Repeats * len(cells), cells[i]})
			}
			err = c.measure(ctx, o, &all[i])
			if errors.Is(err, perf.ErrInterrupted) || ctx.Err() != nil {
				break repeats
			}
			if err != nil {
				return r, fmt.Errorf("%v: %w", cells[i], err)
			}
			done++
		}
		r.Repeats++
	}
	if done == 0 {
		return r, perf.ErrInterrupted
	}
	r.Interrupted = r.Repeats < c.Repeats
	r.finish(all)
	return r, nil
}

// measure measures a cell once.
func (c *Config) measure(ctx context.Context, o *Options, f *Figures) error {
	options := &perf.Options{Command: o.Peer}
	if f.Sessions == 1 {
		options.Result = &result.Result{}
		p, err := perf.Pingpong(ctx, c.pingpong(f.Cell), options)
		if err != nil || p.Interrupted {
			return interrupted(err)
		}
		f.Limit = p.Limit
		f.disturbed(options.Result.Marks)
		f.repeated = append(f.repeated, once{p.P50Ns, p.P50Ns, p.P99Ns, 1e9 / math.Max(p.MeanNs, 1), p.LimitP50Ns, p.RatioP50})
		return nil
	}
	// Half of the limit before, half after.
	bare := c.pingpong(f.Cell)
	bare.Seconds /= 2
	before, err := perf.Pingpong(ctx, asLimit(bare), options)
	if err != nil || before.Interrupted {
		return interrupted(err)
	}
	l, err := load.Run(ctx, c.load(f.Cell), &load.Options{Command: o.LoadPeer})
	if err != nil || l.Interrupted {
		return interrupted(err)
	}
	if l.Lost > 0 {
		return fmt.Errorf("%d messages were lost", l.Lost)
	}
	after, err := perf.Pingpong(ctx, asLimit(bare), options)
	if err != nil || after.Interrupted {
		return interrupted(err)
	}
	f.Limit = before.Limit
	f.disturbed(l.Marks)
	limit := (before.P50Ns + after.P50Ns) / 2
	trip := 1e9 / math.Max(l.Rate, 1)
	p99 := l.Service.MaxNs
	if l.Service.P99Ns != nil {
		p99 = *l.Service.P99Ns
	}
	f.repeated = append(f.repeated, once{trip, l.Service.P50Ns, p99, l.Rate, limit, trip / math.Max(limit, 1)})
	return nil
}

func interrupted(err error) error {
	if err == nil {
		return perf.ErrInterrupted
	}
	return err
}

// asLimit is the transport's bare form.
func asLimit(c perf.Config) perf.Config {
	c.Transport = map[rig.Transport]rig.Transport{
		rig.Shm: rig.Bare, rig.Inmem: rig.BareInmem, rig.Unix: rig.BareUnix, rig.TCP: rig.BareTCP, rig.TLS: rig.BareTLS, rig.H2: rig.BareH2,
		rig.WS: rig.BareWS,
	}[c.Transport]
	return c
}

// finish makes the figures of all cells that were measured at all.
func (r *Report) finish(all []Figures) {
	var spreads []float64
	r.Cells = []Figures{}
	for i := range all {
		f := &all[i]
		if len(f.repeated) == 0 {
			continue
		}
		of := func(field func(once) float64) (m float64, values []float64) {
			for _, one := range f.repeated {
				values = append(values, field(one))
			}
			sorted := slices.Sorted(slices.Values(values))
			n := len(sorted)
			return (sorted[(n-1)/2] + sorted[n/2]) / 2, values
		}
		f.TripNs, _ = of(func(o once) float64 { return o.trip })
		f.P50Ns, _ = of(func(o once) float64 { return o.p50 })
		f.P99Ns, _ = of(func(o once) float64 { return o.p99 })
		f.Rate, _ = of(func(o once) float64 { return o.rate })
		f.LimitNs, _ = of(func(o once) float64 { return o.limit })
		f.Ratio, f.Ratios = of(func(o once) float64 { return o.ratio })
		if f.Ratio > 0 {
			f.Spread = (slices.Max(f.Ratios) - slices.Min(f.Ratios)) / f.Ratio
		}
		for _, v := range []*float64{&f.TripNs, &f.P50Ns, &f.P99Ns, &f.Rate, &f.LimitNs} {
			*v = math.Round(*v*10) / 10
		}
		for _, v := range []*float64{&f.Ratio, &f.Spread} {
			*v = math.Round(*v*1000) / 1000
		}
		spreads = append(spreads, f.Spread)
		r.Cells = append(r.Cells, *f)
	}
	slices.Sort(spreads)
	r.Spread, r.SpreadMax = spreads[len(spreads)/2], spreads[len(spreads)-1]
}
