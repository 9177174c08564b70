package perf

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"time"

	"github.com/corechan/corechan/perf/environment"
	results "github.com/corechan/corechan/perf/result"
	"github.com/corechan/corechan/perf/rig"
)

// ErrInterrupted is returned when the context ended before anything was measured.
var ErrInterrupted = errors.New("interrupted before anything was measured")

// Options says how to run a measurement. The zero value, and nil, are fine for a program that has a `perf peer` command.
type Options struct {
	// Command makes the command that starts the second process, which must call ServePeer. Default: this executable
	// with the arguments perf peer.
	Command func() *exec.Cmd

	// Progress, if not nil, is called after each slice of the system.
	Progress func(Progress)

	// Result, if not nil, is filled with all that Pingpong, Stream, Call, Descriptor or Bytes has measured, each run's figures and
	// the times as they went, in the form that it has on disk.
	Result *results.Result

	// Phase, if not nil, is called by Idle when something begins that takes a while, with a few words.
	Phase func(string)
}

// Progress is how far a measurement has come.
type Progress struct {
	Run, Runs int     // from 1
	Done      float64 // of this run, 0 to 1
	Slices    int     // of this run
	Figure    float64 // median so far: p50 in ns, or messages per second
	Limit     float64 // the same of the limit
	Ratio     float64
}

func (o *Options) orDefault() *Options {
	d := Options{}
	if o != nil {
		d = *o
	}
	if d.Command == nil {
		d.Command = func() *exec.Cmd {
			// Not os.Executable: its path may lead to another build by now, or nowhere.
			return &exec.Cmd{Path: "/proc/self/exe", Args: []string{os.Args[0], "perf", "peer"}}
		}
	}
	if d.Progress == nil {
		d.Progress = func(Progress) {}
	}
	if d.Phase == nil {
		d.Phase = func(string) {}
	}
	return &d
}

// Pingpong measures round trips. When ctx ends, the report covers what was measured until then, and says so.
func Pingpong(ctx context.Context, c Config, o *Options) (PingpongReport, error) {
	reports, interrupted, err := repeat(ctx, pingpong, c, o, pingpongReport)
	if err != nil {
		return PingpongReport{}, err
	}
	report := mergePingpong(reports)
	report.Interrupted = interrupted
	return report, nil
}

// Check says what is wrong with the configuration of a ping-pong, if anything is, without measuring.
func (c Config) Check() error {
	m, err := rig.ThisMachine()
	if err != nil {
		return err
	}
	_, err = c.complete(pingpong, m)
	return err
}

// Stream measures messages one way. When ctx ends, the report covers what was measured until then, and says so.
func Stream(ctx context.Context, c Config, o *Options) (StreamReport, error) {
	reports, interrupted, err := repeat(ctx, stream, c, o, streamReport)
	if err != nil {
		return StreamReport{}, err
	}
	report := mergeStream(reports)
	report.Interrupted = interrupted
	return report, nil
}

// Call measures round trips through a fresh channel for each answer, beside plain ones. When ctx ends, the report covers what
// was measured until then, and says so.
func Call(ctx context.Context, c Config, o *Options) (CallReport, error) {
	reports, interrupted, err := repeat(ctx, call, c, o, callReport)
	if err != nil {
		return CallReport{}, err
	}
	report := mergeCall(reports)
	report.Interrupted = interrupted
	return report, nil
}

// Descriptor measures round trips of messages that carry a descriptor each way. When ctx ends, the report covers what was
// measured until then, and says so.
func Descriptor(ctx context.Context, c Config, o *Options) (PingpongReport, error) {
	reports, interrupted, err := repeat(ctx, passing, c, o, descriptorReport)
	if err != nil {
		return PingpongReport{}, err
	}
	report := mergePingpong(reports)
	report.Interrupted = interrupted
	return report, nil
}

// Bytes measures byte streams in one direction, beside raw messages of Piece bytes, in which its report counts. When ctx ends,
// the report covers what was measured until then, and says so.
func Bytes(ctx context.Context, c Config, o *Options) (StreamReport, error) {
	reports, interrupted, err := repeat(ctx, byteStream, c, o, bytesReport)
	if err != nil {
		return StreamReport{}, err
	}
	report := mergeStream(reports)
	report.Interrupted = interrupted
	return report, nil
}

// repeat makes the configured number of runs, each with new processes, and a report of each. When ctx ends before that,
// it returns the reports of the runs that are complete, or if there are none, of the one that is not.
func repeat[R any](ctx context.Context, k kind, c Config, o *Options, report func(*Config, *result) R) (
	reports []R, interrupted bool, err error,
) {
	o = o.orDefault()
	m, err := rig.ThisMachine()
	if err != nil {
		return nil, false, err
	}
	if c, err = c.complete(k, m); err != nil {
		return nil, false, err
	}
	rec := newRecording(o.Result)
	for n := 0; n < c.Runs && !interrupted; n++ {
		one := c
		one.Profile = c.Profile.run(n + 1)
		r, err := once(ctx, k, &one, o.Command, rec, func(p Progress) {
			p.Run, p.Runs = n+1, c.Runs
			o.Progress(p)
		})
		switch {
		case errors.Is(err, ErrInterrupted) && len(reports) > 0:
			interrupted = true
			continue
		case err != nil:
			return nil, false, err
		}
		interrupted = !r.complete
		if r.complete || len(reports) == 0 {
			reports = append(reports, report(&c, r))
			rec.ran(r)
		}
	}
	return reports, interrupted, rec.finish(ctx, k, &c, interrupted)
}

// once makes one run.
func once(ctx context.Context, k kind, c *Config, cmd func() *exec.Cmd, rec *recording, progress func(Progress)) (r *result, err error) {
	r = &result{trips: newHistogram()}
	defer func() {
		if ctx.Err() != nil && len(r.systems) == 0 {
			err = ErrInterrupted // whatever else has failed because of that
		}
	}()
	if ctx.Err() != nil {
		return r, ErrInterrupted
	}
	profiled, err := c.Profile.start()
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, profiled()) }()
	s, err := newSession(ctx, k, c, cmd)
	if err != nil {
		return r, err
	}
	if c.Probes {
		if s.probes, err = startProbes(s); err != nil {
			return r, errors.Join(err, s.close())
		}
		r.probes = s.probes
	}
	r.limits = make([][]float64, len(s.those(asLimit)))
	r.rivals = make([]rival, len(s.those(asRival)))
	r.timer = s.env.clock.Overhead()
	if err = s.measure(ctx, r, rec, progress); err == nil {
		err = s.checkStamps()
	}
	return r, errors.Join(err, s.close())
}

const (
	sliceTime   = 25 * time.Millisecond
	warmUp      = 5 * time.Millisecond // least time of a slice that tells how long a message takes
	leastSlice  = 2 * time.Millisecond // least time of a slice of limit or rival
	leastSlices = 10
)

// measure makes all slices of a run.
func (s *session) measure(ctx context.Context, r *result, rec *recording, progress func(Progress)) (failed error) {
	var each [maxSubjects]float64 // ns a message
	subjects := subject(len(s.all))
	for sub := range subjects {
		var err error
		if each[sub], err = s.warm(ctx, sub); err != nil {
			return err
		}
	}
	p := s.pace(each)
	limits := func() error {
		for i, sub := range s.those(asLimit) {
			m, err := s.slice(sub, p.counts[sub])
			if err != nil {
				return err
			}
			r.limits[i] = append(r.limits[i], m.figure)
			rec.addLimit(i, m)
		}
		return nil
	}
	if err := limits(); err != nil {
		return err
	}
	if rec != nil {
		watches, err := s.watch()
		if err != nil {
			return err
		}
		defer func() {
			if failed != nil {
				return
			}
			var found []environment.Disturbance
			if found, failed = watched(watches); failed == nil {
				rec.disturbed(found)
			}
		}()
	}
	for i := 0; ; i++ {
		n, done := p.next(i, r)
		if done == 1 {
			r.complete = true
			return nil
		}
		if ctx.Err() != nil {
			return nil
		}
		probed := func(turn bool) error {
			if s.probes == nil || !turn {
				return nil
			}
			return s.probedSlice(r, n)
		}
		if err := probed(i%2 == 1); err != nil { // before and after in turn, so that what comes first has no advantage
			return err
		}
		if s.probes != nil {
			if err := s.probes.beforeOther(); err != nil {
				return err
			}
		}
		m, err := s.slice(theSystem, n)
		if err != nil {
			return err
		}
		r.add(m, n)
		rec.addSystem(m)
		if err := probed(i%2 == 0); err != nil {
			return err
		}
		for j, sub := range s.those(asRival) {
			if m, err = s.slice(sub, p.counts[sub]); err != nil {
				return err
			}
			r.addRival(j, m)
		}
		if err := limits(); err != nil {
			return err
		}
		_, done = p.next(i+1, r)
		ratio, _, _ := r.ratio(0)
		progress(Progress{
			Done: done, Slices: len(r.systems), Figure: median(r.systems), Limit: median(r.limits[0]), Ratio: ratio,
		})
	}
}

func (r *result) add(m measured, count int) {
	r.systems = append(r.systems, m.figure)
	r.count += count
	r.seconds += m.elapsed.Seconds()
	r.made += m.made
	for i, n := range m.allocs {
		r.allocs[i] += n
	}
	r.rates = append(r.rates, m.rate)
	r.busy = append(r.busy, m.busy)
	r.trips.add(m.samples)
}

func (r *result) addRival(i int, m measured) {
	r.rivals[i].figures = append(r.rivals[i].figures, m.figure)
	r.rivals[i].rates = append(r.rivals[i].rates, m.rate)
	r.rivals[i].busy = append(r.rivals[i].busy, m.busy)
}

// warm makes slices of growing length until one is long enough to tell how many nanoseconds a message takes.
func (s *session) warm(ctx context.Context, sub subject) (float64, error) {
	most := s.mostInSlice()
	n := 64
	if p := s.config.Pause; p > 0 {
		n = int(min(max(warmUp/p, 1), 64))
	}
	for ; ; n = min(4*n, most) {
		if ctx.Err() != nil {
			return 0, ErrInterrupted
		}
		m, err := s.slice(sub, n)
		if err != nil {
			return 0, fmt.Errorf("warm-up: %w", err)
		}
		if m.elapsed >= warmUp || n == most {
			return float64(max(m.elapsed, 1)) / float64(n), nil
		}
	}
}
