package fd

import (
	"os"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// FD owns one open file descriptor.
//
// The zero FD is a closed one. An FD must not be copied. Close and Disown may be called concurrently with each
// other, and exactly one call wins; every other method needs the owner to keep the FD open for as long as it runs.
type FD struct {
	next atomic.Int32 // the number plus one, so that the zero FD is closed rather than standard input
}

// New takes ownership of the open descriptor n. If n is negative the FD is a closed one.
func New(n int) *FD {
	f := new(FD)
	f.set(n)
	return f
}

// set makes a closed FD own n.
func (f *FD) set(n int) { f.next.Store(int32(max(n, -1)) + 1) }

// Int returns the descriptor's number without giving up ownership, or -1 if the FD is closed or disowned.
func (f *FD) Int() int { return int(f.next.Load()) - 1 }

// Disown gives up ownership: the caller has to close the number that it returns. An FD that is closed or disowned
// already returns -1 and [os.ErrClosed].
func (f *FD) Disown() (int, error) {
	n := int(f.next.Swap(0)) - 1
	if n < 0 {
		return -1, os.ErrClosed
	}
	return n, nil
}

// Close closes the descriptor. It does not wake a call that is blocked on it: see [Shutdown]. Every call but the
// first returns [os.ErrClosed]. The number is released whatever Close returns. See close(2).
func (f *FD) Close() error {
	n, err := f.Disown()
	if err != nil {
		return err
	}
	if err := unix.Close(n); err != nil && err != unix.EINTR {
		return opError("close", "", err)
	}
	return nil
}

// Dup returns a new descriptor, owned by the caller, for the same open file description: it shares the offset, the
// status flags such as O_NONBLOCK, and locks of flock(2). It fails with [os.ErrClosed], and with [ErrExhausted] at
// the limit. See F_DUPFD_CLOEXEC in fcntl(2).
func (f *FD) Dup() (*FD, error) {
	n := f.Int()
	if n < 0 {
		return nil, opError("dup", "", os.ErrClosed)
	}
	d, err := retry(func() (int, error) { return unix.FcntlInt(uintptr(n), unix.F_DUPFD_CLOEXEC, 0) })
	if err != nil {
		return nil, opError("dup", "", err)
	}
	return New(d), nil
}
