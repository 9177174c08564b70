package limit

import "unsafe"

// word returns the eight bytes at off as a word for atomic use; the memory is 8-aligned, as a mapping or any Go
// allocation of this size is, and so is off.
func word(mem []byte, off int) *uint64 {
	_ = mem[off+7]
	return (*uint64)(unsafe.Pointer(&mem[off]))
}
