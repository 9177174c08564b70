package doctor

import (
	"fmt"
	"io/fs"
	"strconv"
)

func interferenceRemedies() []remedy {
	return []remedy{
		{"interrupts", "device interrupts on other cores: each takes microseconds out of the thread that runs", interruptRemedy},
		{"workqueues", "the kernel's unbound work on other cores", workqueueRemedy},
		{"isolated cpuset", "no other thread on these cores, without a boot (control groups version 2); start programs in that group, then corechan run --core", partitionRemedy},
		{"SMT siblings", "the whole physical core for one thread: its sibling shares caches and units; costs those cores", siblingRemedy},
		{"watchdog", "no periodic interrupt of the lockup detector, and one more hardware counter; costs the detection of a core that hangs", setting("proc/sys/kernel/nmi_watchdog", "0")},
		{"statistics", "the kernel's memory statistics are gathered every two minutes instead of every second, on every core", setting("proc/sys/vm/stat_interval", "120")},
		{"real-time share", "a SCHED_FIFO thread that polls is not stopped for 50 ms of each second; a program that hangs then keeps its core for ever", setting("proc/sys/kernel/sched_rt_runtime_us", "-1")},
	}
}

// interruptRemedy moves what may come on our cores. Some interrupts cannot be moved; the command passes those over.
func interruptRemedy(h *Host, s split) Remedy {
	entries, err := fs.ReadDir(h.Files, "proc/irq")
	if err != nil {
		return elsewhere("this machine does not tell")
	}
	here := 0
	for _, e := range entries {
		if _, err := strconv.Atoi(e.Name()); err != nil {
			continue
		}
		cores, err := h.cores("proc/irq/" + e.Name() + "/smp_affinity_list")
		if err == nil && len(without(s.mine, cores)) < len(s.mine) {
			here++
		}
	}
	if here == 0 {
		return so("none may come on these cores")
	}
	return todo(plural(here, "interrupt")+" may come on these cores",
		"systemctl stop irqbalance 2>/dev/null; true # it would undo the rest",
		fmt.Sprintf("echo %s > /proc/irq/default_smp_affinity", mask(s.rest)),
		fmt.Sprintf(`for f in /proc/irq/*/smp_affinity_list; do echo %s > "$f" 2>/dev/null; done; true`, formatCores(s.rest)))
}

func workqueueRemedy(h *Host, s split) Remedy {
	const file = "sys/devices/virtual/workqueue/cpumask"
	now, err := h.text(file)
	switch {
	case err != nil:
		return elsewhere("this kernel does not have it")
	case now == mask(s.rest):
		return so(now)
	}
	return todo(now, fmt.Sprintf("echo %s > /%s", mask(s.rest), file))
}

// partitionRemedy makes a group whose cores the scheduler leaves alone: Documentation/admin-guide/cgroup-v2.rst of Linux.
func partitionRemedy(h *Host, s split) Remedy {
	if isolated, err := h.cores("sys/devices/system/cpu/isolated"); err == nil && len(without(s.mine, isolated)) == 0 {
		return so(formatCores(isolated) + " isolated")
	}
	if _, err := h.text(cgroupRoot + "/cgroup.controllers"); err != nil {
		return elsewhere("there are no control groups of version 2; use isolcpus, below")
	}
	const group = "/" + cgroupRoot + "/corechan"
	return todo("not isolated",
		"echo +cpuset > /"+cgroupRoot+"/cgroup.subtree_control",
		"mkdir -p "+group,
		fmt.Sprintf("echo %s > %s/cpuset.cpus", formatCores(s.mine), group),
		fmt.Sprintf("echo isolated > %s/cpuset.cpus.partition", group),
		fmt.Sprintf("# then, in the shell that starts the program: echo $$ > %s/cgroup.procs", group))
}

func siblingRemedy(h *Host, s split) Remedy {
	var commands []string
	left := s.rest
	for _, c := range s.mine {
		set, err := h.cores(fmt.Sprintf("sys/devices/system/cpu/cpu%d/topology/thread_siblings_list", c))
		if err != nil {
			return elsewhere("this machine does not tell")
		}
		for _, other := range without(set, []int{c}) {
			if c < other || len(without([]int{other}, s.mine)) > 0 { // of two of ours the first stays
				commands = append(commands, fmt.Sprintf("echo 0 > /sys/devices/system/cpu/cpu%d/online # shares a core with %d", other, c))
				left = without(left, []int{other})
			}
		}
	}
	if len(left) == 0 {
		return elsewhere("every other core shares with one of these; choose whole physical cores by --cores")
	}
	if len(commands) == 0 {
		return so("these cores share with no other")
	}
	return todo("these cores share with others", commands...)
}
