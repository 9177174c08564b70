package environment

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// sched is what the scheduler counts, of one thread or of all.
type sched struct {
	waited     time.Duration
	migrations int64
}

func readSched(all bool) (s sched) {
	threads := []string{"/proc/thread-self"}
	if all {
		threads, _ = filepath.Glob("/proc/self/task/*") // an error would be one of the pattern
	}
	for _, t := range threads {
		s.waited += runDelay(text(t + "/schedstat"))
		s.migrations += migrations(text(t + "/sched"))
	}
	return s
}

// runDelay is the second of the three numbers in schedstat, nanoseconds: see Documentation/scheduler/sched-stats.rst of Linux.
func runDelay(schedstat string) time.Duration {
	numbers := strings.Fields(schedstat)
	if len(numbers) < 2 {
		return 0 // a kernel without CONFIG_SCHED_INFO
	}
	ns, err := strconv.ParseInt(numbers[1], 10, 64)
	if err != nil {
		return 0
	}
	return time.Duration(ns)
}

// migrations is a field of what the scheduler says for people, where it does: CONFIG_SCHED_DEBUG.
func migrations(sched string) int64 {
	n, err := strconv.ParseInt(field(sched, "se.nr_migrations"), 10, 64)
	if err != nil {
		return 0
	}
	return n
}

// tick is the unit of /proc/stat for user space, on amd64 and arm64.
const tick = time.Second / 100

// steal is what the host has taken of a core's time, or of all cores' (-1).
func steal(core int) time.Duration {
	return stealOf(text("/proc/stat"), core)
}

// stealField is the steal's place in a line of /proc/stat (proc_stat(5)), where 0 is the name of the core.
const stealField = 8

func stealOf(stat string, core int) time.Duration {
	name := "cpu"
	if core >= 0 {
		name += strconv.Itoa(core)
	}
	for line := range strings.Lines(stat) {
		fields := strings.Fields(line)
		if len(fields) <= stealField || fields[0] != name {
			continue
		}
		ticks, err := strconv.ParseInt(fields[stealField], 10, 48)
		if err != nil {
			return 0
		}
		return time.Duration(ticks) * tick
	}
	return 0
}

// khz is a core's clock rate as the kernel says it; 0 where it does not, as in most virtual machines.
func khz(core int) int64 {
	if core < 0 {
		return 0
	}
	b, err := os.ReadFile(fmt.Sprintf("/sys/devices/system/cpu/cpu%d/cpufreq/scaling_cur_freq", core))
	if err != nil {
		return 0
	}
	n, err := strconv.ParseInt(strings.TrimSpace(string(b)), 10, 64)
	if err != nil {
		return 0
	}
	return n
}
