package fd

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// What this package decides by itself, to be tested with [errors.Is]. The error that is returned adds the figures.
var (
	// ErrNotSealable: the descriptor is no memfd, so nothing keeps its owner from truncating it under a mapping.
	ErrNotSealable = errors.New("not a sealable memfd")
	// ErrUnsealed: a memfd lacks seals that make it safe to map. The text names them.
	ErrUnsealed = errors.New("memfd is not sealed")
	// ErrTooSmall: a memfd is smaller than what is to be mapped. The text has both sizes.
	ErrTooSmall = errors.New("memfd is too small")
	// ErrTooLarge: a memfd is larger than what is read. The text has both sizes.
	ErrTooLarge = errors.New("memfd is too large")

	// ErrTooManyFDs: a message has more descriptors than can be sent, or than the receiver accepts.
	ErrTooManyFDs = errors.New("too many descriptors in one message")
	// ErrEmpty: a buffer is empty where at least one byte must travel.
	ErrEmpty = errors.New("empty buffer")
	// ErrTruncated: the kernel dropped descriptors, or bytes, of a message that has been consumed.
	ErrTruncated = errors.New("message was truncated")

	// ErrExhausted: the process, the user or the system has no descriptors left. It comes with the errno.
	ErrExhausted = errors.New("out of descriptors")

	// ErrNoDescriptor: a value is not, or does not show, an open descriptor, so that it cannot be handed over.
	ErrNoDescriptor = errors.New("no descriptor")
	// ErrKind: a descriptor is of another kind than what is to be made of it. The text says which.
	ErrKind = errors.New("descriptor of another kind")

	// ErrBadAddr: a Unix socket address is empty, has a NUL byte or is too long.
	ErrBadAddr = errors.New("bad Unix socket address")
	// ErrInUse: a living server has the address.
	ErrInUse = errors.New("address is in use")
	// ErrNotSocket: the path of a socket is taken by a file of another kind, which is never removed.
	ErrNotSocket = errors.New("path exists and is not a socket")
)

// OpError is the error of one operation. It is immutable, and safe for concurrent use.
type OpError struct {
	Op   string // what was tried; the name of the system call if there is one
	Name string // the socket address, memfd name or path it was tried on; may be empty
	Err  error  // why it failed
}

// Error says "fd: op name: cause".
func (e *OpError) Error() string {
	if e.Name == "" {
		return "fd: " + e.Op + ": " + e.Err.Error()
	}
	return "fd: " + e.Op + " " + e.Name + ": " + e.Err.Error()
}

// Unwrap returns the cause.
func (e *OpError) Unwrap() error { return e.Err }

// Timeout reports whether the cause is a time that ran out, as net.Error has it.
func (e *OpError) Timeout() bool {
	var t interface{ Timeout() bool }
	return errors.As(e.Err, &t) && t.Timeout()
}

// opError wraps what a system call returned; nil stays nil.
func opError(op, name string, err error) error {
	if err == nil {
		return nil
	}
	switch err {
	case unix.EMFILE:
		err = fmt.Errorf("%w: raise RLIMIT_NOFILE or close some: %w", ErrExhausted, err)
	case unix.ENFILE:
		err = fmt.Errorf("%w: raise the sysctl fs.file-max: %w", ErrExhausted, err)
	case unix.ETOOMANYREFS:
		err = fmt.Errorf("%w: more sent and not yet received than RLIMIT_NOFILE allows: %w", ErrExhausted, err)
	}
	return &OpError{Op: op, Name: name, Err: err}
}
