package dash

import (
	"context"
	"fmt"
	"runtime"

	"golang.org/x/sys/unix"

	"github.com/corechan/corechan/perf/probe"
)

// Poller is a thread of this process that polls on a core, and ticks: see probe.Gaps. One for each core is shown.
type Poller struct {
	Core int
	Gaps *probe.Gaps
	// Probe, if there is one, follows the poller's process with PinnedOnly, and the poller is the only thread that is pinned to the core.
	// What it knows of is taken away from the gaps, which leaves what nothing explains. It stays the caller's.
	Probe *probe.Probe
}

// Spin ticks on a core, on a thread of its own that is pinned there, until the context ends. It takes all of the core that it gets.
func Spin(ctx context.Context, core int, gaps *probe.Gaps) error {
	runtime.LockOSThread() // and never unlocked: the thread ends with the goroutine, as nobody else should have its pinning
	var set unix.CPUSet
	set.Set(core)
	if err := unix.SchedSetaffinity(0, &set); err != nil {
		return fmt.Errorf("poll on core %d: %w", core, err)
	}
	for ctx.Err() == nil {
		for range 1000 { // the context is not asked at each turn, as that takes a lock
			gaps.Tick()
		}
	}
	return nil
}

// Explaining are the groups that a Poller's Probe needs.
func Explaining() []probe.Group {
	return []probe.Group{probe.RunQueue, probe.IRQ, probe.SoftIRQ, probe.Vectors, probe.Faults}
}

// polled is what a poller found in an interval, and what of it is known; nil if that is not known.
type polled struct {
	core  int
	gaps  probe.Histogram
	known *probe.Core
}

// poll returns a function that asks the pollers what they found since it was called before.
func poll(pollers []Poller) func() []polled {
	were := make([]probe.Histogram, len(pollers))
	knew := make([]*probe.Snapshot, len(pollers))
	read := func(i int) (probe.Histogram, *probe.Snapshot) {
		p := &pollers[i]
		gaps := *p.Gaps.Snapshot()
		if p.Probe == nil {
			return gaps, nil
		}
		s, err := p.Probe.Snapshot()
		if err != nil {
			return gaps, nil
		}
		return gaps, s
	}
	for i := range pollers {
		were[i], knew[i] = read(i)
	}
	return func() []polled {
		all := make([]polled, len(pollers))
		for i := range pollers {
			gaps, knows := read(i)
			all[i] = polled{core: pollers[i].Core, gaps: gaps}
			all[i].gaps.Sub(&were[i])
			if knows != nil && knew[i] != nil {
				all[i].known = knows.Sub(knew[i]).Core(pollers[i].Core)
			}
			were[i], knew[i] = gaps, knows
		}
		return all
	}
}
