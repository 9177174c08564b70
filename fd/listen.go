package fd

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// ListenUnix makes a blocking stream socket that listens at addr, as [ParseUnixAddr] reads it, and that the caller
// owns. The backlog is how many connections may wait to be accepted; the kernel caps it at net.core.somaxconn.
//
// It is the bare system calls: a path must not exist yet, and stays when the socket is closed. [Listen] takes care
// of both. It fails with [ErrInUse], [ErrBadAddr] or [ErrExhausted], or with what bind(2) and listen(2) return.
//
// Who may connect is decided by the permissions of the path (0777 less the umask) and its directory; an abstract
// name has none, so check [PeerCred].
func ListenUnix(addr string, backlog int) (*FD, error) {
	sa, err := ParseUnixAddr(addr)
	if err != nil {
		return nil, err
	}
	f, err := streamSocket(0)
	if err != nil {
		return nil, err
	}
	if err := retry0(func() error { return unix.Bind(f.Int(), sa) }); err != nil {
		f.Close()
		if err == unix.EADDRINUSE {
			err = fmt.Errorf("%w: %w", ErrInUse, err)
		}
		return nil, opError("bind", addr, err)
	}
	if err := retry0(func() error { return unix.Listen(f.Int(), backlog) }); err != nil {
		f.Close()
		return nil, opError("listen", addr, err)
	}
	return f, nil
}

// Accept takes the next connection from a listening socket, as a blocking socket that the caller owns. It blocks as
// sock does; [Shutdown] wakes it, with EINVAL. A connection that its client has given up is skipped.
//
// With [ErrExhausted] the connection stays in the backlog: wait until descriptors are free before the next call,
// which would fail at once otherwise. EAGAIN comes bare. See accept4(2).
func Accept(sock int) (*FD, error) {
	for {
		n, _, err := unix.Accept4(sock, unix.SOCK_CLOEXEC)
		switch err {
		case nil:
			return New(n), nil
		case unix.EINTR, unix.ECONNABORTED:
			continue
		case unix.EAGAIN:
			return nil, err
		default:
			return nil, opError("accept", "", err)
		}
	}
}
