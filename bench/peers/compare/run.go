package compare

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"time"

	"github.com/corechan/corechan/bench/peers/peer"
	"github.com/corechan/corechan/bench/peers/rivals"
)

// Options say what to compare, and for how long.
type Options struct {
	Rounds int           `json:"rounds"`
	Slice  time.Duration `json:"slice_ns"`       // of an entry
	Limit  time.Duration `json:"limit_slice_ns"` // of the limit between two
	Cores  [2]int        `json:"cores"`          // of the near and the far side
	Cases  []peer.Case   `json:"-"`
	// Entries are those to compare.
	Entries  []peer.Entry `json:"-"`
	Services bool         `json:"-"` // compare generated services too
	// Progress, if not nil, is told what is being done, with how much of all is done, from 0 to 1.
	Progress func(done float64, what string) `json:"-"`
}

// Run compares. When ctx ends, the report has the cases that were completed until then, and says so.
func Run(ctx context.Context, o *Options) (*Report, error) {
	begin, before := time.Now(), watchMachine()
	dir, err := os.MkdirTemp("", "corechan-peers-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	r := &Report{When: begin.UTC().Truncate(time.Second), Machine: thisMachine(ctx), Options: *o, Entries: describe(o.Entries)}
	r.Commit = commit()
	for _, e := range o.Entries {
		if e.Missing != "" {
			r.NotMeasured = append(r.NotMeasured, NotMeasured{ID: e.ID(), Why: e.Missing})
		}
	}
	for i, c := range o.Cases {
		progress := func(part float64, what string) {
			if o.Progress != nil {
				o.Progress((float64(i)+part)/float64(len(o.Cases)), c.String()+": "+what)
			}
		}
		one, missed, err := runCase(ctx, c, o, filepath.Join(dir, fmt.Sprint(i)), progress)
		if ctx.Err() != nil {
			r.Interrupted = true
			break
		}
		if err != nil {
			return nil, err
		}
		r.Cases = append(r.Cases, *one)
		r.NotMeasured = append(r.NotMeasured, missed...)
	}
	if o.Services && ctx.Err() == nil {
		r.Services, err = RunServices(ctx, o, dir)
		switch {
		case ctx.Err() != nil:
			r.Interrupted = true
		case err != nil:
			r.NotMeasured = append(r.NotMeasured, NotMeasured{ID: "generated services", Why: err.Error(), Failed: true})
		default:
			r.NotMeasured = append(r.NotMeasured, r.Services.NotMeasured...)
		}
	}
	r.Disturbance = before.since()
	r.NotAhead = NotAhead(r)
	r.Machine.LoadAfter = load()
	r.Seconds = time.Since(begin).Round(time.Second).Seconds()
	return r, nil
}

// contestant is a pair with what its slices brought.
type contestant struct {
	*pair
	slices []Slice
	ratios []float64
	memory int64
}

// runCase has all do a case: at once, as far as there is memory for all of them.
func runCase(ctx context.Context, c peer.Case, o *Options, dir string, progress func(float64, string)) (
	_ *CaseReport, missed []NotMeasured, err error,
) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, nil, err
	}
	entry := rivals.Find(rivals.LimitOf(c))
	limit, err := open(entry, c, o.Cores, dir)
	if err != nil {
		return nil, nil, fmt.Errorf("the limit (%s): %w", entry.Name, err)
	}
	defer limit.close()
	r := &caseRun{c: c, o: o, dir: dir, limit: limit, progress: progress, steps: len(o.Entries) * (o.Rounds + 1)}
	for group := range slices.Chunk(o.Entries, atOnce(c)) {
		if err := r.group(ctx, group); err != nil {
			return nil, nil, err
		}
	}
	return &CaseReport{Case: c, Limit: LimitFigures{Name: entry.Name, Figure: median(r.limits)}, Rows: r.rows}, r.missed, nil
}

// caseRun is a case on its way.
type caseRun struct {
	c           peer.Case
	o           *Options
	dir         string
	limit       *pair
	limits      []float64 // figures of its slices
	rows        []Row
	missed      []NotMeasured
	progress    func(float64, string)
	done, steps int
}

func (r *caseRun) step(what string) {
	r.progress(float64(r.done)/float64(r.steps), what)
	r.done++
}

func (r *caseRun) miss(e *peer.Entry, err error) {
	failed := !errors.Is(err, peer.ErrCannot) && !cannot(err)
	r.missed = append(r.missed, NotMeasured{ID: e.ID(), Case: &r.c, Why: reason(err), Failed: failed})
}

// group has some do their work, in turns with the limit.
func (r *caseRun) group(ctx context.Context, entries []peer.Entry) error {
	var all []*contestant
	defer func() {
		for _, one := range all {
			one.close()
		}
	}()
	for i := range entries {
		e := &entries[i]
		r.step(e.ID())
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if e.Missing != "" {
			continue // was said
		}
		p, err := open(e, r.c, r.o.Cores, r.dir)
		if err != nil {
			r.miss(e, err)
			continue
		}
		all = append(all, &contestant{pair: p})
	}
	before, err := r.limitSlice()
	if err != nil {
		return err
	}
	for round := range r.o.Rounds {
		for _, one := range slices.Clone(all) {
			r.step(fmt.Sprintf("round %d of %d, %s", round+1, r.o.Rounds, one.entry.ID()))
			if ctx.Err() != nil {
				return ctx.Err()
			}
			s, err := one.slice(r.o.Slice)
			if err != nil {
				r.miss(one.entry, err)
				one.close()
				all = slices.DeleteFunc(all, func(c *contestant) bool { return c == one })
				continue
			}
			after, err := r.limitSlice()
			if err != nil {
				return err
			}
			one.slices = append(one.slices, s)
			one.ratios = append(one.ratios, 2*s.Figure/(before+after))
			before = after
		}
	}
	for _, one := range all {
		one.memory = one.pair.memory()
		r.rows = append(r.rows, one.row())
	}
	return nil
}

func (r *caseRun) limitSlice() (float64, error) {
	s, err := r.limit.slice(r.o.Limit)
	if err != nil {
		return 0, fmt.Errorf("the limit (%s): %w", r.limit.entry.Name, err)
	}
	r.limits = append(r.limits, s.Figure)
	return s.Figure, nil
}

func (c *contestant) row() Row {
	e := c.entry
	r := Row{
		ID: e.ID(), Name: e.Name, Network: e.Network, Ours: e.Ours,
		Ratio: median(c.ratios), Least: slices.Min(c.ratios), Most: slices.Max(c.ratios),
		Allocs: c.allocs.perOp(), Memory: c.memory, Rounds: c.ratios,
	}
	var figures, p99 []float64
	for _, s := range c.slices {
		figures, p99, r.CPUs = append(figures, s.Figure), append(p99, s.P99), append(r.CPUs, s.CPU)
	}
	r.Figure, r.P99, r.CPU = median(figures), median(p99), median(r.CPUs)
	return r
}

// median returns the middle value, or the mean of the two in the middle.
func median(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	return (sorted[(len(sorted)-1)/2] + sorted[len(sorted)/2]) / 2
}

// describe says what is compared, with the versions that this program was built with.
func describe(entries []peer.Entry) (all []Described) {
	versions := map[string]string{}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, m := range info.Deps {
			versions[m.Path] = m.Version
		}
	}
	for _, e := range entries {
		all = append(all, Described{
			ID: e.ID(), Name: e.Name, Network: e.Network, Ours: e.Ours, Settings: e.Settings,
			Module: e.Module, Version: versions[e.Module],
		})
	}
	return all
}
