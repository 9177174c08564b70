package doctor

import (
	"errors"
	"runtime"

	"golang.org/x/sys/unix"
)

// Probes are the questions that only a system call answers. Each tries the real thing
// and returns nil if it works; what it opened is closed again. All must be set.
type Probes struct {
	FutureWrite     func() error         // a sealed memfd keeps what the seals promise
	NoexecSeal      func() error         // memfd_create takes MFD_NOEXEC_SEAL
	PeerPidfd       func() error         // a socket tells SO_PEERPIDFD
	PidfdOpen       func() error         // pidfd_open
	EpollPwait2     func() error         // epoll_pwait2
	Membarrier      func() (uint, error) // the commands that membarrier offers, as bits
	HardwareCounter func() error         // perf_event_open of the cycles of this thread
	GOMAXPROCS      func() int           // without changing it
}

func systemProbes() Probes {
	return Probes{
		FutureWrite:     tryFutureWrite,
		NoexecSeal:      tryNoexecSeal,
		PeerPidfd:       tryPeerPidfd,
		PidfdOpen:       tryPidfdOpen,
		EpollPwait2:     tryEpollPwait2,
		Membarrier:      queryMembarrier,
		HardwareCounter: tryHardwareCounter,
		GOMAXPROCS:      func() int { return runtime.GOMAXPROCS(0) },
	}
}

func tryNoexecSeal() error {
	fd, err := unix.MemfdCreate("corechan-doctor", unix.MFD_CLOEXEC|unix.MFD_NOEXEC_SEAL)
	if err != nil {
		return err
	}
	return unix.Close(fd)
}

func tryPeerPidfd() error {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(pair[0])
	defer unix.Close(pair[1])
	fd, err := unix.GetsockoptInt(pair[0], unix.SOL_SOCKET, unix.SO_PEERPIDFD)
	if err != nil {
		return err
	}
	return unix.Close(fd)
}

func tryPidfdOpen() error {
	fd, err := unix.PidfdOpen(unix.Getpid(), 0)
	if err != nil {
		return err
	}
	return unix.Close(fd)
}

func tryEpollPwait2() error {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	return epollPwait2(fd)
}

func tryHardwareCounter() error {
	attr := perfCycles()
	fd, err := unix.PerfEventOpen(&attr, 0, -1, -1, unix.PERF_FLAG_FD_CLOEXEC)
	if err != nil {
		return err
	}
	return unix.Close(fd)
}

// probed turns what a probe said into an answer. since is the Linux that brought the
// feature; value is what to say where it works.
func probed(err error, value, since string) answer {
	switch {
	case err == nil:
		return ok(value)
	case errors.Is(err, unix.ENOSYS), errors.Is(err, unix.EINVAL), errors.Is(err, unix.ENOPROTOOPT):
		return missing("not in this kernel", "Linux "+since+" or newer")
	case errors.Is(err, unix.EPERM), errors.Is(err, unix.EACCES):
		return missing("refused: "+err.Error(), "allow the call in the seccomp profile of the container or service")
	default:
		return unknown(err.Error(), "")
	}
}
