package doctor

import (
	"fmt"
	"strings"
)

func kernelGroup() group {
	return group{"kernel", []check{
		{
			"release", "the features below come with the kernel; sealed shared memory needs Linux 5.1",
			kernelRelease,
		},
		{
			"memfd seals", "shared memory that its peer can neither write nor truncate: the shm transport needs it",
			func(h *Host) answer { return seals(h.Probes.FutureWrite()) },
		},
		{
			"MFD_NOEXEC_SEAL", "segments that can never be executed; without it they are made as before",
			func(h *Host) answer { return noexecSeal(h, h.Probes.NoexecSeal()) },
		},
		{
			"SO_PEERPIDFD", "a handle on the very process at the other end of a socket, safe when pids are reused",
			func(h *Host) answer { return probed(h.Probes.PeerPidfd(), "works", "6.5") },
		},
		{
			"pidfd_open", "a handle on a process by its pid, where SO_PEERPIDFD is missing",
			func(h *Host) answer { return probed(h.Probes.PidfdOpen(), "works", "5.3") },
		},
		{
			"epoll_pwait2", "timers of a loop finer than a millisecond",
			func(h *Host) answer { return probed(h.Probes.EpollPwait2(), "works", "5.11") },
		},
		{
			"membarrier", "memory ordering paid by the side that goes to sleep instead of the side that sends: an option, not a need",
			func(h *Host) answer { return membarrier(h.Probes.Membarrier()) },
		},
	}}
}

// oldest and recent bound the kernels in use: F_SEAL_FUTURE_WRITE needs 5.1.
const (
	oldestMajor, oldestMinor = 5, 1
	recentMajor, recentMinor = 5, 10
)

func kernelRelease(h *Host) answer {
	s, err := h.text("proc/sys/kernel/osrelease")
	if err != nil {
		return unread(err)
	}
	var major, minor int
	if n, _ := fmt.Sscanf(s, "%d.%d", &major, &minor); n != 2 {
		return unknown(s, "")
	}
	switch {
	case older(major, minor, oldestMajor, oldestMinor):
		return missing(s, fmt.Sprintf("Linux %d.%d or newer", oldestMajor, oldestMinor))
	case older(major, minor, recentMajor, recentMinor):
		return warn(s, fmt.Sprintf("Linux %d.%d or newer, which still gets fixes", recentMajor, recentMinor))
	}
	return ok(s)
}

func older(major, minor, thanMajor, thanMinor int) bool {
	return major < thanMajor || major == thanMajor && minor < thanMinor
}

func noexecSeal(h *Host, err error) answer {
	a := probed(err, "works", "6.3")
	policy, perr := h.text("proc/sys/vm/memfd_noexec")
	if perr == nil && a.status == OK {
		a.value += ", vm.memfd_noexec is " + policy
	}
	return a
}

// The commands of membarrier that order memory between processes.
const (
	globalExpedited  = 1 << 1
	privateExpedited = 1 << 3
)

func membarrier(commands uint, err error) answer {
	if err != nil {
		return probed(err, "", "4.16")
	}
	var names []string
	if commands&globalExpedited != 0 {
		names = append(names, "global expedited")
	}
	if commands&privateExpedited != 0 {
		names = append(names, "private expedited")
	}
	if len(names) == 0 {
		return missing(fmt.Sprintf("no expedited command (%#x)", commands), "Linux 4.16 or newer, without nohz_full on old ones")
	}
	return ok(strings.Join(names, ", "))
}
