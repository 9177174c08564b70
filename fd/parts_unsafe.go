package fd

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// sendParts is sendmsg(2) of several pieces of memory. As in recvmsg, the pointers in msg are seen by the garbage collector.
func sendParts(sock int, parts *[3][]byte, flags int) (int, unix.Errno) {
	var iov [len(parts)]unix.Iovec
	n := 0
	for _, p := range parts {
		if len(p) != 0 {
			iov[n].Base = &p[0]
			iov[n].SetLen(len(p))
			n++
		}
	}
	if n == 0 {
		return 0, 0
	}
	var msg unix.Msghdr
	msg.Iov = &iov[0]
	msg.SetIovlen(n)
	r, _, errno := unix.Syscall(unix.SYS_SENDMSG, uintptr(sock), uintptr(unsafe.Pointer(&msg)), uintptr(flags))
	if errno != 0 {
		return 0, errno
	}
	return int(r), 0
}
