package perf

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/corechan/corechan/perf/measure"
	"github.com/corechan/corechan/perf/rig"
)

// subject is which of the things that alternate has its turn.
type subject int

// The first two of all contestants. Further limits, then rivals, follow.
const (
	theLimit subject = iota
	theSystem

	maxSubjects = 8
)

// order is one slice to be run by both sides.
type order struct {
	Subject subject
	Index   int // of this subject's slices
	Warm    int
	Count   int
	Pause   time.Duration
}

// outcome is what one side reports of a slice.
type outcome struct {
	Begin, End int64
	Thread     int // in the first reply of the second process: the kernel's id of its hot thread
	Allocs     uint64
	Busy       float64 // cores that the process has kept busy
	Err        error   `json:"-"`
}

// crew is one side of a run: its hot thread, a goroutine for what should not be on it, and the halves that run on these. The
// methods are called by one goroutine, except stop.
type crew struct {
	side   measure.Side
	core   int // -1: not pinned
	thread int // the kernel's id of the hot thread; 0: its goroutine is on any
	all    []contestant
	halves [maxSubjects]measure.Half
	clock  measure.Clock
	jobs   chan func()  // of the hot thread
	roving chan func()  // of the goroutine
	done   chan outcome // of the slice that was begun
	both   sync.WaitGroup
}

// newCrew starts the hot thread and the goroutine. The crew must be dismissed.
func newCrew(side measure.Side, core int) (*crew, error) {
	c := &crew{side: side, core: core, jobs: make(chan func()), roving: make(chan func()), done: make(chan outcome, 1)}
	ready := make(chan error)
	c.both.Go(func() {
		if core >= 0 {
			unpin, err := rig.Pin(core)
			if err != nil {
				ready <- err
				return
			}
			defer unpin()
			c.thread = unix.Gettid()
		}
		ready <- nil
		for job := range c.jobs {
			job()
		}
	})
	if err := <-ready; err != nil {
		return nil, err
	}
	c.both.Go(func() {
		for job := range c.roving {
			job()
		}
	})
	return c, nil
}

// on has a contestant's job done where the contestant belongs.
func (c *crew) on(sub subject, job func()) {
	if int(sub) < len(c.all) && c.all[sub].roams {
		c.roving <- job
		return
	}
	c.jobs <- job
}

// open opens the halves where they will run, so that their memory is touched there first.
func (c *crew) open(ctx context.Context, all []contestant) error {
	c.all, c.clock = all, all[0].env.clock
	result := make(chan error)
	for i, one := range all {
		c.on(subject(i), func() {
			half, err := one.system.open(ctx, one.env, c.side)
			c.halves[i] = half
			result <- err
		})
		if err := <-result; err != nil {
			return err
		}
	}
	return nil
}

// begin has a slice run, and returns when that is about to begin. The outcome comes by done.
func (c *crew) begin(o order, samples []int64) {
	running := make(chan struct{})
	c.on(o.Subject, func() {
		release, err := c.confine(o.Subject)
		if err != nil {
			close(running)
			c.done <- outcome{Err: err}
			return
		}
		s := measure.Slice{Index: o.Index, Warm: o.Warm, Count: o.Count, Pause: o.Pause, Samples: samples}
		var before, after runtime.MemStats
		close(running)
		begin, usage := c.clock.Now(), rig.CPUTime()
		runtime.ReadMemStats(&before)
		err = c.halves[o.Subject].Run(&s)
		runtime.ReadMemStats(&after)
		busy := float64(rig.CPUTime()-usage) / float64(c.clock.Now()-begin)
		release()
		if after.HeapAlloc > collectAt {
			runtime.GC() // nobody else would
		}
		if err != nil {
			err = fmt.Errorf("%s slice %d: %w", &c.all[o.Subject], o.Index, err)
		}
		c.done <- outcome{Begin: s.Begin, End: s.End, Allocs: after.Mallocs - before.Mallocs, Busy: busy, Err: err}
	})
	<-running
}

// confine binds the process to the core while a contestant runs that is not on the hot thread.
func (c *crew) confine(sub subject) (release func(), err error) {
	if !c.all[sub].roams || c.core < 0 {
		return func() {}, nil
	}
	return rig.Confine(c.core)
}

// stop makes a slice in progress end with an error. It may be called by any goroutine once open has returned.
func (c *crew) stop() {
	for _, h := range c.halves {
		if h != nil {
			h.Stop()
		}
	}
}

// dismiss closes the halves and ends the hot thread and the goroutine, which must have nothing to do.
func (c *crew) dismiss() error {
	result := make(chan error)
	var first error
	for i, h := range c.halves {
		if h == nil {
			continue
		}
		c.on(subject(i), func() { result <- h.Close() })
		if err := <-result; err != nil && first == nil {
			first = err
		}
	}
	close(c.jobs)
	close(c.roving)
	c.both.Wait()
	return first
}

// collectAt is the heap after a slice at which the collector is called.
const collectAt = 256 << 20
