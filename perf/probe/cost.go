package probe

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// How InterruptCost measures.
const (
	costPeriod = 25 * time.Microsecond // from one interrupt to the next
	costSlices = 5                     // that must be good, if so many are in
	costTries  = 20
	costSpan   = 20 * time.Millisecond // of a slice
	costLeast  = 50                    // interrupts that must have come in it
	costTurn   = 200 * time.Nanosecond // longer than most turns, shorter than any interrupt
)

// ErrNoCost says that an interrupt's cost could not be measured, as too few came, or too much else.
var ErrNoCost = errors.New("the machine is too busy to measure what an interrupt costs")

// InterruptCost measures what an interrupt takes from a thread beyond the time of its handler: to enter the kernel, to
// acknowledge, to leave. No event shows that; on virtual machines it may be more than the handler takes. The result is for
// Config.InterruptCost.
//
// It keeps one thread busy for some 100 ms, on a busy machine 400 ms, on whichever core that is, with interrupts that it asks the kernel
// for, and compares the gaps that the thread sees with what group Vectors counts of them. It needs what that group needs.
func InterruptCost() (time.Duration, error) {
	p, err := Start(Config{PIDs: []int{os.Getpid()}, Groups: []Group{RunQueue, Vectors, IRQ}})
	if err != nil {
		return 0, err
	}
	defer p.Close()
	for _, s := range p.Status() {
		if s.State == Failed {
			return 0, fmt.Errorf("measure what an interrupt costs: %w", s.Err)
		}
	}
	least, good := time.Duration(0), 0
	for range costTries {
		cost, err := p.interruptCost()
		if errors.Is(err, ErrNoCost) {
			continue
		}
		if err != nil {
			return 0, err
		}
		if good == 0 || cost < least {
			least = cost
		}
		if good++; good == costSlices {
			break
		}
	}
	if good == 0 {
		return 0, ErrNoCost
	}
	return least, nil
}

// interruptCost measures for one slice of time.
func (p *Probe) interruptCost() (time.Duration, error) {
	before, err := p.Snapshot()
	if err != nil {
		return 0, err
	}
	gaps, err := interruptedGaps()
	if err != nil {
		return 0, err
	}
	after, err := p.Snapshot()
	if err != nil {
		return 0, err
	}
	var handlers Histogram
	preempted := uint64(0)
	d := after.Sub(before)
	for i := range d.Cores {
		handlers.Add(d.Cores[i].Stolen.Of(Timer))
		handlers.Add(d.Cores[i].Stolen.Of(Hard)) // the timer of an arm64 machine
		preempted += d.Cores[i].RunQueue.Preempted.Count()
	}
	interrupts, turns := handlers.Count(), gaps.Count()
	if interrupts < costLeast || turns < preempted+interrupts || preempted > interrupts/4 {
		return 0, ErrNoCost
	}
	// The longest gaps are preemptions, and the next ones, as many as there were interrupts, are those of the interrupts.
	median := gaps.Quantile(1 - (float64(preempted)+float64(interrupts)/2)/float64(turns))
	return max(median-handlers.Quantile(0.5), 0), nil
}

// interruptedGaps spins on one thread that the kernel interrupts, and returns the gaps.
func interruptedGaps() (*Histogram, error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	fd, err := unix.PerfEventOpen(&unix.PerfEventAttr{
		Type: unix.PERF_TYPE_SOFTWARE, Config: unix.PERF_COUNT_SW_CPU_CLOCK, Size: uint32(unsafe.Sizeof(unix.PerfEventAttr{})),
		Sample: uint64(costPeriod),
	}, 0, -1, -1, unix.PERF_FLAG_FD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("ask for timer interrupts: %w", err)
	}
	defer unix.Close(fd)
	gaps := NewGaps(costTurn)
	for begin := time.Now(); time.Since(begin) < costSpan; {
		for range 100 {
			gaps.Tick()
		}
		gaps.Rest()
	}
	return gaps.Snapshot(), nil
}
