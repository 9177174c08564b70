package fd

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// Poke sends one zero byte on a stream socket and never blocks: a doorbell. If the socket is full, the peer has enough
// bytes to wake up by, and if the peer is gone, there is nobody to wake; so it has no result. The call cannot block,
// so the runtime is not told of it.
func Poke(sock int) {
	var b [1]byte
	for {
		_, _, errno := unix.RawSyscall6(unix.SYS_SENDTO, uintptr(sock), uintptr(unsafe.Pointer(&b)), 1,
			unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL, 0, 0)
		if errno != unix.EINTR {
			return
		}
	}
}
