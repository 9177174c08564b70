package measure

import (
	"time"

	"golang.org/x/sys/unix"
)

// Clock reads the machine's monotonic clock, so that two processes' readings can be compared. Copies are equal, and may
// be used concurrently.
type Clock struct {
	base time.Time
	mono int64 // CLOCK_MONOTONIC at base
	wall int64 // what to add to CLOCK_MONOTONIC for Unix time
}

// NewClock makes a clock. Clocks of different processes differ by the time that two clock reads take.
func NewClock() (Clock, error) {
	var ts unix.Timespec
	base := time.Now()
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts); err != nil {
		return Clock{}, err
	}
	mono := ts.Nano()
	return Clock{base: base, mono: mono, wall: base.UnixNano() - mono}, nil
}

// Now returns the nanoseconds of CLOCK_MONOTONIC. It is time.Since, which reads one clock where time.Now reads two.
func (c *Clock) Now() int64 { return c.mono + int64(time.Since(c.base)) }

// Think keeps the thread busy for at least d, and returns how long it was.
func (c *Clock) Think(d time.Duration) int64 {
	begin := c.Now()
	for {
		if thought := c.Now() - begin; thought >= int64(d) {
			return thought
		}
	}
}

// Unix turns what Now returned into Unix time in nanoseconds.
func (c *Clock) Unix(now int64) int64 { return now + c.wall }

// Overhead returns the nanoseconds that one Now takes: the least of several averages.
func (c *Clock) Overhead() float64 {
	const batches, reads = 20, 500
	least := int64(0)
	for b := range batches {
		begin := c.Now()
		for range reads - 1 {
			c.Now()
		}
		if d := c.Now() - begin; b == 0 || d < least {
			least = d
		}
	}
	return float64(least) / reads
}
