package netpoll

import (
	"errors"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/corechan/corechan/fd"
)

// What has run out is named alike, whichever package met it; the errno stays to be found.
func TestExhaustionIsNamed(t *testing.T) {
	for _, errno := range []error{unix.EMFILE, unix.ENFILE} {
		err := opError("epoll_create1", -1, errno)
		var op *OpError
		if !errors.Is(err, fd.ErrExhausted) || !errors.Is(err, errno) || !errors.As(err, &op) {
			t.Errorf("%v: %v, want an *OpError with fd.ErrExhausted and the errno", errno, err)
		}
	}
	if err := opError("epoll_ctl", 3, unix.ENOSPC); errors.Is(err, fd.ErrExhausted) {
		t.Errorf("ENOSPC: %v, want no fd.ErrExhausted", err)
	}
}
