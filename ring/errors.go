package ring

import (
	"errors"
	"fmt"
)

var (
	// ErrCapacity refuses a capacity that is not a power of two from 4 KiB to 1 GiB.
	ErrCapacity = errors.New("capacity must be a power of two from 4 KiB to 1 GiB")
	// ErrFull says that the ring has no room for the record now; it will when the peer has released some.
	ErrFull = errors.New("ring full")
	// ErrEmpty says that there is no record now.
	ErrEmpty = errors.New("ring empty")
	// ErrTooLarge says that a record is larger than the ring and can never be sent on it.
	ErrTooLarge = errors.New("record larger than the ring")
	// ErrMagic refuses memory that is not a segment.
	ErrMagic = errors.New("not a corechan segment")
	// ErrVersion refuses a segment of a layout that this build does not know.
	ErrVersion = errors.New("segment layout version not supported")
	// ErrHeader refuses a segment whose header contradicts itself or the size of its memory.
	ErrHeader = errors.New("segment header is inconsistent")

	// ErrPosition is the cause of a CorruptError: a position went back, ran ahead of what it may reach, or is not a
	// multiple of 8.
	ErrPosition = errors.New("position out of bounds")
	// ErrLength is the cause of a CorruptError: a record's length is too small or leaves what was published.
	ErrLength = errors.New("record length out of bounds")
)

// A CorruptError says that the peer wrote something into its segment that no correct peer writes. The ring must not be
// used any further.
type CorruptError struct {
	// Word names what was wrong: "tail", "head" or "length".
	Word string
	// Value is what was read, and Low and High what would have been accepted, both inclusive; a position must also be a
	// multiple of Align.
	Value, Low, High uint64
	// Cause is ErrPosition or ErrLength.
	Cause error
}

func (e *CorruptError) Error() string {
	multiple := ""
	if e.Cause == ErrPosition && e.Value%Align != 0 {
		multiple = fmt.Sprintf("a multiple of %d ", Align)
	}
	return fmt.Sprintf("ring: peer's %s is %d, not %swithin [%d, %d]: %v; the peer is broken or hostile", e.Word, e.Value,
		multiple, e.Low, e.High, e.Cause)
}

func (e *CorruptError) Unwrap() error { return e.Cause }
