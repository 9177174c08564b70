package ring

import "unsafe"

// word returns the 8-byte word at off of a header, for sync/atomic. off is one of the layout's constants, a multiple of
// 8, and header is aligned to 8: mappings are page-aligned, and alignedBytes sees to it on the heap.
func word(header []byte, off int) *uint64 {
	_ = header[off+7]
	return (*uint64)(unsafe.Pointer(&header[off]))
}

// alignedBytes returns n zeroed bytes that begin at a multiple of 128, as a mapping would.
func alignedBytes(n int) []byte {
	if n == 0 {
		return nil
	}
	const lines = 128
	b := make([]byte, n+lines)
	skip := int(-uintptr(unsafe.Pointer(&b[0])) & (lines - 1))
	return b[skip : skip+n : skip+n]
}
