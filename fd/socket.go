package fd

import (
	"golang.org/x/sys/unix"
)

// Socketpair returns two connected AF_UNIX stream sockets, both blocking and both owned by the caller. It fails with
// [ErrExhausted] if no descriptors are left. See socketpair(2).
func Socketpair() (a, b *FD, err error) {
	p, err := retry(func() ([2]int, error) {
		return unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	})
	if err != nil {
		return nil, nil, opError("socketpair", "", err)
	}
	return New(p[0]), New(p[1]), nil
}

// Shutdown ends both directions of a socket without closing its descriptor, and so wakes every call that is blocked
// on it, here and at the peer: a [Receiver.Recv] sees [io.EOF] once it has read what was sent before, and a
// [SendMsg] sees EPIPE. A listening socket refuses from then on. It acts on the socket itself, so on every duplicate
// of the descriptor too. See shutdown(2).
func Shutdown(sock int) error {
	return opError("shutdown", "", retry0(func() error { return unix.Shutdown(sock, unix.SHUT_RDWR) }))
}
