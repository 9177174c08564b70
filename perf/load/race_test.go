//go:build race

package load

// The race detector sees one process, and takes long: what has been seen once need not be seen over each transport.
const raceDetector = true
