package perf

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os/exec"
	"time"

	"github.com/corechan/corechan/perf/measure"
	"github.com/corechan/corechan/perf/rig"
)

// session is one run's two sides, open and ready for slices. It is used by one goroutine.
type session struct {
	kind    kind
	config  *Config
	env     *env
	all     []contestant
	near    *crew
	far     farSide
	shared  *shared // between two processes
	restore func()

	index   [maxSubjects]int // slices made
	samples []int64          // room for a slice's round trips
	scratch *histogram
	stuck   bool // the near thread did not come back
}

const (
	sliceTimeout = time.Minute     // by far more than any slice should take
	stopTimeout  = 2 * time.Second // for a slice that was stopped
	maxSamples   = 1 << 20         // round trips in a slice
	maxStream    = 1 << 24         // messages in one
)

// newSession opens both sides. The caller closes the session, also after an error in one of its methods.
func newSession(ctx context.Context, k kind, c *Config, cmd func() *exec.Cmd) (_ *session, err error) {
	clock, err := measure.NewClock()
	if err != nil {
		return nil, err
	}
	s := &session{
		kind: k, config: c, scratch: newHistogram(),
		env: &env{kind: k, config: *c, address: "@corechan-perf-" + rand.Text(), clock: clock},
	}
	pollers := 1
	if c.inProcess() {
		pollers = 2
	}
	s.restore = rig.Quiet(pollers)
	defer func() {
		if err != nil {
			err = errors.Join(err, s.close())
		}
	}()
	if k.trips() {
		s.samples = make([]int64, maxSamples)
		clear(s.samples) // touches it
	}
	core := func(side int) int {
		if !c.pinned() {
			return -1
		}
		return c.Cores[side]
	}
	if c.inProcess() {
		err = s.openThread(core(1))
	} else {
		err = s.openProcess(cmd())
	}
	if err != nil {
		return nil, err
	}
	if s.near, err = newCrew(measure.Near, core(0)); err != nil {
		return nil, err
	}
	return s, s.open(ctx)
}

func (s *session) openThread(core int) (err error) {
	s.all = contestants(s.env)
	for _, c := range s.all {
		if !c.memory {
			continue
		}
		if c.env.ground, err = privateGround(c.env.kind, s.config); err != nil {
			return err
		}
	}
	far, err := newCrew(measure.Far, core)
	if err != nil {
		return err
	}
	s.far = &thread{crew: far, all: s.all}
	return nil
}

func (s *session) openProcess(cmd *exec.Cmd) (err error) {
	if err := s.env.identify(); err != nil {
		return err
	}
	s.all = contestants(s.env)
	if s.shared, err = newShared(s.all); err != nil {
		return err
	}
	s.shared.give(s.all, measure.Near)
	far, err := startProcess(cmd, s.kind, s.env, s.all, s.shared)
	if err != nil {
		return err
	}
	s.far = far
	return nil
}

// open opens both sides' halves at once. When one side fails, the other is told to give up.
func (s *session) open(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	for _, c := range s.all {
		if err := c.system.prepare(ctx, c.env); err != nil {
			return err
		}
	}
	farResult := make(chan error, 1)
	go func() {
		err := s.far.open(ctx)
		if err != nil {
			cancel()
		}
		farResult <- err
	}()
	err := s.near.open(ctx, s.all)
	if err != nil {
		cancel()
	}
	farErr := <-farResult
	if errors.Is(err, ErrConfig) {
		return err // the far side's is the same, or comes of this one
	}
	return errors.Join(err, farErr)
}

// mostInSlice bounds the count of a slice.
func (s *session) mostInSlice() int {
	if s.kind.trips() {
		return maxSamples
	}
	return maxStream
}

// those are the contestants in a role, in order.
func (s *session) those(r role) (subs []subject) {
	for i, c := range s.all {
		if c.role == r {
			subs = append(subs, subject(i))
		}
	}
	return subs
}

// measured is what a slice brought.
type measured struct {
	figure  float64 // p50 in ns of round trips, messages per second of a stream
	rate    float64 // round trips or messages per second
	elapsed time.Duration
	allocs  [2]uint64 // of the near process and of the far one, if there are two
	made    int       // round trips or messages, with those that did not count: what allocs are of
	busy    float64   // cores
	samples []int64   // until the next slice
}

func (s *session) slice(sub subject, count int) (measured, error) {
	o := order{Subject: sub, Index: s.index[sub], Count: count, Pause: s.config.Pause}
	s.index[sub]++
	var samples []int64
	if s.kind.trips() {
		o.Warm = min(count/20+1, 2000)
		samples = s.samples[:count]
	}
	near, far, err := s.both(o, samples)
	if err != nil {
		return measured{}, err
	}
	m := measured{samples: samples, made: o.Warm + count}
	if s.kind.trips() {
		m.elapsed = time.Duration(max(near.End-near.Begin, 1))
		m.rate = float64(count) / m.elapsed.Seconds()
		s.scratch.reset()
		s.scratch.add(samples)
		m.figure = s.scratch.quantile(50)
	} else {
		m.elapsed = time.Duration(max(far.End-near.Begin, 1))
		m.rate = float64(count) / m.elapsed.Seconds()
		m.figure = m.rate
	}
	if s.config.inProcess() {
		m.allocs[0] = max(near.Allocs, far.Allocs) // both counted the whole process
		m.busy = max(near.Busy, far.Busy)
	} else {
		m.allocs = [2]uint64{near.Allocs, far.Allocs}
		m.busy = near.Busy + far.Busy
	}
	return m, nil
}

// both has the two sides run one slice.
func (s *session) both(o order, samples []int64) (near, far outcome, err error) {
	timeout := time.NewTimer(sliceTimeout)
	defer timeout.Stop()
	if err = s.far.begin(o); err != nil {
		return near, far, err
	}
	s.near.begin(o, samples)
	select {
	case near = <-s.near.done:
		if near.Err != nil {
			s.far.stop()
		}
		far, err = s.far.end()
		return near, far, errors.Join(near.Err, err)
	case <-s.far.lost():
		s.recall()
		_, err = s.far.end()
	case <-timeout.C:
		err = fmt.Errorf("%s slice %d is not over after %v", &s.all[o.Subject], o.Index, sliceTimeout)
		s.far.stop()
		s.recall()
	}
	return near, far, err
}

// recall stops the near half and waits for its thread. A thread that does not come back is left alone, together with
// all that it may still use.
func (s *session) recall() {
	s.near.stop()
	select {
	case <-s.near.done:
	case <-time.After(stopTimeout):
		s.stuck = true
	}
}

// close ends both sides and releases everything.
func (s *session) close() error {
	var errs []error
	if s.near != nil && !s.stuck {
		errs = append(errs, s.near.dismiss())
	}
	if s.far != nil {
		errs = append(errs, s.far.close())
	}
	errs = append(errs, closeAll(s.all))
	if s.shared != nil && !s.stuck {
		errs = append(errs, s.shared.close())
	}
	s.restore()
	return errors.Join(errs...)
}
