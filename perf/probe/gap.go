package probe

import (
	"sync/atomic"
	"time"
)

// Gaps finds the times in which a polling thread did not run, by the thread's own clock: it needs no privilege, and sees
// whatever the reason. One goroutine calls Tick at each turn of its loop; any may read at the same time. Make one with NewGaps.
type Gaps struct {
	threshold time.Duration
	began     time.Time
	last      time.Duration // since began; of the goroutine that ticks

	sum, max atomic.Uint64
	buckets  [buckets]atomic.Uint64
}

// DefaultGap is longer than any turn of a loop that polls, and shorter than most of what keeps it from running.
const DefaultGap = 2 * time.Microsecond

// NewGaps returns a detector of gaps of at least a threshold between two turns, DefaultGap if it is 0.
func NewGaps(threshold time.Duration) *Gaps {
	if threshold <= 0 {
		threshold = DefaultGap
	}
	return &Gaps{threshold: threshold, began: time.Now()}
}

// Tick says that the loop turns. It reads the clock, allocates nothing, and returns the gap that it found, or 0. The first call, and the first
// after Rest, begin to watch.
func (g *Gaps) Tick() time.Duration {
	now := time.Since(g.began)
	gap := now - g.last
	was := g.last
	g.last = now
	if gap < g.threshold || was == 0 {
		return 0
	}
	g.sum.Add(uint64(gap))
	g.max.Store(max(g.max.Load(), uint64(gap)))
	g.buckets[bucketOf(uint64(gap))].Add(1)
	return gap
}

// Rest says that the loop now does something else on purpose: the time until the next Tick is no gap.
func (g *Gaps) Rest() { g.last = 0 }

// Snapshot returns the gaps found so far.
func (g *Gaps) Snapshot() *Histogram {
	h := &Histogram{sum: g.sum.Load(), max: g.max.Load()}
	for i := range g.buckets {
		h.buckets[i] = g.buckets[i].Load()
	}
	return h
}

// Unexplained returns how much of a poller's gaps the probes of its core, over the same time, do not account for: neither preemption, nor a
// stop, nor interrupts, nor faults in a storm. What remains is the hypervisor's, the firmware's, or that of what has no
// probe. It makes sense for a Probe that follows the poller's process with PinnedOnly, and only one thread pinned to the core.
func Unexplained(gaps *Histogram, c *Core) time.Duration {
	return max(gaps.Sum()-c.Explained(), 0)
}

// Explained returns the time that the followed threads of a core are known not to have had.
func (c *Core) Explained() (d time.Duration) {
	if c.RunQueue != nil {
		d += c.RunQueue.Preempted.Sum() + c.RunQueue.Stopped.Sum()
	}
	if c.Stolen != nil {
		d += c.Stolen.Sum()
	}
	if c.Faults != nil {
		d += c.Faults.Storm
	}
	return d
}
