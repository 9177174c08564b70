package perf

import (
	"context"
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/corechan/corechan/perf/measure"
)

// subject is which of the two things that alternate has its turn.
type subject int

const (
	theLimit subject = iota
	theSystem
	subjects
)

func (s subject) String() string { return [...]string{"limit", "system"}[s] }

// order is one slice to be run by both sides.
type order struct {
	Subject subject
	Index   int // of this subject's slices
	Warm    int
	Count   int
}

// outcome is what one side reports of a slice.
type outcome struct {
	Begin, End int64
	Allocs     uint64
	Err        error `json:"-"`
}

// crew is one side of a run: its hot thread, and the halves that run on it. The methods are called by one goroutine,
// except stop.
type crew struct {
	side   measure.Side
	core   int // -1: not pinned
	halves [subjects]measure.Half
	jobs   chan func()
	done   chan outcome // of the slice that was begun
}

// newCrew starts the hot thread. The crew must be dismissed.
func newCrew(side measure.Side, core int) (*crew, error) {
	c := &crew{side: side, core: core, jobs: make(chan func()), done: make(chan outcome, 1)}
	ready := make(chan error)
	go func() {
		if core >= 0 {
			unpin, err := pin(core)
			if err != nil {
				ready <- err
				return
			}
			defer unpin()
		}
		ready <- nil
		for job := range c.jobs {
			job()
		}
	}()
	if err := <-ready; err != nil {
		return nil, err
	}
	return c, nil
}

// open opens the halves on the hot thread, where their memory is then touched first.
func (c *crew) open(ctx context.Context, e *env, sys system) error {
	result := make(chan error)
	c.jobs <- func() {
		result <- func() (err error) {
			if c.halves[theLimit], err = openLimit(e, &e.limit, c.side); err != nil {
				return err
			}
			c.halves[theSystem], err = sys.open(ctx, e, c.side)
			return err
		}()
	}
	return <-result
}

// begin has the hot thread run a slice, and returns when the thread is about to. The outcome comes by done.
func (c *crew) begin(o order, samples []int64) {
	running := make(chan struct{})
	c.jobs <- func() {
		s := measure.Slice{Index: o.Index, Warm: o.Warm, Count: o.Count, Samples: samples}
		var before, after runtime.MemStats
		close(running)
		runtime.ReadMemStats(&before)
		err := c.halves[o.Subject].Run(&s)
		runtime.ReadMemStats(&after)
		if after.HeapAlloc > collectAt {
			runtime.GC() // nobody else would
		}
		if err != nil {
			err = fmt.Errorf("%s slice %d: %w", o.Subject, o.Index, err)
		}
		c.done <- outcome{Begin: s.Begin, End: s.End, Allocs: after.Mallocs - before.Mallocs, Err: err}
	}
	<-running
}

// stop makes a slice in progress end with an error. It may be called by any goroutine once open has returned.
func (c *crew) stop() {
	for _, h := range c.halves {
		if h != nil {
			h.Stop()
		}
	}
}

// dismiss closes the halves and ends the hot thread, which must have nothing to do.
func (c *crew) dismiss() error {
	result := make(chan error)
	c.jobs <- func() {
		var first error
		for _, h := range c.halves {
			if h == nil {
				continue
			}
			if err := h.Close(); err != nil && first == nil {
				first = err
			}
		}
		result <- first
	}
	err := <-result
	close(c.jobs)
	return err
}

const (
	memoryLimit = 1 << 30   // where the collector sets in although it is off
	collectAt   = 256 << 20 // heap after a slice at which it is called
)

// quietRuntime makes room for that many threads which poll without ever yielding, and turns the garbage collector off.
// The result undoes it.
func quietRuntime(pollers int) (restore func()) {
	procs := runtime.GOMAXPROCS(0)
	if procs < pollers+1 {
		runtime.GOMAXPROCS(pollers + 1)
	}
	bound := debug.SetMemoryLimit(memoryLimit)
	percent := debug.SetGCPercent(-1)
	return func() {
		debug.SetGCPercent(percent)
		debug.SetMemoryLimit(bound)
		if procs < pollers+1 {
			runtime.GOMAXPROCS(procs)
		}
	}
}
