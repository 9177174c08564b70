package measure

import "encoding/binary"

// The two functions below are all that the bare limits and corechan's raw mode do with a payload. They are shared, so
// that a ratio of the two compares the way, not the freight.

// Fill writes every byte of dst from src, which is as long, with seq in its first eight bytes if it has so many.
func Fill(dst, src []byte, seq uint64) {
	if len(src) >= 8 {
		binary.LittleEndian.PutUint64(src, seq)
	}
	copy(dst, src)
}

// Drain reads every byte of src by copying it to dst, which is as long. A copy reads at least as fast as a loop over
// words does, because the processor has more loads of it under way at once.
func Drain(dst, src []byte) { copy(dst, src) }
