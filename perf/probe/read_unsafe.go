package probe

import (
	"unsafe"

	"github.com/cilium/ebpf"
)

// readCore copies what one core has of a map into into, whose layout is that of the map's values. Each counter is 8 bytes at a
// multiple of 8 and copied whole; but one may be read a moment before another.
func readCore[T any](m *ebpf.Memory, core int, into *T) error {
	size := unsafe.Sizeof(*into)
	_, err := m.ReadAt(unsafe.Slice((*byte)(unsafe.Pointer(into)), size), int64(core)*int64(size))
	return err
}
