package fd

import (
	"fmt"
	"io"

	"golang.org/x/sys/unix"
)

// Receiver receives messages and the descriptors that come with them. The zero Receiver is ready for use. It is a
// buffer of some 2 KiB, so keep one per reader; it must not be used concurrently, nor copied while in use.
type Receiver struct {
	// MaxFDs is how many descriptors of one message are accepted. 0, and anything beyond [MaxFDs], mean MaxFDs; a
	// negative number means none.
	MaxFDs int

	ctl control
	oob [rightsMax + 256]byte // what else the kernel may add (credentials, a pidfd, a security label) fits in 256
}

// Recv receives up to len(p) bytes from a stream socket, and the descriptors that were sent with them. The caller
// owns fds, all of them close-on-exec. flags is 0, or a set of [DontWait], [Peek], [WaitAll] and [UntilSignal]. A call that brings
// no descriptors allocates nothing.
//
// A stream keeps no boundaries: a message may come in several parts, with its descriptors in the part that has its
// first byte, and that part may begin with bytes sent before it. But no call brings the descriptors of two messages,
// nor bytes of a later message along with descriptors.
//
// Recv blocks as the socket does; [Shutdown] wakes it. Control messages other than SCM_RIGHTS are ignored, and a
// descriptor in one of them is closed.
//
// Errors that leave the stream usable: [ErrEmpty] if p is empty, and bare EAGAIN. At the end of the stream comes
// bare [io.EOF]. The following mean that n bytes have been consumed and that the descriptors sent with them are
// lost, all of those that did arrive being closed; the socket is best closed too:
//
//   - [ErrTruncated]: the kernel dropped descriptors, which it does when this process has reached RLIMIT_NOFILE.
//   - [ErrTooManyFDs]: more came than r.MaxFDs.
//
// See recvmsg(2), unix(7) and cmsg(3).
func (r *Receiver) Recv(sock int, p []byte, flags int) (n int, fds []*FD, err error) {
	if len(p) == 0 {
		return 0, nil, opError("recvmsg", "", fmt.Errorf("%w: the end of the stream could not be told", ErrEmpty))
	}
	once := flags&UntilSignal != 0
	flags = flags&^(unix.MSG_TRUNC|UntilSignal) | unix.MSG_CMSG_CLOEXEC // MSG_TRUNC would make n more than there is in p
	n, oobn, got, errno := recvmsg(sock, p, r.oob[:], flags)
	for errno == unix.EINTR && !once {
		n, oobn, got, errno = recvmsg(sock, p, r.oob[:], flags)
	}
	if errno == unix.EINTR {
		errno = unix.EAGAIN
	}
	switch {
	case errno == unix.EAGAIN:
		return 0, nil, errno
	case errno != 0:
		return 0, nil, opError("recvmsg", "", errno)
	case oobn == 0 && got&(unix.MSG_CTRUNC|unix.MSG_TRUNC) == 0: // the common case
		if n == 0 {
			return 0, nil, io.EOF
		}
		return n, nil, nil
	}

	r.ctl.parse(r.oob[:oobn])
	defer r.ctl.closeRest() // all that is not taken below
	switch limit := r.limit(); {
	case got&unix.MSG_CTRUNC != 0 || r.ctl.malformed:
		err = fmt.Errorf("%w: only %d of its descriptors arrived: close some or raise RLIMIT_NOFILE", ErrTruncated, r.ctl.n)
	case got&unix.MSG_TRUNC != 0:
		err = fmt.Errorf("%w: only %d bytes of it fitted: use a stream socket", ErrTruncated, n)
	case r.ctl.n > limit:
		err = fmt.Errorf("%w: %d came, the limit is %d", ErrTooManyFDs, r.ctl.n, limit)
	case n == 0:
		return 0, nil, io.EOF
	default:
		return n, r.ctl.take(), nil
	}
	return n, nil, opError("recvmsg", "", err)
}

func (r *Receiver) limit() int {
	switch {
	case r.MaxFDs < 0:
		return 0
	case r.MaxFDs == 0:
		return MaxFDs
	default:
		return min(r.MaxFDs, MaxFDs)
	}
}
