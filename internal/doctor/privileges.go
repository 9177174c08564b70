package doctor

import (
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

func privilegesGroup() group {
	return group{"privileges", []check{
		{"BPF capabilities", "probes in the kernel, which tell why a message was late", bpfCapabilities},
		{"unprivileged BPF", "whether BPF is there at all for processes without capabilities; tracing needs them in any case", unprivilegedBPF},
		{"BTF", "the kernel's types, so that one compiled probe fits every kernel", btf},
		{"perf_event_paranoid", "who may count and sample events", perfParanoid},
		{"hardware counters", "cycles and cache misses for each message", hardwareCounters},
		{"SCHED_FIFO", "a loop's thread that no ordinary thread preempts", schedFIFO},
	}}
}

// capSet is a set of capabilities, a bit each.
type capSet uint64

// capability is a bit of that set, numbered as in linux/capability.h.
type capability uint

const (
	capIPCLock  capability = unix.CAP_IPC_LOCK
	capSysAdmin capability = unix.CAP_SYS_ADMIN
	capSysNice  capability = unix.CAP_SYS_NICE
	capPerfmon  capability = unix.CAP_PERFMON
	capBPF      capability = unix.CAP_BPF
)

func (s capSet) has(c capability) bool { return s&(1<<c) != 0 }

// capabilities is what this process may use now.
func (h *Host) capabilities() (capSet, error) {
	v, err := h.field("proc/self/status", "CapEff")
	if err != nil {
		return 0, err
	}
	n, err := strconv.ParseUint(v, 16, 64)
	if err != nil {
		return 0, fmt.Errorf("/proc/self/status has CapEff %q", v)
	}
	return capSet(n), nil
}

func bpfCapabilities(h *Host) answer {
	caps, err := h.capabilities()
	if err != nil {
		return unread(err)
	}
	var have []string
	for _, c := range []struct {
		bit  capability
		name string
	}{{capBPF, "CAP_BPF"}, {capPerfmon, "CAP_PERFMON"}, {capSysAdmin, "CAP_SYS_ADMIN"}} {
		if caps.has(c.bit) {
			have = append(have, c.name)
		}
	}
	if caps.has(capSysAdmin) || caps.has(capBPF) && caps.has(capPerfmon) {
		return ok(strings.Join(have, ", "))
	}
	value := "none"
	if len(have) > 0 {
		value = strings.Join(have, ", ") + " only"
	}
	return missing(value, "run as root, or setcap cap_bpf,cap_perfmon+ep on the binary")
}

func unprivilegedBPF(h *Host) answer {
	n, err := h.number("proc/sys/kernel/unprivileged_bpf_disabled")
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return missing("the kernel has no bpf()", "a kernel with CONFIG_BPF_SYSCALL")
	case err != nil:
		return unread(err)
	}
	switch n {
	case 0:
		return ok("0 (allowed)")
	case 1:
		return ok("1 (refused until the next boot)")
	case 2:
		return ok("2 (refused, can be changed)")
	}
	return unknown(strconv.FormatInt(n, 10), "")
}

func btf(h *Host) answer {
	const file = "sys/kernel/btf/vmlinux"
	info, err := fs.Stat(h.Files, file)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return missing("no /"+file, "a kernel with CONFIG_DEBUG_INFO_BTF, as the distributions build it")
	case err != nil:
		return unread(err)
	}
	return ok(size(info.Size()))
}

func perfParanoid(h *Host) answer {
	n, err := h.number("proc/sys/kernel/perf_event_paranoid")
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return missing("the kernel has no perf events", "a kernel with CONFIG_PERF_EVENTS")
	case err != nil:
		return unread(err)
	}
	value := strconv.FormatInt(n, 10)
	caps, err := h.capabilities()
	switch {
	case err == nil && (caps.has(capPerfmon) || caps.has(capSysAdmin)):
		return ok(value + " (this process is exempt)")
	case n <= 1:
		return ok(value)
	case n == 2:
		return warn(value+" (own processes, user space only)", "sysctl kernel.perf_event_paranoid=1, or setcap cap_perfmon+ep on the binary")
	}
	return missing(value+" (refused)", "sysctl kernel.perf_event_paranoid=1, or setcap cap_perfmon+ep on the binary")
}

func hardwareCounters(h *Host) answer {
	err := h.Probes.HardwareCounter()
	switch {
	case err == nil:
		return ok("cycles can be counted")
	case errors.Is(err, unix.ENOENT), errors.Is(err, unix.EOPNOTSUPP), errors.Is(err, unix.ENODEV):
		return missing("no counters on this processor", "a virtual machine needs a virtual PMU from its host")
	case errors.Is(err, unix.EACCES), errors.Is(err, unix.EPERM):
		return missing("refused: "+err.Error(), "see perf_event_paranoid, and the seccomp profile of a container")
	case errors.Is(err, unix.ENOSYS):
		return missing("not in this kernel", "a kernel with CONFIG_PERF_EVENTS")
	}
	return unknown(err.Error(), "")
}

func schedFIFO(h *Host) answer {
	caps, err := h.capabilities()
	if err == nil && caps.has(capSysNice) {
		return ok("allowed (CAP_SYS_NICE)")
	}
	soft, _, limitErr := h.limit("Max realtime priority")
	switch {
	case limitErr == nil && soft > 0:
		return ok("allowed up to priority " + count(soft))
	case err != nil:
		return unread(err)
	case limitErr != nil:
		return unread(limitErr)
	}
	return missing("not allowed", "setcap cap_sys_nice+ep on the binary, or LimitRTPRIO= in the systemd unit")
}
