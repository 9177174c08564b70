package perf

import (
	"math"
	"time"
)

// pace is how much to do in each slice.
type pace struct {
	counts  [maxSubjects]int // messages of a slice; of the system's, when it goes by seconds
	seconds float64
	count   int // in all, when it goes by count
	slices  int // then
}

func (s *session) pace(each [maxSubjects]float64) pace {
	c, most := s.config, float64(s.mostInSlice())
	p := pace{seconds: c.Seconds, count: c.Count}
	length := min(float64(sliceTime), c.Seconds*float64(time.Second)/leastSlices)
	if c.Count > 0 {
		total := float64(c.Count) * each[theSystem]
		bySize := math.Ceil(float64(c.Count) / most)
		p.slices = int(min(max(math.Ceil(total/float64(sliceTime)), bySize, leastSlices), float64(c.Count)))
		length = total / float64(p.slices)
	}
	for sub := range each {
		d := max(length, float64(leastSlice))
		if subject(sub) == theSystem {
			d = length
		}
		p.counts[sub] = int(min(max(d/max(each[sub], 1), 1), most))
	}
	return p
}

// next returns the messages of system slice i, and which part of all is done before it.
func (p *pace) next(i int, r *result) (n int, done float64) {
	if p.count == 0 {
		done = min(r.seconds/p.seconds, float64(i)/leastSlices, 1)
		return p.counts[theSystem], done
	}
	n = p.count / p.slices
	if i < p.count%p.slices {
		n++
	}
	return n, float64(i) / float64(p.slices)
}
