package probe

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// ErrNoProcess says that there is no process by an id.
var ErrNoProcess = fmt.Errorf("%w: no such process", ErrConfig)

// initialPIDs is the link of a process in the namespace of process ids that the kernel itself counts in.
const initialPIDs = "pid:[4026531836]"

// process is one that is followed. Its descriptor refers to it even after its id is another's.
type process struct {
	pid   int
	pidfd int
	ended bool
}

func openProcess(pid int) (*process, error) {
	if pid <= 0 {
		return nil, fmt.Errorf("%w %d; give the id of one, or none to follow all", ErrNoProcess, pid)
	}
	fd, err := unix.PidfdOpen(pid, 0)
	switch {
	case errors.Is(err, unix.ESRCH):
		return nil, fmt.Errorf("%w %d; see ps -e", ErrNoProcess, pid)
	case errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOENT):
		return nil, fmt.Errorf("%w %d, it is a thread; see Tgid in /proc/%d/status", ErrNoProcess, pid, pid)
	case err != nil:
		return nil, fmt.Errorf("open process %d: %w", pid, err)
	}
	return &process{pid: pid, pidfd: fd}, nil
}

// hasEnded says whether the process exists no more. A zombie does not.
func (p *process) hasEnded() bool {
	if !p.ended {
		poll := []unix.PollFd{{Fd: int32(p.pidfd), Events: unix.POLLIN}}
		n, err := unix.Poll(poll, 0)
		p.ended = err == nil && n == 1
	}
	return p.ended
}

func (p *process) close() error { return unix.Close(p.pidfd) }

// errNamespace says that the ids that this process knows are not the kernel's, so that the kernel cannot follow by them.
var errNamespace = errors.New("process ids here are not those of the kernel: run it in the machine's own pid namespace " +
	"(a container's --pid=host), or follow every process")

// checkNamespace returns errNamespace if it holds.
func checkNamespace() error {
	link, err := os.Readlink("/proc/self/ns/pid")
	if err == nil && link != initialPIDs {
		return errNamespace
	}
	return nil // without /proc nothing is known against it
}
