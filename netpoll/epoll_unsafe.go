package netpoll

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// The system calls by number, since the two ways to make them differ in what the Go scheduler does. Syscall lets it
// take the P for others while the call sleeps. RawSyscall does not, and costs less: for calls that cannot sleep.
//
// epoll_pwait(2) with a nil mask is epoll_wait(2), which arm64 does not have.

// epollLook never sleeps.
func epollLook(epfd int, events []unix.EpollEvent) (int, unix.Errno) {
	n, _, errno := unix.RawSyscall6(unix.SYS_EPOLL_PWAIT, uintptr(epfd), uintptr(unsafe.Pointer(&events[0])),
		uintptr(len(events)), 0, 0, 0)
	return int(n), errno
}

// epollWaitNano sleeps for at most the timeout, for ever if it is nil. It needs Linux 5.11.
func epollWaitNano(epfd int, events []unix.EpollEvent, timeout *unix.Timespec) (int, unix.Errno) {
	n, _, errno := unix.Syscall6(unix.SYS_EPOLL_PWAIT2, uintptr(epfd), uintptr(unsafe.Pointer(&events[0])),
		uintptr(len(events)), uintptr(unsafe.Pointer(timeout)), 0, 0)
	return int(n), errno
}

// epollWaitMilli sleeps for at most ms milliseconds, for ever if it is -1.
func epollWaitMilli(epfd int, events []unix.EpollEvent, ms int) (int, unix.Errno) {
	n, _, errno := unix.Syscall6(unix.SYS_EPOLL_PWAIT, uintptr(epfd), uintptr(unsafe.Pointer(&events[0])),
		uintptr(len(events)), uintptr(ms), 0, 0)
	return int(n), errno
}

// ringBell adds one to a non-blocking eventfd. It cannot sleep, and cannot fail: the counter takes 2^64-2 rings.
func ringBell(fd int) {
	one := uint64(1)
	for {
		_, _, errno := unix.RawSyscall(unix.SYS_WRITE, uintptr(fd), uintptr(unsafe.Pointer(&one)), unsafe.Sizeof(one))
		if errno != unix.EINTR {
			return
		}
	}
}
