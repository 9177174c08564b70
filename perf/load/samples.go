package load

import (
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/corechan/corechan/perf/result"
)

// A round is divided into intervals, to see how times go: so many, of so long at least.
const (
	mostIntervals = 20
	leastInterval = 10 * time.Millisecond
)

// intervals is how many those of a round are.
func (c *Config) intervals() int { return int(min(max(c.Round/leastInterval, 1), mostIntervals)) }

// digits that the histograms tell apart.
const digits = 3

// samples are the times that one sender measures in a round, by when they were due. They are used by one goroutine at a time.
type samples struct {
	begin  int64
	perNs  float64 // intervals per nanosecond
	within []interval
}

// interval is what was due in one part of a round.
type interval struct {
	response, service       *hdrhistogram.Histogram
	longResponse, longServe int64 // the largest, exactly
}

// newSamples makes all that a round needs, and touches it, so that no page fault falls into one.
func newSamples(intervals int) *samples {
	s := &samples{within: make([]interval, intervals)}
	for i := range s.within {
		s.within[i].response, s.within[i].service = newHistogram(), newHistogram()
	}
	s.reset()
	return s
}

func newHistogram() *hdrhistogram.Histogram {
	return hdrhistogram.New(1, result.Longest.Nanoseconds(), digits)
}

func (s *samples) reset() {
	for i := range s.within {
		w := &s.within[i]
		w.response.Reset()
		w.service.Reset()
		w.longResponse, w.longServe = 0, 0
	}
}

// start begins a round.
func (s *samples) start(begin, length int64) {
	s.begin, s.perNs = begin, float64(len(s.within))/float64(length)
}

// add keeps the times of a message that was due in the round.
func (s *samples) add(due, response, service int64) {
	w := &s.within[min(int(float64(due-s.begin)*s.perNs), len(s.within)-1)]
	w.longResponse, w.longServe = max(w.longResponse, response), max(w.longServe, service)
	_ = w.response.RecordValue(inRange(response)) // in range by construction
	_ = w.service.RecordValue(inRange(service))
}

func inRange(ns int64) int64 { return min(max(ns, 1), result.Longest.Nanoseconds()) }
