package perf

import (
	"fmt"

	"github.com/corechan/corechan/perf/rig"
)

// ParseCores reads a list such as 0,1 or 0-3,6.
func ParseCores(s string) ([]int, error) { return rig.ParseCores(s) }

// FormatCores is ParseCores' inverse, in its shortest form.
func FormatCores(cores []int) string { return rig.FormatCores(cores) }

// choose checks the two cores that were asked for, or picks two.
func choose(m rig.Machine, asked []int, c *Config) ([]int, error) {
	if !c.pinned() {
		if len(asked) != 0 {
			return nil, fmt.Errorf("%w: goroutines that block within one process are not pinned; leave --cores out", ErrCores)
		}
		return []int{}, nil
	}
	if c.Wait == Spin && len(m.Allowed) < 2 {
		return nil, fmt.Errorf("%w: only one (%s) for this process, and with --wait spin each side needs its own; "+
			"use --wait hybrid or block, or give the process a second core (taskset, or the container's cpuset)",
			ErrCores, FormatCores(m.Allowed))
	}
	if len(asked) == 0 {
		return m.Pick(), nil
	}
	if len(asked) != 2 {
		return nil, fmt.Errorf("%w: %d given; give two, one for each side, for instance %s",
			ErrCores, len(asked), FormatCores(m.Pick()))
	}
	if err := m.Check(asked...); err != nil {
		return nil, err
	}
	if c.Wait == Spin && asked[0] == asked[1] {
		return nil, fmt.Errorf("%w: %d twice: two threads that poll would wait for each other's time slice; "+
			"give two different cores or use --wait hybrid or block", ErrCores, asked[0])
	}
	return asked, nil
}
