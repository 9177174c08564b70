//go:build race

package atomics

// Race says whether the race detector is compiled in.
const Race = true
