package fd

import (
	"io"
	"time"

	"golang.org/x/sys/unix"
)

// RecvBytes receives up to len(p) bytes from a stream socket of any family; it allocates nothing. flags is 0 or a set of
// [DontWait], [Peek] and [UntilSignal]. It blocks as the socket does, for at most what [SetReceiveTimeout] says.
//
// Errors: bare EAGAIN if nothing has come, bare [io.EOF] at the end, bare ECONNRESET or another errno of recv(2). A call
// that a signal interrupts is made again.
func RecvBytes(sock int, p []byte, flags int) (int, error) {
	if len(p) == 0 {
		return 0, ErrEmpty
	}
	for {
		n, errno := recvBytes(sock, p, flags&^UntilSignal)
		switch {
		case errno == unix.EINTR && flags&UntilSignal != 0:
			return 0, unix.EAGAIN
		case errno == unix.EINTR:
			continue
		case errno != 0:
			return 0, errno
		case n == 0:
			return 0, io.EOF
		}
		return n, nil
	}
}

// SendBytes sends what fits of p on a stream socket of any family, without waiting and without SIGPIPE; it allocates
// nothing. Errors: bare EAGAIN if nothing fits, else bare as of send(2).
func SendBytes(sock int, p []byte) (int, error) {
	for {
		n, errno := sendBytes(sock, p, unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL)
		switch errno {
		case unix.EINTR:
			continue
		case 0:
			return n, nil
		}
		return 0, errno
	}
}

// WaitStream blocks the thread until sock is readable or at its end, or, with write, writable; or until event, if it is not
// negative, is readable, or d has passed; d < 0 means no limit. A signal may end it early. See ppoll(2).
func WaitStream(sock, event int, write bool, d time.Duration) (readable, writable, set bool, err error) {
	fds := [2]unix.PollFd{{Fd: int32(sock), Events: unix.POLLIN}, {Fd: int32(event), Events: unix.POLLIN}}
	if write {
		fds[0].Events |= unix.POLLOUT
	}
	var ts *unix.Timespec
	if d >= 0 {
		t := unix.NsecToTimespec(d.Nanoseconds())
		ts = &t
	}
	if _, err := unix.Ppoll(fds[:], ts, nil); err != nil && err != unix.EINTR {
		return false, false, false, opError("ppoll", "", err)
	}
	got := fds[0].Revents
	return got&^unix.POLLOUT != 0, got&(unix.POLLOUT|unix.POLLERR|unix.POLLHUP) != 0, fds[1].Revents != 0, nil
}

// ShutdownWrite ends one's own direction of a stream socket: the peer sees the end behind what was sent. See shutdown(2).
func ShutdownWrite(sock int) error { return opError("shutdown", "", unix.Shutdown(sock, unix.SHUT_WR)) }

// Thread returns the number of the calling thread, for [Rouse].
func Thread() int { return unix.Gettid() }

// Rouse interrupts a receive with [UntilSignal] that blocks on a thread of this process, if it does so at this moment, on a socket
// with a receive timeout. It sends SIGURG, as Go's runtime does for its own purposes: a program that asks for that signal gets
// more of them than the peer's urgent data is the reason of. See signal(7).
//
// To shut the socket down for reading would wake the thread too, and have the kernel reset a TCP connection on which more arrives
// after this side has ended its own direction: what is under way to the peer would be lost.
func Rouse(thread int) { _ = unix.Tgkill(unix.Getpid(), thread, unix.SIGURG) }
