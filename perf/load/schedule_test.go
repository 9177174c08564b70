package load

import (
	"math"
	"testing"
)

func TestConstantSendersTakeTurns(t *testing.T) {
	c := Config{Rate: 1e6, Senders: 2} // one every 2 us from each
	a, b := newSchedule(&c, 0), newSchedule(&c, 1)
	for range 2 { // each round begins anew
		a.start(100)
		b.start(100)
		for i := range int64(1000) {
			if a.due() != 100+i*2000 || b.due() != 1100+i*2000 {
				t.Fatalf("message %d is due at %d and %d", i, a.due(), b.due())
			}
			a.next()
			b.next()
		}
	}
}

func TestConstantTimesDoNotDrift(t *testing.T) {
	c := Config{Rate: 3e6, Senders: 1} // 333.33 ns
	s := newSchedule(&c, 0)
	s.start(0)
	for range 3_000_000 {
		s.next()
	}
	if got := s.due(); math.Abs(float64(got)-1e9) > 1 {
		t.Errorf("after a second's worth of messages the next one is due at %d ns", got)
	}
}

func TestWhatIsLeftOfARoundIsCounted(t *testing.T) {
	c := Config{Rate: 1e6, Senders: 1}
	s := newSchedule(&c, 0)
	s.start(0)
	if got := s.left(10_000 - 1); got != 10 { // at 0, 1000, ... 9000
		t.Errorf("%d of ten are left", got)
	}
	for range 10 {
		s.next()
	}
	if got := s.left(10_000 - 1); got != 0 {
		t.Errorf("%d of none are left", got)
	}
}

func TestRandomTimesOfOneSeedAreTheSame(t *testing.T) {
	times := func(seed uint64, sender int) (all []int64) {
		c := Config{Rate: 1e5, Senders: 2, Poisson: true, Seed: seed}
		s := newSchedule(&c, sender)
		s.start(0)
		for range 100 {
			all = append(all, s.due())
			s.next()
		}
		return all
	}
	one, again, other, neighbour := times(7, 0), times(7, 0), times(8, 0), times(7, 1)
	same := func(a, b []int64) (n int) {
		for i := range a {
			if a[i] == b[i] {
				n++
			}
		}
		return n
	}
	if same(one, again) != 100 || same(one, other) > 5 || same(one, neighbour) > 5 {
		t.Errorf("%d same of the same seed, %d of another, %d of another sender", same(one, again), same(one, other), same(one, neighbour))
	}
}

// Times between random messages have the mean that was asked for, and a deviation as large as that: they are exponential.
func TestRandomTimesAreThoseOfAPoissonProcess(t *testing.T) {
	c := Config{Rate: 1e6, Senders: 1, Poisson: true, Seed: 3}
	s := newSchedule(&c, 0)
	s.start(0)
	const n = 200_000
	var sum, squares float64
	last := s.at
	for range n {
		s.next()
		d := s.at - last
		last = s.at
		sum += d
		squares += d * d
	}
	mean := sum / n
	deviation := math.Sqrt(squares/n - mean*mean)
	if math.Abs(mean-1000) > 10 || math.Abs(deviation-1000) > 20 {
		t.Errorf("mean %v ns, deviation %v ns, want 1000 of both", mean, deviation)
	}
}
