// Package goid tells goroutines apart, cheaply: for locks that are biased to the goroutine that took them last.
package goid

// Self returns a number that no two goroutines have at the same time, and that a goroutine keeps for its life: the
// address of the runtime's descriptor for it, never 0. A goroutine that begins after another one's end may have the
// same. It means nothing else and must not be turned into a pointer.
func Self() uintptr
