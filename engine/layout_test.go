package engine

import (
	"testing"
	"unsafe"
)

// What changes with every message stands in structs of whole pairs of cache lines, so that two of them, used by two
// cores, share none.
func TestHotStructsAreWholePairsOfLines(t *testing.T) {
	for name, size := range map[string]uintptr{
		"port": unsafe.Sizeof(port{}), "sendEnd": unsafe.Sizeof(sendEnd{}), "recvEnd": unsafe.Sizeof(recvEnd{}),
		"bias": unsafe.Sizeof(bias{}),
	} {
		if size%128 != 0 {
			t.Errorf("%s has %d bytes: make its padding whole again", name, size)
		}
	}
}
