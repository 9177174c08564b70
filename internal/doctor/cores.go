package doctor

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

func coresGroup() group {
	return group{"cores", []check{
		{"allowed", "loops and the two ends of a measurement are pinned to cores of this set; two ends that spin need two", allowedCores},
		{"quota", "the cores' worth of time that the cgroup grants: a spinning thread that uses it up stands still for the rest of the period", quota},
		{"GOMAXPROCS", "how many goroutines run at once; at 1 nothing spins, as that would take the only place there is", gomaxprocs},
		{"SMT siblings", "two threads of one core exchange a cache line fastest, but share the core's units: measure on what you will use", siblings},
		{"NUMA nodes", "a cache line between sockets costs several times one within: keep both ends of a channel on one node", numaNodes},
	}}
}

func allowedCores(h *Host) answer {
	mine, err := h.allowed()
	if err != nil {
		return unread(err)
	}
	value := formatCores(mine)
	online, err := h.cores("sys/devices/system/cpu/online")
	if err == nil {
		value = fmt.Sprintf("%s of %s online", value, formatCores(online))
	}
	if len(mine) < 2 {
		return warn(value, "start with more cores: taskset -c, AllowedCPUs= of the systemd unit, --cpuset-cpus of the container, or a larger machine")
	}
	return ok(value)
}

func quota(h *Host) answer {
	cores, found, err := h.quotaCores()
	switch {
	case err != nil:
		return unread(err)
	case !found:
		return ok("none")
	}
	return warn(plural2(cores, "core"), "take the limit off (cpu.max, CPUQuota=, --cpus) and give whole cores by cpuset instead")
}

// quotaCores is the least quota of this process's cgroup and those above it.
func (h *Host) quotaCores() (least float64, found bool, err error) {
	dirs, v2, err := h.cgroupDirs("cpu")
	if err != nil {
		return 0, false, err
	}
	for _, d := range dirs {
		var limit, period string
		if v2 {
			s, _ := h.text(d + "/cpu.max") // the root has none
			limit, period, _ = strings.Cut(s, " ")
		} else {
			limit, _ = h.text(d + "/cpu.cfs_quota_us")
			period, _ = h.text(d + "/cpu.cfs_period_us")
		}
		l, errL := strconv.ParseFloat(limit, 64) // "max" is no number
		p, errP := strconv.ParseFloat(period, 64)
		if errL != nil || errP != nil || l <= 0 || p <= 0 {
			continue
		}
		if !found || l/p < least {
			least, found = l/p, true
		}
	}
	return least, found, nil
}

// plural2 is plural for numbers that need not be whole.
func plural2(v float64, what string) string {
	if v == 1 {
		return "1 " + what
	}
	return strconv.FormatFloat(v, 'g', 3, 64) + " " + what + "s"
}

func gomaxprocs(h *Host) answer {
	n := h.Probes.GOMAXPROCS()
	value := strconv.Itoa(n)
	if n < 2 {
		return warn(value, "unset GOMAXPROCS and give the process two cores or more")
	}
	if mine, err := h.allowed(); err == nil && n > len(mine) {
		return warn(fmt.Sprintf("%d on %s", n, plural(len(mine), "core")), "unset GOMAXPROCS: spinning goroutines would take turns on a core")
	}
	return ok(value)
}

func siblings(h *Host) answer {
	mine, err := h.allowed()
	if err != nil {
		return unread(err)
	}
	var sets []string
	for _, c := range mine {
		set, err := h.cores(fmt.Sprintf("sys/devices/system/cpu/cpu%d/topology/thread_siblings_list", c))
		if err != nil {
			return unread(err)
		}
		if s := formatCores(set); len(set) > 1 && !slices.Contains(sets, s) {
			sets = append(sets, s)
		}
	}
	if len(sets) == 0 {
		return ok("none among the allowed cores")
	}
	return ok("share a core: " + abridge(sets))
}

func numaNodes(h *Host) answer {
	mine, err := h.allowed()
	if err != nil {
		return unread(err)
	}
	nodes, err := h.cores("sys/devices/system/node/online") // a list like those of cores
	if err != nil {
		return ok("1 (the kernel has no NUMA)")
	}
	var spanned []string
	for _, n := range nodes {
		cores, err := h.cores(fmt.Sprintf("sys/devices/system/node/node%d/cpulist", n))
		if err != nil {
			return unread(err)
		}
		if slices.ContainsFunc(cores, func(c int) bool { return slices.Contains(mine, c) }) {
			spanned = append(spanned, fmt.Sprintf("node %d: %s", n, formatCores(cores)))
		}
	}
	if len(spanned) > 1 {
		return warn(abridge(spanned), "name cores of one node: numactl --cpunodebind, or the Cores option")
	}
	return ok(strconv.Itoa(len(nodes)))
}

// abridge joins the first few of many.
func abridge(all []string) string {
	const most = 4
	if len(all) <= most {
		return strings.Join(all, "; ")
	}
	return fmt.Sprintf("%s; and %d more", strings.Join(all[:most], "; "), len(all)-most)
}
