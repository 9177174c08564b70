package limit

import (
	"syscall"
	"unsafe"
)

// transferOnce is one blocking read or write of eight bytes.
func transferOnce(call uintptr, fd int, word *[8]byte) syscall.Errno {
	_, _, errno := syscall.Syscall(call, uintptr(fd), uintptr(unsafe.Pointer(word)), uintptr(len(word)))
	return errno
}
