package doctor

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

func limitsGroup() group {
	return group{"limits", []check{
		{"descriptors", "a session over shared memory holds a handful of descriptors: its socket, doorbells and segments", descriptors},
		{"locked memory", "rings that must stay in memory, and the buffers of perf and BPF", lockedMemory},
		{"address space", "rings are mapped twice, and Go reserves far more addresses than it uses", addressSpace},
	}}
}

const (
	enoughDescriptors = 8192    // for a thousand sessions and what else is open
	enoughLocked      = 8 << 20 // the kernel's own default
	noLimit           = math.MaxInt64
)

// limit is the soft and the hard value of a resource limit, by its name in proc/self/limits.
func (h *Host) limit(name string) (soft, hard int64, err error) {
	s, err := h.text("proc/self/limits")
	if err != nil {
		return 0, 0, err
	}
	for line := range strings.Lines(s) {
		rest, found := strings.CutPrefix(line, name+" ")
		if !found {
			continue
		}
		if f := strings.Fields(rest); len(f) >= 2 {
			soft, errS := parseLimit(f[0])
			hard, errH := parseLimit(f[1])
			if errS == nil && errH == nil {
				return soft, hard, nil
			}
		}
		return 0, 0, fmt.Errorf("/proc/self/limits has %q", strings.TrimSpace(line))
	}
	return 0, 0, fmt.Errorf("/proc/self/limits has no %q", name)
}

func parseLimit(s string) (int64, error) {
	if s == "unlimited" {
		return noLimit, nil
	}
	return strconv.ParseInt(s, 10, 64)
}

func descriptors(h *Host) answer {
	soft, hard, err := h.limit("Max open files")
	if err != nil {
		return unread(err)
	}
	value := count(soft)
	if soft != hard {
		value += ", at most " + count(hard)
	}
	if soft < enoughDescriptors {
		return warn(value, fmt.Sprintf("ulimit -n %d, or LimitNOFILE=%[1]d in the systemd unit; Go raises the soft limit to the hard one by itself", enoughDescriptors))
	}
	return ok(value)
}

func count(n int64) string {
	if n == noLimit {
		return "unlimited"
	}
	return strconv.FormatInt(n, 10)
}

func lockedMemory(h *Host) answer {
	soft, _, err := h.limit("Max locked memory")
	if err != nil {
		return unread(err)
	}
	if caps, err := h.capabilities(); err == nil && caps.has(capIPCLock) {
		return ok("unlimited (CAP_IPC_LOCK)")
	}
	if soft < enoughLocked {
		return warn(sizeLimit(soft), "ulimit -l, or LimitMEMLOCK=infinity in the systemd unit")
	}
	return ok(sizeLimit(soft))
}

func addressSpace(h *Host) answer {
	soft, _, err := h.limit("Max address space")
	switch {
	case err != nil:
		return unread(err)
	case soft != noLimit:
		return warn(sizeLimit(soft), "ulimit -v unlimited, or LimitAS=infinity; to bound memory use the cgroup or GOMEMLIMIT")
	}
	return ok("unlimited")
}

func sizeLimit(n int64) string {
	if n == noLimit {
		return "unlimited"
	}
	return size(n)
}
