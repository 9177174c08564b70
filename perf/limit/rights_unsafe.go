package limit

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// messageOnce is one blocking sendmsg(2) or recvmsg(2). What msg points at is reachable by its pointers, and does not
// move.
func messageOnce(call uintptr, sock int, msg *unix.Msghdr, flags int) (int, syscall.Errno) {
	n, _, errno := syscall.Syscall(call, uintptr(sock), uintptr(unsafe.Pointer(msg)), uintptr(flags))
	return int(n), errno
}
