package worker

import (
	"fmt"
	"runtime"

	"golang.org/x/sys/unix"
)

// cpuTime returns how long processes have run, in nanoseconds, all their threads together, by the clocks that clock_getcpuclockid(3)
// gives: see cpuClock. They can be read by others, while the process does what it does.
func cpuTime(pids ...int) (total int64, err error) {
	for _, pid := range pids {
		var ts unix.Timespec
		if err := unix.ClockGettime(cpuClock(pid), &ts); err != nil {
			return 0, fmt.Errorf("read the processor time of process %d: %w", pid, err)
		}
		total += ts.Nano()
	}
	return total, nil
}

// cpuClock is the id of a process's clock, as the kernel makes it of a process id: its complement, three bits to the left, and 2 for time
// as the scheduler counts it (CPUCLOCK_SCHED).
func cpuClock(pid int) int32 { return int32(^pid)<<3 | 2 }

// allocations are those of this process since it began.
func allocations() int64 {
	var s runtime.MemStats
	runtime.ReadMemStats(&s) // not package metrics, which does not see what processors have counted for themselves
	return int64(s.Mallocs)
}
