package netpoll

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/corechan/corechan/fd"
)

var (
	// ErrOutsideCpuset: a core was named on which the process may not run. It comes inside a [*CoresError].
	ErrOutsideCpuset = errors.New("outside the process's cpuset")
	// ErrQueueFull: [Loop.Post] found [Config.PostLimit] functions waiting. Nothing was queued.
	ErrQueueFull = errors.New("netpoll: post queue is full: the loop is behind, try later or raise Config.PostLimit")
)

// What ends a loop other than Close; Close returns it inside an OpError.
var errGoexit = errors.New("a callback called runtime.Goexit (or testing.T.FailNow), which ended the loop's thread")

// OpError is the error of one operation. It is immutable, and safe for concurrent use.
type OpError struct {
	Op  string // what was tried: "register", "modify", "pin" and so on
	FD  int    // the descriptor it was tried on, or -1
	Err error  // why it failed
}

// Error says "netpoll: op descriptor n: cause".
func (e *OpError) Error() string {
	if e.FD < 0 {
		return "netpoll: " + e.Op + ": " + e.Err.Error()
	}
	return fmt.Sprintf("netpoll: %s descriptor %d: %v", e.Op, e.FD, e.Err)
}

// Unwrap returns the cause.
func (e *OpError) Unwrap() error { return e.Err }

// opError wraps what a system call returned, and says what to do about it; nil stays nil.
func opError(op string, descriptor int, err error) error {
	var hint string
	switch err {
	case nil:
		return nil
	case unix.EPERM:
		if op == "register" {
			hint = "regular files and directories are always ready and cannot be waited for"
		}
	case unix.EEXIST:
		hint = "registered with this loop already; Modify or Close that registration"
	case unix.EBADF:
		hint = "not open; close a registration before its descriptor"
	case unix.ENOENT:
		hint = "not registered; close a registration before its descriptor"
	case unix.ENOSPC:
		hint = "raise the sysctl fs.epoll.max_user_watches"
	case unix.EMFILE:
		err, hint = fmt.Errorf("%w: %w", fd.ErrExhausted, err), "raise RLIMIT_NOFILE or close some descriptors"
	case unix.ENFILE:
		err, hint = fmt.Errorf("%w: %w", fd.ErrExhausted, err), "raise the sysctl fs.file-max"
	}
	if hint != "" {
		err = fmt.Errorf("%w: %s", err, hint)
	}
	return &OpError{Op: op, FD: descriptor, Err: err}
}
