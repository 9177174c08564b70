package atomics

import (
	"sync/atomic"
	"unsafe"
)

// Touch loads the aligned word that holds *p and forgets it, so that its cache line is on its way to this core. It
// takes no part in any ordering. Memory that another goroutine writes may be touched, but not under the race detector,
// to which every load counts: see Race.
func Touch(p *byte) {
	atomic.LoadUint32((*uint32)(unsafe.Pointer(uintptr(unsafe.Pointer(p)) &^ 3)))
}
