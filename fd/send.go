package fd

import (
	"encoding/binary"
	"fmt"

	"golang.org/x/sys/unix"
)

// MaxFDs is how many descriptors one message can carry: SCM_MAX_FD in unix(7).
const MaxFDs = 253

// Flags for [SendMsg] and [Receiver.Recv]; see send(2) and recv(2).
const (
	DontWait = unix.MSG_DONTWAIT // fail with EAGAIN instead of blocking
	Peek     = unix.MSG_PEEK     // leave the bytes in the queue; descriptors arrive all the same, as duplicates
	WaitAll  = unix.MSG_WAITALL  // receive as many bytes as fit, unless the stream ends or descriptors come first
	// UntilSignal has a receive that a signal interrupts fail with EAGAIN, as at its timeout, instead of being made again.
	UntilSignal = 1 << 30
)

const (
	cmsgHeader = unix.SizeofCmsghdr // length uint64, level int32, type int32, in native byte order
	rightsMax  = (cmsgHeader + 4*MaxFDs + 7) &^ 7
)

// SendMsg sends p on a connected stream socket, with duplicates of fds attached to its first byte. It borrows p and
// fds, and allocates nothing unless it fails. It may be called concurrently, but then messages can interleave.
//
// A blocking socket takes all of p, unless a signal comes in between; a non-blocking one, or flags with [DontWait],
// takes what fits. If n > 0 the descriptors have gone, even where n < len(p): send the rest with fds nil. If n is 0
// nothing has gone.
//
// Errors: [ErrTooManyFDs] beyond [MaxFDs] and [ErrEmpty] for fds without a byte of p, both before any system call;
// bare EAGAIN; EPIPE (never SIGPIPE) once the peer is gone; EBADF for a bad entry of fds; [ErrExhausted] if too many
// descriptors are under way. See sendmsg(2) and unix(7).
func SendMsg(sock int, p []byte, fds []int, flags int) (n int, err error) {
	var buf [rightsMax]byte
	var oob []byte
	if len(fds) > 0 {
		if len(fds) > MaxFDs {
			return 0, opError("sendmsg", "", fmt.Errorf("%w: %d, the limit is %d: split it", ErrTooManyFDs, len(fds), MaxFDs))
		}
		if len(p) == 0 {
			return 0, opError("sendmsg", "", fmt.Errorf("%w: descriptors travel with at least one byte", ErrEmpty))
		}
		oob = putRights(buf[:], fds)
	}
	for {
		n, err = unix.SendmsgN(sock, p, oob, nil, flags|unix.MSG_NOSIGNAL)
		switch err {
		case nil:
			return n, nil
		case unix.EINTR:
			continue
		case unix.EAGAIN:
			return 0, err
		default:
			return 0, opError("sendmsg", "", err)
		}
	}
}

// putRights writes the control message that carries fds, at most MaxFDs of them, into buf.
func putRights(buf []byte, fds []int) []byte {
	size := cmsgHeader + 4*len(fds)
	binary.NativeEndian.PutUint64(buf[0:], uint64(size))
	binary.NativeEndian.PutUint32(buf[8:], unix.SOL_SOCKET)
	binary.NativeEndian.PutUint32(buf[12:], unix.SCM_RIGHTS)
	for i, n := range fds {
		binary.NativeEndian.PutUint32(buf[cmsgHeader+4*i:], uint32(int32(n)))
	}
	return buf[:(size+7)&^7]
}
