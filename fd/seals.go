package fd

import (
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// Seals is a set of operations that nobody can do on a memfd any more, its owner included. See fcntl(2).
type Seals uint32

// The seals of Linux 6.3. Older kernels lack [SealExec].
const (
	SealSeal        Seals = unix.F_SEAL_SEAL         // no further seals
	SealShrink      Seals = unix.F_SEAL_SHRINK       // no smaller size
	SealGrow        Seals = unix.F_SEAL_GROW         // no larger size
	SealWrite       Seals = unix.F_SEAL_WRITE        // no writes at all; refused with EBUSY while a writable mapping exists
	SealFutureWrite Seals = unix.F_SEAL_FUTURE_WRITE // no writes but through mappings that are writable already
	SealExec        Seals = unix.F_SEAL_EXEC         // no change of the executable bits

	// SealsSegment makes a memfd safe to share between one writer and readers that do not trust it: the writer
	// maps it writable, seals it, and sends it. From then on its size is fixed, and that mapping is the only way
	// to change its bytes.
	SealsSegment = SealShrink | SealGrow | SealFutureWrite | SealSeal
)

// sealNames is in the order of the bits.
var sealNames = [...]string{"SEAL", "SHRINK", "GROW", "WRITE", "FUTURE_WRITE", "EXEC"}

// String names the seals as fcntl(2) does, without F_SEAL_: "SHRINK|GROW". The empty set is "none".
func (s Seals) String() string {
	if s == 0 {
		return "none"
	}
	var names []string
	for i, name := range sealNames {
		if bit := Seals(1) << i; s&bit != 0 {
			names = append(names, name)
			s &^= bit
		}
	}
	if s != 0 {
		names = append(names, fmt.Sprintf("%#x", uint32(s)))
	}
	return strings.Join(names, "|")
}

// AddSeals adds s to the seals of a memfd, for all who have it, for ever. It fails with EPERM once [SealSeal] is
// set or if the descriptor is not open for writing, with EBUSY if s has [SealWrite] and a writable mapping exists,
// and with EINVAL if the descriptor is no memfd or the kernel does not know a seal. See F_ADD_SEALS in fcntl(2).
func (f *FD) AddSeals(s Seals) error {
	n := f.Int()
	if n < 0 {
		return opError("add seals", s.String(), os.ErrClosed)
	}
	_, err := retry(func() (int, error) { return unix.FcntlInt(uintptr(n), unix.F_ADD_SEALS, int(s)) })
	return opError("add seals", s.String(), err)
}

// Seals returns the seals of a memfd. It fails with [ErrNotSealable] on any other kind of file; a regular file on
// tmpfs can be asked, and has [SealSeal] only. See F_GET_SEALS in fcntl(2).
func (f *FD) Seals() (Seals, error) {
	n := f.Int()
	if n < 0 {
		return 0, opError("get seals", "", os.ErrClosed)
	}
	s, err := retry(func() (int, error) { return unix.FcntlInt(uintptr(n), unix.F_GET_SEALS, 0) })
	if err == unix.EINVAL {
		err = fmt.Errorf("%w: %w", ErrNotSealable, err)
	}
	if err != nil {
		return 0, opError("get seals", "", err)
	}
	return Seals(s), nil
}
