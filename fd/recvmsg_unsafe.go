package fd

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// recvmsg is recvmsg(2) without the sender's address. It is here since unix.Recvmsg always asks for the address, and
// allocates one for each message from a peer whose socket has a name. p and oob must not be empty.
//
// The pointers in msg are seen by the garbage collector, and stacks do not move during a system call.
func recvmsg(sock int, p, oob []byte, flags int) (n, oobn, got int, errno unix.Errno) {
	var iov unix.Iovec
	iov.Base = &p[0]
	iov.SetLen(len(p))
	var msg unix.Msghdr
	msg.Iov = &iov
	msg.SetIovlen(1)
	msg.Control = &oob[0]
	msg.SetControllen(len(oob))
	var r uintptr
	if flags&unix.MSG_DONTWAIT != 0 { // it cannot block, so the runtime is not told of it
		r, _, errno = unix.RawSyscall(unix.SYS_RECVMSG, uintptr(sock), uintptr(unsafe.Pointer(&msg)), uintptr(flags))
	} else {
		r, _, errno = unix.Syscall(unix.SYS_RECVMSG, uintptr(sock), uintptr(unsafe.Pointer(&msg)), uintptr(flags))
	}
	if errno != 0 {
		return 0, 0, 0, errno
	}
	return int(r), int(msg.Controllen), int(msg.Flags), 0
}
