package compare

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// CheckCores says why two cores cannot be used.
func CheckCores(cores [2]int) error {
	var set unix.CPUSet
	if err := unix.SchedGetaffinity(0, &set); err != nil {
		return fmt.Errorf("read the cores allowed to this process: %w", err)
	}
	if set.Count() < 2 {
		return fmt.Errorf("the two sides need a core each, and this process may use only one; see taskset(1), or the container's cpuset")
	}
	for _, c := range cores {
		if c < 0 || !set.IsSet(c) {
			return fmt.Errorf("core %d does not exist, or is not allowed to this process; choose two with --cores", c)
		}
	}
	if cores[0] == cores[1] {
		return fmt.Errorf("core %d twice: the two sides need a core each", cores[0])
	}
	return nil
}
