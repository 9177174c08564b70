package fd

import (
	"errors"
	"fmt"
	"net"
	"os"
	"reflect"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// Of returns a new descriptor, owned by the caller, for what v refers to: an [*os.File], any connection or listener of
// package net, an [*FD], or any other [syscall.Conn]. It borrows v, which stays its owner's to close: closing v does
// not end a connection that Of's result, or a peer who was sent it, still holds.
//
// The new descriptor is a duplicate, close-on-exec, of the same open file description: it shares the offset, the locks
// of flock(2), and O_NONBLOCK. Of changes none of these. It does not use [os.File.Fd], or the File method of a net
// connection, which make the description blocking, for v and for everyone else who shares it, as a side effect.
//
// A wrapper that offers its connection as a syscall.Conn gives that connection, without what the wrapper has buffered.
//
// # Who unlinks the socket file of a Unix listener
//
// Whoever serves last, and only if told to. A [*net.UnixListener] that listens at a path unlinks it when it is closed,
// which would cut the receiver off. So Of calls SetUnlinkOnClose(false) on it: v can be closed at any time after. The
// listener that [FD.Listener] makes does not unlink either, since its process may see another file at the same path.
// The one that is to remove the file calls SetUnlinkOnClose(true); otherwise the file stays, and [Listen], for
// one, replaces it. v must not be closed during Of.
//
// # Errors
//
// [ErrNoDescriptor] if v is nil or has none, as a [crypto/tls.Conn] has not, whose state is in this process; [os.ErrClosed] if v is
// closed; [ErrExhausted] at the limit. See F_DUPFD_CLOEXEC in fcntl(2).
func Of(v any) (*FD, error) {
	if p := reflect.ValueOf(v); p.Kind() == reflect.Pointer && p.IsNil() {
		return nil, opError("dup", fmt.Sprintf("%T", v), fmt.Errorf("%w: it is nil", ErrNoDescriptor))
	}
	switch v := v.(type) {
	case *FD:
		return v.Dup()
	case syscall.Conn:
		d, err := dupConn(v)
		if err != nil {
			return nil, opError("dup", fmt.Sprintf("%T", v), err)
		}
		if l, ok := v.(*net.UnixListener); ok {
			l.SetUnlinkOnClose(false)
		}
		return d, nil
	default:
		return nil, opError("dup", fmt.Sprintf("%T", v),
			fmt.Errorf("%w: send what it is made of, or copy its bytes", ErrNoDescriptor))
	}
}

func dupConn(c syscall.Conn) (*FD, error) {
	raw, err := c.SyscallConn()
	if err != nil { // of package net: because c is a zero value
		return nil, fmt.Errorf("%w: %w", ErrNoDescriptor, err)
	}
	d := duplicators.Get().(*duplicator)
	defer duplicators.Put(d)
	d.called = false
	err = raw.Control(d.control) // keeps others from closing it meanwhile
	switch {
	case d.called && d.err == nil:
		return New(d.fd), nil
	case d.called:
		return nil, d.err
	case err == nil:
		return nil, fmt.Errorf("%w: its SyscallConn shows none", ErrNoDescriptor)
	case isFile(c), errors.Is(err, net.ErrClosed):
		// A File's Control has no other reason to fail, and names it by an error that is private to the runtime.
		return nil, fmt.Errorf("%w: %w", os.ErrClosed, err)
	default:
		return nil, err
	}
}

// A duplicator is dupConn's, used again: what a closure changes is allocated.
type duplicator struct {
	control func(n uintptr)
	fd      int
	err     error
	called  bool
}

var duplicators = sync.Pool{New: func() any {
	d := new(duplicator)
	d.control = func(n uintptr) {
		d.called = true
		d.fd, d.err = retry(func() (int, error) { return unix.FcntlInt(n, unix.F_DUPFD_CLOEXEC, 0) })
	}
	return d
}}

func isFile(c syscall.Conn) bool {
	_, ok := c.(*os.File)
	return ok
}
