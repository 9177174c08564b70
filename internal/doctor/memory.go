package doctor

import "strconv"

func memoryGroup() group {
	return group{"memory", []check{
		{"cgroup limit", "the pages of a ring count against the cgroup of the process that touches them first", memoryLimit},
		{"overcommit", "rings and the Go runtime reserve more address space than they touch", overcommit},
		{"swap", "a page of a ring that was swapped out costs milliseconds to touch", swap},
	}}
}

// enoughMemory is for hundreds of sessions with the default ring and a small heap.
const enoughMemory = 512 << 20

func memoryLimit(h *Host) answer {
	limit, found, err := h.memoryMax()
	switch {
	case err != nil:
		return unread(err)
	case !found:
		return ok("none")
	case limit < enoughMemory:
		return warn(size(limit), "raise memory.max (MemoryMax=, --memory), or use smaller rings and fewer sessions")
	}
	return ok(size(limit))
}

// memoryMax is the least limit of this process's cgroup and those above it.
func (h *Host) memoryMax() (least int64, found bool, err error) {
	const unlimited = 1 << 62 // what version 1 writes is near the largest number
	dirs, v2, err := h.cgroupDirs("memory")
	if err != nil {
		return 0, false, err
	}
	name := "/memory.limit_in_bytes"
	if v2 {
		name = "/memory.max"
	}
	for _, d := range dirs {
		n, err := h.number(d + name) // "max" is no number, and the root has no file
		if err == nil && n > 0 && n < unlimited && (!found || n < least) {
			least, found = n, true
		}
	}
	return least, found, nil
}

func overcommit(h *Host) answer {
	n, err := h.number("proc/sys/vm/overcommit_memory")
	if err != nil {
		return unread(err)
	}
	switch n {
	case 0:
		return ok("0 (heuristic)")
	case 1:
		return ok("1 (always)")
	case 2:
		return warn("2 (strict)", "sysctl vm.overcommit_memory=0, or raise vm.overcommit_ratio")
	}
	return unknown(strconv.FormatInt(n, 10), "")
}

func swap(h *Host) answer {
	n, err := h.kilobytes("SwapTotal")
	switch {
	case err != nil:
		return unread(err)
	case n == 0:
		return ok("none")
	}
	return warn(size(n), "swapoff -a, or memory.swap.max=0 (MemorySwapMax=0) for the service")
}
