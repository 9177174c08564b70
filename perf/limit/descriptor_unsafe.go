package limit

import (
	"syscall"
	"unsafe"
)

// bytesOnce is one read(2) or write(2) on a nonblocking descriptor: it does not sleep, so the scheduler need not know of
// it. b must not be empty.
func bytesOnce(call uintptr, fd int, b []byte) (int, syscall.Errno) {
	n, _, errno := syscall.RawSyscall(call, uintptr(fd), uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)))
	return int(n), errno
}
