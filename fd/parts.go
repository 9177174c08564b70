package fd

import (
	"time"

	"golang.org/x/sys/unix"
)

// SendParts sends three pieces of memory on a stream socket of any family, one behind the other, without SIGPIPE: what fits of
// them, or, with wait, all, as far as that goes within what [SetSendTimeout] says. It allocates nothing. Errors, if nothing was
// sent: bare EAGAIN if nothing fits, else bare as of sendmsg(2).
func SendParts(sock int, parts *[3][]byte, wait bool) (int, error) {
	flags := unix.MSG_NOSIGNAL
	if !wait {
		flags |= unix.MSG_DONTWAIT
	}
	for {
		n, errno := sendParts(sock, parts, flags)
		switch errno {
		case unix.EINTR:
			continue
		case 0:
			return n, nil
		}
		return 0, errno
	}
}

// SetSendTimeout has sends on a blocking socket that make no progress give up after d; 0 means never. See SO_SNDTIMEO in
// socket(7).
func SetSendTimeout(sock int, d time.Duration) error {
	tv := unix.NsecToTimeval(d.Nanoseconds())
	return opError("setsockopt", "SO_SNDTIMEO", unix.SetsockoptTimeval(sock, unix.SOL_SOCKET, unix.SO_SNDTIMEO, &tv))
}
