package doctor

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// maxCore bounds what a core list may name, so that a file that makes no sense makes no
// huge list. Linux is built for 8192 cores at most.
const maxCore = 1 << 13

// parseCores reads the kernel's way to write a set of cores: "0-3,6". The set comes in
// order, each core once; empty text is the empty set.
func parseCores(s string) ([]int, error) {
	var cores []int
	s = strings.TrimSpace(s)
	if s == "" || s == "(null)" {
		return nil, nil
	}
	for part := range strings.SplitSeq(s, ",") {
		first, last, isRange := strings.Cut(part, "-")
		if !isRange {
			last = first
		}
		a, errA := strconv.Atoi(first)
		b, errB := strconv.Atoi(last)
		if errA != nil || errB != nil || a < 0 || b < a || b >= maxCore {
			return nil, fmt.Errorf("%q is not a list of cores", s)
		}
		for c := a; c <= b; c++ {
			cores = append(cores, c)
		}
	}
	slices.Sort(cores)
	return slices.Compact(cores), nil
}

// formatCores is the inverse of parseCores.
func formatCores(cores []int) string {
	var parts []string
	for i := 0; i < len(cores); {
		j := i
		for j+1 < len(cores) && cores[j+1] == cores[j]+1 {
			j++
		}
		if i == j {
			parts = append(parts, strconv.Itoa(cores[i]))
		} else {
			parts = append(parts, fmt.Sprintf("%d-%d", cores[i], cores[j]))
		}
		i = j + 1
	}
	return strings.Join(parts, ",")
}

// cores is the set of cores that a file holds.
func (h *Host) cores(path string) ([]int, error) {
	s, err := h.text(path)
	if err != nil {
		return nil, err
	}
	return parseCores(s)
}

// allowed is the set of cores that this process may run on.
func (h *Host) allowed() ([]int, error) {
	s, err := h.field("proc/self/status", "Cpus_allowed_list")
	if err != nil {
		return nil, err
	}
	return parseCores(s)
}

// plural is "1 core" or "2 cores".
func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
