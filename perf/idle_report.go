package perf

import "slices"

// IdleReport is the result of Idle. Its JSON names are a contract; fields may be added.
type IdleReport struct {
	Transport   Transport    `json:"transport"`
	Sessions    int          `json:"sessions"`
	Busy        int          `json:"busy"`    // sessions that are busy in the last phase
	Seconds     float64      `json:"seconds"` // of each phase
	Wait        Wait         `json:"wait"`
	System      IdleFigures  `json:"system"`
	Limit       *IdleFigures `json:"limit,omitempty"` // the same of net.Conn with a goroutine for each, over TLS of tls.Conn
	Interrupted bool         `json:"interrupted"`     // less was measured than was asked for: what was not is 0
}

// IdleFigures are those of one kind of sessions.
type IdleFigures struct {
	DialsPerS float64   `json:"dials_per_s"` // 64 at a time
	Server    IdleSides `json:"server"`
	Client    IdleSides `json:"client"`

	// Of the busy sessions, each of which makes one round trip after the other.
	TripsPerS    float64 `json:"trips_per_s"`   // of all together
	MedianPerS   float64 `json:"median_per_s"`  // of one session
	SlowestPerS  float64 `json:"slowest_per_s"` //
	FastestPerS  float64 `json:"fastest_per_s"` //
	SlowestRatio float64 `json:"slowest_ratio"` // slowest / median: 1 is perfectly fair
}

// IdleSides is what one process pays.
type IdleSides struct {
	New  IdleCost `json:"new"`  // after the handshake
	Used IdleCost `json:"used"` // after a round trip on each session

	// Beyond what there was before the sessions, when all are closed.
	LeftDescriptors int `json:"left_descriptors"`
	LeftGoroutines  int `json:"left_goroutines"`
}

// IdleCost is what one process pays while nothing happens. Memory is in bytes a session, after a garbage collection; what the
// kernel keeps for a socket is not in it.
type IdleCost struct {
	RSS         float64 `json:"rss_bytes"`   // resident, with stacks, mappings and what the runtime keeps back
	Heap        float64 `json:"heap_bytes"`  // reachable objects
	Stack       float64 `json:"stack_bytes"` // of goroutines
	Descriptors float64 `json:"descriptors"` // a session
	Goroutines  float64 `json:"goroutines"`  // a session
	Cores       float64 `json:"cores"`       // kept busy by the whole process
}

// usage is what a process uses at one moment.
type usage struct {
	RSS, Heap, Stack        int64
	Descriptors, Goroutines int
}

// of divides what was added since base by the sessions.
func (c *IdleCost) of(a *idleAnswer, base *usage, sessions int) {
	each := func(now, before int64) float64 { return float64(now-before) / float64(sessions) }
	u := &a.Usage
	c.RSS, c.Heap, c.Stack = round(each(u.RSS, base.RSS), 0), round(each(u.Heap, base.Heap), 0), round(each(u.Stack, base.Stack), 0)
	c.Descriptors = round(each(int64(u.Descriptors), int64(base.Descriptors)), 3)
	c.Goroutines = round(each(int64(u.Goroutines), int64(base.Goroutines)), 3)
	c.Cores = round(a.Cores, 4)
}

func (s *IdleSides) left(now, base *usage) {
	s.LeftDescriptors, s.LeftGoroutines = now.Descriptors-base.Descriptors, now.Goroutines-base.Goroutines
}

// fairness is how the round trips of the busy sessions were spread.
func (f *IdleFigures) fairness(counts []int, seconds float64) {
	if len(counts) == 0 || seconds <= 0 {
		return
	}
	rates, sum := make([]float64, len(counts)), 0.0
	for i, n := range counts {
		rates[i] = float64(n) / seconds
		sum += rates[i]
	}
	f.TripsPerS, f.MedianPerS = round(sum, 0), round(median(rates), 3)
	f.SlowestPerS, f.FastestPerS = round(slices.Min(rates), 3), round(slices.Max(rates), 3)
	if f.MedianPerS > 0 {
		f.SlowestRatio = round(slices.Min(rates)/median(rates), 3)
	}
}
