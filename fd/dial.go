package fd

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// How long to wait before trying again at a server whose backlog is full. The kernel gives no event for it.
const (
	dialWaitFirst = time.Millisecond
	dialWaitMax   = 20 * time.Millisecond
)

// DialUnix connects to a server at addr, as [ParseUnixAddr] reads it, and returns a blocking stream socket that the
// caller owns. While the server's backlog is full it tries again until ctx is done; other failures are final.
//
// Errors: ENOENT if there is no such path, ECONNREFUSED if nobody listens there, EACCES without permission to write
// to it, EPROTOTYPE if it is no stream socket, [ErrBadAddr], [ErrExhausted], and the error of ctx. See connect(2).
func DialUnix(ctx context.Context, addr string) (*FD, error) {
	sa, err := ParseUnixAddr(addr)
	if err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, opError("connect", addr, err)
	}
	f, err := streamSocket(unix.SOCK_NONBLOCK)
	if err != nil {
		return nil, err
	}
	if err := connectWait(ctx, f.Int(), sa); err != nil {
		f.Close()
		return nil, opError("connect", addr, err)
	}
	if err := retry0(func() error { return unix.SetNonblock(f.Int(), false) }); err != nil {
		f.Close()
		return nil, opError("fcntl", addr, err)
	}
	return f, nil
}

// connectWait connects a non-blocking socket, waiting for room in the backlog.
func connectWait(ctx context.Context, sock int, sa *unix.SockaddrUnix) error {
	for wait := dialWaitFirst; ; wait = min(2*wait, dialWaitMax) {
		err := connect(sock, sa)
		if err != unix.EAGAIN {
			return err
		}
		t := time.NewTimer(wait)
		select {
		case <-t.C:
		case <-ctx.Done():
			t.Stop()
			return fmt.Errorf("%w while the server's backlog is full", ctx.Err())
		}
	}
}

// connect connects a non-blocking socket at once or fails. A Unix socket is connected or not by the time that
// connect(2) returns, never in progress; EISCONN after an interruption is success.
func connect(sock int, sa *unix.SockaddrUnix) error {
	err := retry0(func() error { return unix.Connect(sock, sa) })
	if err == unix.EISCONN {
		return nil
	}
	return err
}

// streamSocket makes an unconnected Unix socket. flags is SOCK_NONBLOCK or 0.
func streamSocket(flags int) (*FD, error) {
	n, err := retry(func() (int, error) {
		return unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|flags, 0)
	})
	if err != nil {
		return nil, opError("socket", "", err)
	}
	return New(n), nil
}
