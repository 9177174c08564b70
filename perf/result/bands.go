package result

import "math"

// BandOf is the band that a time of so many nanoseconds is in.
func BandOf(ns int64) int {
	if ns <= 1 {
		return 0
	}
	return min(int(math.Log2(float64(ns))*perDoubling), maxBand)
}

// BandFrom is the shortest time of a band, in nanoseconds.
func BandFrom(band int) float64 { return math.Exp2(float64(band) / perDoubling) }
