package rig

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// CheckDescriptors says whether a process may have so many sessions, each of which takes a descriptor.
func CheckDescriptors(sessions int) error {
	const beside = 200 // what a process has open beside its sessions
	var files unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &files); err == nil && uint64(sessions)+beside > files.Cur {
		return fmt.Errorf("%w: %d sessions take a descriptor each, and a process may have %d; give at most %d, or raise the limit "+
			"(ulimit -n %d, or LimitNOFILE= of the unit)", ErrConfig, sessions, files.Cur, max(int(files.Cur)-beside, 1), sessions+beside)
	}
	return nil
}
