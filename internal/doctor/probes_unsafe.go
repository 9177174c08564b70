package doctor

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// epollPwait2 looks once at an epoll set, without waiting. x/sys/unix has no wrapper.
func epollPwait2(epfd int) error {
	var events [1]unix.EpollEvent
	var zero unix.Timespec
	_, _, errno := unix.Syscall6(unix.SYS_EPOLL_PWAIT2, uintptr(epfd),
		uintptr(unsafe.Pointer(&events[0])), uintptr(len(events)),
		uintptr(unsafe.Pointer(&zero)), 0, 0)
	if errno != 0 {
		return errno
	}
	return nil
}

// queryMembarrier asks which commands membarrier offers.
func queryMembarrier() (uint, error) {
	const query = 0 // MEMBARRIER_CMD_QUERY
	r, _, errno := unix.Syscall(unix.SYS_MEMBARRIER, query, 0, 0)
	if errno != 0 {
		return 0, errno
	}
	return uint(r), nil
}

// perfCycles counts the cycles that a thread spends in user space.
func perfCycles() unix.PerfEventAttr {
	attr := unix.PerfEventAttr{
		Type:   unix.PERF_TYPE_HARDWARE,
		Config: unix.PERF_COUNT_HW_CPU_CYCLES,
		Bits:   unix.PerfBitDisabled | unix.PerfBitExcludeKernel | unix.PerfBitExcludeHv,
	}
	attr.Size = uint32(unsafe.Sizeof(attr))
	return attr
}
