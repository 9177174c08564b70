package compare

import (
	"context"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"

	"github.com/corechan/corechan/bench/peers/peer"
	"github.com/corechan/corechan/perf/environment"
)

// Machine is where a comparison was made, and how busy it was.
type Machine struct {
	environment.Environment
	LoadBefore string `json:"load_before"` // as /proc/loadavg has it
	LoadAfter  string `json:"load_after"`
}

func thisMachine(ctx context.Context) Machine {
	m := Machine{Environment: environment.Read(ctx), LoadBefore: load()}
	m.KernelCommand = aboutSpeed(m.KernelCommand)
	return m
}

// speedParameters are those of the kernel's that decide how fast messages are. The others are nobody's business in a report that is
// published.
var speedParameters = []string{
	"mitigations", "isolcpus", "nohz", "nohz_full", "rcu_nocbs", "rcu_nocb_poll", "irqaffinity", "idle", "processor.max_cstate",
	"intel_idle.max_cstate", "intel_pstate", "amd_pstate", "cpufreq.default_governor", "nosmt", "clocksource", "tsc", "nowatchdog",
	"transparent_hugepage", "hugepages", "hugepagesz", "default_hugepagesz", "numa_balancing", "preempt", "skew_tick", "maxcpus", "nr_cpus",
}

// aboutSpeed keeps those parameters.
func aboutSpeed(commandLine string) string {
	return strings.Join(slices.DeleteFunc(strings.Fields(commandLine), func(p string) bool {
		name, _, _ := strings.Cut(p, "=")
		return !slices.Contains(speedParameters, name)
	}), " ")
}

// load is how busy the machine has been in the last minutes.
func load() string {
	b, _ := os.ReadFile("/proc/loadavg")
	f := strings.Fields(string(b))
	return strings.Join(f[:min(3, len(f))], " ")
}

// atOnce is how many pairs of processes there may be at once, so that all they hold takes half of the memory that is free: each message that
// waits may be in eight places, at both ends, on both ways, in queues, and as garbage.
func atOnce(c peer.Case) int {
	const places, least = 8, 64 << 20
	var available int
	b, _ := os.ReadFile("/proc/meminfo")
	for l := range strings.Lines(string(b)) {
		if kib, ok := strings.CutPrefix(l, "MemAvailable:"); ok {
			available, _ = strconv.Atoi(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(kib), "kB")))
		}
	}
	return max(available<<10/2/max(places*c.Conns*c.Inflight*c.Size, least), 1)
}

// commit is that of the working tree, with + if it has changes.
func commit() string {
	out, err := exec.Command("git", "rev-parse", "--short=12", "HEAD").Output()
	if err != nil {
		return "not known"
	}
	c := strings.TrimSpace(string(out))
	if out, err = exec.Command("git", "status", "--porcelain", "--untracked-files=no").Output(); err != nil || len(out) > 0 {
		c += "+"
	}
	return c
}
