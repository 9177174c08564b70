//go:build !amd64 || race

package atomics

import "sync/atomic"

// StoreRelease stores v at p: every earlier load and store of this goroutine is visible to whoever loads v
// atomically. Elsewhere than on amd64 the sequentially consistent store is as cheap (STLR on arm64), and the race
// detector has to see one.
func StoreRelease(p *uint64, v uint64) { atomic.StoreUint64(p, v) }
