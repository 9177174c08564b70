package netpoll

import (
	"fmt"
	"math/bits"
	"strconv"
	"strings"
)

const (
	maxCores = 1024 // what sched_getaffinity(2) takes as a cpu_set_t
	wordBits = 64
)

// CoreSet is a set of cores, numbered 0 to 1023 as in /sys/devices/system/cpu. The zero CoreSet is empty. It is a value:
// it can be copied, compared with ==, and read concurrently.
type CoreSet struct {
	words [maxCores / wordBits]uint64
}

// ParseCores reads a list such as "0-3,6": numbers and ascending ranges, separated by commas, as in cpuset(7), "List
// format". Spaces around an item are ignored. An empty list, an empty item, a range that goes down and a number above
// 1023 are errors.
func ParseCores(list string) (CoreSet, error) {
	var s CoreSet
	for item := range strings.SplitSeq(list, ",") {
		item = strings.TrimSpace(item)
		low, high, isRange := strings.Cut(item, "-")
		if !isRange {
			high = low
		}
		a, errA := parseCore(low)
		b, errB := parseCore(high)
		switch {
		case errA != nil || errB != nil:
			return CoreSet{}, fmt.Errorf("netpoll: core list %q: %q is no core or range from 0 to %d; write for example 0-3,6",
				list, item, maxCores-1)
		case a > b:
			return CoreSet{}, fmt.Errorf("netpoll: core list %q: range %s goes down; write %d-%d", list, item, b, a)
		}
		for c := a; c <= b; c++ {
			s.add(c)
		}
	}
	return s, nil
}

// parseCore takes decimal digits only: no sign, and no spaces within a range.
func parseCore(digits string) (int, error) {
	n, err := strconv.ParseUint(digits, 10, 16)
	if err != nil || n >= maxCores {
		return 0, strconv.ErrRange
	}
	return int(n), nil
}

func (s *CoreSet) add(core int) { s.words[core/wordBits] |= 1 << (core % wordBits) }

// Contains reports whether core is in the set. No negative number is.
func (s CoreSet) Contains(core int) bool {
	return core >= 0 && core < maxCores && s.words[core/wordBits]&(1<<(core%wordBits)) != 0
}

// Len returns how many cores are in the set.
func (s CoreSet) Len() int {
	n := 0
	for _, w := range s.words {
		n += bits.OnesCount64(w)
	}
	return n
}

// List returns the cores in ascending order, in a slice that the caller owns.
func (s CoreSet) List() []int {
	list := make([]int, 0, s.Len())
	for i, w := range s.words {
		for ; w != 0; w &= w - 1 {
			list = append(list, i*wordBits+bits.TrailingZeros64(w))
		}
	}
	return list
}

// String returns the shortest list that [ParseCores] reads back, or "" for the empty set.
func (s CoreSet) String() string {
	var b strings.Builder
	for c := 0; c < maxCores; c++ {
		if !s.Contains(c) {
			continue
		}
		first := c
		for s.Contains(c + 1) {
			c++
		}
		if b.Len() > 0 {
			b.WriteByte(',')
		}
		b.WriteString(strconv.Itoa(first))
		if c > first {
			b.WriteByte('-')
			b.WriteString(strconv.Itoa(c))
		}
	}
	return b.String()
}

// Check returns nil if every core of s is in within, and a [*CoresError] that names those which are not otherwise.
func (s CoreSet) Check(within CoreSet) error {
	var outside CoreSet
	for i := range s.words {
		outside.words[i] = s.words[i] &^ within.words[i]
	}
	if outside == (CoreSet{}) {
		return nil
	}
	return &CoresError{Outside: outside, Allowed: within}
}

// CoresError says which cores were asked for and cannot be had. Its cause is [ErrOutsideCpuset].
type CoresError struct {
	Outside CoreSet // the cores that were asked for and are not allowed
	Allowed CoreSet // the cores to choose from
}

// Error names both sets and what to do.
func (e *CoresError) Error() string {
	return fmt.Sprintf("netpoll: cores %s are %v %s: choose among these, or widen it with taskset(1) or the cgroup's cpuset.cpus",
		e.Outside, ErrOutsideCpuset, e.Allowed)
}

// Unwrap returns [ErrOutsideCpuset].
func (e *CoresError) Unwrap() error { return ErrOutsideCpuset }
