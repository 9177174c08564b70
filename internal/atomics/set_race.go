//go:build race

package atomics

import "sync/atomic"

// Set stores v at p, whole, for whoever loads it atomically; here so that the race detector understands.
func Set(p *uint64, v uint64) { atomic.StoreUint64(p, v) }
