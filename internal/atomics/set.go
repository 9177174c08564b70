//go:build !race

package atomics

// Set stores v at p, whole, for whoever loads it atomically; in no order with anything else. One goroutine at a time
// stores. Counters are set so: it costs a plain store.
func Set(p *uint64, v uint64) { *p = v }
