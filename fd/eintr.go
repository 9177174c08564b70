package fd

import "golang.org/x/sys/unix"

// retry calls f until a signal no longer interrupts it. It is for calls whose repetition is harmless, so never for
// close(2): Linux has released the number even when close reports EINTR.
//
// The Go runtime installs its handlers with SA_RESTART, but signal(7) lists calls that return EINTR all the same:
// poll always, and socket calls where SO_RCVTIMEO or SO_SNDTIMEO is set.
func retry[T any](f func() (T, error)) (T, error) {
	for {
		v, err := f()
		if err != unix.EINTR {
			return v, err
		}
	}
}

// retry0 is retry for calls that return nothing but an error.
func retry0(f func() error) error {
	for {
		if err := f(); err != unix.EINTR {
			return err
		}
	}
}
