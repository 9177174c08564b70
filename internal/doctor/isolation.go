package doctor

import (
	"errors"
	"io/fs"
)

func isolationGroup() group {
	return group{"core isolation", []check{
		{"isolcpus", "cores on which the scheduler puts nothing by itself: no other thread comes between two messages", isolated},
		{"nohz_full", "cores without the timer tick while one thread runs on them: the tick costs microseconds at p99.9", nohzFull},
		{"rcu_nocbs", "cores whose RCU callbacks run elsewhere", rcuNocbs},
	}}
}

func isolated(h *Host) answer {
	cores, err := h.cores("sys/devices/system/cpu/isolated")
	if err != nil {
		return unread(err)
	}
	if len(cores) == 0 {
		return missing("no core", "boot with isolcpus=CORES, or make an isolated cpuset partition (cgroup version 2)")
	}
	return ok(formatCores(cores))
}

func nohzFull(h *Host) answer {
	const fix = "boot with nohz_full=CORES, on a kernel with CONFIG_NO_HZ_FULL"
	cores, err := h.cores("sys/devices/system/cpu/nohz_full")
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return missing("not in this kernel", fix)
	case err != nil:
		return unread(err)
	case len(cores) == 0:
		return missing("no core", fix)
	}
	return ok(formatCores(cores))
}

func rcuNocbs(h *Host) answer {
	if _, err := h.text("proc/cmdline"); err != nil {
		return unread(err)
	}
	if v, found := h.bootOption("rcu_nocbs"); found {
		if v == "" {
			v = "as set later"
		}
		return ok(v)
	}
	// nohz_full takes its cores out of RCU's callbacks too
	if cores, err := h.cores("sys/devices/system/cpu/nohz_full"); err == nil && len(cores) > 0 {
		return ok(formatCores(cores) + " (by nohz_full)")
	}
	return missing("no core", "boot with rcu_nocbs=CORES")
}
