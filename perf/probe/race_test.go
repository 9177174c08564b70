//go:build race

package probe

// The race detector makes each turn of a spinning loop slow, and more so after an interrupt, so that its gaps are longer than the
// interrupts.
const raceDetector = true
