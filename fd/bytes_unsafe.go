package fd

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// recvBytes is recv(2): unix.Recvfrom asks for the sender's address and allocates it. p must not be empty.
func recvBytes(sock int, p []byte, flags int) (int, unix.Errno) {
	if flags&unix.MSG_DONTWAIT != 0 { // it cannot block, so the runtime is not told of it
		n, _, errno := unix.RawSyscall6(unix.SYS_RECVFROM, uintptr(sock), uintptr(unsafe.Pointer(&p[0])), uintptr(len(p)), uintptr(flags), 0, 0)
		return int(n), errno
	}
	n, _, errno := unix.Syscall6(unix.SYS_RECVFROM, uintptr(sock), uintptr(unsafe.Pointer(&p[0])), uintptr(len(p)), uintptr(flags), 0, 0)
	return int(n), errno
}

// sendBytes is send(2), likewise. It does not block, but a large one copies for long, and delivers over loopback: then the
// runtime is told.
func sendBytes(sock int, p []byte, flags int) (int, unix.Errno) {
	if len(p) == 0 {
		return 0, 0
	}
	if len(p) <= 4096 {
		n, _, errno := unix.RawSyscall6(unix.SYS_SENDTO, uintptr(sock), uintptr(unsafe.Pointer(&p[0])), uintptr(len(p)), uintptr(flags), 0, 0)
		return int(n), errno
	}
	n, _, errno := unix.Syscall6(unix.SYS_SENDTO, uintptr(sock), uintptr(unsafe.Pointer(&p[0])), uintptr(len(p)), uintptr(flags), 0, 0)
	return int(n), errno
}
