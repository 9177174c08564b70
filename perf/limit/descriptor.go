package limit

import (
	"fmt"
	"io"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/corechan/corechan/perf/measure"
)

// descriptor is a connected stream socket used by bare system calls.
type descriptor struct {
	fd   int
	stop measure.Stop
}

// Stop wakes who waits at either end of the socket.
func (d *descriptor) Stop() {
	d.stop.Set()
	_ = unix.Shutdown(d.fd, unix.SHUT_RDWR)
}

// Close leaves the descriptor open: it is the caller's.
func (d *descriptor) Close() error { return nil }

// blocking sleeps in read(2) and write(2), as a C program would that has one connection a thread.
type blocking struct{ descriptor }

// NewBlocking makes a wire of a connected stream socket, which it sets to blocking mode and which stays the caller's. Its
// goroutine should be locked to its thread.
func NewBlocking(fd int) (Wire, error) {
	if err := unix.SetNonblock(fd, false); err != nil {
		return nil, fmt.Errorf("make a socket block: %w", err)
	}
	return &blocking{descriptor{fd: fd}}, nil
}

func (b *blocking) Read(p []byte) (int, error) {
	for {
		switch n, err := unix.Read(b.fd, p); {
		case err == unix.EINTR:
		case err != nil:
			return 0, fmt.Errorf("read: %w", err)
		case n == 0:
			return 0, io.EOF
		default:
			return n, nil
		}
	}
}

func (b *blocking) Write(p []byte) (int, error) {
	for sent := 0; sent < len(p); {
		switch n, err := unix.Write(b.fd, p[sent:]); {
		case err == unix.EINTR:
		case err != nil:
			return sent, fmt.Errorf("write: %w", err)
		default:
			sent += n
		}
	}
	return len(p), nil
}

// polling never sleeps: it asks the kernel again until there is something to read.
type polling struct{ descriptor }

// NewPolling makes a wire of a connected stream socket, which it sets to nonblocking mode and which stays the caller's. Its
// goroutine should be locked to a thread with a core of its own.
func NewPolling(fd int) (Wire, error) {
	if err := unix.SetNonblock(fd, true); err != nil {
		return nil, fmt.Errorf("make a socket nonblocking: %w", err)
	}
	return &polling{descriptor{fd: fd}}, nil
}

func (d *polling) Read(p []byte) (int, error) {
	switch n, err := d.again(unix.SYS_READ, p); {
	case err != nil:
		return 0, fmt.Errorf("read: %w", err)
	case n == 0:
		return 0, io.EOF
	default:
		return n, nil
	}
}

func (d *polling) Write(p []byte) (int, error) {
	for sent := 0; sent < len(p); {
		n, err := d.again(unix.SYS_WRITE, p[sent:])
		if err != nil {
			return sent, fmt.Errorf("write: %w", err)
		}
		sent += n
	}
	return len(p), nil
}

// again makes a system call until it does something.
func (d *polling) again(call uintptr, p []byte) (int, error) {
	for {
		for range 1 << 10 {
			switch n, errno := bytesOnce(call, d.fd, p); errno {
			case 0:
				return n, nil
			case syscall.EAGAIN, syscall.EINTR:
			default:
				return 0, errno
			}
		}
		if d.stop.IsSet() {
			return 0, measure.ErrStopped
		}
	}
}
