package ring

import (
	"testing"
	"unsafe"
)

// address returns where b begins.
func address(b []byte) uintptr { return uintptr(unsafe.Pointer(unsafe.SliceData(b))) }

// Both ends of a queue may be in one process, and what they write with every record must not share lines.
func TestTheEndsAreWholePairsOfLines(t *testing.T) {
	for name, size := range map[string]uintptr{"Producer": unsafe.Sizeof(Producer{}), "Consumer": unsafe.Sizeof(Consumer{})} {
		if size%128 != 0 {
			t.Errorf("%s has %d bytes: make its padding whole again", name, size)
		}
	}
}
