package fd

import (
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// SetReceiveTimeout makes blocking Recvs on a socket fail with EAGAIN after d; 0 means never. See SO_RCVTIMEO in
// socket(7).
func SetReceiveTimeout(sock int, d time.Duration) error {
	tv := unix.NsecToTimeval(d.Nanoseconds())
	return opError("setsockopt", "SO_RCVTIMEO", unix.SetsockoptTimeval(sock, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &tv))
}

// WaitReadable blocks the thread until one of two descriptors is readable or at its end, or d has passed; d < 0 means
// no limit. It says which are. See ppoll(2).
func WaitReadable(a, b int, d time.Duration) (aReady, bReady bool, err error) {
	fds := [2]unix.PollFd{{Fd: int32(a), Events: unix.POLLIN}, {Fd: int32(b), Events: unix.POLLIN}}
	var ts *unix.Timespec
	if d >= 0 {
		t := unix.NsecToTimespec(d.Nanoseconds())
		ts = &t
	}
	if _, err := unix.Ppoll(fds[:], ts, nil); err != nil && err != unix.EINTR {
		return false, false, opError("ppoll", "", err)
	}
	return fds[0].Revents != 0, fds[1].Revents != 0, nil
}

// HungUp reports whether the peer of a stream socket has closed or shut it down, also if there is something left to be
// read. See POLLRDHUP in poll(2).
func HungUp(sock int) bool {
	p := []unix.PollFd{{Fd: int32(sock), Events: unix.POLLRDHUP}}
	n, err := retry(func() (int, error) { return unix.Poll(p, 0) })
	return err == nil && n != 0
}

// An Event is a flag that one thread waits for and others set: an eventfd(2).
type Event struct{ *FD }

// NewEvent returns an event that is not set.
func NewEvent() (*Event, error) {
	n, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		return nil, opError("eventfd", "", err)
	}
	return &Event{New(n)}, nil
}

// Set sets the event. It does not block.
func (e *Event) Set() {
	b := [8]byte{1}
	_, _ = retry(func() (int, error) { return unix.Write(e.Int(), b[:]) })
}

// Clear takes the event back.
func (e *Event) Clear() {
	var b [8]byte
	_, _ = retry(func() (int, error) { return unix.Read(e.Int(), b[:]) })
}

// CheckStream checks that a descriptor which a peer has sent is a connected Unix stream socket.
func CheckStream(f *FD) error {
	domain, err := unix.GetsockoptInt(f.Int(), unix.SOL_SOCKET, unix.SO_DOMAIN)
	if err != nil {
		return opError("getsockopt", "SO_DOMAIN", err)
	}
	typ, err := unix.GetsockoptInt(f.Int(), unix.SOL_SOCKET, unix.SO_TYPE)
	if err != nil {
		return opError("getsockopt", "SO_TYPE", err)
	}
	if domain != unix.AF_UNIX || typ != unix.SOCK_STREAM {
		return opError("check", "", fmt.Errorf("%w: socket of domain %d and type %d, not a Unix stream", ErrNotSocket, domain, typ))
	}
	return nil
}
