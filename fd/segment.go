package fd

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// CheckSegment tells whether a memfd that came from a peer is safe to map read-only: it carries every seal of
// [SealsSegment], and at least minSize bytes. It returns the size in bytes, which can no longer change, so that no
// access inside it can raise SIGBUS by truncation. More seals than those are fine. f stays with the caller.
//
// Call it before mmap(2), never after: seals do not bind a mapping that is older than they are. The size is the
// peer's choice, so map no more of it than was agreed.
//
// It fails with [ErrNotSealable], with [ErrUnsealed] naming the seals that are missing, or with [ErrTooSmall].
func CheckSegment(f *FD, minSize int64) (size int64, err error) {
	s, err := f.Seals()
	if err != nil {
		return 0, err
	}
	if missing := SealsSegment &^ s; missing != 0 {
		return 0, opError("check segment", "", fmt.Errorf("%w: %v missing", ErrUnsealed, missing))
	}
	// The order matters: only a size that is read after the seals is a size that stays.
	var st unix.Stat_t
	n := f.Int()
	if err := retry0(func() error { return unix.Fstat(n, &st) }); err != nil {
		return 0, opError("fstat", "", err)
	}
	if st.Size < minSize {
		return 0, opError("check segment", "", fmt.Errorf("%w: %d bytes, need %d", ErrTooSmall, st.Size, minSize))
	}
	return st.Size, nil
}
