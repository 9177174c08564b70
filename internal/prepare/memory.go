package prepare

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/corechan/corechan/perf/rig"
)

// nearMemory has the kernel take pages from the cores' node while that has any: set_mempolicy(2), which outlives execve.
func (p *Plan) nearMemory() Step {
	nodes := nodesOf(p.Cores)
	if len(nodes) == 0 {
		return Step{What: "take memory near the cores", Done: true, Why: "this machine has one memory for all"}
	}
	s := Step{What: fmt.Sprintf("take memory from node %s first", rig.FormatCores(nodes))}
	if len(nodes) > 1 {
		s.Why = "the cores are of several nodes; name cores of one"
		return s
	}
	var mask unix.CPUSet // a set of bits, here of nodes
	mask.Set(nodes[0])
	err := unix.SetMemPolicy(unix.MPOL_PREFERRED, &mask)
	if errors.Is(err, unix.ENOSYS) {
		return Step{What: s.What, Done: true, Why: "this kernel has one memory for all"}
	}
	return s.ended(err, "a sandbox refuses set_mempolicy(2): in a container, allow it by --cap-add SYS_NICE or a seccomp profile")
}

// nodesOf are the NUMA nodes of the cores; none on a machine with one.
func nodesOf(cores []int) (nodes []int) {
	dirs, _ := filepath.Glob("/sys/devices/system/node/node[0-9]*") // an error would be one of the pattern
	if len(dirs) < 2 {
		return nil
	}
	for _, dir := range dirs {
		n, err := strconv.Atoi(strings.TrimPrefix(filepath.Base(dir), "node"))
		if err != nil {
			continue
		}
		for _, c := range cores {
			if _, err := os.Stat(fmt.Sprintf("%s/cpu%d", dir, c)); err == nil {
				nodes = append(nodes, n)
				break
			}
		}
	}
	return nodes
}

// lockLimit raises RLIMIT_MEMLOCK. Locks themselves end at execve (mlockall(2)), so the command has to lock; this lets it.
func lockLimit() Step {
	s := Step{What: "let the command lock all of its memory"}
	const program = "a lock would not outlive the start of the command: it locks by itself, in Go by unix.Mlockall"
	if lifted() {
		s.Done, s.Why = true, "CAP_IPC_LOCK lifts the limit. But "+program
		return s
	}
	unlimited := unix.Rlimit{Cur: unix.RLIM_INFINITY, Max: unix.RLIM_INFINITY}
	err := unix.Setrlimit(unix.RLIMIT_MEMLOCK, &unlimited)
	if err == nil {
		s.Done, s.Why = true, program
		return s
	}
	var have unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_MEMLOCK, &have) == nil && have.Cur < have.Max {
		have.Cur = have.Max
		if unix.Setrlimit(unix.RLIMIT_MEMLOCK, &have) == nil {
			s.What = fmt.Sprintf("let the command lock %d KiB of memory", have.Max>>10)
		}
	}
	return s.ended(err, fmt.Sprintf("more than %s bytes needs CAP_SYS_RESOURCE, or CAP_IPC_LOCK in the command, or a higher limit: ulimit -l, "+
		"memlock in /etc/security/limits.conf, or LimitMEMLOCK=infinity in the systemd unit", limitOf(unix.RLIMIT_MEMLOCK)))
}

// lifted says whether the command may lock what it likes whatever the limit: root keeps its capabilities over execve, others do not.
func lifted() bool {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var have [2]unix.CapUserData // a bit each, 32 in a word
	return unix.Geteuid() == 0 && unix.Capget(&header, &have[0]) == nil && have[0].Effective&(1<<unix.CAP_IPC_LOCK) != 0
}

func limitOf(resource int) string {
	var have unix.Rlimit
	if err := unix.Getrlimit(resource, &have); err != nil {
		return "unknown"
	}
	if have.Max == unix.RLIM_INFINITY {
		return "unlimited"
	}
	return strconv.FormatUint(have.Max, 10)
}

// latencyFile is how a process says how long cores may take to wake. What was written holds while the file is open:
// Documentation/power/pm_qos_interface.rst of Linux.
const latencyFile = "/dev/cpu_dma_latency"

// awake opens the file without close-on-exec, so that the command holds it open, and its children do.
func awake() Step {
	s := Step{What: "keep all cores out of deep sleep while the command lives"}
	fd, err := unix.Open(latencyFile, unix.O_WRONLY, 0)
	switch {
	case errors.Is(err, unix.ENOENT):
		s.Why = "there is no " + latencyFile + " here: the host, or the firmware, decides"
		return s
	case err != nil:
		return s.ended(err, "needs to write to "+latencyFile+": run as root, or chmod it by a udev rule")
	}
	if _, err := unix.Write(fd, make([]byte, 4)); err != nil { // 0 microseconds
		_ = unix.Close(fd)
		return s.ended(fmt.Errorf("write to %s: %w", latencyFile, err), "")
	}
	s.Done = true
	return s
}

// realTimeShare says what keeps a real-time thread that never sleeps from a core of its own: sched(7).
func realTimeShare() string {
	const file = "/proc/sys/kernel/sched_rt_runtime_us"
	b, err := os.ReadFile(file)
	if err != nil {
		return ""
	}
	share := strings.TrimSpace(string(b))
	if share == "-1" {
		return "nothing but it runs on its core while it polls; the kernel's own work there waits"
	}
	return fmt.Sprintf("a thread that polls is stopped for what is left of each second after %s us (%s; -1 lifts that)", share, file)
}
