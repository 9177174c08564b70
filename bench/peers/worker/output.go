package worker

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// OwnOutput returns this process's standard output, and lets what libraries print there go to the standard error: answers are read from it.
func OwnOutput() (*os.File, error) {
	fd, err := unix.FcntlInt(uintptr(unix.Stdout), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("duplicate the standard output: %w", err)
	}
	if err := unix.Dup3(unix.Stderr, unix.Stdout, 0); err != nil {
		return nil, fmt.Errorf("let the standard output go to the standard error: %w", err)
	}
	return os.NewFile(uintptr(fd), "output"), nil
}
