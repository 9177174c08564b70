//go:build amd64 && !race

package atomics

// StoreRelease stores v at p: every earlier load and store of this goroutine is visible to whoever loads v
// atomically. Later loads may be executed before the store is visible to others.
//
// The call is the compiler's barrier, which is why it must not be inlined; the processor keeps stores in order.
//
//go:noinline
func StoreRelease(p *uint64, v uint64) { *p = v }
