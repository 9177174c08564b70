package doctor

import "fmt"

func memoryRemedies() []remedy {
	return []remedy{
		{"huge pages on demand", "no stall while the kernel makes room for a huge page that nobody asked for; who wants one asks by madvise(2)", pagesRemedy("enabled", "madvise", "madvise", "never")},
		{"huge pages for rings", "fewer TLB misses in rings of megabytes", pagesRemedy("shmem_enabled", "advise", "advise", "always", "within_size", "force")},
		{"NUMA balancing", "no page faults that the kernel makes to see who uses a page; place memory by corechan run --numa instead", setting("proc/sys/kernel/numa_balancing", "0")},
		{"swap", "no wait of milliseconds for a page that was put out", swapRemedy},
	}
}

func pagesRemedy(name, wanted string, good ...string) func(*Host, split) Remedy {
	file := "sys/kernel/mm/transparent_hugepage/" + name
	return func(h *Host, _ split) Remedy {
		now, err := h.chosen(file)
		if err != nil {
			return elsewhere("this kernel does not have it")
		}
		for _, g := range good {
			if now == g {
				return so(now)
			}
		}
		return todo(now, fmt.Sprintf("echo %s > /%s", wanted, file))
	}
}

func swapRemedy(h *Host, _ split) Remedy {
	total, err := h.kilobytes("SwapTotal")
	switch {
	case err != nil:
		return elsewhere("this machine does not tell")
	case total == 0:
		return so("none")
	}
	return todo(size(total), "swapoff -a # or keep it, and have the program lock its memory: corechan run --mlock")
}

func limitRemedies() []remedy {
	return []remedy{
		{"locked memory", "a program may keep all of its memory in place (mlockall), without being root", limitRemedy("Max locked memory", "memlock", noLimit, "unlimited")},
		{"real-time priority", "a program may have itself scheduled by SCHED_FIFO (corechan run --sched fifo), without being root", limitRemedy("Max realtime priority", "rtprio", 1, "99")},
		{"descriptors", "thousands of sessions in one process", limitRemedy("Max open files", "nofile", enoughDescriptors, "1048576")},
	}
}

// limitRemedy raises a limit for those who log in; a service has its own in its unit.
func limitRemedy(name, item string, enough int64, wanted string) func(*Host, split) Remedy {
	unit := map[string]string{"memlock": "LimitMEMLOCK=infinity", "rtprio": "LimitRTPRIO=99", "nofile": "LimitNOFILE=1048576"}[item]
	return func(h *Host, _ split) Remedy {
		_, hard, err := h.limit(name)
		switch {
		case err != nil:
			return elsewhere("this machine does not tell")
		case hard >= enough:
			return so(count(hard))
		}
		return todo(count(hard),
			fmt.Sprintf(`echo '* - %s %s' >> /etc/security/limits.d/corechan.conf # from the next login on`, item, wanted),
			fmt.Sprintf("# in a systemd unit: %s", unit))
	}
}
