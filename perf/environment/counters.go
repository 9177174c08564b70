package environment

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// counts is what the kernel counts, of one thread or of all.
type counts struct {
	involuntary, voluntary int64 // context switches
	minor, major           int64 // page faults
	waited                 time.Duration
	migrations             int64
}

// readCounts reads what there is: that a thread has ended is an error only if it is the one asked for.
func readCounts(who Thread) (c counts, err error) {
	task := fmt.Sprintf("/proc/%d/task/", who.PID)
	threads := []string{task + strconv.Itoa(who.TID)}
	if who.TID == 0 {
		threads, _ = filepath.Glob(task + "*") // an error would be one of the pattern
	} else if _, err := os.Stat(threads[0]); err != nil {
		return c, fmt.Errorf("watch the %s thread: %w", who.Name, err)
	}
	for _, t := range threads {
		status := text(t + "/status")
		c.involuntary += number(field(status, "nonvoluntary_ctxt_switches"))
		c.voluntary += number(field(status, "voluntary_ctxt_switches"))
		minor, major := faults(text(t + "/stat"))
		c.minor += minor
		c.major += major
		c.waited += runDelay(text(t + "/schedstat"))
		c.migrations += migrations(text(t + "/sched"))
	}
	return c, nil
}

// number is 0 for what is none.
func number(s string) int64 {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return 0
	}
	return n
}

// faults are two of the fields of /proc/pid/stat: proc_pid_stat(5). The second field is the name, in parentheses, which may hold
// anything.
func faults(stat string) (minor, major int64) {
	const afterName = 3 // the number of the first field there
	_, rest, _ := cutLast(stat, ")")
	fields := strings.Fields(rest)
	const minorField, majorField = 10 - afterName, 12 - afterName
	if len(fields) <= majorField {
		return 0, 0
	}
	return number(fields[minorField]), number(fields[majorField])
}

func cutLast(s, sep string) (before, after string, found bool) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):], true
	}
	return s, "", false
}

// runDelay is the second of the three numbers in schedstat, nanoseconds: see Documentation/scheduler/sched-stats.rst of Linux.
func runDelay(schedstat string) time.Duration {
	numbers := strings.Fields(schedstat)
	if len(numbers) < 2 {
		return 0 // a kernel without CONFIG_SCHED_INFO
	}
	return time.Duration(number(numbers[1]))
}

// migrations is a field of what the scheduler says for people, where it does: CONFIG_SCHED_DEBUG.
func migrations(sched string) int64 {
	return number(field(sched, "se.nr_migrations"))
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
		return time.Duration(number(fields[stealField])) * tick
	}
	return 0
}

// khz is a core's clock rate as the kernel says it; 0 where it does not, as in most virtual machines.
func khz(core int) int64 {
	if core < 0 {
		return 0
	}
	return number(text(fmt.Sprintf("/sys/devices/system/cpu/cpu%d/cpufreq/scaling_cur_freq", core)))
}
