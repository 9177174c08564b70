package load

import (
	"math"
	"math/rand/v2"
)

// schedule says when the messages of one sender are due in a round. It is used by one goroutine.
type schedule struct {
	period float64    // ns between messages, on average
	phase  float64    // of a constant rate: when the first one is due, in ns since the round's begin
	random *rand.Rand // of a random one; nil else

	begin int64 // of the round, by the clock
	n     int64 // messages before the next one
	at    float64
}

// newSchedule makes that of one sender of all, who share a rate. At a constant rate they take turns. Those of one seed are
// always the same.
func newSchedule(c *Config, sender int) *schedule {
	if c.Closed {
		return &schedule{}
	}
	s := &schedule{period: float64(c.Senders) / c.Rate * 1e9}
	s.phase = s.period * float64(sender) / float64(c.Senders)
	if c.Poisson {
		s.random = rand.New(rand.NewPCG(c.Seed, uint64(sender)))
	}
	return s
}

// start begins a round.
func (s *schedule) start(begin int64) {
	s.begin, s.n, s.at = begin, 0, s.phase
	if s.random != nil {
		s.at = s.random.ExpFloat64() * s.period
	}
}

// due is when the next message is to be sent.
func (s *schedule) due() int64 { return s.begin + int64(s.at) }

// next goes on to the one after it. Constant times are not added up, so that no error does.
func (s *schedule) next() {
	s.n++
	if s.random != nil {
		s.at += s.random.ExpFloat64() * s.period
		return
	}
	s.at = s.phase + float64(s.n)*s.period
}

// left is how many more are due before the end, on average.
func (s *schedule) left(end int64) int64 {
	return max(int64(math.Ceil(float64(end-s.due())/s.period)), 0)
}
